import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { serverId } from './names.ts';
import type { EvacuationView, RequestView } from './observation.ts';
import { followPauseMs, type PaceFacts, windowSize } from './pace.ts';
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

describe('the window', () => {
  it('stays at its base with instant spawns, however many there were', () => {
    const instant = Array.from({ length: 40 }, (_, i) => done(i * 400 + 1_000, i * 400));
    expect(size({ evacuations: instant, novaNow: 17_000 })).toBe(POLICY.pace.startInFlight);
  });

  it('grows with the age of the oldest before the first has finished', () => {
    const young = [evacuation({ status: 'pre-migrating' })];
    expect(size({ evacuations: young, novaNow: 1_000 })).toBe(8);
    expect(size({ evacuations: young, novaNow: 8_500 })).toBe(22);
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
