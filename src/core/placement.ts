import { type Draft, wakeWithin } from './draft.ts';
import type { Outcome } from './instance.ts';
import type { EvacuationView, HostView, Observation } from './observation.ts';
import type { Policy } from './policy.ts';

/**
 * The scheduler chooses among what Placement gives it. One that does not answer is no valid host to it, at once (nova/scheduler/
 * manager.py select_destinations, nova/scheduler/client/report.py safe_connect): the evacuation ends in `error`, the instance in
 * ERROR, as where there is no room. Nova's records do not tell the two apart, so Placement is asked when one has ended so.
 */
export function placementAfter(
  draft: Draft,
  { placementAfter: answers }: HostView,
): (evacuation: EvacuationView) => boolean | null {
  const isWaitOver = isAwayForLong(draft);
  return ({ id }) => {
    const answered = answers.get(id) ?? null;
    return answered === false ? isWaitOver : answered;
  };
}

/** Of which attempts that ended in `error` Placement was not there for, at most so many do not count: one that comes and goes is no end of tries. */
const UNCOUNTED_LIMIT = 10;

/** How many of an instance's failed attempts count; null: Placement is to be asked first. */
export function countAttempts(
  failures: readonly EvacuationView[],
  whetherAnswered: (evacuation: EvacuationView) => boolean | null,
): number | null {
  const answers = failures.filter(({ status }) => status === 'error').map(whetherAnswered);
  if (answers.includes(null)) return null;
  const uncounted = answers.filter((answered) => answered === false).length;
  return failures.length - Math.min(uncounted, UNCOUNTED_LIMIT);
}

/** Asks Placement whether it answers: one question for all, after a pause where it did not. */
export function lookAtPlacement(draft: Draft): void {
  const { placement, mono } = draft.observation;
  // The answer wakes the loop.
  if (placement.isAsking) return;
  const waitMs = placement.trouble === null ? 0 : placement.askedAt + draft.policy.timing.lookRetryMs - mono;
  if (waitMs <= 0) draft.placement = true;
  wakeWithin(draft, waitMs);
}

/** Why nobody is asked for as long as the scheduler could place nobody; null: as far as is known it could. `left`: how those stand for whom a host waits. */
export function whyUnplaceable(draft: Draft, left: readonly Outcome[]): string | null {
  const { trouble } = draft.observation.placement;
  if (left.length === 0) return null;
  if (trouble === null) {
    const asking = left.find((each) => each.kind === 'waiting' && each.needs === 'placement');
    return asking?.kind === 'waiting' ? asking.reason : null;
  }
  lookAtPlacement(draft);
  return isAwayForLong(draft) ? null : `waiting for Placement: ${trouble}`;
}

/**
 * Whether Placement has not answered for so long that nobody waits for it any more: it may be out of reach from here alone, and what
 * it did not answer counts then.
 */
function isAwayForLong({
  observation,
  policy,
}: {
  readonly observation: Observation;
  readonly policy: Policy;
}): boolean {
  const { awaySince } = observation.placement;
  return awaySince >= 0 && observation.mono - awaySince >= policy.timing.placementWaitMs;
}
