import { expect, it } from 'vitest';
import { type HostLook, type Look, NO_FACTS } from '../core/decision.ts';
import { serverId } from '../core/names.ts';
import type { EvacuationView, HostView } from '../core/observation.ts';
import { newMemory } from './memory.ts';
import { observe } from './observe.ts';
import { World } from './testing.ts';

/** A host whose one evacuation is done and was listed once; gives what the next look shows of it, after `change`. */
async function lookAgain(change: (world: World) => void): Promise<HostView | undefined> {
  const world = new World(1);
  world.fence('first');
  const [server] = world.servers;
  const evacuation: EvacuationView = {
    ...{ id: 7, server: server?.id ?? serverId(''), source: world.victimHost, dest: null },
    ...{ status: 'done', createdAt: world.nova(), updatedAt: world.nova() },
  };
  world.evacuations.push(evacuation);
  const memory = newMemory('controller-1:1', world.clock.time);
  const host: HostLook = {
    ...{ incident: 'first', since: world.nova(), evacuations: true, changes: false },
    ...{ listing: false, settle: false, traits: false, ports: false },
  };
  const look: Look = {
    ...{ services: false, facts: NO_FACTS, history: [], allocations: [] },
    hosts: new Map([[world.victimHost, host]]),
  };
  const run = async () => {
    const looked = observe(world.ports(), memory, look, null);
    await world.clock.advance(5_000);
    return looked;
  };
  await run();
  world.evacuations.splice(0);
  change(world);
  return (await run()).hosts.get(world.victimHost);
}

it('a list that lacks an evacuation of a server that is there shows nothing: its cell may be down', async () => {
  const view = await lookAgain(() => {});
  expect(view?.evacuations).toHaveLength(1);
  expect(view?.trouble).toContain('its list is not complete');
});

it('the evacuations of a server that was deleted are forgotten with it', async () => {
  const view = await lookAgain(({ servers }) => {
    for (const server of servers) Object.assign(server, { deleted: true });
  });
  expect(view?.evacuations).toEqual([]);
  expect(view?.trouble).toBeNull();
});
