import { expect, it } from 'vitest';
import { hostName } from '../core/names.ts';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { World } from './testing.ts';
import { isOver, isReleased, start, until } from './testing-runs.ts';

const done = (...actions: readonly string[]) =>
  actions.map((action) => ({ action, hasFailed: false, startedAt: null }));

it('what an earlier incident has left in ERROR is stopped again if it had been stopped before that, and only then', async () => {
  const world = new World(2);
  const [stopped, running] = world.servers;
  if (stopped === undefined || running === undefined) throw new Error('no servers');
  for (const server of world.servers) server.vmState = 'error';
  world.actions.set(stopped.id, done('evacuate', 'stop', 'create'));
  world.actions.set(running.id, done('evacuate', 'start', 'stop', 'create'));
  start(world);
  world.fence('second');
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  expect(world.violations).toEqual([]);
  expect(stopped).toMatchObject({ host: 'compute-2', vmState: 'stopped' });
  expect(running).toMatchObject({ host: 'compute-2', vmState: 'active' });
});

it('... also where the host dies again before it is back', async () => {
  const world = new World(1);
  const [server] = world.servers;
  if (server === undefined) throw new Error('no server');
  server.vmState = 'stopped';
  world.actions.set(server.id, done('stop', 'create'));
  const { maxAttempts } = DEFAULT_POLICY.retry;
  world.fate = (n) => ({ spawnMs: 3_000, end: n < maxAttempts ? 'error' : 'done', answer: 'given' });
  start(world);
  world.fence('first');
  expect(await until(world, 300_000, () => isReleased(world))).toBe(true);
  expect(server).toMatchObject({ host: world.victimHost, vmState: 'error' });
  expect(isOver(world)).toBe(false);
  world.fence('second');
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  expect(server).toMatchObject({ host: 'compute-2', vmState: 'stopped' });
});

it('... and where Nova had started it by then, on a destination that died before it had arrived', async () => {
  const world = new World(1);
  const [server] = world.servers;
  if (server === undefined) throw new Error('no server');
  server.vmState = 'stopped';
  const { maxAttempts } = DEFAULT_POLICY.retry;
  world.fate = (n) => ({ spawnMs: 3_000, end: n < maxAttempts ? 'error' : 'done', answer: 'given' });
  start(world);
  world.fence('first');
  const failed = (): number => world.evacuations.filter(({ status }) => status === 'error').length;
  expect(await until(world, 300_000, () => failed() === maxAttempts)).toBe(true);
  server.vmState = 'active';
  expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
  world.fence('second');
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  expect(server).toMatchObject({ host: 'compute-2', vmState: 'stopped' });
});

it('... and where an evacuation of the earlier incident was still under way when it was seen first', async () => {
  const world = new World(1);
  const [server] = world.servers;
  if (server === undefined) throw new Error('no server');
  Object.assign(server, { vmState: 'error', taskState: 'rebuild_spawning' });
  world.actions.set(server.id, done('evacuate', 'stop', 'create'));
  const at = world.nova() - 5_000;
  const old = {
    ...{ id: 999, server: server.id, source: world.victimHost, dest: hostName('compute-2') },
    createdAt: at,
  };
  world.evacuations.push({ ...old, status: 'pre-migrating', updatedAt: at });
  start(world);
  world.fence('second');
  await world.clock.advance(20_000);
  Object.assign(server, { taskState: null });
  Object.assign(world.evacuations[0] ?? {}, { status: 'error', updatedAt: world.nova() });
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  expect(server).toMatchObject({ host: 'compute-2', vmState: 'stopped' });
});

it.each([
  false,
  true,
])('what nobody will say holds nothing up, and is named (Nova refuses the list: %s)', async (isRefused) => {
  const world = new World(1);
  if (isRefused) world.silent.add('actions');
  for (const server of world.servers) {
    server.vmState = 'error';
    world.actions.set(server.id, []);
  }
  start(world);
  world.fence('second');
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
  expect(world.servers[0]).toMatchObject({ host: 'compute-2', vmState: 'active' });
  const verdicts = world.reports.flatMap(({ verdicts }) => verdicts.flatMap(({ instances }) => instances));
  expect(JSON.stringify(verdicts)).toMatch(
    /whether it had been stopped before it came into ERROR is not known/,
  );
});

it.each([
  ['for one look', 1],
  ['for good', Number.POSITIVE_INFINITY],
])('nobody is asked for before it is known whether it had been stopped, or Nova has not said so %s', async (_how, times) => {
  const world = new World(1);
  const [server] = world.servers;
  if (server === undefined) throw new Error('no server');
  server.vmState = 'error';
  world.actions.set(server.id, done('evacuate', 'stop', 'create'));
  let asked = 0;
  start(world, DEFAULT_POLICY, (cloud) => ({
    listActions: async (id) =>
      asked++ < times ? { ok: false, reason: 'Nova answers 500', effect: 'none' } : cloud.listActions(id),
  }));
  world.fence('second');
  expect(await until(world, 300_000, () => isReleased(world))).toBe(true);
  expect(server).toMatchObject({ host: 'compute-2', vmState: times === 1 ? 'stopped' : 'active' });
});

it.each([
  'refused',
  'lost',
] as const)('a stop that is %s does not hold the host that it came from for ever', async (how) => {
  const world = new World(1);
  const [server] = world.servers;
  if (server === undefined) throw new Error('no server');
  server.vmState = 'stopped';
  world.fate = (n) => ({ spawnMs: 3_000, end: n === 0 ? 'failed' : 'done', answer: 'given' });
  start(world, DEFAULT_POLICY, () => ({
    stopServer: async () => {
      if (how === 'refused') return { ok: false, reason: 'the policy forbids it', effect: 'refused' };
      // nova/compute/api.py stop sets the task_state, and the message is lost.
      Object.assign(server, { taskState: 'powering-off', updatedAt: world.nova() });
      return { ok: true, value: null };
    },
  }));
  world.fence();
  await until(world, 60_000, () => server.host === 'compute-2');
  await world.clock.advance(30_000);
  expect(isReleased(world)).toBe(false);
  expect(await until(world, 600_000, () => isReleased(world))).toBe(true);
  const verdicts = world.reports.flatMap((report) => report.verdicts.flatMap(({ instances }) => instances));
  const said = verdicts.findLast(({ id, outcome }) => id === server.id && outcome === 'moved');
  expect(said?.text).toContain(
    `could not be stopped again: ${how === 'lost' ? 'its task_state stays' : 'the policy'}`,
  );
});
