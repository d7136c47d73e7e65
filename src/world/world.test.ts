import { describe, expect, it } from 'vitest';
import { givers } from './allocations.ts';
import { setTransient } from './attributes.ts';
import type { Fact } from './facts.ts';
import { type HttpAnswer, serve } from './http.ts';
import { liveMigrate } from './live-migration.ts';
import { crash, powerOff, powerOn, setFeed } from './machines.ts';
import {
  type Agents,
  createWorld,
  DEFAULT_IMAGE,
  type InstanceSpec,
  machineOf,
  uuidOf,
  type World,
  type WorldSpec,
} from './model.ts';
import { pickHost, rebootServer, stopServer } from './nova.ts';
import { setTargetRole } from './remotes.ts';
import { advance, OBLIGING_AGENTS } from './testing.ts';
import { runPacemakerTool } from './tools/run.ts';

const SPEC: WorldSpec = {
  epoch: Date.parse('2026-01-01T00:00:00Z'),
  controllers: ['controller-1', 'controller-2', 'controller-3'],
  computes: ['compute-1', 'compute-2', 'compute-3'].map((node) => ({
    node,
    host: node,
    capacity: 10,
    bootMs: [5_000, 5_000],
  })),
  instances: [instance(1), instance(2, 'paused'), instance(3, 'stopped')],
  cluster: {
    detectMs: [3_000, 3_000],
    tokenMs: [1_000, 1_000],
    bmcMs: [300, 300],
    reconnectMs: [1_000, 1_000],
    recheckMs: 60_000,
    fencingAttempts: 10,
    holdRule: 'held',
    holdAgent: false,
    unfencing: false,
    powerFirst: true,
    novaStartMs: [1_000, 1_000],
    controllerBootMs: [10_000, 10_000],
  },
  nova: {
    release: 'zed',
    maxMicroversion: '2.93',
    maxLimit: 2,
    downTimeMs: 60_000,
    reportMs: 10_000,
    conductorMs: [100, 100],
    claimMs: [100, 100],
    spawnMs: [2_000, 2_000],
    finishMs: [500, 500],
    periodicMs: 60_000,
    skewMs: 0,
    groups: [],
    aggregates: [],
    flavors: [],
    images: [DEFAULT_IMAGE],
  },
  tokenLifeMs: 3_600_000,
};

function instance(index: number, vmState = 'active'): InstanceSpec {
  return {
    id: uuidOf(0x50, index),
    name: `vm-${index}`,
    host: 'compute-1',
    vmState,
    taskState: null,
    locked: false,
    storage: 'shared',
    group: null,
    projectId: 'p',
    flavor: 'small',
    metadata: {},
    tags: [],
  };
}

function newWorld(nova: Partial<WorldSpec['nova']> = {}): { world: World; facts: Fact[] } {
  const facts: Fact[] = [];
  const world = createWorld(
    { ...SPEC, nova: { ...SPEC.nova, ...nova } },
    {
      dice: () => 0.5,
      emit: (fact) => void facts.push(fact),
      agents: OBLIGING_AGENTS,
    },
  );
  world.keystone.tokens.set('t', Number.POSITIVE_INFINITY);
  return { world, facts };
}

function ask(world: World, method: string, url: string, body: unknown = null): HttpAnswer {
  const [path = '', query = ''] = url.split('?');
  const pairs = [...new URLSearchParams(query)];
  const headers = { 'x-auth-token': 't', 'openstack-api-version': 'compute 2.93' };
  return serve(world, {
    method,
    path: `/compute/v2.1${path}`,
    query: new Map(pairs),
    pairs,
    headers,
    body,
    by: 'test',
  });
}

const evacuate = (world: World, index: number): HttpAnswer =>
  ask(world, 'POST', `/servers/${uuidOf(0x50, index)}/action`, { evacuate: {} });
const serviceId = uuidOf(0xc0, 0);
const forceDown = (world: World, forced: boolean): HttpAnswer =>
  ask(world, 'PUT', `/os-services/${serviceId}`, { forced_down: forced });
const recordsOf = (
  world: World,
): { id: number; status: string; dest_compute: string | null; updated_at: string | null }[] =>
  (ask(world, 'GET', '/os-migrations?source_compute=compute-1').body as { migrations: [] }).migrations;

describe('Nova', () => {
  it('refuses a host that is up with 400 and an instance that is paused with 409', () => {
    const { world } = newWorld();
    expect(evacuate(world, 1).status).toBe(400);
    forceDown(world, true);
    expect(evacuate(world, 2).status).toBe(409);
    expect(evacuate(world, 99).status).toBe(404);
  });

  it('goes accepted, pre-migrating, done; the host changes at the very end', () => {
    const { world } = newWorld();
    powerOff(world, 'compute-1', 'test');
    forceDown(world, true);
    expect(evacuate(world, 1).status).toBe(200);
    expect(recordsOf(world)).toMatchObject([{ status: 'accepted', dest_compute: null, updated_at: null }]);
    advance(world, 300);
    expect(recordsOf(world)[0]?.status).toBe('pre-migrating');
    advance(world, 2_000);
    expect(world.nova.instances.get(uuidOf(0x50, 1))).toMatchObject({ host: 'compute-1', taskState: null });
    advance(world, 500);
    expect(recordsOf(world)[0]?.status).toBe('done');
    expect(world.nova.instances.get(uuidOf(0x50, 1))?.host).not.toBe('compute-1');
  });

  it('takes a second evacuation since Zed, and the guest runs twice; before it says 409', () => {
    const { world, facts } = newWorld();
    powerOff(world, 'compute-1', 'test');
    forceDown(world, true);
    evacuate(world, 1);
    advance(world, 250);
    expect(evacuate(world, 1).status).toBe(200);
    advance(world, 5_000);
    const hosts = facts.flatMap((fact) =>
      fact.kind === 'guest' && fact.state === 'running' ? [fact.host] : [],
    );
    expect(new Set(hosts).size).toBe(2);
    const older = newWorld({ release: 'yoga' }).world;
    forceDown(older, true);
    evacuate(older, 1);
    expect(evacuate(older, 1).status).toBe(409);
  });

  it('works on the oldest accepted record of an instance, one whose request has died with its destination too', () => {
    const { world } = newWorld();
    powerOff(world, 'compute-1', 'test');
    forceDown(world, true);
    evacuate(world, 1);
    advance(world, 150);
    const chosen = world.nova.migrations[0]?.sentTo ?? '';
    // It has received the message, and has not claimed yet.
    powerOff(world, chosen, 'test');
    const service = world.nova.services.get(chosen);
    ask(world, 'PUT', `/os-services/${service?.id}`, { forced_down: true });
    advance(world, 500);
    expect(recordsOf(world)).toMatchObject([{ status: 'accepted', dest_compute: null }]);
    evacuate(world, 1);
    advance(world, 3_000);
    const other = ['compute-2', 'compute-3'].find((name) => name !== chosen);
    const byAge = [...recordsOf(world)].sort((a, b) => a.id - b.id);
    expect(byAge).toMatchObject([
      { status: 'done', dest_compute: other },
      { status: 'accepted', dest_compute: null },
    ]);
    // What was claimed for the first stays beside what is claimed for the second.
    const [first] = world.nova.migrations;
    expect(first).toMatchObject({ sentTo: other, sentBefore: [chosen] });
    const path = `/placement/allocations/${first?.server}`;
    const { body } = serve(world, {
      ...{ method: 'GET', path, query: new Map(), pairs: [], headers: { 'x-auth-token': 't' }, body: null },
      by: 'test',
    });
    expect(Object.keys((body as { allocations: object }).allocations)).toHaveLength(3);
  });

  it('has Placement give a live migration what its instance has on the source, and the instance what was chosen', () => {
    const id = uuidOf(0x50, 1);
    for (const end of ['arrives', 'source dies', 'destination dies']) {
      const { world } = newWorld();
      expect(liveMigrate(world, id, null)).toBeNull();
      advance(world, 150);
      const [move] = world.nova.liveMigrations;
      const dest = move?.dest ?? '';
      const held = () => [id, move?.uuid ?? ''].map((consumer) => [...givers(world, consumer)]);
      expect(held()).toEqual([[dest], ['compute-1']]);
      if (end === 'source dies') powerOff(world, 'compute-1', 'test');
      if (end === 'destination dies') powerOff(world, dest, 'test');
      advance(world, 30_000);
      if (end === 'source dies') expect(held()).toEqual([[dest], ['compute-1']]);
      else expect(held()).toEqual([[end === 'arrives' ? dest : 'compute-1'], []]);
    }
  });

  it('ends a live migration in error whose guest an earlier one has taken away', () => {
    const { world } = newWorld();
    const id = uuidOf(0x50, 1);
    expect(world.machines.get('compute-1')?.guests.delete(id)).toBe(true);
    expect(liveMigrate(world, id, null)).toBeNull();
    advance(world, 30_000);
    expect(world.nova.liveMigrations).toMatchObject([{ status: 'error' }]);
    expect(world.nova.instances.get(id)).toMatchObject({
      host: 'compute-1',
      vmState: 'error',
      taskState: null,
    });
    expect([...world.machines.values()].some(({ guests }) => guests.has(id))).toBe(false);
  });

  it('does not clear forced_down while a done record names the host; its restart completes the record', () => {
    const { world, facts } = newWorld();
    powerOff(world, 'compute-1', 'test');
    forceDown(world, true);
    evacuate(world, 3);
    advance(world, 60_000);
    expect(facts.some((fact) => fact.kind === 'nova-compute' && fact.state === 'running')).toBe(true);
    expect(recordsOf(world)[0]?.status).toBe('completed');
    expect(world.nova.instances.get(uuidOf(0x50, 3))?.vmState).toBe('stopped');
    expect(forceDown(world, false).status).toBe(200);
    world.nova.migrations[0] = {
      ...(world.nova.migrations[0] as (typeof world.nova.migrations)[0]),
      status: 'done',
    };
    expect(forceDown(world, false).status).toBe(400);
  });

  it('stops what was being stopped when its nova-compute died, at its next start', () => {
    const { world } = newWorld();
    const id = uuidOf(0x50, 1);
    expect(stopServer(world, id)).toBeNull();
    powerOff(world, 'compute-1', 'test');
    advance(world, 1_000);
    expect(world.nova.instances.get(id)).toMatchObject({ vmState: 'active', taskState: 'powering-off' });
    // One in ERROR as well: the message lies in its queue.
    const inError = world.nova.instances.get(uuidOf(0x50, 2));
    if (inError) inError.vmState = 'error';
    expect(stopServer(world, uuidOf(0x50, 2))).toBeNull();
    advance(world, 60_000);
    expect(inError).toMatchObject({ vmState: 'stopped', taskState: null });
    expect(world.nova.instances.get(id)).toMatchObject({ vmState: 'stopped', taskState: null });
  });

  it('takes a hard reboot for a host that is down, and does it when nova-compute is back there', () => {
    const { world } = newWorld();
    const id = uuidOf(0x50, 1);
    powerOff(world, 'compute-1', 'test');
    advance(world, 1_000);
    expect(rebootServer(world, id)).toBeNull();
    expect(rebootServer(world, id)).toBeNull();
    const instance = world.nova.instances.get(id);
    expect(instance).toMatchObject({ vmState: 'active', taskState: 'rebooting_hard' });
    expect(instance?.actions.map(({ action }) => action).slice(-2)).toEqual(['reboot', 'reboot']);
    advance(world, 60_000);
    expect(instance).toMatchObject({ vmState: 'active', taskState: null });
    expect(world.machines.get('compute-1')?.guests.get(id)).toBe('running');
    if (instance) instance.taskState = 'rebuilding';
    expect(rebootServer(world, id)?.status).toBe(409);
  });

  it('gives at most a page, with a link to the next', () => {
    const { world } = newWorld();
    const first = ask(world, 'GET', '/servers/detail?host=compute-1').body as {
      servers: unknown[];
      servers_links: { href: string }[];
    };
    expect(first.servers).toHaveLength(2);
    const next = new URL(first.servers_links[0]?.href ?? '').search;
    const second = ask(world, 'GET', `/servers/detail${next}`).body as { servers: unknown[] };
    expect(second.servers).toHaveLength(1);
  });

  it('leaves a down cell out of filtered lists in silence; the services say so', () => {
    const { world } = newWorld();
    world.nova.cellDown = true;
    expect(ask(world, 'GET', '/servers/detail?host=compute-1').body).toEqual({ servers: [] });
    expect(ask(world, 'GET', '/os-services?binary=nova-compute').body).toMatchObject({
      services: [{ status: 'UNKNOWN' }, { status: 'UNKNOWN' }, { status: 'UNKNOWN' }],
    });
  });

  it('wants a token', () => {
    const { world } = newWorld();
    world.keystone.tokens.clear();
    expect(ask(world, 'GET', '/os-services').status).toBe(401);
  });
});

describe('Pacemaker', () => {
  it('fences a node that is lost, and forgets its transient attributes at loss and at rejoin', () => {
    const { world } = newWorld();
    setTransient(world, 'compute-1', 'evacuate', 'yes', 'test');
    powerOff(world, 'compute-1', 'test');
    advance(world, 3_100);
    expect(world.cluster.transient.get('evacuate')?.get('compute-1')).toBe(undefined);
    setTransient(world, 'compute-1', 'evacuate', 'yes', 'test');
    advance(world, 20_000);
    expect(world.cluster.remotes.get('compute-1')?.online).toBe(true);
    expect(world.cluster.transient.get('evacuate')?.get('compute-1')).toBe(undefined);
    expect(world.cluster.history.get('compute-1')?.[0]).toMatchObject({
      action: 'reboot',
      status: 'success',
    });
  });

  it('can fence nobody whose BMC has no power either, until the feed is live again', () => {
    const { world, facts } = newWorld();
    setFeed(world, 'compute-1', 'dead');
    advance(world, 100_000);
    const remote = world.cluster.remotes.get('compute-1');
    expect(remote).toMatchObject({ online: false, unclean: true, fenced: false });
    powerOn(world, 'compute-1', 'test');
    expect(machineOf(world, 'compute-1').power).toBe(false);
    expect(facts.some((fact) => fact.kind === 'fencing' && fact.step === 'fence_compute off')).toBe(false);
    setFeed(world, 'compute-1', 'live');
    advance(world, 66_000);
    expect(facts.some((fact) => fact.kind === 'fencing' && fact.step === 'fence_compute off')).toBe(true);
    expect(machineOf(world, 'compute-1').power).toBe(true);
  });

  it('calls no agent when somebody confirms a fencing; node_fenced says so until the node joins', () => {
    const { world, facts } = newWorld();
    const fenced = (): unknown => {
      const cib = runPacemakerTool(world, 'controller-1', 'cibadmin', ['--query', '--local']);
      const { stdout } = cib as { readonly stdout: string };
      return /uname="compute-1" in_ccm="(\w+)" node_fenced="(\d+)"/.exec(stdout)?.slice(1);
    };
    setFeed(world, 'compute-1', 'dead');
    advance(world, 10_000);
    expect(fenced()).toEqual(['false', '0']);
    runPacemakerTool(world, 'controller-1', 'stonith_admin', ['--confirm', 'compute-1']);
    advance(world, 100_000);
    expect(fenced()).toEqual(['false', expect.stringMatching(/^[1-9]/)]);
    expect(world.cluster.remotes.get('compute-1')?.unclean).toBe(false);
    expect(facts.some((fact) => fact.kind === 'fencing' && fact.step === 'fence_compute off')).toBe(false);
    setFeed(world, 'compute-1', 'live');
    powerOn(world, 'compute-1', 'test');
    advance(world, 20_000);
    expect(fenced()).toEqual(['true', '0']);
  });

  it('ends a fencing with the machine of its fencer, also before the others have missed that', () => {
    const { world, facts } = newWorld();
    powerOff(world, 'compute-1', 'test');
    advance(world, 3_100);
    const by = world.cluster.remotes.get('compute-1')?.fencing?.by ?? '';
    powerOff(world, by, 'test');
    const steps = () =>
      facts.flatMap((fact) => (fact.kind === 'fencing' ? [`${fact.node} ${fact.step}`] : []));
    advance(world, 900);
    expect(steps()).toEqual(['compute-1 begun']);
    // Another one does it once the membership has changed.
    advance(world, 3_000);
    expect(world.cluster.remotes.get('compute-1')?.unclean).toBe(false);
    expect(steps().filter((step) => step === 'compute-1 fence_compute off')).toHaveLength(1);
  });

  it('keeps the chain off a node while the attribute of the rule is defined', () => {
    const { world } = newWorld();
    world.cluster.permanent.set('compute-1', new Map([['held', 'yes']]));
    powerOff(world, 'compute-1', 'test');
    advance(world, 30_000);
    expect(world.nova.computes.get('compute-1')?.state).toBe('stopped');
    runPacemakerTool(world, 'controller-1', 'crm_attribute', [
      '--node',
      'compute-1',
      '--name',
      'held',
      '--lifetime',
      'forever',
      '--delete',
    ]);
    advance(world, 3_000);
    expect(world.nova.computes.get('compute-1')?.state).toBe('running');
  });

  it('has no quorum without a majority, and then fences nobody', () => {
    const { world } = newWorld();
    powerOff(world, 'controller-2', 'test');
    powerOff(world, 'controller-3', 'test');
    advance(world, 1_100);
    powerOff(world, 'compute-1', 'test');
    advance(world, 60_000);
    expect(machineOf(world, 'compute-1').power).toBe(false);
    const cib = runPacemakerTool(world, 'controller-1', 'cibadmin', ['--query', '--local']);
    expect(cib).toMatchObject({ stdout: expect.stringContaining('have-quorum="0"') });
  });

  it('answers attrd_updater as 2.1.5 does: 78 for an attribute that was never set, 102 where it does not run', () => {
    const { world } = newWorld();
    const query = ['-n', 'evacuate', '-A', '--output-as=xml'];
    expect(runPacemakerTool(world, 'controller-1', 'attrd_updater', query)).toMatchObject({ exitCode: 78 });
    const member = world.cluster.members.get('controller-1');
    if (member !== undefined) member.pacemaker = false;
    expect(runPacemakerTool(world, 'controller-1', 'attrd_updater', query)).toMatchObject({ exitCode: 102 });
  });
});

it('the scheduler admits for a group with the policy affinity only hosts of its members, and of these not the one that is left', () => {
  const group = 'group-1';
  const instances = [1, 2].map((index) => ({ ...instance(index), group }));
  const chosen = (policy: 'affinity' | 'soft-affinity', others: string | null): string | null => {
    const spec: WorldSpec = {
      ...SPEC,
      instances: instances.map((each, index) =>
        index === 1 ? { ...each, host: others, group: others === null ? null : group } : each,
      ),
      nova: { ...SPEC.nova, groups: [{ id: group, name: 'together', policy }] },
    };
    const world = createWorld(spec, { dice: () => 0, agents: {} as Agents, emit: () => {} });
    const [first] = world.nova.instances.values();
    if (first === undefined) throw new Error('no instance');
    return pickHost(world, first, { key: 1, source: 'compute-1' }, null);
  };
  expect(chosen('affinity', 'compute-3')).toBe('compute-3');
  expect(chosen('affinity', 'compute-1')).toBe(null);
  // It is the only one of its group.
  expect(chosen('affinity', null)).toBe(null);
  expect(chosen('soft-affinity', 'compute-1')).not.toBe(null);
});

it('the scheduler finds no host while Placement is down or failing', () => {
  for (const health of [{ up: false }, { failing: true }]) {
    const { world } = newWorld();
    forceDown(world, true);
    Object.assign(world.apis.placement, health);
    evacuate(world, 1);
    advance(world, 5_000);
    expect(recordsOf(world).map(({ status }) => status)).toEqual(['error']);
    expect(world.nova.instances.get(uuidOf(0x50, 1))).toMatchObject({ vmState: 'error', host: 'compute-1' });
    Object.assign(world.apis.placement, { up: true, failing: false });
    evacuate(world, 1);
    advance(world, 20_000);
    expect(recordsOf(world).map(({ status }) => status)).toEqual(['done', 'error']);
  }
});

describe('a node that is taken out of the cluster', () => {
  /** Whether it is fenced when it is taken out 2 s after a panic from which it has booted at once, or without one. */
  const isFenced = (hasPanicked: boolean): boolean => {
    const facts: Fact[] = [];
    const computes = SPEC.computes.map((compute) => ({ ...compute, bootMs: [500, 500] as const }));
    const agents = OBLIGING_AGENTS;
    const world = createWorld(
      { ...SPEC, computes },
      { dice: () => 0.5, agents, emit: (fact) => void facts.push(fact) },
    );
    const remote = world.cluster.remotes.get('compute-1');
    if (remote === undefined) throw new Error('no remote');
    if (hasPanicked) crash(world, 'compute-1', 500);
    advance(world, 2_000);
    expect(machineOf(world, 'compute-1').os).toBe('up');
    expect(setTargetRole(world, remote, 'controller-1', 'Stopped')).toBe(true);
    advance(world, 30_000);
    expect(remote.online).toBe(false);
    return facts.some((fact) => fact.kind === 'fencing' && fact.node === 'compute-1');
  };

  it('goes in order, and nothing of it is fenced', () => {
    expect(isFenced(false)).toBe(false);
  });

  it('is lost where its connection is one to an earlier boot', () => {
    expect(isFenced(true)).toBe(true);
  });
});
