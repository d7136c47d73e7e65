import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ENOUGH_ENDS, type InFlight } from './claims.ts';
import type { EvacuationView, RequestView } from './observation.ts';
import { type PaceFacts, type Room, roomOf } from './pace.ts';
import { DEFAULT_POLICY as POLICY } from './policy.ts';
import { SOURCE } from './testing.ts';
import { done, evacuation } from './testing-evacuations.ts';

const request = (more: Partial<RequestView>): RequestView => ({
  state: 'accepted',
  sentAt: 0,
  at: 100,
  message: '',
  source: SOURCE,
  recordsBefore: 0,
  refusals: 0,
  failing: null,
  ...more,
});
interface Facts extends Partial<InFlight>, Partial<Omit<PaceFacts, 'hosts'>> {}
const room = ({ requests = [], mono = 0, ...host }: Facts): Room =>
  roomOf(
    {
      hosts: [
        {
          evacuations: [],
          lookedAtNova: host.novaNow ?? 0,
          novaNow: 0,
          unseenAgesMs: [],
          ...host,
        },
      ],
      requests,
      mono,
    },
    POLICY.pace,
  );
const size = (facts: Facts): number => room(facts).window;
const onDestination = (updatedAt: number): EvacuationView =>
  evacuation({ status: 'pre-migrating', updatedAt });

describe('the window', () => {
  it('stays at its base with instant spawns, however many there were', () => {
    // 2.5 a second: the control plane works on four that it has claimed, and as many as at the start wait for that.
    const instant = (count: number): EvacuationView[] =>
      Array.from({ length: count }, (_, i) => done(i * 400 + 1_000, i * 400));
    for (const count of [40, 80])
      expect(size({ evacuations: instant(count), novaNow: count * 400 + 1_000 })).toBe(
        POLICY.pace.startInFlight + 4,
      );
  });

  it('is trusted by the policy until a look has shown claims', () => {
    // 2.5 a second, of which those of the last 1.5 s are still worked on.
    expect(size({ unseenAgesMs: Array(8).fill(3_000) })).toBe(POLICY.pace.startInFlight + 3);
    const none = [evacuation({ status: 'accepted' })];
    expect(size({ evacuations: none, unseenAgesMs: [3_000, 3_000], novaNow: 3_000, lookedAtNova: 0 })).toBe(
      POLICY.pace.startInFlight,
    );
  });

  it('grows by those that only spawn, before the first has finished', () => {
    const spawning = Array.from({ length: 5 }, (_, i) => onDestination(1_000 * (i + 1)));
    // One a second, of which one is still worked on.
    expect(size({ evacuations: spawning, novaNow: 5_500 })).toBe(POLICY.pace.startInFlight + 2 + 4);
    // Claimed just now: the control plane still has work with them.
    expect(size({ evacuations: [onDestination(5_000)], novaNow: 5_500 })).toBe(POLICY.pace.startInFlight + 1);
  });

  it('does not grow because claims are slow to come', () => {
    const unclaimed = Array.from({ length: 8 }, () => evacuation({ status: 'accepted' }));
    expect(size({ evacuations: unclaimed, novaNow: 30_000 })).toBe(POLICY.pace.startInFlight);
  });

  it('holds no more on the destinations than the rate makes likely, once some have finished', () => {
    // One a second, and the shortest took 5.5 s: more than six have been enough; twenty queue there.
    const finished = Array.from({ length: 10 }, (_, i) => done(5_500 + i * 1_000, i * 1_000));
    const queued = Array.from({ length: 20 }, (_, i) => onDestination(i * 500));
    const wide = size({ evacuations: [...finished, ...queued], novaNow: 15_000 });
    expect(wide).toBeGreaterThan(POLICY.pace.startInFlight);
    expect(wide).toBeLessThan(POLICY.pace.startInFlight + 20);
  });

  it('holds as many on slow destinations as may end before the next look, whatever the shortest took', () => {
    const finished = Array.from({ length: 10 }, (_, i) => done(30_000 + i * 1_000, i * 1_000));
    const queued = Array.from({ length: 20 }, (_, i) => onDestination(20_000 + i * 500));
    const facts = { evacuations: [done(1_500, 0), ...finished, ...queued], novaNow: 40_000 };
    expect(size(facts)).toBeGreaterThanOrEqual(POLICY.pace.startInFlight + ENOUGH_ENDS);
    // Only where so many are there.
    const few = { ...facts, evacuations: facts.evacuations.slice(0, 14) };
    expect(size(few)).toBeLessThan(POLICY.pace.startInFlight + ENOUGH_ENDS);
  });

  it('is no wider for claims that come faster than evacuations end', () => {
    const ended = (count: number): EvacuationView[] =>
      Array.from({ length: count }, (_, i) => done(8_000 + (i * 7_800) / count, i * 300));
    const waiting = Array.from({ length: 40 }, (_, i) => onDestination(3_000 + i * 300));
    const quick = size({ evacuations: [...ended(26), ...waiting], novaNow: 16_000 });
    const slow = size({ evacuations: [...ended(10), ...waiting], novaNow: 16_000 });
    expect(slow).toBeLessThan(0.8 * quick);
  });

  it('has a base that keeps a fast control plane busy', () => {
    // Ten a second, and none waits.
    const fast = Array.from({ length: 60 }, (_, i) => done(i * 100, i * 100));
    expect(size({ evacuations: fast, novaNow: 6_000 })).toBeGreaterThan(POLICY.pace.startInFlight);
  });

  it('shrinks by the share of failures and of slow or lost answers, and recovers with time', () => {
    const failed = (updatedAt: number): EvacuationView => evacuation({ status: 'error', updatedAt });
    expect(size({ evacuations: [failed(1_000)], novaNow: 2_000 })).toBe(POLICY.pace.minInFlight);
    expect(size({ evacuations: [failed(1_000)], novaNow: 62_000 })).toBe(POLICY.pace.startInFlight + 1);
    const oneOfMany = [failed(1_000), ...Array.from({ length: 19 }, (_, i) => done(i * 1_000, i * 1_000))];
    expect(size({ evacuations: oneOfMany, novaNow: 20_000 })).toBeGreaterThan(POLICY.pace.startInFlight);
    expect(size({ requests: [request({ at: 6_000 }), request({})], mono: 6_000 })).toBe(4);
    expect(size({ requests: [request({ state: 'unsent' })], mono: 100 })).toBe(POLICY.pace.minInFlight);
  });

  it('stays as it is for those that have nowhere to go, which the scheduler says at once', () => {
    const base = size({ novaNow: 10_000 });
    const nowhere = (tookMs: number): EvacuationView[] =>
      Array.from({ length: 3 }, (_, i) =>
        evacuation({ status: 'error', dest: null, createdAt: i * 1_000, updatedAt: i * 1_000 + tookMs }),
      );
    expect(size({ evacuations: nowhere(2_000), novaNow: 10_000 })).toBeGreaterThanOrEqual(base);
    // A scheduler that does not answer the conductor has too much to do.
    expect(size({ evacuations: nowhere(60_000), novaNow: 70_000 })).toBe(POLICY.pace.minInFlight);
  });

  it('never leaves its bounds, and nothing that is not in flight is presumed to have ended', () => {
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
    const time = fc.nat(2_000_000);
    fc.assert(
      fc.property(
        fc.array(record),
        fc.array(sent),
        fc.array(time),
        time,
        time,
        (records, requests, unseenAgesMs, lookedAtNova, passed) => {
          const evacuations = records.map(({ tookMs, ...each }) =>
            evacuation({ ...each, updatedAt: each.createdAt + tookMs }),
          );
          const found = room({
            evacuations,
            requests: requests.map(request),
            lookedAtNova,
            novaNow: lookedAtNova + passed,
            unseenAgesMs,
            mono: 100_000,
          });
          expect(found.window).toBeGreaterThanOrEqual(POLICY.pace.minInFlight);
          expect(found.window).toBeLessThanOrEqual(POLICY.pace.maxInFlight);
          expect(found.presumedEnded).toBeGreaterThanOrEqual(0);
          const live = evacuations.filter(({ status }) =>
            ['accepted', 'pre-migrating', 'strange'].includes(status),
          );
          expect(found.presumedEnded).toBeLessThanOrEqual(live.length + unseenAgesMs.length);
        },
      ),
    );
  });
});
