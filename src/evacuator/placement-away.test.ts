import { expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { type Fate, World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

/** Placement is away for so long from the death on; to the scheduler that is no valid host. */
function worldWithout(silentMs: number, kind: 'silent' | 'hangs' = 'silent'): World {
  const world = new World(6);
  const endOf = (): Fate['end'] => (world[kind].has('placement') ? 'error' : 'done');
  world.fate = () => ({
    spawnMs: 3_000,
    get end() {
      return endOf();
    },
    answer: 'given',
  });
  world[kind].add('placement');
  world.clock.after(silentMs, () => world[kind].delete('placement'));
  return world;
}

const said = ({ log, reports }: World): string =>
  [
    ...log,
    ...reports.flatMap(({ verdicts }) => verdicts.flatMap((v) => v.instances.map(({ text }) => text))),
  ].join('\n');

it.each([
  'silent',
  'hangs',
] as const)('nobody is given up for an outage of Placement (%s): it is waited for, and each is asked for again when it answers', async (kind) => {
  const world = worldWithout(60_000, kind);
  start(world, { ...DEFAULT_POLICY, retry: { ...DEFAULT_POLICY.retry, maxAttempts: 1 } });
  world.fence();
  expect(await until(world, 240_000, () => isReleased(world))).toBe(true);
  expect(world.servers.map(({ host, vmState }) => `${host} ${vmState}`)).not.toContain('compute-1 error');
  expect(world.servers.every(({ host }) => host !== world.victimHost)).toBe(true);
  // One try of each before that was known, and one after it.
  expect(world.posts).toBeLessThanOrEqual(2 * world.servers.length);
  expect(said(world)).toMatch(/waiting for Placement: no answer/);
  expect(world.violations).toEqual([]);
});

it('where Placement answers, an evacuation that ends in error counts as ever', async () => {
  const world = new World(2);
  world.fate = () => ({ spawnMs: 3_000, end: 'error', answer: 'given' });
  start(world);
  world.fence();
  expect(await until(world, 240_000, () => isReleased(world))).toBe(true);
  expect(world.posts).toBe(3 * world.servers.length);
  expect(said(world)).toMatch(/3 evacuations failed/);
});

it('one that is out of reach from here alone is waited for for half an hour, and no longer', async () => {
  const world = worldWithout(10 * 3_600_000);
  start(world);
  world.fence();
  expect(await until(world, 1_700_000, () => isReleased(world))).toBe(false);
  expect(await until(world, 400_000, () => isReleased(world))).toBe(true);
  expect(world.posts).toBeLessThanOrEqual(3 * world.servers.length);
});
