import {
  claimsPerSecond,
  endsPerSecond,
  hasShown,
  type InFlight,
  presumable,
  shortestDurationMs,
} from './claims.ts';
import type { HostView } from './observation.ts';
import type { Timing } from './policy.ts';
import { isLive, isUnclaimed } from './status.ts';

/**
 * Nova's clock now, by the last look at this host. It counts from the end of that look: its date is that of the last
 * answer, and a Nova that is slow would be ahead of itself otherwise.
 */
export function novaNowBy(view: Pick<HostView, 'novaNow' | 'followedAt' | 'lookedAt'>, mono: number): number {
  return view.novaNow + (mono - Math.max(view.followedAt, view.lookedAt));
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
  if (purpose === 'room') {
    const claimsMs = (presumable(evacuations) * 1_000) / rate;
    // The first claims come later than the others follow: what they show is too slow.
    return hasShown(evacuations) ? claimsMs : Math.min(claimsMs, unknownMs);
  }
  const due = dueTimes(facts, rate);
  if (due === null) return unknownMs;
  const count = purpose === 'ends' ? Math.min(due.length, ENOUGH_ENDS) : due.length;
  const ownMs = due[count - 1] ?? 0;
  // No more of them end than the last ones did.
  const queueMs = (count * 1_000) / (endsPerSecond(evacuations, lookedAtNova) ?? Number.POSITIVE_INFINITY);
  if (ownMs > 0) return DUE_MARGIN_MS + Math.max(ownMs, queueMs);
  return Math.min(timing.maxUrgentMs, DUE_MARGIN_MS + Math.max(-ownMs * LATE_FACTOR, queueMs));
}

const UNKNOWN_FACTOR = 0.6;
/** What is late is asked about ever more seldom: after this part of its lateness. */
const LATE_FACTOR = 0.3;
/** Ends that are worth a look where nothing can be asked for without them. */
const ENOUGH_ENDS = 16;
/** What is due is looked at this much later, ms: a look too early costs another one. */
const DUE_MARGIN_MS = 700;

/**
 * When those under way are due, ms from the last look on, soonest first; null: none has finished, so nobody knows. One
 * takes as long as the shortest from its claim on, and the claims come as they did.
 */
function dueTimes({ evacuations, lookedAtNova, unseenAgesMs }: InFlight, claimRate: number): number[] | null {
  const spawnMs = shortestDurationMs(evacuations);
  if (spawnMs === null) return null;
  const live = evacuations.filter(isLive);
  const onDestination = live.filter((e) => !isUnclaimed(e));
  const waiting = live.length - onDestination.length + unseenAgesMs.length;
  return [
    ...onDestination.map((e) => e.updatedAt + spawnMs - lookedAtNova),
    ...Array.from({ length: waiting }, (_, place) => ((place + 1) * 1_000) / claimRate + spawnMs),
  ].sort((a, b) => a - b);
}
