import { expect, it } from 'vitest';
import { hostName, nodeName } from '../core/names.ts';
import { World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

it.each([
  ['with its record done', true],
  ['with its record as it was, the server there', false],
])('what had arrived before its destination died is evacuated by that host alone: %s', async (_, isDone) => {
  const world = new World(4, 4);
  const second = nodeName('compute-2');
  start(world);
  world.fence('first');
  const arrived = (): boolean => world.servers.some(({ host }) => host === hostName(second));
  for (let ms = 0; ms < 30_000 && !arrived(); ms += 5) await world.clock.advance(5);
  if (!isDone)
    for (const each of world.evacuations) if (each.status === 'done') each.status = 'pre-migrating';
  world.fence('second', second);
  expect(await until(world, 200_000, () => isReleased(world) && isReleased(world, second))).toBe(true);
  expect(world.violations).toEqual([]);
  const asked = world.asked.map(({ server }) => server.name);
  expect(asked.sort()).toEqual(world.servers.flatMap(({ name }) => [name, name]));
});
