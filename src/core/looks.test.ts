import { describe, expect, it } from 'vitest';
import { followPauseMs, type Purpose } from './looks.ts';
import type { EvacuationView } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { done, evacuation } from './testing-evacuations.ts';

const { timing } = DEFAULT_POLICY;
const pause = (evacuations: readonly EvacuationView[], at: number, purpose: Purpose, unseen = 0): number =>
  followPauseMs(
    { evacuations, lookedAtNova: at, novaNow: at, unseenAgesMs: Array.from({ length: unseen }, () => 0) },
    purpose,
    false,
    timing,
  );
const accepted = (createdAt: number): EvacuationView =>
  evacuation({ status: 'accepted', dest: null, createdAt, updatedAt: createdAt });
const claimed = (updatedAt: number): EvacuationView =>
  evacuation({ status: 'pre-migrating', createdAt: updatedAt - 1_000, updatedAt });
/** One a second, done at once. */
const quick = Array.from({ length: 20 }, (_, i) => done(1_000 + i * 1_000, i * 1_000));

describe('the pause between looks', () => {
  it('is that in which as many claims come as may be presumed', () => {
    const ms = pause([...quick, accepted(15_000)], 20_000, 'room', 30);
    expect(ms).toBeGreaterThan(14_000);
    expect(ms).toBeLessThanOrEqual(timing.maxFollowMs);
    // Ten times as fast.
    const fast = Array.from({ length: 60 }, (_, i) => done(i * 100, i * 100));
    expect(pause([...fast, accepted(4_000)], 6_000, 'room', 30)).toBeLessThan(5_000);
  });

  it('is that in which they end where all have been claimed', () => {
    const four = Array.from({ length: 4 }, () => claimed(19_000));
    const many = Array.from({ length: 40 }, () => claimed(19_000));
    expect(pause([...quick, ...four], 20_000, 'room')).toBeLessThan(6_000);
    const some = pause([...quick, ...many], 20_000, 'room');
    expect(some).toBeGreaterThan(11_000);
    expect(some).toBeLessThan(15_000);
  });

  it('grows while nothing has come, up to its bound', () => {
    const waiting = [accepted(0), accepted(0)];
    expect(pause(waiting, 3_000, 'room')).toBe(timing.followMs);
    expect(pause(waiting, 20_000, 'room')).toBe(12_000);
    expect(pause(waiting, 200_000, 'room')).toBe(timing.maxFollowMs);
  });

  it('is shorter while somebody waits for what the look may tell', () => {
    const facts = { evacuations: [accepted(0)], lookedAtNova: 200_000, novaNow: 200_000, unseenAgesMs: [] };
    expect(followPauseMs(facts, 'room', true, timing)).toBe(timing.maxUrgentMs);
  });
});

describe('the look at the end', () => {
  it('comes though nothing is under way any more, and none has ended for long', () => {
    // A request without an answer is waited for.
    for (const purpose of ['last', 'ends', 'room'] as const)
      for (const at of [20_000, 600_000]) {
        const ms = pause(quick, at, purpose);
        expect(ms).toBeLessThanOrEqual(timing.followMs);
        expect(ms).toBeGreaterThan(0);
      }
  });

  it('comes when the last is due, those included that no look has shown', () => {
    const five = Array.from({ length: 5 }, () => accepted(19_000));
    const ms = pause([...quick, ...five], 20_000, 'last', 3);
    expect(ms).toBeGreaterThanOrEqual(7_500);
    expect(ms).toBeLessThanOrEqual(11_000);
  });

  it('comes when the last guest has spawned', () => {
    const spawned = Array.from({ length: 5 }, (_, i) => done(9_000 + i * 1_000, i * 1_000));
    // Claimed at 10 s, 9 s at most from then on.
    const ms = pause([...spawned, claimed(10_000)], 13_000, 'last');
    expect(ms).toBeGreaterThanOrEqual(6_000);
    expect(ms).toBeLessThanOrEqual(7_000);
  });

  it('comes ever later for one that is late', () => {
    const late = (at: number): number => pause([...quick, claimed(20_000)], at, 'last');
    expect(late(22_000)).toBe(timing.settleMs);
    expect(late(35_000)).toBeGreaterThan(timing.settleMs);
    expect(late(600_000)).toBe(timing.maxUrgentMs);
  });
});

describe('the look where as many are unfinished as may be', () => {
  it('comes when enough of them are due', () => {
    const spawned = Array.from({ length: 4 }, (_, i) => done(20_000 + i * 1_000, i * 1_000));
    const spawning = Array.from({ length: 60 }, (_, i) => claimed(4_000 + i * 250));
    const ms = pause([...spawned, ...spawning], 23_000, 'ends');
    expect(ms).toBeGreaterThan(3_000);
    expect(ms).toBeLessThan(20_000);
  });
});
