import { describe, expect, it } from 'vitest';
import type { DrillEvent } from './events.ts';
import {
  beats,
  clusterTrouble,
  type DatabaseLook,
  diffAttributes,
  diffCluster,
  diffLooks,
  migrationRow,
  outstanding,
  type ServiceRow,
  serverRow,
  serviceRow,
  trackMigrations,
} from './observe.ts';
import type { ClusterStatus } from './parse.ts';

const DOWN_TIME_S = 6;
const service = (more: Partial<ServiceRow> = {}): ServiceRow => ({
  host: 'compute-1',
  forcedDown: false,
  enabled: true,
  reason: null,
  lastSeen: 1000,
  schedulable: true,
  ...more,
});
const look = (at: number, more: Partial<DatabaseLook> = {}): DatabaseLook => ({
  at,
  services: [service()],
  servers: [],
  migrations: [],
  ...more,
});
const migration = (id: number, status: string, createdAt = 1000) => ({
  id,
  server: 'a',
  status,
  source: 'compute-1',
  dest: null,
  createdAt,
});

describe('rows', () => {
  it('reads what the database client prints', () => {
    expect(serviceRow(['compute-1', '1', '0', 'NULL', '1763870000', '1'])).toEqual({
      host: 'compute-1',
      forcedDown: true,
      enabled: true,
      reason: null,
      lastSeen: 1763870000,
      schedulable: false,
    });
    expect(serviceRow(['c', 'NULL', '1', 'fan', 'NULL', '0'])).toMatchObject({
      enabled: false,
      reason: 'fan',
      lastSeen: null,
    });
    expect(serverRow(['u', 'NULL', 'active', 'rebuilding', '1'])).toMatchObject({
      host: null,
      taskState: 'rebuilding',
      locked: true,
    });
    expect(migrationRow(['7', 'u', 'done', 'a', 'b', '1763870000'])).toMatchObject({
      id: 7,
      dest: 'b',
      createdAt: 1763870000,
    });
  });
});

describe('diffLooks', () => {
  it('says nothing of the first look, nor when nothing changed', () => {
    expect(diffLooks(null, look(1), DOWN_TIME_S)).toEqual([]);
    expect(diffLooks(look(1001), look(1002), DOWN_TIME_S)).toEqual([]);
  });
  it('tells what changed', () => {
    const next = look(1001, {
      services: [service({ forcedDown: true, enabled: false, reason: 'x', schedulable: false })],
      servers: [{ id: 'a', host: 'compute-2', vmState: 'active', taskState: null, locked: false }],
      migrations: [migration(1, 'accepted')],
    });
    const events = diffLooks(look(1000), next, DOWN_TIME_S);
    expect(events.map((e) => (e.kind === 'service' ? `${e.fact}=${e.value}` : e.kind))).toEqual([
      'forcedDown=true',
      'enabled=false',
      'schedulable=false',
      'server',
      'migration',
    ]);
  });
  it('tells when heartbeats stop and come back', () => {
    expect(diffLooks(look(1005), look(1007), DOWN_TIME_S)).toMatchObject([{ fact: 'beats', value: false }]);
    const back = look(1020, { services: [service({ lastSeen: 1019 })] });
    expect(diffLooks(look(1019), back, DOWN_TIME_S)).toMatchObject([{ fact: 'beats', value: true }]);
    expect(beats(service({ lastSeen: null }), 1000, DOWN_TIME_S)).toBe(false);
  });
});

describe('trackMigrations', () => {
  it('follows a record to its end', () => {
    let tracks = trackMigrations(new Map(), look(1000, { migrations: [migration(1, 'accepted')] }));
    tracks = trackMigrations(tracks, look(1001, { migrations: [migration(1, 'pre-migrating')] }));
    expect(tracks.get(1)).toMatchObject({ lastLiveAt: 1001, endedAt: null });
    tracks = trackMigrations(tracks, look(1002, { migrations: [migration(1, 'done')] }));
    tracks = trackMigrations(tracks, look(1009, { migrations: [migration(1, 'completed')] }));
    expect(tracks.get(1)).toMatchObject({
      firstSeenAt: 1000,
      lastLiveAt: 1001,
      endedAt: 1002,
      status: 'completed',
    });
  });
  it('notes two records of a server at work in one look', () => {
    const tracks = trackMigrations(
      new Map(),
      look(1000, { migrations: [migration(1, 'pre-migrating'), migration(2, 'accepted')] }),
    );
    expect(tracks.get(1)?.liveWith).toEqual([2]);
    expect(tracks.get(2)?.liveWith).toEqual([1]);
  });
});

describe('attributes', () => {
  it('tells of values that come, change and go', () => {
    const was = new Map([['n', new Map([['evacuate', 'yes']])]]);
    const now = new Map([['n', new Map([['instance-ha-incident', 'v=1']])]]);
    expect(diffAttributes(null, now, 5)).toEqual([]);
    expect(diffAttributes(was, now, 5)).toEqual([
      { kind: 'attribute', at: 5, node: 'n', name: 'evacuate', value: null, was: 'yes' },
      { kind: 'attribute', at: 5, node: 'n', name: 'instance-ha-incident', value: 'v=1', was: null },
    ]);
  });
});

const status = (more: Partial<ClusterStatus> = {}): ClusterStatus => ({
  nodes: new Map([
    ['controller-1', 'online'],
    ['compute-1', 'online'],
  ]),
  started: new Map([
    ['compute-1', ['controller-1']],
    ['nova-evacuate', ['controller-1']],
    ['nova-compute', ['compute-1']],
    ['nova-compute-checkevacuate', ['compute-1']],
  ]),
  pending: [],
  failures: [],
  ...more,
});
const WHOLE = { nodes: ['controller-1', 'compute-1'], computes: ['compute-1'], agents: true };

describe('the cluster', () => {
  it('tells what changed', () => {
    const now = status({
      nodes: new Map([['compute-1', 'unclean']]),
      started: new Map([['nova-evacuate', []]]),
    });
    expect(diffCluster(status(), now, 7)).toEqual([
      { kind: 'cluster', at: 7, subject: 'node', name: 'compute-1', value: 'unclean', was: 'online' },
      {
        kind: 'cluster',
        at: 7,
        subject: 'resource',
        name: 'nova-evacuate',
        value: 'stopped',
        was: 'controller-1',
      },
    ]);
  });
  it('is whole, or says why not', () => {
    expect(clusterTrouble(status(), WHOLE)).toEqual([]);
    expect(clusterTrouble(null, WHOLE)).toHaveLength(1);
    expect(clusterTrouble(status({ nodes: new Map([['controller-1', 'online']]) }), WHOLE)).toEqual([
      'compute-1 is unknown',
    ]);
    expect(clusterTrouble(status({ pending: ['x Starting'] }), WHOLE)).toEqual(['under way: x Starting']);
    const stopped = status({
      started: new Map([
        ['nova-evacuate', []],
        ['nova-compute', []],
      ]),
    });
    expect(clusterTrouble(stopped, WHOLE)).toEqual([
      'nova-evacuate is stopped',
      'nova-compute is not started on compute-1',
      'nova-compute-checkevacuate is not started on compute-1',
    ]);
    const none = status({ started: new Map([['nova-compute', ['compute-1']]]) });
    expect(clusterTrouble(none, { ...WHOLE, agents: false })).toEqual([]);
  });
});

describe('outstanding', () => {
  const all = (more: Partial<DatabaseLook> = {}, own: Record<string, string> = {}, booted = true): string[] =>
    outstanding(
      {
        look: look(1001, more),
        attributes: new Map([['compute-1', new Map(Object.entries(own))]]),
        cluster: status(),
      },
      booted ? [{ kind: 'node', at: 1000, node: 'compute-1', what: 'BOOT' }] : [],
      ['compute-1'],
      DOWN_TIME_S,
      WHOLE,
    );
  it('is empty when the host is back and all is quiet', () => {
    expect(all()).toEqual([]);
    expect(all({}, { evacuate: 'no' })).toEqual([]);
  });
  it('does not wait for an evacuation whose destination died under it', () => {
    const onItsWay = { ...migration(1, 'pre-migrating'), dest: 'compute-2' };
    const dead = (at: number): DrillEvent => ({
      kind: 'bmc',
      at,
      node: 'compute-2',
      action: 'off',
      text: '',
    });
    const booted: DrillEvent = { kind: 'node', at: 1000, node: 'compute-1', what: 'BOOT' };
    const view = {
      look: look(1001, { migrations: [onItsWay] }),
      attributes: new Map(),
      cluster: status(),
    };
    const missing = (events: readonly DrillEvent[]): string[] =>
      outstanding(view, [booted, ...events], ['compute-1'], DOWN_TIME_S, WHOLE);
    expect(missing([])).toEqual(['1 evacuations under way']);
    expect(missing([dead(990)])).toEqual(['1 evacuations under way']);
    expect(missing([dead(1005)])).toEqual([]);
  });
  it('names the host where there are several', () => {
    const view = { look: look(1001), attributes: new Map(), cluster: status() };
    expect(outstanding(view, [], ['compute-1', 'compute-9'], DOWN_TIME_S, WHOLE)).toEqual([
      'compute-1: not booted',
      'compute-9: not booted',
      'compute-9: no service of compute-9',
    ]);
  });
  it('says what is missing', () => {
    expect(all({}, {}, false)).toEqual(['not booted']);
    expect(all({ migrations: [migration(1, 'accepted')] })).toEqual(['1 evacuations under way']);
    expect(all({ migrations: [migration(1, 'done')] })).toEqual([
      '1 evacuations not completed by nova-compute',
    ]);
    expect(
      all({ services: [service({ forcedDown: true, enabled: false, schedulable: false, lastSeen: 1 })] }),
    ).toHaveLength(4);
    expect(all({ services: [] })).toEqual(['no service of compute-1']);
    expect(
      all({}, { 'instance-ha-incident': 'x', 'instance-ha-evacuation': 'x', evacuate: 'yes' }),
    ).toHaveLength(3);
    expect(
      all({ servers: [{ id: 'a', host: null, vmState: 'active', taskState: 'rebuilding', locked: false }] }),
    ).toHaveLength(1);
  });
});
