import { describe, expect, it } from 'vitest';
import { claimsPerSecond, endsPerSecond, type InFlight, presumable, progressOf } from './claims.ts';
import type { EvacuationView } from './observation.ts';
import { done, evacuation } from './testing-evacuations.ts';

const accepted = (createdAt: number): EvacuationView =>
  evacuation({ status: 'accepted', dest: null, createdAt, updatedAt: createdAt });
const claimed = (updatedAt: number, createdAt = 0): EvacuationView =>
  evacuation({ status: 'pre-migrating', createdAt, updatedAt });

describe('the rate of the claims', () => {
  it('is that of late, also of those that are done', () => {
    // Ten slow ones, one in 4 s; then one a second; all of them took 5 s from their claim on.
    const slow = Array.from({ length: 10 }, (_, i) => done((i + 1) * 4_000 + 5_000, i * 4_000));
    const quick = Array.from({ length: 10 }, (_, i) => done(46_000 + i * 1_000, 40_000 + i * 1_000));
    const waiting = accepted(46_000);
    const rate = claimsPerSecond([...slow, ...quick, waiting], 51_000) ?? 0;
    expect(rate).toBeGreaterThan(0.8);
    expect(rate).toBeLessThanOrEqual(1.2);
  });

  it('leaves out the time in which nothing was asked for', () => {
    const first = Array.from({ length: 5 }, (_, i) => done((i + 1) * 1_000));
    const pauseMs = 60_000;
    const second = Array.from({ length: 5 }, (_, i) => done(pauseMs + (i + 1) * 1_000, pauseMs));
    const rate = claimsPerSecond([...first, ...second, accepted(pauseMs)], pauseMs + 6_000) ?? 0;
    expect(rate).toBeGreaterThan(0.7);
  });

  it('is not known before the first', () => {
    expect(claimsPerSecond([], 5_000)).toBeNull();
    expect(claimsPerSecond([accepted(0), accepted(0)], 5_000)).toBeNull();
  });
});

describe('what is presumed to have come since the look', () => {
  const progress = (more: Partial<InFlight>): { handedOver: number; ended: number } =>
    progressOf({ evacuations: [], lookedAtNova: 0, novaNow: 0, unseenAgesMs: [], ...more }, 2.5, 1.5);
  // One a second has been claimed, and was done at once; ten more wait.
  const evacuations = [
    ...Array.from({ length: 10 }, (_, i) => done(1_000 + i * 1_000, i * 1_000)),
    ...Array.from({ length: 10 }, () => accepted(5_000)),
  ];

  it('goes on at about the rate that the look has shown', () => {
    const endedAfter = (ms: number): number =>
      progress({ evacuations, lookedAtNova: 10_000, novaNow: 10_000 + ms }).ended;
    expect(endedAfter(1_000)).toBe(0);
    expect(endedAfter(6_500)).toBeGreaterThanOrEqual(4);
    expect(endedAfter(6_500)).toBeLessThanOrEqual(7);
    expect(endedAfter(600_000)).toBe(10);
  });

  it('is no more than twice what was shown, within bounds', () => {
    expect(presumable([])).toBe(4);
    expect(presumable([claimed(0), claimed(0), claimed(0)])).toBe(6);
    expect(presumable(Array.from({ length: 40 }, () => done(1_000)))).toBe(24);
    const many = Array.from({ length: 40 }, () => 600_000);
    const three = [claimed(1_000), claimed(2_000), claimed(3_000), accepted(0)];
    const seen = { evacuations: three, lookedAtNova: 3_000, novaNow: 600_000, unseenAgesMs: many };
    expect(progress(seen).handedOver).toBe(3 + 6);
  });

  it('trusts a little before anything was seen, and no more after a look that shows nothing', () => {
    const unseenAgesMs = Array.from({ length: 8 }, () => 3_000);
    expect(progress({ unseenAgesMs }).handedOver).toBe(3);
    const nothing = Array.from({ length: 8 }, () => accepted(0));
    expect(progress({ evacuations: nothing, lookedAtNova: 3_000, novaNow: 9_000 }).handedOver).toBe(0);
  });

  it('ends those that were late at the look as fast as others have ended, and no faster', () => {
    // Ten have ended in 20 s; nine more take longer than the shortest.
    const late = [
      ...Array.from({ length: 10 }, (_, i) => done(12_000 + i * 2_000, i * 2_000)),
      ...Array.from({ length: 9 }, () => claimed(10_000)),
    ];
    const seen = { evacuations: late, lookedAtNova: 32_000 };
    expect(progress({ ...seen, novaNow: 33_000 }).ended).toBe(0);
    expect(progress({ ...seen, novaNow: 38_000 }).ended).toBe(3);
    expect(progress({ ...seen, novaNow: 600_000 }).ended).toBe(9);
    // None ends any more.
    expect(progress({ evacuations: late, lookedAtNova: 200_000, novaNow: 206_000 }).ended).toBe(0);
  });
});

describe('the rate of the ends', () => {
  it('is that of all that ended of late, also where they end together', () => {
    // All of forty were begun in the first 10 s, and most end in the 40th.
    const together = Array.from({ length: 40 }, (_, i) => done(i === 0 ? 8_000 : 40_000, i * 250));
    expect(endsPerSecond(together, 41_000)).toBeCloseTo(40 / 33);
    expect(endsPerSecond(together, 81_000)).toBeCloseTo(39 / 60);
    expect(endsPerSecond(together, 200_000)).toBe(0);
  });

  it('leaves out the time in which none could end yet', () => {
    const spawned = Array.from({ length: 4 }, (_, i) => done(30_000 + i * 1_000, i * 1_000));
    expect(endsPerSecond(spawned, 34_000)).toBeCloseTo(1);
    expect(endsPerSecond(spawned.slice(0, 3), 34_000)).toBeNull();
  });
});
