import type { InFlight } from './claims.ts';
import { abandoned, hostsOfNodes } from './deaths.ts';
import { type Draft, lookAt, serviceOf, wakeWithin } from './draft.ts';
import type { Candidates } from './judged.ts';
import { novaNowBy } from './looks.ts';
import type { HostName, ServerId } from './names.ts';
import type { ClusterView, EvacuationView, HostView, NodeView, RequestView } from './observation.ts';
import { type Leftovers, quietUntil, wasBegun } from './ownership.ts';
import type { EvacuationRecord } from './records.ts';
import { evacuationsSince, seenIn } from './seen.ts';
import { isLive, isQueuedForLong } from './status.ts';

/** What is under way from a host for which nothing can be asked now: its new fencing is not proven, it was let go, ... */
export interface Aside {
  readonly host: HostName;
  readonly inFlight: InFlight;
  /** Those of it that take room. */
  readonly servers: readonly ServerId[];
}

export interface Asides {
  readonly found: readonly Aside[];
  /**
   * Hosts that an evacuator before this one was at, and that this one has not tried to look at yet, or not since the last
   * requests of that one have taken effect.
   */
  readonly unseen: readonly HostName[];
}

/**
 * What is in flight is in flight whatever is known of its host by now: it takes room, and its server groups' turns, as any
 * other. Where somebody waits for that, it is looked at again.
 */
export function asideOf(
  draft: Draft,
  cluster: ClusterView,
  hosts: readonly Candidates[],
  isLost: (evacuation: EvacuationView) => boolean,
): Asides {
  const found: Aside[] = [];
  const unseen: HostName[] = [];
  for (const [host, node] of hostsOfNodes(draft.observation, cluster)) {
    if (hosts.some((each) => each.view.host === host)) continue;
    const view = draft.observation.hosts.get(host) ?? null;
    const evacuation = evacuationOf(draft, node, view);
    if (evacuation === null) continue;
    const aside = view === null ? null : asideFrom(draft, evacuation, view, isLost);
    const isUnknown = view === null || view.followedAt < 0;
    const isLate = view !== null && maybeTakenSince(draft, evacuation, view);
    if ((view === null && isUnknown) || isLate) unseen.push(host);
    if (aside !== null) found.push(aside);
    // Late ones also where nobody waits: once its node is let go, nothing tells that it was a predecessor's.
    if (isLate || (hosts.length > 0 && (aside !== null || isUnknown)))
      follow(draft, evacuation, { host, view, isLate });
  }
  return { found, unseen };
}

/** The evacuation of a host, as far as it is known. */
export interface KnownEvacuation extends Pick<EvacuationRecord, 'lost'> {
  /** The incident for which its host is looked at. */
  readonly incident: string;
  /** See {@link EvacuationRecord}; null: nobody knows. */
  readonly since: number | null;
  readonly record: EvacuationRecord | 'unreadable' | null;
  readonly leftovers: Leftovers;
}

/** What can be told of the evacuation of a node; null: there is none. Where its record is spoiled or deleted, by its incident alone. */
export function evacuationOf(
  draft: Draft,
  { name, incident, past, evacuation: record }: NodeView,
  view: HostView | null,
): KnownEvacuation | null {
  const standing = incident === null || incident === 'unreadable' ? null : incident.id;
  if (standing === null && (record === null || record === 'unreadable')) return null;
  const leftovers = { service: serviceOf(draft, name), incident, past };
  if (record !== null && record !== 'unreadable') {
    const { since, lost } = record;
    return { incident: standing ?? record.incident, since, lost, record, leftovers };
  }
  const isBegun = record !== null || wasBegun(draft, view, leftovers);
  return standing === null || !isBegun
    ? null
    : { incident: standing, since: null, lost: [], record, leftovers };
}

function asideFrom(
  { observation, policy }: Draft,
  { since, lost }: KnownEvacuation,
  view: HostView,
  isLost: (evacuation: EvacuationView) => boolean,
): Aside | null {
  // Carried over from before its new incident: no time has passed since, as far as is known.
  const novaNow = view.followedAt < 0 ? view.novaNow : novaNowBy(view, observation.mono);
  const of = (server: ServerId): readonly EvacuationView[] => seenIn(view).evacuations.get(server) ?? [];
  const deleted = new Set(view.servers.filter((server) => server.deleted).map(({ id }) => id));
  // As in instance.ts. Nova lists no record of a server that is deleted (nova/db/main/api.py instance_destroy): this one changes no more.
  const isDeletedLong = (e: EvacuationView): boolean =>
    deleted.has(e.server) && view.novaNow - e.updatedAt >= policy.timing.deletedSettleMs;
  // Of an incident that somebody has taken away, too: what goes on of it goes on.
  const open = view.evacuations.filter(
    (e) =>
      isLive(e) &&
      !isQueuedForLong(e, view.novaNow) &&
      !isLost(e) &&
      !isDeletedLong(e) &&
      !abandoned(of(e.server), lost).has(e.id),
  );
  const { requestSettleMs } = policy.timing;
  const unseen = [...observation.requests].filter(
    ([server, request]) =>
      request.source === view.host &&
      of(server).length <= request.recordsBefore &&
      mayBeUnderWay(request, view.followedAt, requestSettleMs),
  );
  if (open.length + unseen.length === 0) return null;
  return {
    host: view.host,
    inFlight: {
      evacuations: since === null ? open : evacuationsSince(view, since),
      lookedAtNova: view.novaNow,
      novaNow,
      unseenAgesMs: unseen.map(([, request]) => observation.mono - request.at),
    },
    servers: [...open.map((e) => e.server), ...unseen.map(([server]) => server)],
  };
}

/** Whether a request without a record in the last look may have one in the next; an answer is settled as in instance.ts. */
function mayBeUnderWay({ state, at }: RequestView, followedAt: number, settleMs: number): boolean {
  if (state === 'pending') return true;
  return (state === 'accepted' || state === 'unknown') && followedAt - at < settleMs;
}

/**
 * Whether Nova may have taken a request of a predecessor since the last look: it was made before the time was over in which
 * these take effect. One try after it, for Nova may not answer, and shows nothing of a cell that is down. Another incident
 * than that of the view is looked at by itself, and that time begins anew with it.
 */
function maybeTakenSince(draft: Draft, evacuation: KnownEvacuation, view: HostView): boolean {
  const quiet = quietUntil(draft, evacuation.record, view, evacuation.leftovers);
  if (quiet === 0 || draft.observation.mono < quiet) return false;
  if (view.incident !== evacuation.incident || view.followedAt >= quiet) return false;
  const isInVain = view.trouble !== null || view.followedAt < 0;
  return !isInVain || view.lookedAt < quiet;
}

/**
 * Looks at what somebody waits for: at once where nobody has yet, again after the longest pause. Another incident than that
 * of the view is looked at by itself.
 */
function follow(draft: Draft, { incident, since }: KnownEvacuation, { host, view, isLate }: Followed): void {
  if (draft.looks.has(host)) return;
  if (view !== null && !isLate) {
    if (view.incident !== incident) return;
    const { maxUrgentMs, lookRetryMs } = draft.policy.timing;
    // A cell that is down shows nothing, however often it is asked.
    const pauseMs = view.followedAt >= 0 ? maxUrgentMs : lookRetryMs;
    const waitMs = view.lookedAt < 0 ? 0 : view.lookedAt + pauseMs - draft.observation.mono;
    if (waitMs > 0) {
      wakeWithin(draft, waitMs);
      return;
    }
  }
  lookAt(draft, host, { incident, since, evacuations: true });
}

interface Followed {
  readonly host: HostName;
  readonly view: HostView | null;
  /** Whether it is to be looked at however short ago it was. */
  readonly isLate: boolean;
}
