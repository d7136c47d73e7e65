import { expect, it } from 'vitest';
import { hostName } from '../core/names.ts';
import { DEFAULT_POLICY, type Policy } from '../core/policy.ts';
import { EVACUATION_ATTRIBUTE, LOCAL_DISK_ATTRIBUTE } from '../core/records.ts';
import { World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

const spare = hostName('compute-4');

/** A world with a reserved host, and a policy that asks before a local disk is lost. */
function asked(): { readonly world: World; readonly policy: Policy } {
  const world = new World(2, 4);
  world.services.set(spare, { ...world.service(spare), status: 'disabled', disabledReason: 'reserved' });
  const policy: Policy = {
    ...DEFAULT_POLICY,
    destinations: { reservedHosts: true, addToAggregate: false, targetReserved: false },
    storage: { shared: false, localDisk: 'ask' },
  };
  return { world, policy };
}

const evacuate = (world: World): void =>
  void world.permanent.set(`${world.victim} ${LOCAL_DISK_ATTRIBUTE}`, 'evacuate first');

it('a reserved host that somebody has disabled for something else, while a person was asked, is not enabled', async () => {
  const { world, policy } = asked();
  start(world, policy);
  world.fence('first');
  await world.clock.advance(20_000);
  const theirs = { status: 'disabled', disabledReason: 'broken fan' } as const;
  world.services.set(spare, { ...world.service(spare), ...theirs });
  evacuate(world);
  expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
  expect(world.service(spare)).toMatchObject(theirs);
  expect(world.log.join('\n')).not.toMatch(/claiming/);
});

it('... nor one that an evacuator before this one has claimed', async () => {
  const { world, policy } = asked();
  const first = start(world, policy);
  evacuate(world);
  world.fence('first');
  const record = (): string => world.attribute(EVACUATION_ATTRIBUTE) ?? '';
  for (let ms = 0; ms < 5_000 && !record().includes(spare); ms += 5) await world.clock.advance(5);
  first.kill();
  expect(record()).toContain(spare);
  const theirs = { status: 'disabled', disabledReason: 'broken fan' } as const;
  world.services.set(spare, { ...world.service(spare), ...theirs });
  start(world, policy);
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  expect(world.service(spare)).toMatchObject(theirs);
});
