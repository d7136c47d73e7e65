import { expect, it } from 'vitest';
import { EVACUATION_ATTRIBUTE, parseEvacuation } from '../core/records.ts';
import { World } from './testing.ts';
import { start, until } from './testing-runs.ts';

it.each([
  ['without quorum', { quorum: false }],
  ['that can’t read the cluster', { clusterDown: true }],
])('an end %s writes nothing: another partition may have taken over', async (_, trouble) => {
  const world = new World(4);
  world.fate = () => ({ spawnMs: 30_000, end: 'done', answer: 'given' });
  const process = start(world);
  world.fence();
  expect(await until(world, 20_000, () => world.posts === 4)).toBe(true);
  Object.assign(world, trouble);
  process.evacuator.stop();
  await world.clock.advance(30_000);
  await process.ended;
  expect(parseEvacuation(world.attribute(EVACUATION_ATTRIBUTE) ?? '')?.clean).toBe(false);
});

it('an end is not clean while a change of a service that had no answer may still take effect', async () => {
  const world = new World(4);
  world.serviceAnswersLost = true;
  const process = start(world);
  world.fence();
  expect(await until(world, 20_000, () => world.posts === 4)).toBe(true);
  process.evacuator.stop();
  await world.clock.advance(30_000);
  await process.ended;
  expect(parseEvacuation(world.attribute(EVACUATION_ATTRIBUTE) ?? '')?.clean).toBe(false);
});
