import type { Draft } from './draft.ts';
import { type HostName, hostOfNode } from './names.ts';
import type { ClusterView, EvacuationView, NodeView } from './observation.ts';
import { fencingProof } from './proof.ts';

/**
 * Tells which evacuations died with their destination. Nova shows them as live for ever: the instance in
 * REBUILD on its old host, the record in `pre-migrating`.
 *
 * While the destination's incident stands, whatever it had claimed is lost. After its release, what it had
 * claimed before that incident still is; a claim after it is one of the nova-compute that has come back.
 * A record without a destination is not lost: its message waits for whoever the scheduler chose.
 */
export function evacuationsLost(draft: Draft, cluster: ClusterView): (evacuation: EvacuationView) => boolean {
  const { observation } = draft;
  const hosts = observation.services.known ? observation.services.value.map((service) => service.host) : [];
  /** Host → claims before this time on Nova's clock are lost. */
  const deaths = new Map<HostName, number>();
  for (const node of cluster.nodes) {
    const before = claimsLostBefore(draft, node, cluster);
    const host = before === null ? null : hostOfNode(node.name, hosts, observation.domain);
    if (before !== null && host !== null) deaths.set(host, before);
  }
  return ({ dest, updatedAt }) => dest !== null && updatedAt < (deaths.get(dest) ?? 0);
}

function claimsLostBefore(draft: Draft, node: NodeView, cluster: ClusterView): number | null {
  const { incident, evacuation } = node;
  if (incident === 'unreadable' || evacuation === 'unreadable') return null;
  if (incident !== null) {
    const isProven =
      evacuation?.incident === incident.id || fencingProof(node, incident, cluster, draft.policy).proven;
    if (isProven) return Number.POSITIVE_INFINITY;
  }
  if (evacuation === null) return null;
  return evacuation.phase === 'evacuating' ? Number.POSITIVE_INFINITY : evacuation.since;
}
