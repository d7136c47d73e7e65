import { expect, it } from 'vitest';
import { NO_LOOK } from '../core/decision.ts';
import { type ServerId, serverId } from '../core/names.ts';
import { newMemory } from './memory.ts';
import { observe } from './observe.ts';
import { World } from './testing.ts';

it('Nova is asked where servers are, so many at a time; one that is gone is on no host, and one that it does not show is unknown', async () => {
  const world = new World(30);
  const ports = world.ports();
  const hidden = world.servers[1]?.id;
  const cloud: typeof ports.cloud = {
    ...ports.cloud,
    getServer: (id) =>
      id === hidden
        ? Promise.resolve({ ok: false, reason: 'HTTP 503', effect: 'none' })
        : ports.cloud.getServer(id),
  };
  const gone = serverId('gone');
  const ids = [gone, ...world.servers.map(({ id }) => serverId(id))];
  const memory = newMemory('controller-1:1', 0);
  const look = { ...NO_LOOK, whereabouts: ids };
  let answer: Awaited<ReturnType<typeof observe>> | null = null;
  void observe({ ...ports, cloud }, memory, look, null).then((seen) => {
    answer = seen;
  });
  await world.clock.advance(60_000);
  const seen = answer as Awaited<ReturnType<typeof observe>> | null;
  const of = (id: ServerId | undefined) => (id === undefined ? undefined : seen?.whereabouts.get(id)?.value);
  expect(seen?.whereabouts.size).toBe(20);
  expect(of(gone)).toEqual({ known: true, value: null });
  expect(of(ids[1])).toEqual({ known: true, value: world.victimHost });
  expect(of(ids[2])).toEqual({ known: false, reason: 'HTTP 503' });
});
