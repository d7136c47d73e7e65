import { type ExecFileException, execFile } from 'node:child_process';
import { failure, oneLine, type Result, success, type ToolError } from './errors.ts';

/** What a command left behind. A non-zero exit code is no error at this level: some mean "not set". */
export interface ToolOutput {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ToolOptions {
  /** The command is killed after this. */
  readonly timeoutMs: number;
  /** Given on standard input; without it standard input is empty. */
  readonly input?: string;
}

/** The port through which everything here reaches Pacemaker. Tests and the simulator put their own in. */
export type RunTool = (
  name: string,
  args: readonly string[],
  options: ToolOptions,
) => Promise<Result<ToolOutput>>;

/** What each call takes beside its subject. */
export interface CallOptions {
  readonly run?: RunTool;
  readonly timeoutMs?: number;
}

/** The bound of a call for which the caller named none. */
export const TOOL_TIMEOUT_MS = 10_000;
/** A CIB with hundreds of resources and their status has a few MiB. */
export const TOOL_OUTPUT_LIMIT_BYTES = 32 * 1024 * 1024;

/** `CRM_EX_DISCONNECT`, Pacemaker include/crm/common/results.h: the daemon could not be reached. */
const EXIT_DISCONNECT = 102;
const SYSTEM_PATH = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * The environment of a Pacemaker command. Clean, because Pacemaker 2.1.5's `attrd_updater -A` heeds
 * `OCF_RESKEY_CRM_meta_on_node` and then answers for that node only (lib/common/attrs.c
 * `pcmk__node_attr_target`), so an agent would see no mark but its own node's.
 */
export function toolEnvironment(environment: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const path = (environment.PATH ?? '').split(':').filter((part) => part !== '');
  const clean: Record<string, string> = {
    PATH: [...path, ...SYSTEM_PATH.filter((part) => !path.includes(part))].join(':'),
    LANG: 'C',
    LC_ALL: 'C',
  };
  for (const [name, value] of Object.entries(environment)) {
    if (/^(PCMK|CIB)_/.test(name) && value !== undefined) clean[name] = value;
  }
  return clean;
}

/** Runs a command found on PATH, without a shell, killed at its bound, its output bounded. */
export const runTool: RunTool = (name, args, options) =>
  new Promise((resolve) => {
    const child = execFile(
      name,
      [...args],
      {
        encoding: 'utf8',
        env: toolEnvironment(),
        killSignal: 'SIGKILL',
        maxBuffer: TOOL_OUTPUT_LIMIT_BYTES,
        timeout: Math.max(1, Math.ceil(options.timeoutMs)),
      },
      (error, stdout, stderr) => {
        if (error === null) resolve(success({ exitCode: 0, stdout, stderr }));
        else resolve(ended(name, options.timeoutMs, error, stdout, stderr));
      },
    );
    // A tool that ends without reading its input is no error: its exit code says what there is to say.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });

function ended(
  tool: string,
  timeoutMs: number,
  error: ExecFileException,
  stdout: string,
  stderr: string,
): Result<ToolOutput> {
  if (error.code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') {
    return failure({ code: 'output-too-large', tool, limitBytes: TOOL_OUTPUT_LIMIT_BYTES });
  }
  if (error.code === 'ENOENT') return failure({ code: 'tool-missing', tool });
  if (error.killed) return failure({ code: 'timeout', tool, afterMs: Math.round(timeoutMs) });
  if (typeof error.code === 'number') return success({ exitCode: error.code, stdout, stderr });
  const detail = error.signal ?? (typeof error.code === 'string' ? error.code : 'could not be run');
  return failure({ code: 'tool-failed', tool, exitCode: null, detail });
}

/** The error in an exit code that has no meaning of its own to the caller. */
export function exitError(tool: string, output: ToolOutput): ToolError {
  const detail = lastWords(output);
  if (output.exitCode === EXIT_DISCONNECT) return { code: 'cluster-down', tool, detail };
  return { code: 'tool-failed', tool, exitCode: output.exitCode, detail };
}

/** What a tool says about its failure: with `--output-as=xml` that is an `<error>` on standard output. */
export function lastWords(output: ToolOutput): string {
  const inXml = /<error>([^<]{0,500})<\/error>/.exec(output.stdout)?.[1];
  return oneLine(inXml ?? output.stderr.trim().split('\n').at(-1) ?? '');
}
