import { expect, it } from 'vitest';
import { World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

it('instances that no list showed while their cell was down are not forgotten', async () => {
  const world = new World(3);
  start(world);
  await world.clock.advance(5_000);
  world.fence();
  // The cell's database goes in the same moment: lists by host are short in silence, the services say so.
  const hidden = world.servers.splice(0);
  const service = world.service(world.victimHost);
  world.services.set(world.victimHost, { ...service, state: 'unknown' });
  await world.clock.advance(20_000);
  world.servers.push(...hidden);
  world.services.set(world.victimHost, { ...service, state: 'down' });
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  expect(world.servers.map((server) => server.host)).not.toContain(world.victimHost);
});
