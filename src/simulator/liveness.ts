import { DEFAULT_POLICY } from '../core/policy.ts';
import {
  EVACUATE_ATTRIBUTE,
  EVACUATION_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  isOurMarker,
} from '../core/records.ts';
import { hostOfNode, type World } from '../world/model.ts';
import type { Plan } from './plan.ts';

/** After the faults everything has to be as it should be within this time, ms, and as much more as {@link livenessBoundMs} says. */
const LIVENESS_MS = 3_600_000;

/** The bound of a plan's liveness phase, ms. */
export function livenessBoundMs(plan: Plan): number {
  return LIVENESS_MS + clocksApartMs(plan) + oneByOneMs(plan) + givenUpMs(plan);
}

/**
 * How far the controllers' clocks may be apart, ms. When a host died is written down by one of them and read by
 * another: one that is behind waits for so much longer until a message to that host counts as gone (core/unclaimed.ts).
 */
function clocksApartMs({ faults }: Plan): number {
  return faults.reduce((sum, fault) => sum + (fault.do === 'clock-jump' ? Math.abs(fault.ms) : 0), 0);
}

/**
 * How long the largest server group takes, of which one is evacuated at a time, ms: each as long as the slowest destination, and the
 * look that shows it.
 */
function oneByOneMs({ world }: Plan): number {
  const sizes = new Map<string, number>();
  for (const { group } of world.instances) if (group !== null) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const eachMs = world.nova.spawnMs[1] + world.nova.finishMs[1] + DEFAULT_POLICY.timing.maxFollowMs;
  return Math.max(0, ...sizes.values()) * eachMs;
}

/** An instance at which Nova fails for good is given up in this time, ms (core/failing.ts); of a server group one after the other. */
const GIVEN_UP_MS = 45 * 60_000;

function givenUpMs({ faults }: Plan): number {
  const forGood = faults.filter((fault) => fault.do === 'evacuate-fails' && fault.lastsMs === null);
  return forGood.length * GIVEN_UP_MS;
}

/** What is still to come until everything is as it should be; empty: calm. The bound of it is {@link livenessBoundMs}. */
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
  for (const { host, disabledReason } of nova.services.values())
    if (isOurMarker(disabledReason)) left.push(`${host} is disabled by us`);
  for (const migration of nova.migrations) {
    if (migration.flight !== 'over' && !migration.deleted)
      left.push(`evacuation ${migration.id} is under way`);
  }
  return left;
}
