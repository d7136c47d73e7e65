import { expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { EVACUATION_ATTRIBUTE } from '../core/records.ts';
import { World } from './testing.ts';
import { comeBack, isReleased, start, until } from './testing-runs.ts';

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

it('... and not of one that has ended cleanly: nothing of that can come late', async () => {
  const world = new World(2);
  world.fate = () => ({ spawnMs: 30_000, end: 'done', answer: 'given' });
  const first = start(world);
  world.fence();
  expect(await until(world, 20_000, () => world.posts === 2)).toBe(true);
  first.evacuator.stop();
  await world.clock.advance(1_000);
  await first.ended;
  start(world);
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  expect(world.reports.at(-1)?.observation.inherited).toEqual(new Set());
});

it('a successor leaves forced down what an operator forces down when it has taken the record over', async () => {
  const world = new World(0);
  const isWritten = async (owner: string): Promise<boolean> => {
    const is = (): boolean => world.attribute(EVACUATION_ATTRIBUTE)?.includes(owner) ?? false;
    for (let passed = 0; passed < 60_000 && !is(); passed += 10) await world.clock.advance(10);
    return is();
  };
  const first = start(world);
  world.fence();
  expect(await isWritten('phase=evacuating')).toBe(true);
  first.kill();
  start(world);
  await world.clock.advance(1_000);
  expect(await isWritten(world.reports.at(-1)?.observation.owner ?? 'nobody')).toBe(true);
  // Nothing is asked for until the next list is due.
  world.clusterDown = true;
  expect(world.service(world.victimHost).forcedDown).toBe(false);
  world.services.set(world.victimHost, { ...world.service(world.victimHost), forcedDown: true });
  await world.clock.advance(DEFAULT_POLICY.timing.serviceAgeMs);
  world.clusterDown = false;
  expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
  expect(await comeBack(world)).toBe(true);
  expect(world.service(world.victimHost)).toMatchObject({ forcedDown: true, status: 'enabled' });
});
