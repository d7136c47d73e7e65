import { expect, it } from 'vitest';
import { type HostLook, NO_LOOK } from '../core/decision.ts';
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
