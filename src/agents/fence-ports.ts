import type { RunTool } from '../pacemaker/tool.ts';
import type { Clock } from './clock.ts';

/** What the cloud said to the credentials. */
export type CloudCheck = (
  values: Readonly<Record<string, string>>,
) => Promise<{ readonly ok: true } | { readonly ok: false; readonly problem: string }>;

/** Everything outside of the agent. */
export interface FencePorts {
  readonly run: RunTool;
  readonly clock: Clock;
  readonly cloudCheck: CloudCheck;
  readonly out: (text: string) => void;
  readonly log: FenceLog;
  /** Name of this node, for the record. */
  readonly hostname: string;
  /** /proc/PPID/comm, null when it can't be read. */
  readonly parentCommand: string | null;
  /** Random characters a-z0-9. */
  readonly random: () => string;
}

/** One line each; no values of secrets. `error` is never suppressed. */
export interface FenceLog {
  error(line: string): void;
  info(line: string): void;
  debug(line: string): void;
}

/** Exit codes that fencers know. 2 is "off", for `status` only. */
export type FenceExit = 0 | 1 | 2;

/** Whether Pacemaker's fencer calls, or a person. */
export function isCalledByFencer(ports: Pick<FencePorts, 'parentCommand'>): boolean {
  return ports.parentCommand?.startsWith('pacemaker-fence') ?? false;
}

/** Success with something to read: the text on standard output as it is, with newlines of its own; exit code 0. */
export function print(ports: FencePorts, text: string): FenceExit {
  ports.out(text);
  return 0;
}

/** Failure, the same for every action: one line as an error, in which no secret may stand; exit code 1. */
export function fail(ports: FencePorts, problem: string): FenceExit {
  ports.log.error(problem);
  return 1;
}
