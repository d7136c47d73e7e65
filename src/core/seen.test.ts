import { expect, it } from 'vitest';
import { isOlderThan } from './seen.ts';
import { anObservation } from './testing.ts';

it('what was seen is old after its time, or from before the process stood still; not in the step that has seen it', () => {
  const now = anObservation({ mono: 100_000, begunAt: 90_000 });
  expect(isOlderThan(3_000, 97_000, now)).toBe(false);
  expect(isOlderThan(20_000, 89_999, now)).toBe(false);
  // Nova is slow: what this step has seen is 10 s old.
  expect(isOlderThan(3_000, 90_000, now)).toBe(false);
  expect(isOlderThan(3_000, 89_999, now)).toBe(true);
  const thawed = { ...now, thawedAt: 95_000 };
  expect(isOlderThan(20_000, 94_999, thawed)).toBe(true);
  expect(isOlderThan(20_000, 95_000, thawed)).toBe(false);
});
