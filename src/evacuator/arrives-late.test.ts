import { expect, it } from 'vitest';
import { hostName } from '../core/names.ts';
import { EVACUATION_ATTRIBUTE } from '../core/records.ts';
import { World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

it('an instance that arrives after the first list, while Nova can’t be told that the host is down, is not forgotten', async () => {
  const world = new World(0);
  const elsewhere = world.addServer(1, 'active', { host: hostName('compute-2') });
  start(world);
  world.fence();
  expect(await until(world, 10_000, () => world.attribute(EVACUATION_ATTRIBUTE) !== undefined)).toBe(true);
  world.cloudDown = true;
  await world.clock.advance(60_000);
  // The end of a live migration to the host that has died.
  Object.assign(elsewhere, { host: world.victimHost, updatedAt: world.nova() });
  world.cloudDown = false;
  expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
  expect(elsewhere.host).not.toBe(world.victimHost);
});
