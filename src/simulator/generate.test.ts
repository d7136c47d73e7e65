import { expect, it } from 'vitest';
import { planOf } from './generate.ts';

it('Nova’s lists come in parts in a share of the seeds, and in no more of them than a large cloud can be evacuated by', () => {
  const parts = Array.from({ length: 400 }, (_, seed) => planOf(seed).world)
    .filter(({ nova }) => nova.maxLimit < 1_000)
    .map(({ nova, instances }) => ({ count: instances.length, parts: instances.length / nova.maxLimit }));
  expect(parts.filter((each) => each.parts > 2).length).toBeGreaterThan(10);
  expect(parts.some(({ count }) => count > 100)).toBe(true);
  expect(Math.max(...parts.map((each) => each.parts))).toBeLessThanOrEqual(20);
});
