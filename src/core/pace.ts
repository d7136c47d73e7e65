import type { EvacuationView } from './observation.ts';
import type { Policy } from './policy.ts';

/** Statuses of an evacuation record after which it does not change any more (`completed` follows `done` when the source is back). */
const TERMINAL: ReadonlySet<string> = new Set(['done', 'completed', 'error', 'failed', 'cancelled']);
const SUCCEEDED: ReadonlySet<string> = new Set(['done', 'completed']);

/**
 * Whether an evacuation can still do something. A status we do not know counts as live: unknown is not over.
 * Statuses: `nova/objects/fields.py` and `nova/compute/manager.py` (rebuild_instance).
 */
export function isLive(evacuation: EvacuationView): boolean {
  return !TERMINAL.has(evacuation.status);
}

export function hasSucceeded(evacuation: EvacuationView): boolean {
  return SUCCEEDED.has(evacuation.status);
}

/**
 * How many evacuations may be unfinished at a time: the rate that the control plane is trusted with times the
 * time that one takes (Little's law), within the policy's bounds.
 *
 * That time is the shortest seen (queueing in front of a full window must not widen the window), or, before
 * the first has finished, the age of the oldest that is under way. More claims in flight than needed cost more
 * than they bring: each claim reads the allocations of every guest of its destination.
 */
export function windowSize(evacuations: readonly EvacuationView[], novaNow: number, policy: Policy): number {
  const finished = evacuations.filter((e) => e.status === 'done').map((e) => e.updatedAt - e.createdAt);
  const ages = evacuations.filter(isLive).map((e) => novaNow - e.createdAt);
  const takesMs = finished.length > 0 ? Math.min(...finished) : Math.max(0, ...ages);
  const wanted = Math.ceil((policy.targetRatePerSecond * takesMs) / 1000);
  return Math.min(policy.maxInFlight, Math.max(policy.minInFlight, wanted));
}
