import type { EvacuationView, ServerView } from './observation.ts';

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

/** Whether Nova says that the instance has arrived. That word can come too early, see {@link completedUnderWay} in left-guest.ts. */
export function hasSucceeded(evacuation: EvacuationView): boolean {
  return SUCCEEDED.has(evacuation.status);
}

/** Whether it has ended without success, by Nova or by a person who has closed its record. */
export function hasFailed(evacuation: EvacuationView): boolean {
  return !isLive(evacuation) && !hasSucceeded(evacuation);
}

/**
 * Whether no nova-compute has taken it up: the claim is what makes it `pre-migrating`, and names the destination
 * (nova/compute/resource_tracker.py _claim_existing_migration). Before it, only a request that named a host shows one.
 */
export function isUnclaimed({ status }: EvacuationView): boolean {
  return status === 'accepted';
}

/** A request that nobody has claimed for this long waits for a nova-compute that is gone, ms. */
const QUEUED_LIMIT_MS = 120_000;

/**
 * The scheduler, or whoever named a host in the request, may have chosen one that was dying: then the message waits in
 * its queue, the record stays `accepted`, and only that host's return ends it. Nobody may wait for it in turn, least
 * of all an instance of that very host, which is held until its own are gone. `lookedNova`: Nova's clock at the last look;
 * what it has not shown to wait so long may have been taken up since.
 */
export function isQueuedForLong(evacuation: EvacuationView, lookedNova: number): boolean {
  return isUnclaimed(evacuation) && lookedNova - evacuation.createdAt >= QUEUED_LIMIT_MS;
}

/**
 * Whether a server's stop was cut off by the death of its host. nova-compute makes up for that at its next start there
 * (nova/compute/manager.py _init_instance); where the server comes to instead Nova would start it as it was.
 */
export function wasBeingStopped({ vmState, taskState }: ServerView): boolean {
  return vmState === 'active' && taskState === 'powering-off';
}

/**
 * Whether an instance has arrived by one evacuation since another was asked for. Nova takes the oldest record that nobody has claimed for
 * a request, and the request's own is left behind then, if the older one's had been lost (nova/conductor/manager.py rebuild_instance).
 */
export function hasOvertaken(success: EvacuationView, other: EvacuationView): boolean {
  return hasSucceeded(success) && success.updatedAt >= other.createdAt;
}
