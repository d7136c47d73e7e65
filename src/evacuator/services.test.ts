import { expect, it } from 'vitest';
import { type HostLook, NO_LOOK } from '../core/decision.ts';
import { novaAheadMs } from '../core/looks.ts';
import type { Observation } from '../core/observation.ts';
import { newMemory } from './memory.ts';
import { observe } from './observe.ts';
import { World } from './testing.ts';

const SLOW_MS = 20_000;

/** How old the list of the services is when all has been looked at, with a host whose look takes {@link SLOW_MS}. */
async function ageOfServices(servicesLast: boolean): Promise<number> {
  const world = new World(1);
  world.fence('first');
  const ports = world.ports();
  const cloud = {
    ...ports.cloud,
    async listEvacuations(...query: Parameters<typeof ports.cloud.listEvacuations>) {
      await world.clock.delay(SLOW_MS);
      return ports.cloud.listEvacuations(...query);
    },
  };
  const host: HostLook = {
    ...{ incident: 'first', since: world.nova(), evacuations: true, changes: false },
    ...{ listing: false, settle: false, traits: false, ports: false },
  };
  const look = { ...NO_LOOK, services: true, servicesLast, hosts: new Map([[world.victimHost, host]]) };
  const looked = observe({ ...ports, cloud }, newMemory('controller-1:1', world.clock.time), look, null);
  await world.clock.advance(2 * SLOW_MS);
  const { mono, servicesAt } = await looked;
  return mono - servicesAt;
}

it('the services by which one is to be changed are listed after all else, however long that takes', async () => {
  expect(await ageOfServices(false)).toBeGreaterThan(SLOW_MS / 2);
  expect(await ageOfServices(true)).toBeLessThan(1_000);
});

it('that are not answered leave Nova’s clock as it goes', async () => {
  const world = new World(1);
  const ports = world.ports();
  let isAway = true;
  const cloud = {
    ...ports.cloud,
    listServices: async () =>
      isAway ? { ok: false as const, reason: '503', effect: 'none' as const } : ports.cloud.listServices(),
  };
  const memory = newMemory('controller-1:1', world.clock.time);
  const look = async (): Promise<Observation> => {
    const looked = observe({ ...ports, cloud }, memory, { ...NO_LOOK, services: true }, null);
    await world.clock.advance(SLOW_MS);
    return looked;
  };
  expect(novaAheadMs(await look())).toBe(0);
  isAway = false;
  const answered = await look();
  expect(novaAheadMs(answered)).toBe(world.nova() - ports.clock.now());
  isAway = true;
  await look();
  const again = await look();
  expect(again.services.known).toBe(false);
  expect(novaAheadMs(again)).toBe(novaAheadMs(answered));
});
