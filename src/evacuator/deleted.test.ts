import { expect, it } from 'vitest';
import { World } from './testing.ts';
import { isOver, isReleased, start, until } from './testing-runs.ts';

it('a host comes back though somebody deletes an instance between its evacuation and the return', async () => {
  const world = new World(4);
  start(world);
  world.fence();
  expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
  // Nova forgets the evacuations of an instance with the instance itself.
  const [deleted] = world.servers;
  if (deleted === undefined) throw new Error('no server');
  Object.assign(deleted, { deleted: true, host: null, vmState: 'deleted', updatedAt: world.nova() });
  const at = world.evacuations.findIndex((each) => each.server === deleted.id);
  world.evacuations.splice(at, 1);
  world.rejoin();
  expect(await until(world, 120_000, () => world.startNovaCompute())).toBe(true);
  expect(await until(world, 300_000, () => isOver(world))).toBe(true);
});
