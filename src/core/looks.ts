import {
  claimsPerSecond,
  ENOUGH_ENDS,
  endsPerSecond,
  hasShown,
  type InFlight,
  onDestinations,
  presumable,
  shortestDurationMs,
  waitingOf,
} from './claims.ts';
import type { HostView, Observation } from './observation.ts';
import type { Timing } from './policy.ts';

/**
 * Nova's clock now, by the last look at this host. It counts from the end of that look: its date is that of the last
 * answer, and a Nova that is slow would be ahead of itself otherwise.
 */
export function novaNowBy(view: Pick<HostView, 'novaNow' | 'followedAt' | 'lookedAt'>, mono: number): number {
  return view.novaNow + (mono - Math.max(view.followedAt, view.lookedAt));
}

/** ... and by the last list of the services: with a Nova that is slow that is some time ago. */
export function novaNowOf({
  novaNow,
  mono,
  servicesAt,
}: Pick<Observation, 'novaNow' | 'mono' | 'servicesAt'>): number {
  return novaNow + (mono - servicesAt);
}

/** How far Nova's clock is ahead of the controllers', by the last list of the services that was answered, ms; 0: none has been. */
export function novaAheadMs(observation: Observation): number {
  return observation.novaNow === 0 ? 0 : novaNowOf(observation) - observation.now;
}

/** What a look at the evacuations of a host is for. */
export type Purpose =
  /** To learn what became of those asked for, so that others can be. */
  | 'room'
  /** As many are unfinished as may be at all: others can be asked for only when some are seen to have ended. */
  | 'ends'
  /** Nothing can be asked for before the last of them has ended. */
  | 'last';

/**
 * The pause between two looks at a host's evacuations, ms. Each is a request, so one comes when it has much to tell:
 * when as many claims as may be presumed will have come, when as many will have ended, or when the last is due.
 */
export function followPauseMs(facts: InFlight, purpose: Purpose, isUrgent: boolean, timing: Timing): number {
  const mostMs = isUrgent ? timing.maxUrgentMs : timing.maxFollowMs;
  const leastMs = purpose === 'last' ? timing.settleMs : timing.followMs;
  return Math.min(mostMs, Math.max(leastMs, tellingMs(facts, purpose, timing)));
}

/** In how long, from the last look on, one has much to tell, ms. */
function tellingMs(facts: InFlight, purpose: Purpose, timing: Timing): number {
  const { evacuations, lookedAtNova } = facts;
  const since = Math.min(lookedAtNova, ...evacuations.map((e) => e.createdAt));
  // As long again: who knows nothing asks ever more seldom.
  const unknownMs = UNKNOWN_FACTOR * (lookedAtNova - since);
  const rate = claimsPerSecond(evacuations, lookedAtNova);
  if (rate === null) return unknownMs;
  if (purpose === 'last') return lastMs(facts, rate, timing) ?? unknownMs;
  if (purpose === 'ends') return someEndMs(facts, rate) ?? unknownMs;
  const most = presumable(evacuations);
  const waiting = waitingOf(facts);
  const claimsMs = (Math.min(most, waiting) * 1_000) / rate;
  // The first claims come later than the others follow: what they show is too slow.
  if (!hasShown(evacuations)) return Math.min((most * 1_000) / rate, unknownMs);
  // Where all will have been claimed before that, only what ends makes room.
  return waiting >= most ? claimsMs : Math.max(claimsMs, someEndMs(facts, rate) ?? 0);
}

/** When so many have ended that a look is worth it; null: nobody knows. */
function someEndMs(facts: InFlight, claimRate: number): number | null {
  const due = dueTimes(facts, claimRate);
  return due === null ? null : DUE_MARGIN_MS + endOfMs(facts, due.slice(0, ENOUGH_ENDS));
}

/** When all have ended; null: nobody knows. What is late is asked about ever more seldom. */
function lastMs(facts: InFlight, claimRate: number, timing: Timing): number | null {
  const due = dueTimes(facts, claimRate);
  if (due === null) return null;
  const lateMs = -(due.at(-1) ?? 0);
  if (lateMs < 0) return DUE_MARGIN_MS + endOfMs(facts, due);
  return Math.min(timing.maxUrgentMs, DUE_MARGIN_MS + Math.max(lateMs * LATE_FACTOR, endOfMs(facts, due)));
}

/** When these have ended, of which the last is due last: no more of them end than the last ones did, ms. */
function endOfMs({ evacuations, lookedAtNova }: InFlight, due: readonly number[]): number {
  // Also where none has ended for long: by a rate of 0 that would be no number.
  if (due.length === 0) return 0;
  const rate = endsPerSecond(evacuations, lookedAtNova);
  return Math.max(due.at(-1) ?? 0, rate === null ? 0 : (due.length * 1_000) / rate);
}

const UNKNOWN_FACTOR = 0.6;
/** What is late is asked about after this part of its lateness. */
const LATE_FACTOR = 0.3;
/** What is due is looked at this much later, ms: a look too early costs another one. */
const DUE_MARGIN_MS = 700;

/**
 * When those under way are due, ms from the last look on, soonest first; null: none has finished, so nobody knows. One
 * takes as long as the shortest from its claim on, and the claims come as they did.
 */
function dueTimes(facts: InFlight, claimRate: number): number[] | null {
  const { evacuations, lookedAtNova } = facts;
  const spawnMs = shortestDurationMs(evacuations);
  if (spawnMs === null) return null;
  return [
    ...onDestinations(evacuations).map((e) => e.updatedAt + spawnMs - lookedAtNova),
    ...Array.from({ length: waitingOf(facts) }, (_, place) => ((place + 1) * 1_000) / claimRate + spawnMs),
  ].sort((a, b) => a - b);
}
