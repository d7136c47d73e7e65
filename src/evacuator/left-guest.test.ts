import { expect, it } from 'vitest';
import { hostName } from '../core/names.ts';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

const DAY_MS = 24 * 3_600_000;

/** An instance whose evacuation failed a while ago, with its guest left at the destination. */
function leftFor(days: number, vmState: 'error' | 'stopped' = 'error'): World {
  const world = new World(1);
  const [server] = world.servers;
  if (server === undefined) throw new Error('no server');
  Object.assign(server, { vmState, fault: vmState === 'error' ? 'MessagingTimeout' : null });
  const at = world.nova() - days * DAY_MS;
  world.evacuations.push({
    ...{ id: 50, server: server.id, source: world.victimHost, dest: hostName('compute-2') },
    ...{ status: 'failed', createdAt: at, updatedAt: at + 20_000 },
  });
  return world;
}

it.each([
  ['error', 2],
  ['stopped', 2],
  ['error', 29],
] as const)('an instance in %s whose guest was left elsewhere %i days ago is not evacuated', async (vmState, days) => {
  const world = leftFor(days, vmState);
  start(world);
  world.fence('second');
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  expect(world.asked).toEqual([]);
});

it('the evacuations of long ago are read once for an incident', async () => {
  const world = leftFor(20);
  const moving = world.addServer(2, 'active');
  const asked: number[] = [];
  start(world, DEFAULT_POLICY, (cloud) => ({
    listEvacuations: async (host, since) => {
      asked.push(world.nova() - (since ?? Number.NEGATIVE_INFINITY));
      return cloud.listEvacuations(host, since);
    },
  }));
  world.fence('second');
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  expect(moving.host).toBe('compute-2');
  expect(asked.filter((ageMs) => ageMs > DAY_MS)).toHaveLength(1);
  expect(asked.length).toBeGreaterThan(1);
});
