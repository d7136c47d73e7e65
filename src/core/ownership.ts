import { withClaimOn } from './destinations.ts';
import { type Draft, haveSeenServices, issue, lookAt, lookAtServices, say, wakeWithin } from './draft.ts';
import { SINCE_MARGIN_MS, shortId } from './instance.ts';
import { novaAheadMs, novaNowOf } from './looks.ts';
import type { HostView, Maybe, NodeView, ServerView, ServiceView } from './observation.ts';
import { overtaken } from './overtaken.ts';
import { pastOf } from './quarantine.ts';
import {
  type EvacuationRecord,
  type IncidentRecord,
  isAutomatic,
  isOurMarker,
  type ServiceBefore,
} from './records.ts';
import { hasReported } from './returning.ts';
import { evacuationsSince, isOlderThan } from './seen.ts';
import { wasBeingStopped } from './status.ts';
import { hasLateArrivals, leftNotStopped, startedOnItsWay } from './stop-again.ts';

export interface Ownership {
  readonly node: NodeView;
  readonly incident: IncidentRecord;
  readonly record: EvacuationRecord | null;
  readonly fencedAt: number;
  readonly service: ServiceView;
  readonly view: HostView;
}

/**
 * Whether the durable record says that this process works on this incident; writes it if not. It stands before
 * anything is told to Nova, so that a successor knows how the service stood before and that requests were sent.
 */
export function ownsRecord(draft: Draft, facts: Ownership): boolean {
  const { node, incident, record, view, service } = facts;
  const { observation } = draft;
  const mine =
    record?.incident === incident.id &&
    record.phase === 'evacuating' &&
    record.owner === observation.owner &&
    !record.clean;
  const tell = (text: string): false => {
    say(draft, { node: node.name, host: service.host, incident: incident.id, phase: 'evacuating', text });
    return false;
  };
  const write = (next: EvacuationRecord, text: string): false => {
    const why = issue(draft, { kind: 'write-evacuation', node: node.name, record: next });
    return tell(why ? `the record can't be written to the cluster: ${why}` : text);
  };
  if (mine) {
    const next = withLateStopped(draft, node, record, view);
    return next === null || write(next, 'writing down which instances were stopped');
  }
  // A pause is there for people to do things by hand.
  const seenAt = Math.min(view.followedAt, view.listedAt);
  const isOld =
    record?.phase !== 'evacuating' && isOlderThan(draft.policy.timing.followMs, seenAt, observation);
  if (isOld)
    lookAt(draft, service.host, { incident: incident.id, evacuations: true, listing: true, since: null });
  // Both at once.
  if ((record === null && !haveSeenServices(draft)) || isOld) {
    const trouble = view.trouble === null ? '' : `; Nova does not answer: ${view.trouble}`;
    return tell(
      `looking once more at its compute service, and at what is on it, before anything is changed${trouble}`,
    );
  }
  const quiet = quietUntil(draft, record, view, { service, incident, past: node.past });
  const before = record?.owner ?? 'whoever began it';
  if (observation.mono < quiet) {
    wakeWithin(draft, quiet - observation.mono);
    return tell(`taking over from ${before}; waiting until its last requests have taken effect`);
  }
  // What was seen before the quiet time ended may have changed in it; what somebody forces down after this list is theirs.
  if (Math.min(view.followedAt, observation.servicesAt) < quiet) {
    lookAt(draft, service.host, {
      incident: incident.id,
      evacuations: true,
      listing: true,
      changes: true,
      since: record?.since ?? null,
    });
    if (draft.looks.has(service.host)) lookAtServices(draft, 0);
    return tell(`taking over from ${before}; looking at what its last requests have become`);
  }
  return write(nextRecord(draft, facts), 'writing down the intent before Nova is told anything');
}

/**
 * The record with those that were stopped as well, and that the list by which it was written had left out: a cell that goes down
 * while it is listed leaves out all, in silence (nova/compute/multi_cell_list.py). Null: it has all.
 */
function withLateStopped(
  draft: Draft,
  node: NodeView,
  record: EvacuationRecord,
  view: HostView,
): EvacuationRecord | null {
  const begun = new Set(evacuationsSince(view, record.since).map(({ server }) => server));
  const { requests } = draft.observation;
  const untouched = view.servers.filter(
    ({ id, host }) => host === view.host && !begun.has(id) && !requests.has(id),
  );
  const late = stoppedOf(draft, node, view, untouched);
  const stopped = union(record.stopped, late.stopped);
  const stoppedInError = union(record.stoppedInError, late.stoppedInError);
  const isAll =
    stopped.length === record.stopped.length && stoppedInError.length === record.stoppedInError.length;
  return isAll ? null : { ...record, stopped, stoppedInError };
}

/** Which of these servers of a dead host were stopped, or are to be: as they stand in its record. */
function stoppedOf(
  draft: Draft,
  node: NodeView,
  view: HostView,
  servers: readonly ServerView[],
): Pick<EvacuationRecord, 'stopped' | 'stoppedInError'> {
  const seenAt = Math.max(view.changedAt, view.listedAt);
  const isToBeStopped = (s: ServerView): boolean =>
    s.vmState === 'error'
      ? isTrueOf(view.stoppedInError.get(s.id))
      : wasBeingStopped(s) || startedOnItsWay(draft, node, s, seenAt);
  return {
    stopped: servers.filter((s) => s.vmState === 'stopped').map((s) => shortId(s.id)),
    stoppedInError: servers.filter(isToBeStopped).map((s) => shortId(s.id)),
  };
}

const union = (one: readonly string[], other: readonly string[]): readonly string[] => [
  ...new Set([...one, ...other]),
];

/** What is left of an evacuation whose record somebody has deleted. */
export interface Leftovers extends Pick<NodeView, 'incident' | 'past'> {
  readonly service: ServiceView | null;
}

/**
 * `mono` before which no request is sent: a predecessor that did not end cleanly may still have some under way. 0: there is none.
 * `leftovers`: of the host, where there may be no record any more.
 */
export function quietUntil(
  draft: Draft,
  record: NodeView['evacuation'],
  view: HostView | null,
  leftovers: Leftovers | null = null,
): number {
  const { owner, ownerSince } = draft.observation;
  const isOfAnother =
    record === null
      ? leftovers !== null && wasBegun(draft, view, leftovers)
      : record === 'unreadable' || (record.phase === 'evacuating' && !record.clean && record.owner !== owner);
  if (!isOfAnother) return 0;
  return Math.max(ownerSince, view?.firstLookAt ?? 0) + draft.policy.timing.takeoverSettleMs;
}

/** Whether an evacuation of a host that has no record has begun: by our marker, or by what Nova has of it since the incident. */
export function wasBegun({ observation }: Draft, view: HostView | null, leftovers: Leftovers): boolean {
  const { service, incident } = leftovers;
  if (isOurMarker(service?.disabledReason ?? null)) return true;
  if (view === null || incident === null || incident === 'unreadable') return false;
  // A controller's clock may have been set since, and Nova's time been written down late.
  const novaAt = pastOf(leftovers).find(({ id }) => id === incident.id)?.novaAt ?? Number.POSITIVE_INFINITY;
  const diedAt = Math.min(novaAt, incident.at + novaAheadMs(observation));
  return view.evacuations.some(({ createdAt }) => createdAt >= diedAt);
}

function nextRecord(
  draft: Draft,
  { node, incident, record, fencedAt, service, view }: Ownership,
): EvacuationRecord {
  const goesOn = record !== null && record.phase === 'evacuating';
  const held = record !== null && (goesOn || isCutOff(draft, record, service, view)) ? record : null;
  // What the record has of this incident stays as it is: a look after the first shows what became of them.
  const isKept = goesOn && record.incident === incident.id;
  const atHome = isKept ? [] : view.servers.filter((s) => s.host === view.host);
  const { stopped, stoppedInError } = stoppedOf(draft, node, view, atHome);
  return {
    incident: incident.id,
    phase: 'evacuating',
    fencedAt,
    since: held?.since ?? view.novaNow - SINCE_MARGIN_MS,
    // Rather too late: whoever counts what has begun within an interval counts too little otherwise.
    begunAt: goesOn ? record.begunAt : novaNowOf(draft.observation) + draft.observation.servicesTookMs,
    outage: goesOn ? record.outage : { id: incident.id, at: incident.at },
    before: record?.before ?? serviceBefore(draft, service),
    owner: draft.observation.owner,
    clean: false,
    releasedAt: null,
    letGoByHand: false,
    lost: held?.lost ?? [],
    reserves: withClaimOn(draft, service, record?.reserves ?? []),
    stopped: union(held?.stopped ?? [], stopped),
    stoppedInError: union(held === null ? leftBehind(record, view) : held.stoppedInError, stoppedInError),
  };
}

const IN_ERROR: ReadonlySet<string> = new Set(['error']);

/**
 * Those of an incident before this one that were stopped then, and that Nova would start now. Whose evacuation ended in ERROR only after
 * somebody had let the node go is known from what was stopped; of those its user may have started any other since.
 */
function leftBehind(record: EvacuationRecord | null, view: HostView): readonly string[] {
  if (record === null) return [];
  return union(leftNotStopped(record.stoppedInError, view), leftNotStopped(record.stopped, view, IN_ERROR));
}

/**
 * Whether a node has died again before its nova-compute was up, or before it was back where somebody had let it go in the middle of its
 * evacuation, and what was stopped may have arrived running since: then what was asked for before is followed on.
 */
function isCutOff(draft: Draft, record: EvacuationRecord, service: ServiceView, view: HostView): boolean {
  if (record.phase !== 'returning' || !hasLateArrivals(draft, record, view)) return false;
  return record.letGoByHand || !hasReported(service, record);
}

const isTrueOf = (value: Maybe<boolean> | undefined): boolean => value?.known === true && value.value;

/**
 * How the service stood before us. Our own marker without a record (the CIB was lost) means that it was we who disabled it. What a
 * late request of ours has done to a host that somebody had disabled is to be undone, and not how it was.
 */
export function serviceBefore({ observation, policy }: Draft, service: ServiceView): ServiceBefore {
  const { status, disabledReason, forcedDown } = service;
  if (overtaken(observation, policy, service) !== null) return { status: 'disabled', forcedDown };
  if (isOurMarker(disabledReason)) return { status: 'enabled', forcedDown: false };
  return { status: isAutomatic(disabledReason) ? 'enabled' : status, forcedDown };
}
