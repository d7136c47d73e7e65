import type { XmlElement } from '@rgrove/parse-xml';
import { isNodeName, type NodeName } from '../core/names.ts';
import { failure, type Result, success } from './errors.ts';
import { type CallOptions, exitError, runTool, TOOL_TIMEOUT_MS } from './tool.ts';
import { attributeOf, descendantsOf, parsePacemakerResult } from './xml.ts';

/** One entry of the fencer's memory (/usr/share/pacemaker/api/fence-event-2.15.rng). */
export interface FencingEvent {
  /** As asked for: `reboot`, `off`, `on`. */
  readonly action: string;
  readonly target: string;
  readonly status: 'success' | 'failed' | 'pending';
  /** Epoch ms, cut to whole seconds by Pacemaker; null while pending. */
  readonly completedAt: number | null;
  /** The node that carried it out. */
  readonly delegate: string | null;
  readonly client: string;
  readonly origin: string;
  readonly exitReason: string | null;
}

const TOOL = 'stonith_admin';
const MAX_ANSWER_CHARS = 4 * 1024 * 1024;

/**
 * The fencing history of one node, pending operations first, then the newest. In memory of the fencers only.
 *
 * `--verbose` is needed: without it Pacemaker 2.1.5 prints a single event, and that is the *oldest*
 * success (lib/pacemaker/pcmk_fence.c `pcmk__fence_history`: `latest` is overwritten down a list that is
 * sorted newest first), which would be a proof of some fencing long ago.
 */
export async function readFencingHistory(
  node: NodeName,
  options: CallOptions = {},
): Promise<Result<FencingEvent[]>> {
  if (!isNodeName(node)) throw new Error('not a node name');
  const events = await readHistoryOf(node, options);
  return events.ok ? success(events.value.filter((event) => event.target === node)) : events;
}

/** The fencing history of all nodes, as {@link readFencingHistory} has it of one. */
export async function readAllFencing(options: CallOptions = {}): Promise<Result<FencingEvent[]>> {
  return readHistoryOf('*', options);
}

async function readHistoryOf(target: string, options: CallOptions): Promise<Result<FencingEvent[]>> {
  const run = options.run ?? runTool;
  const timeoutMs = options.timeoutMs ?? TOOL_TIMEOUT_MS;
  const output = await run(TOOL, ['--history', target, '--verbose', '--output-as=xml'], { timeoutMs });
  if (!output.ok) return output;
  if (output.value.exitCode !== 0) return failure(exitError(TOOL, output.value));
  return parseHistory(output.value.stdout);
}

/** What the cluster does with a node's power: leaves it off, or switches it on again. */
export type FencingAction = 'off' | 'reboot';

/**
 * Has the cluster fence a node, through its topology, and waits for the end (daemons/fenced/fenced_remote.c).
 * `tag` is what the history says who asked.
 */
export async function requestFencing(
  node: NodeName,
  action: FencingAction,
  tag: string,
  options: CallOptions & { readonly timeoutMs: number },
): Promise<Result<void>> {
  if (!isNodeName(node)) throw new Error('not a node name');
  const run = options.run ?? runTool;
  const seconds = Math.max(1, Math.floor(options.timeoutMs / 1000));
  const what = action === 'off' ? '--fence' : '--reboot';
  const args = [what, node, '--timeout', String(seconds), '--tag', tag, '--output-as=xml'];
  const output = await run(TOOL, args, { timeoutMs: options.timeoutMs + TOOL_TIMEOUT_MS });
  if (!output.ok) return output;
  return output.value.exitCode === 0 ? success(undefined) : failure(exitError(TOOL, output.value));
}

/** Reads `stonith_admin --history ... --output-as=xml`. One event that can't be read makes the whole answer an error. */
export function parseHistory(xml: string): Result<FencingEvent[]> {
  const root = parsePacemakerResult(TOOL, xml, MAX_ANSWER_CHARS);
  if (!root.ok) return root;
  const events: FencingEvent[] = [];
  for (const element of descendantsOf(root.value, 'fence_event')) {
    const event = eventOf(element);
    if (event === null)
      return failure({ code: 'bad-answer', tool: TOOL, detail: 'a <fence_event> that cannot be read' });
    events.push(event);
  }
  return success(events);
}

function eventOf(element: XmlElement): FencingEvent | null {
  const action = attributeOf(element, 'action');
  const target = attributeOf(element, 'target');
  const status = attributeOf(element, 'status');
  if (!action || !target) return null;
  if (status !== 'success' && status !== 'failed' && status !== 'pending') return null;
  const completed = attributeOf(element, 'completed');
  const completedAt = completed === null ? null : parsePacemakerTime(completed);
  if ((completed !== null || status !== 'pending') && completedAt === null) return null;
  return {
    action,
    target,
    status,
    completedAt,
    delegate: attributeOf(element, 'delegate'),
    client: attributeOf(element, 'client') ?? '',
    origin: attributeOf(element, 'origin') ?? '',
    exitReason: attributeOf(element, 'exit-reason'),
  };
}

const TIME = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:(Z)| ([+-])(\d\d):(\d\d))$/;

/**
 * A time as Pacemaker prints it: `2026-11-23 04:13:40 +01:00`, or `...40Z` where the offset is zero
 * (lib/common/iso8601.c `crm_time_as_string`). Epoch ms, or null.
 */
export function parsePacemakerTime(text: string): number | null {
  const match = TIME.exec(text);
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, , sign, offsetHours = '0', offsetMinutes = '0'] = match;
  const utc = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  // Date.parse takes the 31st of any month; only a date that survives the way back is one.
  if (Number.isNaN(utc) || new Date(utc).toISOString().slice(0, 10) !== text.slice(0, 10)) return null;
  const offsetMs = (Number(offsetHours) * 60 + Number(offsetMinutes)) * 60_000;
  return sign === '-' ? utc + offsetMs : utc - offsetMs;
}
