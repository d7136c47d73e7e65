import type { NodeName } from '../core/names.ts';
import { isNodeName, nodeName } from '../core/names.ts';
import { HOLD_ATTRIBUTE, isHoldToken, parseHoldAnswer, RELEASE_ATTRIBUTE } from '../core/records.ts';
import { readOwnTransient, readTransient, writeTransient } from '../pacemaker/attributes.ts';
import { explain, failure, oneLine, type Result, success, type ToolError } from '../pacemaker/errors.ts';
import { OCF, type OcfContext, type OcfParameter, type OcfResult } from '../pacemaker/ocf-agent.ts';
import type { CallOptions, RunTool } from '../pacemaker/tool.ts';
import { boundedRun } from './bounded-run.ts';
import type { Clock } from './clock.ts';
import { OCF_UNUSED_CREDENTIALS } from './credential-tables.ts';

const DEFAULT_DELAY_S = 120;
/** What is kept of Pacemaker's timeout to end in an orderly way, with a reason. */
const TIMEOUT_RESERVE_MS = 5_000;
/** Between two lines of progress. */
const PROGRESS_PAUSE_MS = 60_000;
const LOOK_PAUSE_MS = 1_000;
/** The first looks come sooner: a node without an incident is let go within half a second. */
const FIRST_LOOKS_PAUSES_MS = [200, 200, 200, 400];
export const CALL_LIMIT_MS = 5_000;
/** With less time left than this nothing is asked any more; the failure would hide the real reason. */
const MIN_LOOK_MS = 300;
const CLEAR_LIMIT_MS = 5_000;

const UNUSED: readonly OcfParameter[] = [
  ...OCF_UNUSED_CREDENTIALS,
  ...['domain', 'no_shared_storage'].map((name) => ({
    name,
    type: 'string' as const,
    shortdesc: 'Accepted for compatibility, without effect: nova-evacuate decides about it',
  })),
];
const UNUSED_NAMES = UNUSED.map((parameter) => parameter.name);

/** The parameters of an agent that stands before nova-compute: how long it waits, and what the stock agents had beside that. */
export const HOLD_PARAMETERS: readonly OcfParameter[] = [
  {
    name: 'evacuation_delay',
    type: 'seconds',
    default: String(DEFAULT_DELAY_S),
    min: 1,
    max: 86_400,
    shortdesc: 'How long one start waits for the release',
    longdesc:
      'How long one start waits for the release before it fails and is tried again. The timeout of the start ' +
      'operation bounds it too: it ends 5 s before that.',
  },
  ...UNUSED,
];

/** Files, as far as this agent touches them. Reading a file that is not there gives null; other trouble rejects. */
export interface WaitFiles {
  read(path: string): string | null;
  /** Replaces the file as a whole, and makes its directory. */
  write(path: string, text: string): void;
  remove(path: string): void;
}

/** What waiting for the release needs from outside. */
export interface HoldPorts {
  readonly run: RunTool;
  readonly clock: Clock;
  readonly files: Pick<WaitFiles, 'read'>;
  /** Letters and digits that differ at each call. */
  readonly random: () => string;
}

/** One wait for the release. */
export interface Hold {
  /** The time that it may take. */
  readonly limitMs: number;
  /** This node, as Pacemaker has told it; null: it is the one whose request carries our question. */
  readonly node: NodeName | null;
  /** Ends the wait, without a release. */
  readonly signal: AbortSignal;
  /** Who tries again where the time is over; null: that is not known. */
  readonly retriedBy: string | null;
  /** Told once a minute for how long it has waited in all, and what for. */
  readonly progress?: (line: string) => void;
}

/** The wait of an agent's start. */
export function holdOf(context: OcfContext): Hold {
  return {
    limitMs: holdLimitMs(context),
    node: ownNode(context),
    signal: context.signal,
    retriedBy: 'Pacemaker',
  };
}

/**
 * What names this boot: the kernel's boot id, and the start time of PID 1, since a container shares the
 * kernel's boot id with its host but not its own init.
 */
export function bootToken(files: Pick<WaitFiles, 'read'>): string | null {
  const bootId = files.read('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
  const stat = files.read('/proc/1/stat') ?? '';
  // Field 2 is the command in parentheses and may hold anything; field 22 is the 20th after it.
  const startTime =
    stat
      .slice(stat.lastIndexOf(')') + 1)
      .trim()
      .split(/\s+/)[19] ?? '';
  const token = `${bootId}-${startTime}`;
  return bootId !== '' && /^\d+$/.test(startTime) && isHoldToken(token) ? token : null;
}

/** Waits until the evacuator lets this boot go: null then, else how the start fails. It never lets go by itself. */
export async function holdUntilReleased(
  hold: Hold,
  ports: HoldPorts,
  token: string,
): Promise<OcfResult | null> {
  const { clock } = ports;
  const begun = clock.now();
  // An answer to an earlier start of this boot is none to this one: an incident may have begun since.
  const question = `${token}-${ports.random()}`;
  const deadline = begun + hold.limitMs;
  let last: Look = { state: 'silent' };
  let told = begun;
  const options: CallOptions = { run: boundedRun(ports.run, clock, deadline), timeoutMs: CALL_LIMIT_MS };
  for (let looks = 0; deadline - clock.now() >= MIN_LOOK_MS && !hold.signal.aborted; looks++) {
    const look = await lookOnce(hold.node, question, options);
    if (look.state === 'released') return null;
    if (look.state === 'trouble' && look.error.code === 'tool-missing') {
      return { code: OCF.ERR_INSTALLED, reason: explain(look.error) };
    }
    // What the evacuator said last says more than a passing silence or trouble.
    if (look.state === 'held' || last.state !== 'held') last = look;
    if (clock.now() - told >= PROGRESS_PAUSE_MS) {
      told = clock.now();
      hold.progress?.(heldReason(told - begun, last));
    }
    const pauseMs = FIRST_LOOKS_PAUSES_MS[looks] ?? LOOK_PAUSE_MS;
    await clock.sleep(Math.min(pauseMs, Math.max(0, deadline - clock.now())));
  }
  const end =
    last.state !== 'held'
      ? ''
      : `. ${hold.retriedBy === null ? 'If' : `${hold.retriedBy} tries again; if`} it stays so, see what nova-evacuate logs`;
  return { code: OCF.ERR_GENERIC, reason: `${heldReason(clock.now() - begun, last)}${end}` };
}

type Look =
  | { readonly state: 'released' }
  | { readonly state: 'held'; readonly reason: string }
  /** No answer to this boot. */
  | { readonly state: 'silent' }
  | { readonly state: 'trouble'; readonly error: ToolError };

/** How long a start may take: what the operator set, but never longer than Pacemaker waits. */
function holdLimitMs(context: OcfContext): number {
  const delayMs = context.milliseconds('evacuation_delay') ?? DEFAULT_DELAY_S * 1000;
  if (context.timeoutMs === null) return delayMs;
  return Math.max(LOOK_PAUSE_MS, Math.min(delayMs, context.timeoutMs - TIMEOUT_RESERVE_MS));
}

/** Asks, and looks for the answer. Absence of anything is no release. */
async function lookOnce(own: NodeName | null, question: string, options: CallOptions): Promise<Look> {
  const node = await ask(own, question, options);
  if (!node.ok) return { state: 'trouble', error: node.error };
  if (node.value === null) return { state: 'silent' };
  const text = await readOwnTransient(RELEASE_ATTRIBUTE, node.value, options);
  if (!text.ok) return { state: 'trouble', error: text.error };
  const answer = text.value === null ? null : parseHoldAnswer(text.value, question);
  if (answer === null) return { state: 'silent' };
  return answer.released ? { state: 'released' } : { state: 'held', reason: answer.reason };
}

/**
 * Makes the request stand and gives the name of this node. Written again whenever it reads back differently:
 * the attributes of a remote node are erased when it rejoins. Called by hand there is no name in the
 * environment; then the node is the one whose request carries our question.
 */
async function ask(
  own: NodeName | null,
  question: string,
  options: CallOptions,
): Promise<Result<NodeName | null>> {
  if (own !== null) {
    const standing = await readOwnTransient(HOLD_ATTRIBUTE, own, options);
    if (!standing.ok) return standing;
    if (standing.value === question) return success(own);
    const written = await writeTransient(HOLD_ATTRIBUTE, own, question, options);
    return written.ok ? success(own) : written;
  }
  const requests = await readTransient(HOLD_ATTRIBUTE, options);
  if (!requests.ok) return requests;
  const mine = [...requests.value].find(([, value]) => value === question);
  if (mine !== undefined) return success(mine[0]);
  const written = await writeTransient(HOLD_ATTRIBUTE, null, question, options);
  return written.ok ? success(null) : failure(written.error);
}

function ownNode(context: OcfContext): NodeName | null {
  return context.node !== null && isNodeName(context.node) ? nodeName(context.node) : null;
}

function heldReason(heldMs: number, last: Look): string {
  const held = `nova-compute held back for ${Math.round(heldMs / 1000)} s and not released`;
  switch (last.state) {
    case 'held':
      return `${held}: ${oneLine(last.reason)}`;
    case 'trouble':
      return `${held}: ${explain(last.error)}`;
    case 'silent':
    case 'released':
      return `${held}: no answer from nova-evacuate: is the resource nova-evacuate running? (crm_mon -1 on a controller)`;
    default:
      return last satisfies never;
  }
}

/** Takes the question back. Best effort: one that stays is answered, and nobody reads the answer. */
export async function withdrawQuestion(context: OcfContext, run: RunTool): Promise<void> {
  await writeTransient(HOLD_ATTRIBUTE, ownNode(context), '', { run, timeoutMs: CLEAR_LIMIT_MS });
}

/** Why an agent whose /proc can't be read lets nothing start. */
export const NO_BOOT_TOKEN: OcfResult = {
  code: OCF.ERR_GENERIC,
  reason: 'this boot cannot be told from another: /proc is not readable',
};

/** Names the parameters that a compute has no use for, so that somebody takes the credentials out. */
export function warnUnused(context: OcfContext): void {
  const names = context.given().filter((name) => UNUSED_NAMES.includes(name));
  if (names.length > 0)
    context.log(`a compute needs no cloud credentials; remove ${names.join(', ')} from ${context.instance}`);
}

/** The code of a system error, for a reason. */
export function systemCode(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : 'unknown';
}
