import { expect, it } from 'vitest';
import { type HostLook, type Look, NO_LOOK } from '../core/decision.ts';
import type { EvacuationView, HostView } from '../core/observation.ts';
import { newMemory } from './memory.ts';
import { observe } from './observe.ts';
import { World } from './testing.ts';

interface Again {
  readonly servers?: number;
  /** What the evacuations are when first listed. */
  readonly evacuations?: Partial<EvacuationView>;
  /** The incident of the second look. */
  readonly incident?: string;
}

/** A host whose evacuations were listed once; gives what the next look, which lists none, shows of them, after `change`. */
async function lookAgain(
  change: (world: World) => void,
  { servers = 1, evacuations = {}, incident = 'first' }: Again = {},
): Promise<HostView | undefined> {
  const world = new World(servers);
  world.fence('first');
  for (const [i, server] of world.servers.entries()) {
    world.evacuations.push({
      ...{ id: 7 + i, server: server.id, source: world.victimHost, dest: null },
      ...{ status: 'done', createdAt: world.nova(), updatedAt: world.nova(), ...evacuations },
    });
  }
  const memory = newMemory('controller-1:1', world.clock.time);
  const run = async (of: string) => {
    const host: HostLook = {
      ...{ incident: of, since: world.nova(), evacuations: true, changes: false },
      ...{ listing: false, settle: false, traits: false, ports: false },
    };
    const look: Look = {
      ...NO_LOOK,
      hosts: new Map([[world.victimHost, host]]),
    };
    const looked = observe(world.ports(), memory, look, null);
    await world.clock.advance(5_000);
    return looked;
  };
  await run('first');
  world.evacuations.splice(0);
  change(world);
  return (await run(incident)).hosts.get(world.victimHost);
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

it('so is one that nobody has claimed yet, and its server is gone though Nova may go on to show it as soft-deleted', async () => {
  const evacuations = { status: 'accepted' };
  const alive = await lookAgain(() => {}, { evacuations });
  expect(alive?.trouble).toContain('its list is not complete');
  expect(alive?.servers).toMatchObject([{ deleted: false }]);
  const destroy = ({ servers }: World) => {
    for (const server of servers) Object.assign(server, { deleted: true });
  };
  const gone = await lookAgain(destroy, { evacuations });
  expect(gone?.trouble).toBeNull();
  expect(gone?.servers).toMatchObject([{ deleted: true }]);
});

it('what the host’s former incident had asked for is forgotten when the first list of this one lacks it', async () => {
  const accepted = { status: 'accepted' };
  const again = (incident: string) => lookAgain(() => {}, { evacuations: accepted, incident });
  expect((await again('first'))?.evacuations).toHaveLength(1);
  expect((await again('second'))?.evacuations).toEqual([]);
});

it('asks a few of those whose evacuations are not listed any more, and for the rest in later looks', async () => {
  const view = await lookAgain(
    ({ servers }) => {
      for (const server of servers) Object.assign(server, { deleted: true });
    },
    { servers: 45 },
  );
  expect(view?.evacuations).toHaveLength(25);
  expect(view?.trouble).toBeNull();
});
