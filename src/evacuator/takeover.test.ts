import { expect, it } from 'vitest';
import { World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

it('a successor says in every tick why the node is where it is', async () => {
  const world = new World(6);
  world.fate = () => ({ spawnMs: 30_000, end: 'done', answer: 'given' });
  const first = start(world);
  world.fence();
  expect(await until(world, 20_000, () => world.posts === 6)).toBe(true);
  first.kill();
  world.reports.length = 0;
  start(world);
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  // The last tick of all may have seen the release already.
  const silent = world.reports.slice(0, -1).filter(({ verdicts }) => !verdicts.some((v) => v.text !== ''));
  expect(silent).toEqual([]);
});

it('a successor remembers that another has written the record, and nobody takes its own for one', async () => {
  const world = new World(2);
  world.fate = () => ({ spawnMs: 30_000, end: 'done', answer: 'given' });
  const first = start(world);
  world.fence();
  expect(await until(world, 20_000, () => world.posts === 2)).toBe(true);
  expect(world.reports.at(-1)?.observation.inherited).toEqual(new Set());
  first.kill();
  start(world);
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  // Also when it has written the record anew.
  expect(world.reports.at(-1)?.observation.inherited).toEqual(new Set([world.victim]));
});
