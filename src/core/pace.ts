import type { EvacuationView, RequestView } from './observation.ts';
import type { PacePolicy, Policy } from './policy.ts';

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

/** Time of an evacuation that is the control plane's work and not the destination's, ms; what is longer is waiting, which costs it nothing. */
const CONTROL_PLANE_MS = 1_500;
/** Evacuations in a row that show a rate, at least: fewer say more about the clock's whole seconds. */
const MIN_SHOWN = 4;

/** What the window is made from: all of it observed, so that a successor comes to the same. */
export interface PaceFacts {
  /** Evacuations of the incidents that are under way, of all hosts. */
  readonly evacuations: readonly EvacuationView[];
  readonly novaNow: number;
  readonly requests: readonly RequestView[];
  readonly mono: number;
}

/**
 * How many evacuations may be unfinished at a time: a base that keeps the control plane busy, plus the rate that
 * it has shown times the time that an evacuation spends on its destination (Little's law), within the policy's
 * bounds. With instant spawns that is the base; with long ones it grows as their time shows, before the first has
 * finished from how long the oldest has been on its destination. What waits for its claim shows no time: a control
 * plane that is slow would be given the more to do the slower it is. For the same reason it is trusted with no more
 * than the rate at which its claims were seen to come.
 *
 * The time is the shortest seen: queueing in front of a full window must not widen the window. While nothing
 * queues, a little more than the shown rate is tried; while evacuations take much longer than the shortest, no
 * more. More claims in flight than needed cost more than they bring: each reads the allocations of every guest
 * of its destination. Failures and slow answers take their share off.
 */
export function windowSize(facts: PaceFacts, pace: PacePolicy): number {
  const { evacuations, novaNow } = facts;
  const times = finishedTimes(evacuations);
  const shortestMs = times[0] ?? claimedForMs(evacuations, novaNow);
  const usualMs = times[Math.floor(times.length / 2)] ?? shortestMs;
  const queues = usualMs - CONTROL_PLANE_MS > pace.growthFactor * shortestMs;
  const shown = shownRatePerSecond(evacuations, Math.max(shortestMs, CONTROL_PLANE_MS));
  const trusted = Math.min(pace.startRatePerSecond, claimsPerSecond(evacuations) ?? Number.POSITIVE_INFINITY);
  const rate = Math.max(trusted, shown * (queues ? 1 : pace.growthFactor));
  const wanted = pace.startInFlight + (rate * Math.max(0, shortestMs - CONTROL_PLANE_MS)) / 1000;
  const healthy = Math.min(pace.maxInFlight, wanted) * (1 - troubleShare(facts, pace));
  return Math.min(pace.maxInFlight, Math.max(pace.minInFlight, Math.ceil(healthy)));
}

/** How long an evacuation takes, as far as the oldest one shows that is on its destination, ms; 0: none is. */
function claimedForMs(evacuations: readonly EvacuationView[], novaNow: number): number {
  const claimed = evacuations.filter((e) => isLive(e) && e.status !== 'accepted');
  return (
    Math.max(0, ...claimed.map((e) => novaNow - e.updatedAt)) + (claimed.length > 0 ? CONTROL_PLANE_MS : 0)
  );
}

/** Claims per second from the first request to the last thing that the records tell; null: too few. */
function claimsPerSecond(evacuations: readonly EvacuationView[]): number | null {
  const claimed = evacuations.filter((e) => e.status !== 'accepted').length;
  if (claimed < MIN_SHOWN) return null;
  const first = Math.min(...evacuations.map((e) => e.createdAt));
  const last = Math.max(...evacuations.map((e) => e.updatedAt));
  return (claimed * 1_000) / Math.max(1_000, last - first);
}

/** What is in flight, as the last look and what was asked for since then show it. */
export interface InFlight {
  readonly evacuations: readonly EvacuationView[];
  readonly lookedAtNova: number;
  readonly novaNow: number;
  /** How long ago Nova accepted what no look has shown yet, ms. */
  readonly unseenAgesMs: readonly number[];
}

/**
 * How many of what is in flight will have ended by now, going by how long evacuations usually take: room for
 * others before the next look, which then sets it right. One that was late already at the last look counts as
 * unfinished, so that a control plane that slows down is not given more to do.
 */
export function presumedEnded(
  { evacuations, lookedAtNova, novaNow, unseenAgesMs }: InFlight,
  usualMs: number,
): number {
  const seen = evacuations.filter((e) => {
    const dueAt = e.createdAt + usualMs;
    return isLive(e) && dueAt > lookedAtNova && dueAt <= novaNow;
  });
  const due = seen.length + unseenAgesMs.filter((ageMs) => ageMs >= usualMs).length;
  const perSecond = PRESUMED_RATE_FACTOR * recentRatePerSecond(evacuations, lookedAtNova);
  return Math.min(due, Math.ceil((perSecond * (novaNow - lookedAtNova)) / 1_000));
}

/** Evacuations that ended last: they tell how it goes now, which changes as the queues do. */
const RECENT = 10;
/** What is presumed to have ended since a look is at most this much faster than what the look has shown: usual times alone run away where a queue grows. */
const PRESUMED_RATE_FACTOR = 1.2;

function endedLast(evacuations: readonly EvacuationView[]): readonly EvacuationView[] {
  const done = evacuations.filter((e) => e.status === 'done');
  return done.sort((a, b) => a.updatedAt - b.updatedAt).slice(-RECENT);
}

/** Evacuations per second that have ended of late, `novaNow` being the time of the look; 0 when there are too few to tell. */
function recentRatePerSecond(evacuations: readonly EvacuationView[], novaNow: number): number {
  const recent = endedLast(evacuations);
  const [first] = recent;
  if (first === undefined || recent.length < MIN_SHOWN) return 0;
  return (recent.length * 1_000) / Math.max(1_000, novaNow - first.updatedAt);
}

/** How long an evacuation usually takes, ms, queueing included; infinite while too few have finished to tell. */
export function usualDurationMs(evacuations: readonly EvacuationView[]): number {
  const times = finishedTimes(evacuations);
  return times.length < MIN_SHOWN ? Number.POSITIVE_INFINITY : (times[Math.floor(times.length / 2)] ?? 0);
}

/** Evacuations per second that were finished in the busiest stretch of `spanMs`; 0 when there are too few to tell. */
function shownRatePerSecond(evacuations: readonly EvacuationView[], spanMs: number): number {
  const ends = evacuations
    .filter((e) => e.status === 'done')
    .map((e) => e.updatedAt)
    .sort((a, b) => a - b);
  let most = 0;
  let first = 0;
  for (const [index, end] of ends.entries()) {
    while (end - (ends[first] ?? end) >= spanMs) first++;
    most = Math.max(most, index - first + 1);
  }
  return most < MIN_SHOWN ? 0 : (most * 1000) / spanMs;
}

/**
 * Which share of what ended lately ended badly: evacuations that failed, requests that Nova answered late or not
 * at all; the greater of both, 0 to 1.
 */
function troubleShare({ evacuations, novaNow, requests, mono }: PaceFacts, pace: PacePolicy): number {
  const ended = evacuations.filter((e) => !isLive(e) && novaNow - e.updatedAt <= pace.troubleMemoryMs);
  const answered = requests.filter((r) => r.state !== 'pending' && mono - r.at <= pace.troubleMemoryMs);
  return Math.max(
    share(ended, (e) => !hasSucceeded(e)),
    share(
      answered,
      (r) => r.state === 'unknown' || r.state === 'unsent' || r.at - r.sentAt > pace.slowAnswerMs,
    ),
  );
}

function share<T>(items: readonly T[], isBad: (item: T) => boolean): number {
  return items.length === 0 ? 0 : items.filter(isBad).length / items.length;
}

/** Evacuations that end between two looks, at least, while there are more to ask for: a request tells of as many. */
const ENDS_PER_LOOK = 14;

/**
 * The pause between two looks at a host's evacuations, ms, within the policy's bounds: a part of the time that one
 * usually takes, queueing included, and long enough that some have ended. Looking more often costs the control
 * plane more than it tells; what is presumed to have ended makes room in between. At the end (`settling`) the
 * host's release waits for the look, so one comes when the last is due, and then often.
 */
export function followPauseMs(
  evacuations: readonly EvacuationView[],
  novaNow: number,
  settling: boolean,
  { timing }: Policy,
): number {
  const sorted = durations(evacuations, novaNow);
  const usualMs = sorted[Math.floor(sorted.length / 2)] ?? 0;
  if (settling) {
    const settleMs = Math.min(timing.maxSettleMs, Math.max(timing.settleMs, usualMs / 4));
    return Math.min(timing.maxFollowMs, Math.max(settleMs, lastDueMs(evacuations, novaNow)));
  }
  const rate = shownRatePerSecond(evacuations, Math.max(usualMs, CONTROL_PLANE_MS));
  const someEndMs = rate === 0 ? 0 : (ENDS_PER_LOOK * 1_000) / rate;
  return Math.min(timing.maxFollowMs, Math.max(timing.followMs, 0.6 * usualMs, someEndMs));
}

/** What is due is looked at this much later, ms: a look too early costs another one. */
const DUE_MARGIN_MS = 500;

/**
 * In how long the last of those under way is due, ms; 0: it is late, or nothing is known. One takes as long as the
 * last ones did; where they queue, all of them as long as the rate of the last ones says.
 */
function lastDueMs(evacuations: readonly EvacuationView[], novaNow: number): number {
  const live = evacuations.filter(isLive);
  const usualMs = usualDurationMs(endedLast(evacuations));
  if (usualMs === Number.POSITIVE_INFINITY || live.length === 0) return 0;
  const ownMs = Math.max(0, ...live.map((e) => e.createdAt + usualMs - novaNow));
  const queueMs = (live.length * 1_000) / recentRatePerSecond(evacuations, novaNow);
  return DUE_MARGIN_MS + Math.max(ownMs, queueMs);
}

/** How long evacuations took, ms, shortest first; before the first has finished, the age of the oldest under way. */
function durations(evacuations: readonly EvacuationView[], novaNow: number): readonly number[] {
  const finished = finishedTimes(evacuations);
  if (finished.length > 0) return finished;
  return [Math.max(0, ...evacuations.filter(isLive).map((e) => novaNow - e.createdAt))];
}

function finishedTimes(evacuations: readonly EvacuationView[]): number[] {
  return evacuations
    .filter((e) => e.status === 'done')
    .map((e) => e.updatedAt - e.createdAt)
    .sort((a, b) => a - b);
}
