import { expect, it } from 'vitest';
import { KINDS, planOf, variationOf } from './generate.ts';

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

it('of the kinds that are named alone, if any is', () => {
  const added = (seed: number, kinds: Parameters<typeof planOf>[2]): readonly string[] => {
    const own = new Set(planOf(seed).faults.map((fault) => JSON.stringify(fault)));
    return planOf(seed, 8, kinds)
      .faults.filter((fault) => !own.has(JSON.stringify(fault)))
      .map((fault) => fault.do);
  };
  const seeds = Array.from({ length: 200 }, (_, seed) => seed);
  expect([...new Set(seeds.flatMap((seed) => added(seed, [])))].sort()).toEqual([...KINDS]);
  const two = ['kill-evacuator', 'nova-slow'] as const;
  expect([...new Set(seeds.flatMap((seed) => added(seed, two)))].sort()).toEqual([...two]);
});

it('a variation has the cluster of its seed, most of its faults not far from when they were, and others a number', () => {
  const plan = planOf(432, 8);
  const variations = Array.from({ length: 200 }, (_, number) => variationOf(plan, number));
  for (const each of variations) {
    expect(each.world).toEqual(plan.world);
    expect(each.policy).toEqual(plan.policy);
    expect(each.faults.every(({ at }, index) => at >= (each.faults[index - 1]?.at ?? 0))).toBe(true);
    const kept = plan.faults.filter(({ at, ...fault }) =>
      each.faults.some(({ at: then, ...other }) => Math.abs(then - at) <= 3_000 && isSame(fault, other)),
    );
    expect(kept.length).toBeGreaterThan(plan.faults.length / 2);
  }
  expect(new Set(variations.map(({ seed }) => seed)).size).toBe(200);
  expect(variations.filter(({ faults }) => faults.length > plan.faults.length).length).toBeGreaterThan(20);
  expect(variationOf(plan, 7)).toEqual(variationOf(plan, 7));
});

const isSame = (one: object, other: object): boolean => JSON.stringify(one) === JSON.stringify(other);
