/** Commands and waits, each with a bound. */
import { spawn } from 'node:child_process';

/** How long the output of a command that has ended may still be on its way. */
const PIPE_GRACE_MS = 1_000;

/** Something about the rig or the drill that a person can act on; printed without a stack. */
export class DrillError extends Error {}

export interface RunOptions {
  readonly timeoutMs: number;
  /** Each line of its output, as it comes. */
  readonly onLine?: (line: string) => void;
}

export interface RunResult {
  /** null: ended by a signal or by the time limit. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/**
 * Runs a command to its end or to its time limit. It has a session of its own: Ctrl-C stops the drill, not
 * half of a node's boot.
 */
export function run(command: readonly string[], options: RunOptions): Promise<RunResult> {
  const [file = '', ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let stdout = '';
    let stderr = '';
    let rest = '';
    let timedOut = false;
    const onLine = options.onLine;
    const lines = (chunk: string): void => {
      if (onLine === undefined) return;
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) onLine(line);
    };
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      stdout += chunk;
      lines(chunk);
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      stderr += chunk;
      lines(chunk);
    });
    const timer = setTimeout(() => {
      timedOut = true;
      // The whole session of the command that this drill started.
      if (child.pid !== undefined) {
        try {
          process.kill(-child.pid, 'SIGKILL');
        } catch {
          // It ended in this very moment.
        }
      }
    }, options.timeoutMs);
    let ended = false;
    const end = (code: number | null, more = ''): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      resolve({ code, stdout, stderr: stderr + more, timedOut });
    };
    child.on('error', (error) => end(null, error.message));
    // A daemon that the command left behind may hold the pipes open for ever: 'close' is not waited for without end.
    child.on('exit', (code) => {
      setTimeout(() => end(code), PIPE_GRACE_MS);
      child.on('close', () => end(code));
    });
  });
}

/** The same, and anything but exit code 0 is an error that says what failed. */
export async function runOrThrow(command: readonly string[], options: RunOptions): Promise<string> {
  const result = await run(command, options);
  if (result.code === 0) return result.stdout;
  const why = result.timedOut ? `no end within ${options.timeoutMs / 1000} s` : `exit code ${result.code}`;
  const last = `${result.stderr}\n${result.stdout}`.trim().split('\n').slice(-3).join(' | ');
  throw new DrillError(`${command.join(' ')}: ${why}${last === '' ? '' : `: ${last}`}`);
}

export const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
  });

/** Ctrl-C. */
export class Interrupted extends Error {}

export interface WaitOptions {
  readonly timeoutMs: number;
  readonly intervalMs: number;
  readonly signal: AbortSignal;
}

/** Waits until `look` gives something; null at the end of the time. */
export async function waitFor<T>(
  look: () => T | null | Promise<T | null>,
  options: WaitOptions,
): Promise<T | null> {
  const end = Date.now() + options.timeoutMs;
  for (;;) {
    if (options.signal.aborted) throw new Interrupted();
    const found = await look();
    if (found !== null) return found;
    if (Date.now() >= end) return null;
    await sleep(options.intervalMs, options.signal);
  }
}

/** The same; the error says what was waited for, and for how long. */
export async function waitOrThrow<T>(
  what: string,
  look: () => T | null | Promise<T | null>,
  options: WaitOptions,
): Promise<T> {
  const found = await waitFor(look, options);
  if (found === null) throw new DrillError(`gave up after ${options.timeoutMs / 1000} s waiting for ${what}`);
  return found;
}
