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
 * That time is the shortest seen: queueing in front of a full window must not widen the window. More claims in
 * flight than needed cost more than they bring: each reads the allocations of every guest of its destination.
 */
export function windowSize(evacuations: readonly EvacuationView[], novaNow: number, policy: Policy): number {
  const wanted = Math.ceil((policy.targetRatePerSecond * (durations(evacuations, novaNow)[0] ?? 0)) / 1000);
  return Math.min(policy.maxInFlight, Math.max(policy.minInFlight, wanted));
}

/**
 * The pause between two looks at a host's evacuations, ms: half the time that one usually takes, queueing
 * included, within the policy's bounds. Looking more often costs the control plane more than it tells.
 */
export function followPauseMs(
  evacuations: readonly EvacuationView[],
  novaNow: number,
  policy: Policy,
): number {
  const sorted = durations(evacuations, novaNow);
  const usual = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return Math.min(policy.maxFollowMs, Math.max(policy.followMs, usual / 2));
}

/** How long evacuations took, ms, shortest first; before the first has finished, the age of the oldest under way. */
function durations(evacuations: readonly EvacuationView[], novaNow: number): readonly number[] {
  const finished = evacuations.filter((e) => e.status === 'done').map((e) => e.updatedAt - e.createdAt);
  if (finished.length > 0) return finished.sort((a, b) => a - b);
  return [Math.max(0, ...evacuations.filter(isLive).map((e) => novaNow - e.createdAt))];
}
