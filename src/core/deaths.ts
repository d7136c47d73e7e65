import type { Draft } from './draft.ts';
import { type HostName, hostFinder } from './names.ts';
import type { ClusterView, EvacuationView, NodeView, Observation } from './observation.ts';
import { fencingProof, whyNotOffSince } from './proof.ts';
import { pastOf } from './quarantine.ts';
import type { EvacuationRecord, LostEvacuation } from './records.ts';
import { hasFailed, isUnclaimed } from './status.ts';

/**
 * Tells which evacuations died with the destination that had claimed them. Nova shows them as live for ever: the
 * instance in REBUILD on its old host, the record in `pre-migrating`.
 *
 * While the destination's incident stands, whatever it had claimed is lost. After its release, what it had
 * claimed before that incident still is; a claim after it is one of the nova-compute that has come back.
 * One that nobody has claimed is another matter: see unclaimed.ts.
 */
export function evacuationsLost(draft: Draft, cluster: ClusterView): (evacuation: EvacuationView) => boolean {
  let deaths: ReadonlyMap<HostName, number> | null = null;
  return (evacuation) => {
    if (isUnclaimed(evacuation) || evacuation.dest === null) return false;
    deaths ??= claimsLost(draft, cluster);
    return evacuation.updatedAt < (deaths.get(evacuation.dest) ?? 0);
  };
}

/** Host → claims before this time on Nova's clock are lost. */
function claimsLost(draft: Draft, cluster: ClusterView): ReadonlyMap<HostName, number> {
  const deaths = new Map<HostName, number>();
  for (const [host, node] of nodesByHost(draft.observation, cluster)) {
    const before = claimsLostBefore(draft, node, cluster);
    if (before !== null) deaths.set(host, before);
  }
  return deaths;
}

type HostsOfNodes = readonly (readonly [HostName, NodeView])[];

/** Several ask in each step: what was found for the last observation of a cluster. */
const matched = new WeakMap<ClusterView, { readonly by: Observation; readonly hosts: HostsOfNodes }>();

/** Nova's compute hosts with their nodes, as far as their names match; one that two nodes are is there twice (twins.ts). */
export function hostsOfNodes(observation: Observation, cluster: ClusterView): HostsOfNodes {
  const held = matched.get(cluster);
  if (held?.by === observation) return held.hosts;
  const { services, domain } = observation;
  const names = services.known ? services.value.map((service) => service.host) : [];
  const hostOf = hostFinder(names, domain);
  const hosts = cluster.nodes.flatMap((node) => {
    const host = hostOf(node.name);
    return host === null ? [] : [[host, node] as const];
  });
  matched.set(cluster, { by: observation, hosts });
  return hosts;
}

/** The nodes of Nova's compute hosts. A host that two nodes are has none: the death of the one says nothing of the other. */
export function nodesByHost(observation: Observation, cluster: ClusterView): ReadonlyMap<HostName, NodeView> {
  const nodes = new Map<HostName, NodeView>();
  const shared = new Set<HostName>();
  for (const [host, node] of hostsOfNodes(observation, cluster)) {
    if (nodes.has(host)) shared.add(host);
    nodes.set(host, node);
  }
  for (const host of shared) nodes.delete(host);
  return nodes;
}

function claimsLostBefore(draft: Draft, node: NodeView, cluster: ClusterView): number | null {
  const { incident, evacuation } = node;
  if (incident === 'unreadable' || evacuation === 'unreadable') return null;
  // One that an old CIB has brought back is no death: what was claimed there since then lives.
  const isOver = incident !== null && whyNotOffSince(node, cluster) !== null;
  if (incident !== null && !isOver) {
    const isProven =
      evacuation?.incident === incident.id || fencingProof(node, incident, cluster, draft.policy).proven;
    if (isProven) return Number.POSITIVE_INFINITY;
  }
  if (evacuation === null) return null;
  // Without its incident, which somebody has taken away, it may run by now: what was claimed there since it died may live.
  const isDead = evacuation.phase === 'evacuating' && incident !== null && !isOver;
  return isDead ? Number.POSITIVE_INFINITY : diedBefore(evacuation);
}

/** Nova's clock shortly after the death that a record is of; null: nobody knows it, for the record was written anew (lost-record.ts). */
function diedBefore({ outage, since }: EvacuationRecord): number | null {
  return outage === null ? null : since;
}

/**
 * Tells whether the power of an evacuation's destination has been off since its record last changed, as far as that is
 * proven: then nothing of the instance runs there.
 */
export function destinationsOff(
  { observation, policy }: Draft,
  cluster: ClusterView,
): (evacuation: EvacuationView) => boolean {
  let nodes: ReadonlyMap<HostName, NodeView> | null = null;
  return ({ dest, updatedAt }) => {
    if (dest === null) return false;
    nodes ??= nodesByHost(observation, cluster);
    const node = nodes.get(dest);
    if (node === undefined) return false;
    const offAt = Math.max(Number.NEGATIVE_INFINITY, ...provenDeaths(node));
    return offAt - policy.timing.deathMarginMs >= updatedAt;
  };
}

/**
 * When the power of a node was confirmed off, or shortly after that, epoch ms on Nova's clock: what is compared with Nova's times may
 * not hang on a controller's clock, which may have been set since.
 */
export function provenDeaths(node: NodeView): readonly number[] {
  const { evacuation } = node;
  const diedAt = evacuation === null || evacuation === 'unreadable' ? null : diedBefore(evacuation);
  return [
    ...(diedAt === null ? [] : [diedAt]),
    ...pastOf(node).flatMap(({ novaAt }) => (novaAt === null ? [] : [novaAt])),
  ];
}

const NONE: ReadonlySet<number> = new Set();

/**
 * Of one instance's evacuations, those that nobody goes on with; `lost`: what was written down as lost.
 *
 * A record that was lost before its claim stays `accepted`, and Nova takes it for the next request:
 * nova/conductor/manager.py rebuild_instance looks for a record of the instance that is `accepted`, and the
 * database gives the oldest one. Then the lost record is the one that lives, and that of the request stays behind.
 * One that is lost once more after that is written down once more. What was lost after its claim lives no more: if
 * its record changes, a person has changed it. A person may also close one that stayed behind: then the next request has
 * its own, and the lost one is what its request was carried out with as long as that is `accepted`.
 */
export function abandoned(
  evacuations: readonly EvacuationView[],
  lost: readonly LostEvacuation[],
): ReadonlySet<number> {
  if (lost.length === 0) return NONE;
  const timesLost = (e: EvacuationView): number => lost.filter(({ id }) => id === e.id).length;
  const isRevivable = (e: EvacuationView): boolean => lost.some(({ id, claimed }) => id === e.id && !claimed);
  /** Whether it was worked on when a later one had been asked for. */
  const isTaken = (e: EvacuationView): boolean =>
    !isUnclaimed(e) && evacuations.some((later) => later.id > e.id && later.createdAt <= e.updatedAt);
  const revived = evacuations.filter((e) => isRevivable(e) && isTaken(e));
  const leftBehind = new Set<EvacuationView>();
  const taken = [...revived];
  for (let e = taken.shift(); e !== undefined; e = taken.shift()) {
    const { id, updatedAt } = e;
    const own = evacuations.find(
      (each) => each.id > id && each.createdAt <= updatedAt && timesLost(each) === 0 && !leftBehind.has(each),
    );
    if (own === undefined) continue;
    leftBehind.add(own);
    // Nova has taken that one for the request after it, whose own stays behind now.
    if (isTaken(own)) taken.push(own);
  }
  const oldest = evacuations.find(isUnclaimed);
  /** How often it came to life: where a person has closed the request's own, the lost one is all that shows of it. */
  const timesTaken = (e: EvacuationView): number =>
    e === oldest && isRevivable(e)
      ? evacuations.filter((later) => later.id > e.id && timesLost(later) === 0 && hasFailed(later)).length
      : Number(revived.includes(e));
  const over = evacuations.filter((e) => timesLost(e) > timesTaken(e));
  return new Set([...over, ...[...leftBehind].filter(isUnclaimed)].map(({ id }) => id));
}
