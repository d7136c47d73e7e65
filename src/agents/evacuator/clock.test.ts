import { expect, it } from 'vitest';
import { newThaw } from './clock.ts';

it('notices that the process, or the machine with its clock, stood still', () => {
  const time = { mono: 1_000, now: 1_700_000_000_000 };
  const thawedAt = newThaw({ mono: () => time.mono, now: () => time.now });
  const pass = (mono: number, now = mono): number => {
    time.mono += mono;
    time.now += now;
    return thawedAt();
  };
  expect(pass(1_000)).toBe(-1);
  expect(pass(5_000)).toBe(-1);
  expect(pass(5_001)).toBe(12_001);
  expect(pass(1_000)).toBe(12_001);
  // A virtual machine that was paused: only the clock of the day has gone on.
  expect(pass(1_000, 60_000)).toBe(14_001);
  // Put back by an hour.
  expect(pass(1_000, -3_600_000)).toBe(14_001);
});
