import { randomInt } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { oneLine } from '../pacemaker/errors.ts';
import {
  type FenceRequest,
  parseFenceArguments,
  parseFenceStdin,
  STDIN_LIMIT_BYTES,
} from '../pacemaker/fence-agent.ts';
import { runTool } from '../pacemaker/tool.ts';
import { systemClock } from './clock.ts';
import { type CloudCheck, FENCE_COMPUTE, type FenceLog, fenceCompute, verbosity } from './fence-compute.ts';

/** A fencer writes its lines and closes; somebody who forgot to is not waited for. */
const STDIN_LIMIT_MS = 10_000;
const RANDOM_CHARS = 4;

async function main(): Promise<number> {
  const argv = process.argv.slice(2);
  const request = argv.length > 0 ? fromArguments(argv) : await fromStdin();
  if (request === null) return 1;
  return fenceCompute(request, {
    run: runTool,
    clock: systemClock,
    cloudCheck,
    out: (text) => process.stdout.write(text),
    log: logOf(request),
    hostname: hostname(),
    parentCommand: parentCommand(),
    random: () =>
      randomInt(36 ** RANDOM_CHARS)
        .toString(36)
        .padStart(RANDOM_CHARS, '0'),
  });
}

function fromArguments(argv: readonly string[]): FenceRequest | null {
  const parsed = parseFenceArguments(FENCE_COMPUTE, argv);
  if (parsed.ok) return parsed.value;
  complain(`${parsed.problem}; see fence_compute --help`);
  return null;
}

async function fromStdin(): Promise<FenceRequest | null> {
  if (process.stdin.isTTY) {
    complain('no options; see fence_compute --help');
    return null;
  }
  const text = await readStdin();
  if (text === null) {
    complain(`standard input did not end within ${STDIN_LIMIT_MS / 1000} s or ${STDIN_LIMIT_BYTES} bytes`);
    return null;
  }
  return parseFenceStdin(FENCE_COMPUTE, text);
}

function readStdin(): Promise<string | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(null), STDIN_LIMIT_MS);
    const finish = (text: string | null): void => {
      clearTimeout(timer);
      resolve(text);
    };
    let text = '';
    process.stdin.setEncoding('utf8');
    process.stdin.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > STDIN_LIMIT_BYTES) finish(null);
    });
    process.stdin.once('end', () => finish(text));
    // A closed standard input (started from a daemon) says the same as an empty one.
    process.stdin.once('error', () => finish(text));
  });
}

function parentCommand(): string | null {
  try {
    return readFileSync(`/proc/${process.ppid}/comm`, 'utf8').trim();
  } catch {
    return null;
  }
}

/** Loaded only where there are credentials to try: undici is no part of fencing. */
const cloudCheck: CloudCheck = async (values) => {
  const [{ credentialsFromParameters }, { preflight }, { explain }] = await Promise.all([
    import('../openstack/credentials.ts'),
    import('../openstack/preflight.ts'),
    import('../openstack/errors.ts'),
  ]);
  const credentials = await credentialsFromParameters(values);
  if (!credentials.ok) return { ok: false, problem: explain(credentials.error) };
  const report = await preflight(credentials.value);
  return report.ok ? { ok: true } : { ok: false, problem: explain(report.error) };
};

function logOf(request: FenceRequest): FenceLog {
  const level = verbosity(request);
  const file = request.values.get('debug_file') ?? '';
  const write = (line: string, isShown: boolean): void => {
    if (isShown) complain(line);
    if (file !== '') appendQuietly(file, line);
  };
  return {
    error: (line) => write(line, true),
    info: (line) => write(line, level !== 'quiet'),
    debug: (line) => write(line, level === 'verbose'),
  };
}

function complain(line: string): void {
  process.stderr.write(`fence_compute: ${line}\n`);
}

/** A debug file that can't be written is no reason not to fence. */
function appendQuietly(file: string, line: string): void {
  try {
    appendFileSync(file, `${new Date().toISOString()} ${line}\n`, { mode: 0o600 });
  } catch {
    // There is nobody to tell but standard error, and that has the line.
  }
}

main().then(
  // The race against a silent cloud leaves its timer and sockets behind.
  (code) => process.exit(code),
  (cause: unknown) => {
    complain(
      `internal error: ${oneLine(cause instanceof Error ? `${cause.name}: ${cause.message}` : 'unknown')}`,
    );
    process.exit(1);
  },
);
