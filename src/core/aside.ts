import type { InFlight } from './claims.ts';
import { abandoned, nodesByHost } from './deaths.ts';
import { type Draft, lookAt } from './draft.ts';
import type { Candidates } from './judged.ts';
import { novaNowBy } from './looks.ts';
import type { HostName, ServerId } from './names.ts';
import type { ClusterView, EvacuationView, HostView, NodeView, RequestView } from './observation.ts';
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
  /** Hosts that an evacuator before this one was at, and that this one has not tried to look at yet. */
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
  for (const [host, node] of nodesByHost(draft.observation, cluster)) {
    if (hosts.some((each) => each.view.host === host)) continue;
    const view = draft.observation.hosts.get(host) ?? null;
    const aside = view === null ? null : asideFrom(draft, node, view, isLost);
    const isUnknown = hasRecord(node) && (view === null || view.followedAt < 0);
    if (view === null && isUnknown) unseen.push(host);
    if (aside !== null) found.push(aside);
    if (hosts.length > 0 && (aside !== null || isUnknown)) follow(draft, node, host, view);
  }
  return { found, unseen };
}

function asideFrom(
  { observation, policy }: Draft,
  { evacuation: record }: NodeView,
  view: HostView,
  isLost: (evacuation: EvacuationView) => boolean,
): Aside | null {
  if (record === null || record === 'unreadable') return null;
  const evacuations = evacuationsSince(view, record.since);
  // Carried over from before its new incident: no time has passed since, as far as is known.
  const novaNow = view.followedAt < 0 ? view.novaNow : novaNowBy(view, observation.mono);
  const of = (server: ServerId): readonly EvacuationView[] => seenIn(view).evacuations.get(server) ?? [];
  const open = evacuations.filter(
    (e) =>
      isLive(e) &&
      !isQueuedForLong(e, view.novaNow) &&
      !isLost(e) &&
      !abandoned(of(e.server), record.lost).has(e.id),
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
      evacuations,
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

/** Whether its host can be looked at for what an evacuation of it has under way. */
function hasRecord({ incident, evacuation }: NodeView): boolean {
  return evacuation !== null && evacuation !== 'unreadable' && incident !== 'unreadable';
}

/**
 * Looks at what somebody waits for: at once where nobody has yet, again after the longest pause. Another incident than that
 * of the view is looked at by itself.
 */
function follow(
  draft: Draft,
  { incident, evacuation: record }: NodeView,
  host: HostName,
  view: HostView | null,
): void {
  if (record === null || record === 'unreadable' || incident === 'unreadable') return;
  const current = incident?.id ?? record.incident;
  if (draft.looks.has(host)) return;
  if (view !== null) {
    const { maxUrgentMs } = draft.policy.timing;
    const isFollowed = view.followedAt >= 0 && draft.observation.mono - view.lookedAt < maxUrgentMs;
    if (view.incident !== current || isFollowed) return;
  }
  lookAt(draft, host, { incident: current, since: record.since, evacuations: true });
}
