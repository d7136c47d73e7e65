import { expect, it } from 'vitest';
import { nodeName } from '../core/names.ts';
import { known } from '../core/observation.ts';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { createEvacuator } from './loop.ts';
import { World } from './testing.ts';

/** The first read is the look's that decides; then comes the act's, and the next look's. */
const OF_THE_ACT = 2;
const OF_THE_LOOK = 3;

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

it('nothing is decided by a quorum that an act has seen gone meanwhile', async () => {
  const writesWhere = async (losesQuorum: boolean): Promise<number> => {
    const world = new World(1);
    const ports = world.ports();
    const { cluster } = ports;
    world.fence();
    // A boot is to be let go: before that is answered its node is read once more, while the next look waits for Nova.
    world.rejoin('boot-0001-0001', nodeName('compute-2'));
    let reads = 0;
    let writes = 0;
    const evacuator = createEvacuator(
      {
        ...ports,
        cluster: {
          ...cluster,
          async readNodes() {
            const number = ++reads;
            const read = await cluster.readNodes();
            if (number === OF_THE_ACT) await world.clock.delay(20);
            if (number === OF_THE_LOOK || !losesQuorum || !read.known) return read;
            return known({ ...read.value, haveQuorum: number < OF_THE_ACT });
          },
          writePermanent(node, attribute, value) {
            writes++;
            return cluster.writePermanent(node, attribute, value);
          },
        },
      },
      { owner: 'controller-1:1', policy: () => DEFAULT_POLICY, domain: null },
    );
    void evacuator.run();
    await world.clock.advance(5_000);
    evacuator.stop();
    await world.clock.advance(30_000);
    return writes;
  };
  expect(await writesWhere(true)).toBe(0);
  expect(await writesWhere(false)).toBeGreaterThan(0);
});
