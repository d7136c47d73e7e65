import { describe, expect, it } from 'vitest';
import { hostName, serverId } from '../core/names.ts';
import type { LiveMigrationView } from '../core/observation.ts';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { formatHistory, HISTORY_ATTRIBUTE } from '../core/records.ts';
import { World } from './testing.ts';
import { isReleased, start, until } from './testing-runs.ts';

/** Two instances, of which the first was being migrated alive when its host died. */
function moving(status: string): { world: World; server: World['servers'][number] } {
  const world = new World(2);
  const [server] = world.servers;
  if (server === undefined) throw new Error('no server');
  server.taskState = 'migrating';
  world.liveMigrations.set(server.id, migration(world, server.id, status));
  return { world, server };
}

function migration(world: World, server: LiveMigrationView['server'], status: string): LiveMigrationView {
  const at = world.nova() - 5_000;
  const dest = hostName('compute-2');
  return { id: 900, server, source: world.victimHost, dest, status, createdAt: at, updatedAt: at };
}

const ofServer = (world: World, id: string): number =>
  world.evacuations.filter(({ server }) => server === id).length;
const said = (world: World): string =>
  JSON.stringify(
    world.reports.flatMap(({ verdicts }) =>
      verdicts.flatMap(({ instances }) => instances.map((i) => i.text)),
    ),
  );

describe('an instance that was being migrated alive', () => {
  it('is not evacuated when its guest may have switched over, and holds nobody up', async () => {
    const { world, server } = moving('running');
    start(world);
    world.fence('second');
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    expect(ofServer(world, server.id)).toBe(0);
    expect(world.servers[1]).toMatchObject({ host: 'compute-2' });
    expect(said(world)).toMatch(/may run on compute-2.*evacuate it by hand/);
  });

  it('is evacuated as any other when the copy had not begun', async () => {
    const { world, server } = moving('preparing');
    start(world);
    world.fence('second');
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    expect(server).toMatchObject({ host: 'compute-2' });
    expect(world.violations).toEqual([]);
  });

  it('has moved when its destination saves itself as its host', async () => {
    const { world, server } = moving('running');
    start(world);
    world.fence('second');
    await world.clock.advance(8_000);
    Object.assign(server, { host: 'compute-2', taskState: null, updatedAt: world.nova() });
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    expect(ofServer(world, server.id)).toBe(0);
    expect(said(world)).not.toMatch(/evacuate it by hand/);
  });

  it.each([
    ['live-migration create', false],
    ['stop live-migration create', false],
    ['reboot live-migration create', true],
    ['evacuate live-migration create', true],
  ])('and whose host has been back since (%s) is evacuated when it dies again: %s', async (done, isEvacuated) => {
    const { world, server } = broken(done);
    const incidents = [{ id: 'first', at: 1, novaAt: 1 }];
    world.permanent.set(`${world.victim} ${HISTORY_ATTRIBUTE}`, formatHistory({ incidents }));
    await untilReleased(world);
    expect(ofServer(world, server.id)).toBe(isEvacuated ? 1 : 0);
  });

  it('and has been put into ERROR by that is left to a person at the first death of its host, too', async () => {
    const { world, server } = broken('live-migration create');
    server.vmState = 'error';
    await untilReleased(world);
    expect(ofServer(world, server.id)).toBe(0);
    expect(said(world)).toMatch(/ended in error: its guest may run on compute-2/);
  });

  it.each([
    ['completed', 'live-migration create', 0],
    ['running', 'live-migration create', 0],
    ['completed', 'evacuate live-migration create', 1],
    ['cancelled', 'live-migration create', 1],
  ])('and was %s, though Nova has it where it was, with %s since: %s evacuations', async (status, done, count) => {
    const { world, server } = broken(done, status);
    await untilReleased(world);
    expect(ofServer(world, server.id)).toBe(count);
    if (count === 0) expect(said(world)).toMatch(/was \w+, and Nova has it where it was before all the same/);
  });

  it('and has come back by another one is evacuated', async () => {
    const { world, server } = broken('live-migration live-migration create', 'completed');
    const away = world.liveMigrations.get(server.id);
    if (away?.dest == null) throw new Error('no live migration');
    world.liveMigrations.set(serverId('another'), away);
    world.liveMigrations.set(server.id, { ...away, id: 901, source: away.dest, dest: away.source });
    await untilReleased(world);
    expect(ofServer(world, server.id)).toBe(1);
  });

  it.each([
    ['failed', null],
    ['cancelled', null],
    ['preparing', 'migrating'],
  ])('is left to a person for an earlier one that ended in error, when the last one was %s', async (status, taskState) => {
    const { world, server } = broken('live-migration live-migration create');
    server.taskState = taskState;
    const first = migration(world, server.id, 'error');
    const last = { ...first, id: 901, status, dest: hostName('compute-3') };
    const moves = [last, first];
    start(world, DEFAULT_POLICY, () => ({
      listMovesAway: async () => ({ ok: true, value: moves }),
      lastLiveMigration: async (_id, newer) => ({ ok: true, value: moves[newer] ?? null }),
    }));
    world.fence('second');
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    expect(ofServer(world, server.id)).toBe(0);
    expect(said(world)).toMatch(/ended in error: its guest may run on compute-2/);
  });

  it('and has come back by nobody knows what is evacuated, where Nova tells nobody what was done with it', async () => {
    const { world, server } = broken('live-migration create', 'completed');
    world.silent.add('actions');
    await untilReleased(world);
    expect(ofServer(world, server.id)).toBe(1);
  });
});

/** Two instances, of which the first was last migrated alive, in vain. */
function broken(done: string, status = 'error'): { world: World; server: World['servers'][number] } {
  const { world, server } = moving(status);
  server.taskState = null;
  world.actions.set(
    server.id,
    done.split(' ').map((action) => ({ action, hasFailed: false, startedAt: null })),
  );
  return { world, server };
}

async function untilReleased(world: World): Promise<void> {
  start(world);
  world.fence('second');
  expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
}
