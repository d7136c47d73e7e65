import { type Draft, issue, lookAt, serviceOf, viewOfIncident, wakeWithin } from './draft.ts';
import { shortId } from './instance.ts';
import { isStopSent, isStopSentSince, type Judged, judgeAll } from './judged.ts';
import type { HostName, ServerId } from './names.ts';
import type { HostView, NodeView, ServerView } from './observation.ts';
import type { EvacuationRecord } from './records.ts';
import { isOlderThan } from './seen.ts';
import { hasFailed } from './status.ts';
import { listNames } from './words.ts';

/** Stops again what has arrived running though it was stopped, as after a failed attempt. */
export function stopRestoring(draft: Draft, host: HostName, judged: readonly Judged[]): void {
  for (const { server, outcome } of judged) {
    const { id, name } = server;
    if (outcome.kind === 'restoring' && haveSeenStarts(draft, id))
      issue(draft, { kind: 'stop-server', host, server: id, name, on: outcome.to });
  }
}

/**
 * Whether it was seen shortly before that nobody has started a server; asks for it otherwise. An evacuator before this one may have
 * stopped it already, and its user started it since.
 */
function haveSeenStarts(draft: Draft, server: ServerId): boolean {
  const { observation, policy } = draft;
  const fact = observation.starts.get(server);
  const isKnown = fact?.value.known === true;
  if (isKnown && !isOlderThan(policy.timing.followMs, fact.mono, observation)) return true;
  // An API that is down is not helped by questions.
  const waitMs = fact === undefined || isKnown ? 0 : fact.mono + policy.timing.lookRetryMs - observation.mono;
  if (waitMs <= 0) draft.starts.add(server);
  wakeWithin(draft, waitMs);
  return false;
}

/** What becomes of those that were stopped, and may arrive running, in words; null: nothing. */
export interface LateArrivals {
  /** What is still to be done: the record stays for it. */
  readonly toDo: string | null;
  /** Whom nobody stops any more, for they have been on their way for too long. */
  readonly left: string | null;
}

const NO_ARRIVALS: LateArrivals = { toDo: null, left: null };

/**
 * The same for a node that somebody has let go in the middle of its evacuation: what was under way then arrives while the node
 * is on its way back. After an evacuation that was completed one look shows that, if any is there that Nova has started in vain.
 */
export function stopLateArrivals(draft: Draft, { name }: NodeView, record: EvacuationRecord): LateArrivals {
  const { observation, policy } = draft;
  const wereStopped = new Set(stoppedIn(record));
  const releasedAt = record.releasedAt ?? 0;
  if (wereStopped.size === 0) return NO_ARRIVALS;
  const view = viewOfIncident(draft, record.incident);
  const host = view?.host ?? serviceOf(draft, name)?.host;
  if (host === undefined) return NO_ARRIVALS;
  const seenAt = view === null ? -1 : Math.min(view.followedAt, Math.max(view.changedAt, view.listedAt));
  const isSeen = view !== null && seenAt >= 0;
  const judged = !isSeen
    ? []
    : judgeAll(draft, {
        ...{ record, view, unclaimed: new Map(), quietUntil: 0 },
        wasOff: () => false,
        admit: () => ({ kind: 'held', reason: 'nobody asks for it any more' }),
      }).filter(({ server }) => wereStopped.has(shortId(server.id)));
  const late = judged.filter(({ outcome }) => LATE.has(outcome.kind));
  const names = listNames(late.map(({ server }) => server.name));
  if (isTooLate(draft, record)) return { toDo: null, left: late.length === 0 ? null : sayLeft(names) };
  stopRestoring(draft, host, judged);
  const isSettled = isSeen && view.novaNow > releasedAt + SETTLE_MS && late.length === 0;
  if (isSettled) return NO_ARRIVALS;
  // A look at its evacuations alone, as is made for a successor, shows none that has arrived.
  const lookedAt = view?.trouble == null ? seenAt : view.lookedAt;
  const waitMs = isSeen ? lookedAt + policy.timing.followMs - observation.mono : 0;
  if (waitMs > 0) wakeWithin(draft, waitMs);
  else {
    const { incident, since } = record;
    lookAt(draft, host, { incident, since, evacuations: true, listing: !isSeen, changes: true });
  }
  const toDo =
    late.length === 0
      ? 'looking whether an instance that was stopped has arrived running'
      : `to be stopped again when they have arrived, as they were: ${names}`;
  return { toDo, left: null };
}

function sayLeft(names: string): string {
  return `they were stopped, are not so again after ${FOLLOW_MS / 60_000} min, and run or may arrive running yet: stop them then: ${names}`;
}

/**
 * Whether one of those may be elsewhere while its host, seen in `view`, has died again: nobody but the record of before knows
 * that it is to be stopped there.
 */
export function hasLateArrivals(draft: Draft, record: EvacuationRecord, view: HostView): boolean {
  const atHome = new Set(view.servers.filter(({ host }) => host === view.host).map(({ id }) => shortId(id)));
  return !isTooLate(draft, record) && stoppedIn(record).some((id) => !atHome.has(id));
}

const stoppedIn = ({ stopped, stoppedInError }: EvacuationRecord): readonly string[] => [
  ...stopped,
  ...stoppedInError,
];

const isTooLate = ({ observation }: Draft, { releasedAt }: EvacuationRecord): boolean =>
  observation.novaNow - (releasedAt ?? 0) > FOLLOW_MS;

/** Those that may yet be found running elsewhere. */
const LATE: ReadonlySet<Judged['outcome']['kind']> = new Set([
  'moving',
  'verifying',
  'unanswered',
  'restoring',
]);

/** How long after the release that is seen to, by Nova's clock, ms: what lies in a dead host's queue may never arrive. */
const FOLLOW_MS = 10 * 60_000;

/** What had arrived when the node was let go shows in a look made this long after that, ms: Nova's dates have whole seconds. */
const SETTLE_MS = 1_000;

/**
 * Whether an instance that runs on a host that has died was stopped before Nova started it on the way there, and has not been
 * stopped again since: it is to be stopped where it comes to next, and the record of the host that it came from may be gone by
 * then. `seenAt`: `mono` of the look at the server.
 */
export function startedOnItsWay(draft: Draft, node: NodeView, server: ServerView, seenAt: number): boolean {
  const { cluster } = draft.observation;
  if (!cluster.known || server.vmState !== 'active') return false;
  // Whoever has started it after that meant it; one that is still powering off never came to its end. Who was told to stop after it was
  // looked at here is to be stopped: the record of the host that it came from may be closed by the time that this shows.
  if (isStopSent(draft, server)) {
    if (isStopSentSince(draft, server, seenAt)) return true;
    if (server.taskState === null) return false;
  }
  const id = shortId(server.id);
  return cluster.value.nodes.some(({ name, evacuation: record }) => {
    if (record === null || record === 'unreadable' || name === node.name) return false;
    // A host that never comes back keeps its record for ever, and the user may have started the server since.
    if (record.phase === 'returning' && isTooLate(draft, record)) return false;
    if (record.stoppedInError.includes(id)) return true;
    if (!record.stopped.includes(id)) return false;
    const lost = new Set(record.lost.map((each) => each.id));
    const attempts = viewOfIncident(draft, record.incident)?.evacuations ?? [];
    // One whose destination died under it may stand in Nova as under way for as long as that host is away.
    return attempts.some((e) => e.server === server.id && (hasFailed(e) || lost.has(e.id)));
  });
}

/** The vm_states from which Nova starts an instance where it comes to, whatever it was before. */
const NOT_STOPPED: ReadonlySet<string> = new Set(['active', 'error']);

/**
 * Of the instances that were stopped (as they stand in a record) those that are left on their host, and that Nova would start where
 * they come to next: it has them as ACTIVE, having started them on a destination that died before they had arrived, or in ERROR after
 * an attempt in vain. The record keeps them when the host is let go, and the next one has them from it: should the host die again
 * meanwhile, they are to be stopped where they come to then.
 */
export function leftNotStopped(
  wereStopped: readonly string[],
  { host, servers }: HostView,
  vmStates = NOT_STOPPED,
): readonly string[] {
  if (wereStopped.length === 0) return [];
  const here = servers.filter((server) => server.host === host && vmStates.has(server.vmState));
  const left = new Set(here.map(({ id }) => shortId(id)));
  return [...new Set(wereStopped)].filter((id) => left.has(id));
}
