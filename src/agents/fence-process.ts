import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { appendFileSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { oneLine } from '../pacemaker/errors.ts';
import {
  type FenceAgent,
  type FenceRequest,
  parseFenceArguments,
  parseFenceStdin,
  STDIN_LIMIT_BYTES,
} from '../pacemaker/fence-agent.ts';
import { type FenceOptions, fenceOptions } from '../pacemaker/fence-options.ts';
import { runTool } from '../pacemaker/tool.ts';
import { systemClock } from './clock.ts';
import { type CloudCheck, type FenceLog, type FencePorts, isCalledByFencer } from './fence-ports.ts';

/** A fencer writes its lines and closes; somebody who forgot to is not waited for. */
const STDIN_LIMIT_MS = 10_000;
const SYSLOG_LIMIT_MS = 2_000;
const RANDOM_CHARS = 4;

export type FencePerform = (request: FenceRequest, ports: FencePorts) => Promise<number>;

/** A fence agent as a process: reads what is asked, does it, ends with its exit code. No stack trace, whatever happens. */
export function runFenceAgent(agent: FenceAgent, perform: FencePerform): void {
  main(agent, perform).then(
    // The race against a silent cloud leaves its timer and sockets behind.
    (code) => process.exit(code),
    (cause: unknown) => {
      const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : 'unknown';
      complain(agent, `internal error: ${oneLine(what)}`);
      process.exit(1);
    },
  );
}

async function main(agent: FenceAgent, perform: FencePerform): Promise<number> {
  const argv = process.argv.slice(2);
  const request = argv.length > 0 ? fromArguments(agent, argv) : await fromStdin(agent);
  if (request === null) return 1;
  const caller = parentCommand();
  const options = fenceOptions(request, isCalledByFencer({ parentCommand: caller }));
  return perform(request, {
    run: runTool,
    clock: systemClock,
    cloudCheck,
    out: (text) => process.stdout.write(text),
    log: logOf(agent, options),
    hostname: hostname(),
    parentCommand: caller,
    random: () =>
      randomInt(36 ** RANDOM_CHARS)
        .toString(36)
        .padStart(RANDOM_CHARS, '0'),
  });
}

function fromArguments(agent: FenceAgent, argv: readonly string[]): FenceRequest | null {
  const parsed = parseFenceArguments(agent, argv);
  if (parsed.ok) return parsed.value;
  complain(agent, `${parsed.problem}; see ${agent.name} --help`);
  return null;
}

async function fromStdin(agent: FenceAgent): Promise<FenceRequest | null> {
  if (process.stdin.isTTY) {
    complain(agent, `no options; see ${agent.name} --help`);
    return null;
  }
  const text = await readStdin();
  if (text === null) {
    complain(
      agent,
      `standard input did not end within ${STDIN_LIMIT_MS / 1000} s or ${STDIN_LIMIT_BYTES} bytes`,
    );
    return null;
  }
  return parseFenceStdin(agent, text);
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

/** Standard error, unless that is to be quiet; errors go to syslog too; the debug file has everything. */
function logOf(agent: FenceAgent, options: FenceOptions): FenceLog {
  const { isQuiet, isVerbose, debugFile } = options;
  let isFileBroken = false;
  const write = (line: string, isShown: boolean): void => {
    if (isShown && !isQuiet) complain(agent, line);
    if (debugFile === '' || isFileBroken) return;
    const trouble = appendTo(debugFile, line);
    if (trouble === null) return;
    // fence-agents would fail here. A log that can't be written is no reason not to fence.
    isFileBroken = true;
    if (!isQuiet) complain(agent, `debug_file ${oneLine(debugFile)} cannot be written (${trouble})`);
  };
  return {
    error: (line) => {
      write(line, true);
      toSyslog(agent, line);
    },
    info: (line) => write(line, true),
    debug: (line) => write(line, isVerbose),
  };
}

function complain(agent: FenceAgent, line: string): void {
  process.stderr.write(`${agent.name}: ${line}\n`);
}

function toSyslog(agent: FenceAgent, line: string): void {
  spawnSync('logger', ['-t', agent.name, '-p', 'daemon.err'], {
    input: `${line}\n`,
    stdio: ['pipe', 'ignore', 'ignore'],
    timeout: SYSLOG_LIMIT_MS,
  });
}

/** Why it did not work, or null. */
function appendTo(file: string, line: string): string | null {
  try {
    appendFileSync(file, `${new Date().toISOString()} ${line}\n`, { mode: 0o600 });
    return null;
  } catch (cause) {
    return cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
  }
}
