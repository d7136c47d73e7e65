import { expect, it } from 'vitest';
import { formatIncident, INCIDENT_ATTRIBUTE } from '../core/records.ts';
import { World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

const MIN = 60_000;

/** compute-1 dies, and its power device with it. */
async function dieWithItsBmc(world: World): Promise<void> {
  start(world);
  await world.clock.advance(5_000);
  world.online.delete(world.victim);
  world.services.set(world.victimHost, { ...world.service(world.victimHost), state: 'down' });
  world.history = [{ action: 'reboot', status: 'failed', completedAt: world.nova() + 80_000 }];
}

const wordsOf = (world: World): string =>
  world.reports
    .at(-1)
    ?.verdicts.map(({ text }) => text)
    .join('\n') ?? '';

it('a node that could not be fenced is told of after two minutes, at no cost for Nova, and evacuated once it is confirmed', async () => {
  const world = new World(3);
  await dieWithItsBmc(world);
  world.gets = 0;
  await world.clock.advance(119_000);
  expect(wordsOf(world)).toBe('');
  await world.clock.advance(3_000);
  expect(wordsOf(world)).toContain('its power could not be cut');
  await world.clock.advance(8 * MIN);
  // A list of the services a minute.
  expect(world.gets).toBeLessThanOrEqual(11);
  expect(world.posts).toBe(0);

  world.confirmed.add(world.victim);
  await world.clock.advance(1_000);
  expect(wordsOf(world)).toContain('fenced without fence_compute');
  expect(world.log.filter((line) => line.includes(' warn compute-1 down, and '))).toHaveLength(2);
  expect(world.posts).toBe(0);

  // As instance-ha confirm-fenced does.
  const incident = formatIncident({ id: 'i1', at: world.nova(), by: 'operator', on: 'controller-1' });
  world.permanent.set(`${world.victim} ${INCIDENT_ATTRIBUTE}`, incident);
  world.history = [{ action: 'off', status: 'success', completedAt: world.nova() + 1_000 }, ...world.history];
  expect(await until(world, MIN, () => isReleased(world))).toBe(true);
  expect(world.posts).toBe(3);
  expect(world.violations).toEqual([]);
});

it('what was read of its fencing before an incident stood proves nothing of that', async () => {
  const world = new World(1);
  await dieWithItsBmc(world);
  world.history = [{ action: 'off', status: 'pending', completedAt: null }];
  await world.clock.advance(125_000);
  expect(wordsOf(world)).toContain('not fenced');
  world.history = [{ action: 'reboot', status: 'failed', completedAt: world.nova() }];
  const incident = formatIncident({ id: 'i1', at: world.nova() + 5_000, by: 'fencer', on: 'controller-1' });
  world.permanent.set(`${world.victim} ${INCIDENT_ATTRIBUTE}`, incident);
  await world.clock.advance(30_000);
  expect(wordsOf(world)).toContain('waiting for the proof that its power is off');
  expect(world.posts).toBe(0);
});
