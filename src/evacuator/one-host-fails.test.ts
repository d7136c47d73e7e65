import { expect, it } from 'vitest';
import { hostName, nodeName } from '../core/names.ts';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

it('a host of which Nova shows nothing any more holds up its own instances alone', async () => {
  const world = new World(6, 5);
  const other = hostName('compute-4');
  for (let i = 10; i < 30; i++) world.addServer(i, 'active', { host: other });
  const pace = { ...DEFAULT_POLICY.pace, maxInFlight: 4, startInFlight: 4 };
  let looks = 0;
  let isBroken = true;
  start(world, { ...DEFAULT_POLICY, pace }, (cloud) => ({
    // As where one of its servers is broken in Nova.
    listEvacuations: async (source, since) =>
      isBroken && source === world.victimHost && ++looks > 2
        ? { ok: false, reason: 'GET /servers/1 answered 500', effect: 'none' }
        : cloud.listEvacuations(source, since),
  }));
  const left = () => world.servers.filter(({ host }) => host === other).length;
  await world.clock.advance(5_000);
  world.fence('first');
  world.fence('fourth', nodeName('compute-4'));
  expect(await until(world, 600_000, () => left() === 0)).toBe(true);
  const verdict = world.reports.at(-1)?.verdicts.find(({ node }) => node === world.victim);
  expect(verdict?.text).toContain('GET /servers/1 answered 500');
  expect(verdict?.instances.map(({ text }) => text).join()).toContain(
    'what is on compute-1 is to be seen first',
  );
  expect(isReleased(world)).toBe(false);
  isBroken = false;
  expect(await until(world, 600_000, () => isReleased(world))).toBe(true);
});
