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

it('more faults are added to those of a seed, and all else of it stays as it is', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const { faults, ...plan } = planOf(seed);
    const { faults: more, ...same } = planOf(seed, 8);
    expect(same).toEqual(plan);
    expect(more).toHaveLength(faults.length + 8);
    expect(more).toEqual(expect.arrayContaining([...faults]));
    expect(more.every(({ at }, index) => at >= (more[index - 1]?.at ?? 0))).toBe(true);
  }
});
