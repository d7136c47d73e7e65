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
  const wanted = Math.ceil(
    (policy.pace.startRatePerSecond * (durations(evacuations, novaNow)[0] ?? 0)) / 1000,
  );
  return Math.min(policy.pace.maxInFlight, Math.max(policy.pace.startInFlight, wanted));
}

/**
 * The pause between two looks at a host's evacuations, ms: a part of the time that one usually takes, queueing
 * included, within the policy's bounds. Looking more often costs the control plane more than it tells. While
 * there is more to ask for, something of a full window is still under way after more than half of that time;
 * at the end (`settling`) the host's release waits for the look.
 */
export function followPauseMs(
  evacuations: readonly EvacuationView[],
  novaNow: number,
  settling: boolean,
  policy: Policy,
): number {
  const sorted = durations(evacuations, novaNow);
  const usualMs = sorted[Math.floor(sorted.length / 2)] ?? 0;
  return settling
    ? Math.min(policy.timing.maxSettleMs, Math.max(policy.timing.settleMs, usualMs / 4))
    : Math.min(policy.timing.maxFollowMs, Math.max(policy.timing.followMs, 0.6 * usualMs));
}

/** How long evacuations took, ms, shortest first; before the first has finished, the age of the oldest under way. */
function durations(evacuations: readonly EvacuationView[], novaNow: number): readonly number[] {
  const finished = evacuations.filter((e) => e.status === 'done').map((e) => e.updatedAt - e.createdAt);
  if (finished.length > 0) return finished.sort((a, b) => a - b);
  return [Math.max(0, ...evacuations.filter(isLive).map((e) => novaNow - e.createdAt))];
}
