import { expect, it } from 'vitest';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { INCIDENT_ATTRIBUTE } from '../core/records.ts';
import type { CloudPort } from './ports.ts';
import { World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

it('instances that no list showed while their cell was down are not forgotten', async () => {
  const world = new World(3);
  start(world);
  await world.clock.advance(5_000);
  world.fence();
  // The cell's database goes in the same moment: lists by host are short in silence, the services say so.
  const hidden = world.servers.splice(0);
  const service = world.service(world.victimHost);
  world.services.set(world.victimHost, { ...service, state: 'unknown' });
  await world.clock.advance(20_000);
  world.servers.push(...hidden);
  world.services.set(world.victimHost, { ...service, state: 'down' });
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  expect(world.servers.map((server) => server.host)).not.toContain(world.victimHost);
});

it.each([
  ['2.69', 'names them alone'],
  ['2.68', 'leaves them out'],
])('... nor those that it was down for in both looks, and back before the services were listed: %s %s', async (used) => {
  const world = new World(3);
  const host = world.victimHost;
  const hidden: typeof world.servers = [];
  let lists = 0;
  const isUnknown = (answer: Awaited<ReturnType<CloudPort['listServices']>>): typeof answer => {
    if (!answer.ok) return answer;
    const named = answer.value.items.map((each) =>
      each.host === host ? { ...each, state: 'unknown' as const } : each,
    );
    const items = used === '2.69' ? named : named.filter(({ state }) => state !== 'unknown');
    return { ...answer, value: { ...answer.value, items } };
  };
  start(world, DEFAULT_POLICY, (cloud) => {
    const listServices: typeof cloud.listServices = async () => {
      const answer = await cloud.listServices();
      if (hidden.length > 0) return isUnknown(answer);
      if (lists === 0 && world.attribute(INCIDENT_ATTRIBUTE) !== undefined)
        hidden.push(...world.servers.splice(0));
      return answer;
    };
    const listServersOn: typeof cloud.listServersOn = async (name, ...rest) => {
      const answer = await cloud.listServersOn(name, ...rest);
      if (name === host && ++lists === 2) world.servers.push(...hidden.splice(0));
      return answer;
    };
    const microversion = async () => ({ ok: true, value: { max: used, used } }) as const;
    return { listServices, listServersOn, microversion };
  });
  await world.clock.advance(5_000);
  world.fence();
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  expect(lists).toBeGreaterThan(2);
  expect(world.servers.map((server) => server.host)).not.toContain(host);
});
