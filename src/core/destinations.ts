import { mayStillChange } from './changes.ts';
import { type Draft, haveSeenServices, isBeingWritten, issue, serviceOf } from './draft.ts';
import { lookAtAggregates } from './facts.ts';
import { type HostName, hostFinder } from './names.ts';
import { listsAllServices } from './no-host.ts';
import type { AggregateView, ClusterView, HostView, NodeView, ServiceView } from './observation.ts';
import { DISABLED_AGAIN, overtaken } from './overtaken.ts';
import { isQuarantine, whyQuarantined } from './quarantine.ts';
import { type EvacuationRecord, isAutomatic, isOurMarker, type ReserveClaim } from './records.ts';

/** A host that is kept for failures: disabled, with this word in the reason (as Masakari's and RHOSO's users mark them). */
const RESERVED = /\breserved\b/i;

/** ... and which is not in quarantine: its reason says there what it was before. */
export function isReserved(service: ServiceView): boolean {
  return wasReserved(service) && !isQuarantine(service.disabledReason);
}

function wasReserved({ status, disabledReason }: ServiceView): boolean {
  return status === 'disabled' && RESERVED.test(disabledReason ?? '');
}

function sayQuarantined(services: readonly ServiceView[], worn: ReadonlySet<HostName>): string {
  const those = services
    .filter((each) => wasReserved(each) && (!isReserved(each) || worn.has(each.host)))
    .map(({ host }) => host);
  return those.length === 0 ? '' : ` (in quarantine: ${those.sort().join(', ')})`;
}

/** Whether a claimed host can take instances, or will be able to; not one that somebody has disabled for something else. */
function isUsable(service: ServiceView | undefined, unfit: ReadonlySet<HostName>): service is ServiceView {
  if (service === undefined || service.state !== 'up' || service.forcedDown) return false;
  return !unfit.has(service.host) && (service.status === 'enabled' || isReserved(service));
}

export type Reserve =
  /** Nothing to wait for. `target`: the host to name in the requests. */
  | { readonly kind: 'ready'; readonly target: HostName | null; readonly text: string | null }
  /** Something has been issued, and is waited for. */
  | { readonly kind: 'preparing'; readonly text: string };

export const NO_RESERVE: Reserve = { kind: 'ready', target: null, text: null };

export interface Claiming {
  readonly node: NodeView;
  readonly service: ServiceView;
  readonly record: EvacuationRecord;
  readonly cluster: ClusterView;
  /** Hosts claimed in this very decision. */
  readonly claimed: Set<HostName>;
}

/**
 * One step towards a reserved host for a host that died: claim written into its record → enabled → in its
 * aggregate. A claim that dies is followed by the next one; when none is left the scheduler has what there is.
 */
export function decideReserve(draft: Draft, facts: Claiming): Reserve {
  const { observation, policy } = draft;
  if (!policy.destinations.reservedHosts || !observation.services.known) {
    return NO_RESERVE;
  }
  const services = observation.services.value;
  const worn = wornHosts(draft, facts.cluster);
  const unfit = new Set([...worn, ...unfitHosts(draft, facts.cluster)]);
  const current = facts.record.reserves
    .map((claim) => ({ claim, service: services.find(({ host }) => host === claim.host) }))
    .flatMap(({ claim, service }) => (isUsable(service, unfit) ? [{ claim, service }] : []))
    .at(0);
  if (current?.service.status === 'enabled') return prepare(draft, facts, current.claim, current.service);
  if (!haveSeenServices(draft)) return { kind: 'preparing', text: 'looking at the reserved hosts once more' };
  if (current !== undefined) return prepare(draft, facts, current.claim, current.service);
  const { aggregates } = observation.facts;
  if (!aggregates.value.known) {
    return {
      kind: 'preparing',
      text: `looking for a reserved host: the aggregates can't be listed (${aggregates.value.reason})`,
    };
  }
  // A claim that is not in the records yet would be claimed a second time.
  const writing = facts.cluster.nodes.find(({ name }) => isBeingWritten(observation, name));
  if (writing !== undefined) {
    return {
      kind: 'preparing',
      text: `looking for a reserved host: the record of ${writing.name} is being written`,
    };
  }
  const next = chooseReserve(draft, facts, services, unfit);
  if (next === null) {
    const text = `no reserved host of its aggregates or zone is free${sayQuarantined(services, worn)}`;
    return { kind: 'ready', target: null, text };
  }
  facts.claimed.add(next.host);
  const record = { ...facts.record, reserves: [...facts.record.reserves, next] };
  const why = issue(draft, { kind: 'write-evacuation', node: facts.node.name, record });
  return {
    kind: 'preparing',
    text: why
      ? `the record can't be written to the cluster: ${why}`
      : `claiming the reserved host ${next.host}`,
  };
}

function prepare(
  draft: Draft,
  { node, service: dead }: Claiming,
  claim: ReserveClaim,
  service: ServiceView,
): Reserve {
  const { aggregates } = draft.observation.facts;
  let trouble: string | null = null;
  if (claim.aggregate !== null && aggregates.value.known) {
    const aggregate = aggregates.value.value.find(({ id }) => id === claim.aggregate);
    if (aggregate !== undefined && !aggregate.hosts.includes(claim.host)) {
      const why = issue(draft, { kind: 'join-aggregate', host: claim.host, aggregate: claim.aggregate });
      lookAtAggregates(draft);
      const text = `adding the reserved host ${claim.host} to the aggregate ${aggregate.name}`;
      // One that Nova refuses is tried again beside the evacuation: it helps, and is no condition.
      if (why === null) return { kind: 'preparing', text };
      trouble = `${text}: ${why}`;
    }
  }
  if (service.status === 'disabled') {
    const why = issue(draft, { kind: 'enable', host: service.host, serviceId: service.id });
    const text = `enabling the reserved host ${service.host} for ${node.name}`;
    return why === null
      ? { kind: 'preparing', text }
      : { kind: 'ready', target: null, text: `without the reserved host: ${text}: ${why}` };
  }
  // Of an instance that was made for a zone Nova does not say so (up to 2.95): a host of another one leaves it in ERROR.
  const isOfZone = service.zone === dead.zone;
  const target = draft.policy.destinations.targetReserved && isOfZone ? claim.host : null;
  const text = `with the reserved host ${claim.host}${isOfZone ? '' : `, which is of the zone ${service.zone}`}`;
  return { kind: 'ready', target, text: trouble ?? text };
}

/**
 * Hosts that have failed too often, whatever their reason says: their quarantine may not be written yet, and those that came back
 * while the policy had no use for reserved hosts have none. A person who has repaired one deletes its history.
 */
function wornHosts(draft: Draft, cluster: ClusterView): ReadonlySet<HostName> {
  const { gates } = draft.policy;
  return new Set(
    withHosts(draft, cluster).flatMap(({ node, host }) =>
      whyQuarantined(node, gates) === null ? [] : [host],
    ),
  );
}

/** Hosts that are dead, those that are being made reserved ones again, and those that are to be disabled again. */
function unfitHosts(draft: Draft, cluster: ClusterView): ReadonlySet<HostName> {
  const { observation, policy } = draft;
  const services = observation.services.known ? observation.services.value : [];
  const theirs = services.filter((service) => overtaken(observation, policy, service) !== null);
  const unfit = withHosts(draft, cluster).filter(
    ({ node, host }) => node.incident !== null || claimsOf([node]).some((claim) => claim.host === host),
  );
  return new Set([...unfit, ...theirs].map(({ host }) => host));
}

interface NodeOfHost {
  readonly node: NodeView;
  readonly host: HostName;
}

/** The nodes of which Nova has a host. */
function withHosts({ observation }: Draft, { nodes }: ClusterView): readonly NodeOfHost[] {
  const services = observation.services.known ? observation.services.value : [];
  const hostOf = hostFinder(
    services.map(({ host }) => host),
    observation.domain,
  );
  return nodes.flatMap((node) => {
    const host = hostOf(node.name);
    return host === null ? [] : [{ node, host }];
  });
}

/**
 * The first free one in the order of names: of the dead host's zone and an aggregate of it, otherwise of its zone,
 * otherwise of an aggregate that reaches across zones: whoever was made for the zone finds no place there.
 */
function chooseReserve(
  { observation, policy }: Draft,
  { service, cluster, claimed }: Claiming,
  services: readonly ServiceView[],
  unfit: ReadonlySet<HostName>,
): ReserveClaim | null {
  const { aggregates } = observation.facts;
  const own = aggregates.value.known
    ? aggregates.value.value.filter(({ hosts }) => hosts.includes(service.host))
    : [];
  const taken = new Set([...claimed, ...claimsOf(cluster.nodes).map(({ host }) => host)]);
  const free = freeReserves(services, unfit, taken);
  const chosen = nearest(free, service, own);
  if (chosen === null) return null;
  const join = policy.destinations.addToAggregate && !isIn(own, chosen) ? (own[0]?.id ?? null) : null;
  return { host: chosen.host, reason: chosen.disabledReason ?? '', aggregate: join };
}

function nearest(
  free: readonly ServiceView[],
  { zone }: ServiceView,
  own: readonly AggregateView[],
): ServiceView | null {
  const isInZone = (each: ServiceView): boolean => zone !== null && each.zone === zone;
  return (
    free.find((each) => isIn(own, each) && isInZone(each)) ??
    free.find(isInZone) ??
    free.find((each) => isIn(own, each)) ??
    null
  );
}

function isIn(aggregates: readonly AggregateView[], { host }: ServiceView): boolean {
  return aggregates.some(({ hosts }) => hosts.includes(host));
}

/** The reserved hosts that would be claimed if these hosts died now, one each, as long as there are free ones. */
export function foreseeReserves(
  lost: readonly HostName[],
  services: readonly ServiceView[],
  aggregates: readonly AggregateView[],
): readonly HostName[] {
  const reserves: HostName[] = [];
  for (const host of lost) {
    const service = services.find((each) => each.host === host);
    if (service === undefined) continue;
    const taken = new Set([...lost, ...reserves]);
    const own = aggregates.filter(({ hosts }) => hosts.includes(host));
    const chosen = nearest(freeReserves(services, NONE_UNFIT, taken), service, own);
    if (chosen !== null) reserves.push(chosen.host);
  }
  return reserves;
}

const NONE_UNFIT: ReadonlySet<HostName> = new Set();

/** In the order of names. */
function freeReserves(
  services: readonly ServiceView[],
  unfit: ReadonlySet<HostName>,
  taken: ReadonlySet<HostName>,
): readonly ServiceView[] {
  return services
    .filter((each) => isReserved(each) && isUsable(each, unfit) && !taken.has(each.host))
    .sort((a, b) => (a.host < b.host ? -1 : 1));
}

const recordsOf = (nodes: readonly NodeView[]): readonly EvacuationRecord[] =>
  nodes.flatMap(({ evacuation }) => (evacuation === null || evacuation === 'unreadable' ? [] : [evacuation]));

const claimsOf = (nodes: readonly NodeView[]): readonly ReserveClaim[] =>
  recordsOf(nodes).flatMap(({ reserves }) => reserves);

/**
 * The claims of the record of a host that has died: those that it has already (`held`), and that on the host itself. What a
 * reserved host was before it was claimed for another its own record takes over, so that it comes back as the operator had
 * it, whatever becomes of the other's record. Also of one that is not enabled yet: a request for that may have no answer, and
 * take effect when the host has died.
 */
export function withClaimOn(
  { observation }: Draft,
  { host }: ServiceView,
  held: readonly ReserveClaim[],
): readonly ReserveClaim[] {
  const { cluster } = observation;
  if (!cluster.known || held.some((claim) => claim.host === host)) return held;
  const claim = claimsOf(cluster.value.nodes).find((each) => each.host === host);
  return claim === undefined ? held : [...held, claim];
}

/** The claims to which nothing came: they are given back. A host that took instances is no reserve any more. */
export function unusedReserves(record: EvacuationRecord, view: HostView | null): readonly ReserveClaim[] {
  return record.reserves.filter(
    ({ host }) =>
      !view?.evacuations.some(({ dest, createdAt }) => dest === host && createdAt >= record.since),
  );
}

/**
 * Gives back what was claimed and not used: disabled again with the reason that it had, and out of the aggregate
 * into which we put it. Whoever has disabled it meanwhile has taken it over. Gives what is still to be done, or null.
 */
export function giveBack(draft: Draft, node: NodeView, record: EvacuationRecord): string | null {
  const { observation } = draft;
  const claim = record.reserves[0];
  if (claim === undefined) return null;
  if (!observation.services.known)
    return `the reserved host ${claim.host} can't be given back: Nova can't be asked`;
  const service = observation.services.value.find(({ host }) => host === claim.host);
  const text = `giving back the reserved host ${claim.host}, to which nothing came`;
  const tried = leaveAggregate(draft, claim) ?? disableAgain(draft, claim, service);
  if (tried !== null) return tried.why === null ? text : `${text}: ${tried.why}`;
  // Without the claim nobody would take back what takes effect after that. An evacuator before this one may have asked also
  // where it left no record of this node: that of the host for which it had asked may have ended.
  if (mayStillChange(draft, claim.host, seenAt(draft, claim), true)) {
    if (claim.aggregate !== null) lookAtAggregates(draft);
    return `${text}: Nova may still do what it was asked for and has not answered`;
  }
  // What others have claimed it for has ended with its own outage: whoever enables it from now on is not overruled by them.
  const isItself = serviceOf(draft, node.name)?.host === claim.host;
  const other = isItself ? otherClaimant(draft, claim, node) : undefined;
  const { name, evacuation } = other ?? node;
  if (evacuation === null || evacuation === 'unreadable') return text;
  const reserves = evacuation.reserves.filter(({ host }) => host !== claim.host);
  const why = issue(draft, { kind: 'write-evacuation', node: name, record: { ...evacuation, reserves } });
  return why === null ? text : `${text}; the record can't be written to the cluster: ${why}`;
}

/** Another node whose record claims a host. */
function otherClaimant({ observation }: Draft, { host }: ReserveClaim, node: NodeView): NodeView | undefined {
  const nodes = observation.cluster.known ? observation.cluster.value.nodes : [];
  return nodes.find(
    (each) => each.name !== node.name && claimsOf([each]).some((claim) => claim.host === host),
  );
}

/** When it was last seen how a claimed host is: its service, and its aggregates where it was put into one. */
function seenAt({ observation }: Draft, { aggregate }: ReserveClaim): number {
  const { servicesAt, facts } = observation;
  return aggregate === null ? servicesAt : Math.min(servicesAt, facts.aggregates.mono);
}

interface Tried {
  /** Why it is held up; null: it is under way. */
  readonly why: string | null;
}

function disableAgain(draft: Draft, claim: ReserveClaim, service: ServiceView | undefined): Tried | null {
  if (service === undefined)
    return listsAllServices(draft.observation.facts.microversion)
      ? null
      : { why: 'Nova does not list it; its cell may not answer' };
  // Our own marker is on it when it has died meanwhile: what it says is over. So is what nova-compute has done while it was enabled.
  const { status, disabledReason: reason } = service;
  if (status === 'disabled' && !isOurMarker(reason) && !isAutomatic(reason)) return null;
  if (overtaken(draft.observation, draft.policy, service) !== null) return { why: DISABLED_AGAIN };
  if (!haveSeenServices(draft)) return { why: 'looking at its compute service once more' };
  return {
    why: issue(draft, { kind: 'disable', host: service.host, serviceId: service.id, reason: claim.reason }),
  };
}

function leaveAggregate(draft: Draft, claim: ReserveClaim): Tried | null {
  if (claim.aggregate === null) return null;
  const { aggregates } = draft.observation.facts;
  if (!aggregates.value.known) {
    lookAtAggregates(draft);
    return { why: `the aggregates can't be listed: ${aggregates.value.reason}` };
  }
  const its = aggregates.value.value.find(({ id }) => id === claim.aggregate);
  if (!its?.hosts.includes(claim.host)) return null;
  lookAtAggregates(draft);
  return { why: issue(draft, { kind: 'leave-aggregate', host: claim.host, aggregate: claim.aggregate }) };
}
