import { expect, it } from 'vitest';
import { hostName } from '../core/names.ts';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

it('a host is let go though Nova has taken the record of an earlier one, gone for good, for its instance', async () => {
  const world = new World(2, 4);
  const [first] = world.servers;
  if (first === undefined) throw new Error('no server');
  const at = world.nova() - 5 * 86_400_000;
  const left = { id: 1, server: first.id, source: hostName('compute-4'), dest: null, status: 'accepted' };
  world.evacuations.push({ ...left, createdAt: at, updatedAt: at });
  start(world);
  await world.clock.advance(5_000);
  world.fence();
  const { lostRequestMs, overtakenMs } = DEFAULT_POLICY.timing;
  const textOf = () =>
    world.reports
      .at(-1)
      ?.verdicts.flatMap(({ instances }) => instances)
      .find(({ id }) => id === first.id)?.text;
  await world.clock.advance(lostRequestMs + 60_000);
  expect(textOf()).toContain('it has arrived, by a record that an earlier host had left behind');
  expect(isReleased(world)).toBe(false);
  expect(await until(world, overtakenMs, () => isReleased(world))).toBe(true);
  expect(world.posts).toBe(2);
});
