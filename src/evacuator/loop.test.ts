import { expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { createEvacuator } from './loop.ts';
import { World } from './testing.ts';

it('what was read before the process stood still is read once more, and nothing is decided by it', async () => {
  const world = new World(1);
  const ports = world.ports();
  const reads: number[] = [];
  const { cluster } = ports;
  const evacuator = createEvacuator(
    {
      ...ports,
      cluster: {
        ...cluster,
        readNodes() {
          // It is stopped right after it has asked, and hears the answer late.
          if (reads.push(ports.clock.mono()) === 2) world.thawedAt = ports.clock.mono() + 5;
          return cluster.readNodes();
        },
      },
    },
    { owner: 'controller-1:1', policy: () => DEFAULT_POLICY, domain: null },
  );
  void evacuator.run();
  await world.clock.advance(60_000);
  const begun = world.reports.map(({ observation }) => observation.begunAt);
  expect(begun.length).toBeGreaterThan(2);
  // The second look is in no report; the third comes at once, and only it.
  expect(begun).toEqual(reads.filter((_, index) => index !== 1).slice(0, begun.length));
  // The rules know of it, and how long the list of the services took: so much older its date may be.
  const last = world.reports.at(-1)?.observation;
  expect(last?.thawedAt).toBe(world.thawedAt);
  expect(world.reports.some(({ observation }) => observation.servicesTookMs === 50)).toBe(true);
  evacuator.stop();
  await world.clock.advance(30_000);
});
