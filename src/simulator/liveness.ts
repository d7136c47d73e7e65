import { EVACUATE_ATTRIBUTE, EVACUATION_ATTRIBUTE, INCIDENT_ATTRIBUTE } from '../core/records.ts';
import { hostOfNode, type World } from '../world/model.ts';

/** What is still to come until everything is as it should be; empty: calm. The named bound of it is LIVENESS_MS. */
export function whatIsLeft(world: World): string[] {
  const left: string[] = [];
  const { cluster, nova } = world;
  if (cluster.evacuator?.state !== 'started') left.push('nova-evacuate does not run');
  for (const remote of cluster.remotes.values()) {
    const { node } = remote;
    const permanent = cluster.permanent.get(node);
    if (permanent?.has(INCIDENT_ATTRIBUTE)) left.push(`${node} has an incident`);
    if (permanent?.has(EVACUATION_ATTRIBUTE)) left.push(`${node} has a record of its evacuation`);
    if (cluster.transient.get(EVACUATE_ATTRIBUTE)?.get(node) === 'yes') left.push(`${node} is marked`);
    if (remote.unclean || remote.fencing !== null) left.push(`${node} is being fenced`);
    if (!remote.online) left.push(`${node} is offline`);
    if (nova.computes.get(hostOfNode(world, node))?.state !== 'running')
      left.push(`nova-compute does not run on ${node}`);
  }
  for (const migration of nova.migrations) {
    if (migration.flight !== 'over' && !migration.deleted)
      left.push(`evacuation ${migration.id} is under way`);
  }
  return left;
}
