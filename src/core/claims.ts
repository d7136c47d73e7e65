import type { EvacuationView } from './observation.ts';
import { isLive, isUnclaimed } from './status.ts';

/**
 * How long the control plane still has work with an evacuation after its claim (networks, records), ms; what is longer is
 * the destination's, and costs it nothing.
 */
export const CONTROL_PLANE_MS = 1_500;
/** Claims of late that tell how fast it goes now: so many, and all within this time, ms, because they come in bursts. */
const RECENT = 10;
const RECENT_MS = 15_000;
/** Ends within this time tell how fast they come, ms: destinations that work on all they have at once end them in bursts, a minute apart. */
const ENDS_MEMORY_MS = 180_000;
/** What is presumed between two looks is twice as much as has been shown so far, at least and at most so much. */
const MIN_PRESUMED = 4;
const MAX_PRESUMED = 24;

/** Ends that are worth a look where nothing can be asked for without them. */
export const ENOUGH_ENDS = 12;

/** What is under way from one host, as its last look and what was asked for since then show it. */
export interface InFlight {
  /** Evacuations of its incident, live or over. */
  readonly evacuations: readonly EvacuationView[];
  /** Nova's clock at the last look at them, and now, epoch ms. */
  readonly lookedAtNova: number;
  readonly novaNow: number;
  /** How long ago Nova accepted what no look has shown yet, ms. */
  readonly unseenAgesMs: readonly number[];
}

/** The shortest evacuation that has finished, ms: how long one takes that does not queue. Null: none has. */
export function shortestDurationMs(evacuations: readonly EvacuationView[]): number | null {
  const done = evacuations.filter((e) => e.status === 'done');
  return done.length === 0 ? null : Math.min(...done.map((e) => e.updatedAt - e.createdAt));
}

/** Those that have been claimed and have not ended. */
export function onDestinations(evacuations: readonly EvacuationView[]): readonly EvacuationView[] {
  return evacuations.filter((e) => isLive(e) && !isUnclaimed(e));
}

/** How many have been asked for and not been claimed, those included that no look has shown yet. */
export function waitingOf({ evacuations, unseenAgesMs }: InFlight): number {
  return evacuations.filter(isUnclaimed).length + unseenAgesMs.length;
}

/** Claims, or ends, at least, that show a rate. */
const MIN_SHOWN = 4;

/** How many have been claimed; one that never was, and has failed, costs the control plane as much. */
function claims(evacuations: readonly EvacuationView[]): number {
  return evacuations.filter((e) => !isUnclaimed(e)).length;
}

/** Whether so many have been claimed that their rate can be trusted. */
export function hasShown(evacuations: readonly EvacuationView[]): boolean {
  return claims(evacuations) >= MIN_SHOWN;
}

/** How many may be presumed to be claimed before a look has to show it. */
export function presumable(evacuations: readonly EvacuationView[]): number {
  return Math.min(MAX_PRESUMED, Math.max(MIN_PRESUMED, 2 * claims(evacuations)));
}

/**
 * How fast claims have come of late, by the look at `lookedAtNova`, while there was work for the control plane: time in
 * which it had none, because too few were asked for, says nothing about it. Null: none has come.
 */
export function claimsPerSecond(evacuations: readonly EvacuationView[], lookedAtNova: number): number | null {
  const held = rates.get(evacuations);
  if (held?.lookedAtNova === lookedAtNova) return held.rate;
  const rate = rateOf(evacuations, lookedAtNova);
  rates.set(evacuations, { lookedAtNova, rate });
  return rate;
}

/** A list never changes, and its rate is asked for in each step until the next look gives another one. */
const rates = new WeakMap<
  readonly EvacuationView[],
  { readonly lookedAtNova: number; readonly rate: number | null }
>();

function rateOf(evacuations: readonly EvacuationView[], lookedAtNova: number): number | null {
  if (evacuations.every((e) => e.status === 'accepted')) return null;
  const work = workOf(evacuations, lookedAtNova);
  const times = work
    .flatMap(({ claimedAt }) => (claimedAt === null ? [] : [claimedAt]))
    .sort((a, b) => a - b);
  const lately = times.filter((at) => lookedAtNova - at <= RECENT_MS).length;
  const recent = Math.min(Math.max(RECENT, lately), times.length);
  const before = times.at(-recent - 1) ?? Number.NEGATIVE_INFINITY;
  return perSecond(recent, coveredMs(work, before));
}

/** When the control plane had work with an evacuation. */
interface Work {
  readonly from: number;
  readonly to: number;
  readonly claimedAt: number | null;
}

/** Nova's times have whole seconds; on average that much is cut off, ms. */
const CUT_OFF_MS = 500;

/** Nova writes the time of a claim down until the evacuation is done; from then on it is told by the shortest. */
function workOf(evacuations: readonly EvacuationView[], lookedAtNova: number): readonly Work[] {
  const spawnMs = shortestDurationMs(evacuations) ?? 0;
  return evacuations.map((e) => {
    const from = e.createdAt;
    if (isUnclaimed(e)) return { from, to: lookedAtNova, claimedAt: null };
    const claimedAt = isLive(e) ? e.updatedAt : Math.max(from, e.updatedAt - spawnMs);
    // What follows a claim goes on beside the next ones: no time in which one could have come and did not.
    const to = claimedAt + CUT_OFF_MS;
    return { from, to: isLive(e) ? Math.min(lookedAtNova, to) : to, claimedAt };
  });
}

/** Time since `from` in which there was any work, ms. */
function coveredMs(work: readonly Pick<Work, 'from' | 'to'>[], from: number): number {
  let covered = 0;
  let reached = from;
  for (const each of [...work].sort((a, b) => a.from - b.from)) {
    covered += Math.max(0, each.to - Math.max(reached, each.from));
    reached = Math.max(reached, each.to);
  }
  return covered;
}

/** One that waits so long for its claim says that the control plane has its hands full, ms. */
const IDLE_WAIT_MS = 1_500;

function isIdle(evacuations: readonly EvacuationView[], lookedAtNova: number): boolean {
  return evacuations.every((e) => !isUnclaimed(e) || lookedAtNova - e.createdAt < IDLE_WAIT_MS);
}

/**
 * Evacuations per second that have ended of late, in the time in which some were under way, from the first on that could
 * have ended. Null: too few to tell.
 */
export function endsPerSecond(evacuations: readonly EvacuationView[], lookedAtNova: number): number | null {
  const ends = evacuations.filter((e) => !isLive(e)).map((e) => e.updatedAt);
  if (ends.length < MIN_SHOWN) return null;
  const first = Math.min(...evacuations.map((e) => e.createdAt)) + (shortestDurationMs(evacuations) ?? 0);
  const since = Math.max(lookedAtNova - ENDS_MEMORY_MS, Math.min(first, ...ends));
  const work = evacuations.map((e) => ({ from: e.createdAt, to: isLive(e) ? lookedAtNova : e.updatedAt }));
  return perSecond(ends.filter((at) => at >= since).length, coveredMs(work, since));
}

function perSecond(count: number, spanMs: number): number {
  return (count * 1_000) / Math.max(1_000, spanMs);
}

/** What is presumed goes a little faster than what was shown: too little work costs time, and too much is set right by the next look. */
const PRESUMED_FACTOR = 1.2;

export interface Progress {
  /** Evacuations that count as unfinished, and that the control plane has no work with any more. */
  readonly handedOver: number;
  /** Those of them that will have ended. */
  readonly ended: number;
  /** See {@link claimsPerSecond}. */
  readonly claimRate: number | null;
  /** The same; before a look has shown any, that of the policy. */
  readonly presumedRate: number;
  /** See {@link endsPerSecond}. */
  readonly endRate: number | null;
}

/**
 * How far what is in flight will have come by now. What the look has not shown is presumed to go on at the rate of
 * the claims that it has shown, first come, first served; a little faster if nothing was waiting any more. That is pace,
 * and no more: whether an instance may be asked for never rests on it. The next look sets it right.
 */
export function progressOf(inFlight: InFlight, startRate: number, growthFactor: number): Progress {
  const { evacuations, lookedAtNova, novaNow, unseenAgesMs } = inFlight;
  const onDestination = onDestinations(evacuations);
  const shown = claimsPerSecond(evacuations, lookedAtNova);
  // A look that shows none takes the trust away.
  const unshown = evacuations.length === 0 ? startRate : 0;
  const rate =
    shown === null ? unshown : shown * (isIdle(evacuations, lookedAtNova) ? growthFactor : PRESUMED_FACTOR);
  // Before anything was seen it counts from the first that was asked for.
  const seenForMs = evacuations.length > 0 ? novaNow - lookedAtNova : Math.max(0, ...unseenAgesMs);
  const most = Math.min(waitingOf(inFlight), presumable(evacuations));
  const claimedBefore = (ms: number): number =>
    Math.min(most, Math.floor((rate * Math.max(0, seenForMs - ms)) / 1_000));
  const shortestMs = shortestDurationMs(evacuations) ?? Number.POSITIVE_INFINITY;
  const spawnMs = Math.max(CONTROL_PLANE_MS, shortestMs);
  const due = onDestination.filter(
    (e) => e.updatedAt + spawnMs > lookedAtNova && e.updatedAt + spawnMs <= novaNow,
  );
  const handed = onDestination.filter((e) => novaNow - e.updatedAt >= CONTROL_PLANE_MS);
  // Those that were late at the look queue there: they end as fast as others did, and not faster.
  const late = onDestination.filter((e) => e.updatedAt + spawnMs <= lookedAtNova);
  const endRate = endsPerSecond(evacuations, lookedAtNova);
  const sinceS = (novaNow - lookedAtNova) / 1_000;
  const lateEnded = Math.min(late.length, Math.floor((endRate ?? 0) * sinceS));
  const mostEnded = Math.ceil(PRESUMED_FACTOR * (endRate ?? rate) * sinceS);
  return {
    handedOver: handed.length + claimedBefore(CONTROL_PLANE_MS),
    ended: Math.min(mostEnded, due.length + lateEnded + claimedBefore(spawnMs)),
    claimRate: shown,
    presumedRate: shown ?? unshown,
    endRate,
  };
}
