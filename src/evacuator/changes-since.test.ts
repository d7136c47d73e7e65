import { expect, it } from 'vitest';
import type { HostLook, Look } from '../core/decision.ts';
import { NO_LOOK } from '../core/decision.ts';
import { newMemory } from './memory.ts';
import { observe } from './observe.ts';
import type { Ports } from './ports.ts';
import { World } from './testing.ts';

/** How long Nova takes from reading its database to the date of its answer, ms. */
const BUSY_MS = 22_000;

it('the next reading of the changes begins where the last was asked for, however late Nova dates its answer', async () => {
  const world = new World(1);
  world.fence('first');
  const ports = world.ports();
  const since: number[] = [];
  const busy: Ports = {
    ...ports,
    cloud: {
      ...ports.cloud,
      listServersChanged: async (from) => {
        since.push(from);
        const answer = await ports.cloud.listServersChanged(from);
        await world.clock.delay(BUSY_MS);
        return answer.ok ? { ok: true, value: { ...answer.value, novaNow: world.nova() } } : answer;
      },
    },
  };
  const memory = newMemory('controller-1:1', world.clock.time);
  const begun = world.nova();
  const host: HostLook = {
    ...{ incident: 'first', since: begun, evacuations: true, changes: true },
    ...{ listing: false, settle: false, traits: false, ports: false },
  };
  const look: Look = {
    ...NO_LOOK,
    hosts: new Map([[world.victimHost, host]]),
  };
  for (const _ of ['first', 'second']) {
    const looked = observe(busy, memory, look, null);
    await world.clock.advance(BUSY_MS + 5_000);
    await looked;
  }
  expect(since[0]).toBe(begun);
  expect(since[1]).toBeGreaterThan(begun - 10_000);
  expect(since[1]).toBeLessThanOrEqual(begun + 1_000);
});
