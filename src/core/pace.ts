import { CONTROL_PLANE_MS, ENOUGH_ENDS, type InFlight, progressOf, shortestDurationMs } from './claims.ts';
import type { EvacuationView, RequestView } from './observation.ts';
import type { PacePolicy } from './policy.ts';
import { hasFailed, hasSucceeded, isLive } from './status.ts';

/** What the window is made from: all of it observed, so that a successor comes to the same. */
export interface PaceFacts {
  /** What is under way, host by host. */
  readonly hosts: readonly InFlight[];
  readonly requests: readonly RequestView[];
  readonly mono: number;
}

/** How many evacuations may be unfinished at a time, and what moves on meanwhile. */
export interface Room {
  readonly window: number;
  /** What of those that count as unfinished will have ended by now. */
  readonly presumedEnded: number;
  /** How many a second are claimed; 0: nobody knows yet. */
  readonly claimRate: number;
}

/**
 * How many evacuations may be unfinished at a time: a base that keeps the control plane busy (some that wait for
 * their claim, and those that it has claimed and still works on), plus those that it has
 * handed over to their destinations, because a guest that only spawns costs it nothing. So the window grows as claims
 * come, and where they do not come it stays at its base. Those handed over count for no more than Little's law has for
 * them: `growthFactor` times the rate at which they come and end, times the shortest time seen. Where destinations queue,
 * more of them there bring nothing, but for as many as may end before the next look: what it finds idle has lost that time.
 *
 * Failures and slow answers take their share off. All of it is within the policy's bounds.
 */
export function roomOf({ hosts, requests, mono }: PaceFacts, pace: PacePolicy): Room {
  const evacuations = hosts.flatMap((host) => host.evacuations);
  const novaNow = Math.max(0, ...hosts.map((host) => host.novaNow));
  const startRate = pace.startRatePerSecond / Math.max(1, hosts.length);
  const progress = hosts.map((host) => progressOf(host, startRate, pace.growthFactor));
  const ended = sum(progress.map((each) => each.ended));
  const rate = sum(progress.map((each) => each.claimRate ?? 0));
  const base = pace.startInFlight + (rate * CONTROL_PLANE_MS) / 1_000;
  const spawnMs = shortestDurationMs(evacuations) ?? UNKNOWN_SPAWN_MS;
  const presumedRate = sum(progress.map((each) => each.presumedRate));
  const endRate = sum(progress.map((each) => each.endRate ?? each.presumedRate));
  const queued =
    (pace.growthFactor * Math.min(presumedRate, endRate) * Math.max(0, spawnMs - CONTROL_PLANE_MS)) / 1_000;
  const spawning = Math.max(ENOUGH_ENDS, queued);
  const wanted = base + Math.min(sum(progress.map((each) => each.handedOver)) - ended, spawning);
  const healthy =
    Math.min(pace.maxInFlight, wanted) * (1 - troubleShare(evacuations, novaNow, requests, mono, pace));
  const window = Math.min(pace.maxInFlight, Math.max(pace.minInFlight, Math.ceil(healthy)));
  return { window, presumedEnded: ended, claimRate: rate };
}

/** How long an evacuation is presumed to take at most before the first has finished: a control plane that is slow after the claim, too, is not given all at once. */
const UNKNOWN_SPAWN_MS = 15_000;

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/**
 * Which share of what ended lately ended badly: evacuations that failed, requests that Nova answered late or not
 * at all; the greater of both, 0 to 1. One for which the scheduler had no host is no sign of load, however many there are.
 */
function troubleShare(
  evacuations: readonly EvacuationView[],
  novaNow: number,
  requests: readonly RequestView[],
  mono: number,
  pace: PacePolicy,
): number {
  const ended = evacuations.filter(
    (e) => !isLive(e) && !hadNowhere(e, pace) && novaNow - e.updatedAt <= pace.troubleMemoryMs,
  );
  const answered = requests.filter((r) => r.state !== 'pending' && mono - r.at <= pace.troubleMemoryMs);
  return Math.max(
    share(ended, (e) => !hasSucceeded(e)),
    share(
      answered,
      (r) => r.state === 'unknown' || r.state === 'unsent' || r.at - r.sentAt > pace.slowAnswerMs,
    ),
  );
}

/**
 * Whether the scheduler had no host for an evacuation: no nova-compute was ever named, and the answer came at once
 * (nova/conductor/manager.py rebuild_instance). A scheduler that has too much to do lets the conductor wait for a minute (rpc_response_timeout).
 */
function hadNowhere(evacuation: EvacuationView, { slowAnswerMs }: PacePolicy): boolean {
  const { dest, createdAt, updatedAt } = evacuation;
  return hasFailed(evacuation) && dest === null && updatedAt - createdAt <= slowAnswerMs;
}

function share<T>(items: readonly T[], isBad: (item: T) => boolean): number {
  return items.length === 0 ? 0 : items.filter(isBad).length / items.length;
}
