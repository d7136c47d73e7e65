import { execFile } from 'node:child_process';
import type { Message } from './message.ts';
import type { Delivery, Target } from './outbox.ts';

const COMMAND_LIMIT_MS = 30_000;
const MAX_OUTPUT_BYTES = 64 * 1024;

/** How a program is run; `input` goes to its standard input. */
export interface RunOptions {
  readonly environment: Readonly<Record<string, string>>;
  readonly input: string;
  readonly timeoutMs: number;
  /** The user it runs as; without it the evacuator's own. */
  readonly user?: { readonly uid: number; readonly gid: number };
}

/** Runs a program without a shell, killed at its bound. */
export function runProgram(path: string, options: RunOptions): Promise<Delivery> {
  return new Promise((resolve) => {
    const child = execFile(
      path,
      [],
      {
        cwd: '/',
        env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8', ...options.environment },
        killSignal: 'SIGKILL',
        maxBuffer: MAX_OUTPUT_BYTES,
        timeout: options.timeoutMs,
        ...options.user,
      },
      (error) => {
        if (error === null) resolve({ state: 'delivered' });
        else resolve({ state: 'failed', reason: endOf(error) });
      },
    );
    // A program that doesn't read its input is no error.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input);
  });
}

function endOf(error: {
  readonly code?: unknown;
  readonly killed?: boolean;
  readonly signal?: unknown;
}): string {
  if (error.killed === true) return 'it did not end in time';
  if (typeof error.code === 'number') return `exit status ${error.code}`;
  return String(error.code ?? error.signal ?? 'could not be run');
}

/** A program that gets each message as JSON on its standard input, and the most important of it in its environment. */
export function createCommand(path: string): Target {
  return {
    name: `command ${path}`,
    deliver: (message) =>
      runProgram(path, {
        environment: environmentOf(message),
        input: `${JSON.stringify(message)}\n`,
        timeoutMs: COMMAND_LIMIT_MS,
      }),
  };
}

function environmentOf({ kind, incident, node, host, phase, text }: Message): Record<string, string> {
  return {
    INSTANCE_HA_KIND: kind,
    INSTANCE_HA_INCIDENT: incident,
    INSTANCE_HA_NODE: node,
    INSTANCE_HA_HOST: host ?? '',
    INSTANCE_HA_PHASE: phase,
    INSTANCE_HA_TEXT: text,
  };
}
