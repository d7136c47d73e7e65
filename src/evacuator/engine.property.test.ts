import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hostName, nodeName, serverId } from '../core/names.ts';
import { DEFAULT_POLICY, type Policy } from '../core/policy.ts';
import { type Fate, World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

const DEAD = ['compute-1', 'compute-2'].map(nodeName);
const RESERVES = ['compute-6', 'compute-7'].map(hostName);
const REASON = 'reserved (spare)';

const metadata = fc.record(
  {
    'instance-ha:priority': fc.integer({ min: 0, max: 1100 }).map(String),
    'instance-ha:group': fc.constantFrom('a', 'b', 'c'),
    'instance-ha:after': fc.constantFrom('a', 'b', 'c', 'a,b'),
    'instance-ha:evacuate': fc.constantFrom('false', 'true'),
    HA_Enabled: fc.constantFrom('True', 'False'),
  },
  { requiredKeys: [] },
);
const instance = fc.record({
  onSecond: fc.boolean(),
  vmState: fc.constantFrom('active', 'active', 'stopped', 'error', 'paused'),
  metadata,
  group: fc.option(fc.nat(2), { nil: null }),
});
const fate: fc.Arbitrary<Fate> = fc.record({
  spawnMs: fc.integer({ min: 300, max: 20_000 }),
  end: fc.constantFrom('done', 'done', 'done', 'failed', 'error'),
  answer: fc.constantFrom('given', 'given', 'lost-after', 'lost-before', 'refused-connection'),
});
const fault = fc.record({
  atMs: fc.integer({ min: 0, max: 60_000 }),
  kind: fc.constantFrom('kill', 'cloud', 'pause', 'silence', 'second'),
  forMs: fc.integer({ min: 0, max: 20_000 }),
  what: fc.constantFrom('images', 'flavors', 'aggregates', 'server groups', 'ports'),
});
const changes = fc.record({
  reservedHosts: fc.boolean(),
  targetReserved: fc.boolean(),
  addToAggregate: fc.boolean(),
  waitForHigherRanks: fc.boolean(),
  shared: fc.boolean(),
  localDisk: fc.constantFrom<'evacuate' | 'skip'>('evacuate', 'skip'),
});

it(
  'whatever the policy and the faults, nobody is doubled, dropped or held for ever',
  { timeout: 300_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(instance, { maxLength: 12 }),
        fc.array(fate, { minLength: 1, maxLength: 10 }),
        fc.array(fault, { maxLength: 4 }),
        changes,
        async (instances, fates, faults, how) => {
          const { localDisk, shared, waitForHigherRanks, ...destinations } = how;
          const policy: Policy = {
            ...DEFAULT_POLICY,
            destinations,
            storage: { shared, localDisk },
            order: { ...DEFAULT_POLICY.order, waitForHigherRanks, readyMs: 5_000 },
          };
          const world = new World(0, 7);
          world.aggregates = [
            { id: 1, name: 'rack', availabilityZone: null, hosts: [hostName('compute-1')], metadata: {} },
          ];
          for (const host of RESERVES)
            world.services.set(host, { ...world.service(host), status: 'disabled', disabledReason: REASON });
          for (const [i, { onSecond, vmState, metadata }] of instances.entries())
            world.addServer(i, vmState, { metadata, host: hostName(onSecond ? 'compute-2' : 'compute-1') });
          world.serverGroups = [0, 1, 2].map((group) => ({
            id: `group-${group}`,
            policy: 'anti-affinity',
            members: world.servers
              .filter((_, i) => instances[i]?.group === group)
              .map(({ id }) => serverId(id)),
          }));
          // One bad end an instance and one dead destination, or the bound on attempts would rightly give it up.
          const badEnds = new Map<string, number>();
          world.fate = (n, server) => {
            const next = fates[n % fates.length] ?? { spawnMs: 1_000, end: 'done', answer: 'given' };
            const before = badEnds.get(server.id) ?? 0;
            const end = before < 1 ? next.end : 'done';
            if (end !== 'done') badEnds.set(server.id, before + 1);
            return { ...next, answer: n < 12 ? next.answer : 'given', end };
          };
          let process = start(world, policy);
          world.fence('first');
          let hasSecond = false;
          const begun = world.clock.time;
          for (const { atMs, kind, forMs, what } of [...faults].sort((a, b) => a.atMs - b.atMs)) {
            await world.clock.advance(Math.max(0, begun + atMs - world.clock.time));
            if (kind === 'kill') {
              process.kill();
              await world.clock.advance(forMs);
              process = start(world, policy);
            } else if (kind === 'cloud') {
              world.cloudDown = true;
              await world.clock.advance(forMs);
              world.cloudDown = false;
            } else if (kind === 'pause') {
              world.pause = { until: world.nova() + forMs, by: 'ada', why: 'works' };
            } else if (kind === 'silence') {
              world.silent.add(what);
              await world.clock.advance(forMs);
              world.silent.delete(what);
            } else if (!hasSecond) {
              hasSecond = true;
              world.fence('second', nodeName('compute-2'));
            }
          }
          if (!hasSecond) world.fence('second', nodeName('compute-2'));
          const all = (): boolean => DEAD.every((node) => isReleased(world, node));
          expect(await until(world, 1_800_000, all), world.log.slice(-20).join('\n')).toBe(true);
          expect(world.violations).toEqual([]);
          for (const [i, server] of world.servers.entries()) {
            const home = hostName(instances[i]?.onSecond ? 'compute-2' : 'compute-1');
            const isLeft =
              server.metadata['instance-ha:evacuate'] === 'false' ||
              (localDisk === 'skip' && !shared) ||
              server.vmState === 'paused';
            const others = [...world.services.keys()].filter((host) => !DEAD.includes(nodeName(host)));
            expect(isLeft ? [home] : others, `${server.name} ${server.vmState}`).toContain(server.host);
          }
          await world.clock.advance(30_000);
          for (const host of RESERVES) {
            const isUsed = world.evacuations.some(({ dest }) => dest === host);
            if (!isUsed)
              expect(world.service(host)).toMatchObject({ status: 'disabled', disabledReason: REASON });
            if (!isUsed) expect(world.aggregates[0]?.hosts).not.toContain(host);
          }
          process.evacuator.stop();
        },
      ),
      // A busy machine tries fewer, and does not fail by its slowness.
      { numRuns: 80, interruptAfterTimeLimit: 60_000 },
    );
  },
);
