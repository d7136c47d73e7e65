import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { serverId } from './names.ts';
import type { EvacuationView, RequestView } from './observation.ts';
import { followPauseMs, type PaceFacts, presumedEnded, usualDurationMs, windowSize } from './pace.ts';
import { DEFAULT_POLICY as POLICY } from './policy.ts';
import { ELSEWHERE, SOURCE } from './testing.ts';

const evacuation = (more: Partial<EvacuationView> = {}): EvacuationView => ({
  id: 1,
  server: serverId('11111111-0000-4000-8000-000000000000'),
  source: SOURCE,
  dest: ELSEWHERE,
  status: 'done',
  createdAt: 0,
  updatedAt: 1_000,
  ...more,
});
const done = (updatedAt: number, createdAt = 0): EvacuationView => evacuation({ createdAt, updatedAt });
const request = (more: Partial<RequestView>): RequestView => ({
  state: 'accepted',
  sentAt: 0,
  at: 100,
  message: '',
  recordsBefore: 0,
  refusals: 0,
  ...more,
});
const size = (facts: Partial<PaceFacts>): number =>
  windowSize({ evacuations: [], novaNow: 0, requests: [], mono: 0, ...facts }, POLICY.pace);

describe('the pause between looks', () => {
  it('is a part of what an evacuation usually takes, shorter at the end', () => {
    const usual = [5_000, 10_000, 60_000].map((ms) => done(ms));
    expect(followPauseMs(usual, 0, false, POLICY)).toBe(6_000);
    expect(followPauseMs(usual, 0, true, POLICY)).toBe(2_500);
    expect(followPauseMs([], 0, false, POLICY)).toBe(POLICY.timing.followMs);
    expect(followPauseMs([done(600_000)], 0, false, POLICY)).toBe(POLICY.timing.maxFollowMs);
  });
});

describe('the look at the end', () => {
  const nextLook = (evacuations: readonly EvacuationView[], novaNow: number): number =>
    followPauseMs(evacuations, novaNow, true, POLICY);
  const live = (createdAt: number): EvacuationView => evacuation({ status: 'pre-migrating', createdAt });

  it('comes when the last is due, by how long the last ones took and not the first', () => {
    // Twenty that queued, then ten that did not: 4 s each, one a second.
    const queued = Array.from({ length: 20 }, (_, i) => done(20_000 + i * 1_000, i * 1_000));
    const quick = Array.from({ length: 10 }, (_, i) => done(41_000 + i * 1_000, 37_000 + i * 1_000));
    expect(nextLook([...queued, ...quick, live(49_000)], 51_000)).toBe(2_500);
  });

  it('waits for as many as are in the queue, and no longer than its bound', () => {
    const quick = Array.from({ length: 10 }, (_, i) => done(1_000 + i * 1_000, i * 1_000));
    expect(nextLook([...quick, ...Array.from({ length: 5 }, () => live(9_000))], 11_000)).toBe(5_500);
    const many = Array.from({ length: 50 }, () => live(9_000));
    expect(nextLook([...quick, ...many], 11_000)).toBe(POLICY.timing.maxFollowMs);
  });
});

describe('what is presumed to have ended', () => {
  it('is no more than the rate that the last look has shown makes likely', () => {
    // One a second has ended; all of the ten under way are due by their usual time.
    const quick = Array.from({ length: 10 }, (_, i) => done(1_000 + i * 1_000, i * 1_000));
    const under = Array.from({ length: 10 }, () =>
      evacuation({ status: 'pre-migrating', createdAt: 10_500 }),
    );
    const presumed = (novaNow: number): number =>
      presumedEnded(
        { evacuations: [...quick, ...under], lookedAtNova: 11_000, novaNow, unseenAgesMs: [] },
        usualDurationMs(quick),
      );
    expect(presumed(11_400)).toBe(0);
    expect(presumed(13_000)).toBe(3);
    expect(presumed(30_000)).toBe(10);
  });
});

describe('the window', () => {
  it('stays at its base with instant spawns, however many there were', () => {
    const instant = Array.from({ length: 40 }, (_, i) => done(i * 400 + 1_000, i * 400));
    expect(size({ evacuations: instant, novaNow: 17_000 })).toBe(POLICY.pace.startInFlight);
  });

  it('grows with the time that the oldest is on its destination before the first has finished', () => {
    const young = [evacuation({ status: 'pre-migrating' })];
    expect(size({ evacuations: young, novaNow: 1_000 })).toBe(8);
    expect(size({ evacuations: young, novaNow: 8_500 })).toBe(27);
  });

  it('does not grow because claims are slow to come, and no faster than they come', () => {
    const unclaimed = Array.from({ length: 8 }, () => evacuation({ status: 'accepted' }));
    expect(size({ evacuations: unclaimed, novaNow: 30_000 })).toBe(8);
    // One every two seconds.
    const slow = Array.from({ length: 5 }, (_, i) =>
      evacuation({ status: 'pre-migrating', updatedAt: 2_000 * (i + 1) }),
    );
    expect(size({ evacuations: slow, novaNow: 12_000 })).toBe(13);
  });

  it('finds rate times duration with long spawns, and tries a little more while nothing queues', () => {
    // 24 within 8 s, each 8.5 s long: 3 a second.
    const long = Array.from({ length: 24 }, (_, i) => done(i * 350 + 8_500, i * 350));
    const found = size({ evacuations: long, novaNow: 17_000 });
    expect(found).toBeGreaterThan(24);
    expect(found).toBeLessThanOrEqual(44);
    // They queue: most take three times as long as the shortest.
    const queued = [done(8_500), ...Array.from({ length: 23 }, (_, i) => done(i * 350 + 26_000, i * 350))];
    expect(size({ evacuations: queued, novaNow: 40_000 })).toBeLessThan(found);
  });

  it('shrinks by the share of failures and of slow or lost answers, and recovers with time', () => {
    const failed = (updatedAt: number): EvacuationView => evacuation({ status: 'error', updatedAt });
    expect(size({ evacuations: [failed(1_000)], novaNow: 2_000 })).toBe(POLICY.pace.minInFlight);
    expect(size({ evacuations: [failed(1_000)], novaNow: 62_000 })).toBe(POLICY.pace.startInFlight);
    const oneOfMany = [failed(1_000), ...Array.from({ length: 19 }, () => done(1_000))];
    expect(size({ evacuations: oneOfMany, novaNow: 2_000 })).toBe(POLICY.pace.startInFlight);
    expect(size({ requests: [request({ at: 6_000 }), request({})], mono: 6_000 })).toBe(4);
    expect(size({ requests: [request({ state: 'unsent' })], mono: 100 })).toBe(POLICY.pace.minInFlight);
  });

  it('never leaves its bounds', () => {
    const record = fc.record({
      status: fc.constantFrom('accepted', 'pre-migrating', 'done', 'completed', 'error', 'failed', 'strange'),
      createdAt: fc.nat(1_000_000),
      tookMs: fc.nat(1_000_000),
    });
    const sent = fc.record({
      state: fc.constantFrom<RequestView['state']>('pending', 'accepted', 'unknown', 'refused', 'unsent'),
      sentAt: fc.nat(100_000),
      at: fc.nat(100_000),
    });
    fc.assert(
      fc.property(fc.array(record), fc.array(sent), fc.nat(2_000_000), (records, requests, novaNow) => {
        const found = size({
          evacuations: records.map(({ tookMs, ...each }) =>
            evacuation({ ...each, updatedAt: each.createdAt + tookMs }),
          ),
          requests: requests.map(request),
          novaNow,
          mono: 100_000,
        });
        expect(found).toBeGreaterThanOrEqual(POLICY.pace.minInFlight);
        expect(found).toBeLessThanOrEqual(POLICY.pace.maxInFlight);
      }),
    );
  });
});

const MAX = POLICY.pace.maxInFlight;

interface Job {
  readonly asked: number;
  /** Work of the control plane that is left, ms. */
  left: number;
  claimed: number | null;
  ended: number | null;
}

/** A control plane in front of destinations whose spawns cost it nothing. Nova's times have whole seconds. */
abstract class Plane {
  time = 0;
  protected readonly jobs: Job[] = [];
  protected readonly workMs: number;
  protected readonly spawnMs: number;

  constructor(workMs: number, spawnMs: number) {
    this.workMs = workMs;
    this.spawnMs = spawnMs;
  }

  abstract advance(ms: number): void;

  ask(): void {
    this.jobs.push({ asked: this.time, left: this.workMs, claimed: null, ended: null });
  }

  get asked(): number {
    return this.jobs.length;
  }

  get unfinished(): number {
    return this.jobs.filter(({ ended }) => ended === null || ended > this.time).length;
  }

  get lastEnd(): number {
    return Math.max(...this.jobs.map(({ ended }) => ended ?? Number.POSITIVE_INFINITY));
  }

  records(): EvacuationView[] {
    const second = (ms: number): number => Math.floor(ms / 1_000) * 1_000;
    return this.jobs.map(({ asked, claimed, ended }, id) => {
      const isOver = ended !== null && ended <= this.time;
      const isClaimed = claimed !== null && claimed <= this.time;
      return evacuation({
        id,
        status: isOver ? 'done' : isClaimed ? 'pre-migrating' : 'accepted',
        createdAt: second(asked),
        updatedAt: second(isOver ? ended : isClaimed ? claimed : asked),
      });
    });
  }
}

/** As the one that was measured: it works off one claim after the other, and each takes the longer the more are in flight. */
class ControlPlane extends Plane {
  #busyUntil = 0;

  advance(ms: number): void {
    this.time += ms;
    while (this.#busyUntil <= this.time) {
      const waiting = this.jobs.filter(({ claimed }) => claimed === null);
      const next = waiting[0];
      if (next === undefined) break;
      const from = Math.max(this.#busyUntil, next.asked);
      this.#busyUntil = from + this.workMs * (1 + 0.012 * waiting.length);
      next.claimed = this.#busyUntil;
      next.ended = next.claimed + this.spawnMs;
    }
  }
}

/** One that works on all at once, before the claim and after it (the networks): all of them take the longer the more there are. */
class SharedPlane extends Plane {
  advance(ms: number): void {
    this.time += ms;
    const working = this.jobs.filter(({ left }) => left > 0);
    const shareMs = ms / Math.max(1, working.length) / (1 + 0.01 * working.length);
    for (const job of working) {
      job.left -= shareMs;
      if (job.left <= this.workMs / 2) job.claimed ??= this.time;
      if (job.left <= 0) job.ended = this.time + this.spawnMs;
    }
  }
}

/** A bare loop that keeps `window` evacuations unfinished, and knows at once when one is over. */
function bareLoop(plane: Plane, count: number, window: number): number {
  while (plane.asked < count || plane.unfinished > 0) {
    while (plane.asked < count && plane.unfinished < window) plane.ask();
    plane.advance(50);
  }
  return plane.lastEnd;
}

/** The evacuator: it sees Nova's records only when it looks, at the pace of its looks. */
function adaptiveLoop(
  plane: Plane,
  count: number,
): { readonly time: number; readonly widest: number; readonly looks: number; readonly seenLateMs: number } {
  let records: EvacuationView[] = [];
  let lookedAt = 0;
  let unseen: number[] = [];
  let widest = 0;
  let looks = 0;
  const isSeen = (): boolean => records.length === count && records.every(({ status }) => status === 'done');
  while (!isSeen()) {
    const pauseMs = followPauseMs(records, lookedAt, plane.asked === count, POLICY);
    if (plane.time - lookedAt >= pauseMs) {
      records = plane.records();
      looks++;
      lookedAt = plane.time;
      unseen = [];
    }
    const window = size({ evacuations: records, novaNow: plane.time });
    const live = records.filter(({ status }) => status !== 'done').length + unseen.length;
    const unseenAgesMs = unseen.map((at) => plane.time - at);
    const ended = presumedEnded(
      { evacuations: records, lookedAtNova: lookedAt, novaNow: plane.time, unseenAgesMs },
      usualDurationMs(records),
    );
    for (let room = Math.min(window - live + ended, MAX - live); plane.asked < count && room > 0; room--) {
      plane.ask();
      unseen.push(plane.time);
    }
    widest = Math.max(widest, plane.unfinished);
    plane.advance(50);
  }
  return { time: plane.lastEnd, widest, looks, seenLateMs: lookedAt - plane.lastEnd };
}

describe('the pace, against a modelled control plane', { timeout: 60_000 }, () => {
  for (const [claimMs, spawnMs, count, most] of [
    [350, 0, 50, 1.05],
    [500, 0, 50, 1.05],
    [350, 0, 200, 1.05],
    [350, 2_000, 50, 1.05],
    [350, 8_000, 50, 1.05],
    [350, 8_000, 200, 1.05],
    [350, 30_000, 100, 1.05],
    // A much faster one, which nobody told it of; here the bound on what is in flight counts.
    [100, 20_000, 200, 1.2],
  ] as const) {
    it(`is close to the best bare loop: ${claimMs} ms a claim, ${spawnMs / 1000} s spawns, ${count} instances`, () => {
      const plane = (): ControlPlane => new ControlPlane(claimMs, spawnMs);
      const best = Math.min(...[4, 8, 16, 32, 64].map((window) => bareLoop(plane(), count, window)));
      const { time, widest, looks, seenLateMs } = adaptiveLoop(plane(), count);
      expect(time / best).toBeLessThanOrEqual(most);
      expect(widest).toBeLessThanOrEqual(MAX);
      if (spawnMs <= 10_000) expect(looks).toBeLessThanOrEqual(3 + 0.08 * count);
      expect(seenLateMs).toBeLessThanOrEqual(spawnMs <= 10_000 ? 2_500 : 4_000);
    });
  }
});

describe('the pace, against one that everything in flight slows down', { timeout: 60_000 }, () => {
  for (const [workMs, spawnMs, most] of [
    [400, 0, 1.15],
    [400, 8_000, 1.05],
    [1_000, 0, 1.2],
    [2_000, 0, 1.2],
    [2_000, 8_000, 1.05],
  ] as const) {
    it(`is close to the best bare loop: ${workMs} ms of work, ${spawnMs / 1000} s spawns, 50 instances`, () => {
      const plane = (): SharedPlane => new SharedPlane(workMs, spawnMs);
      const best = Math.min(...[4, 8, 16, 32, 64].map((window) => bareLoop(plane(), 50, window)));
      const { time, widest } = adaptiveLoop(plane(), 50);
      expect(time / best).toBeLessThanOrEqual(most);
      // Not all of them at once because nothing has finished.
      expect(widest).toBeLessThanOrEqual(38);
    });
  }
});
