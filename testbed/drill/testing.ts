/** A drill in which all went well, made up; tests spoil one thing at a time. */
import { castOf, expectedStates, hasToMove, isLocked } from './cast.ts';
import type { DrillEvent } from './events.ts';
import type { Facts, ScenarioName, Snapshot, Subject } from './facts.ts';
import type { MigrationTrack } from './observe.ts';
import { noNotes } from './scenarios.ts';

export const T0 = 1_800_000_000;
export const VICTIM = 'compute-1';
export const ELSEWHERE = 'compute-2';
export const CONTROLLER = '10.99.0.11';

/** A UUID with this number in it. */
export const uuid = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

const snapshot = (
  n: number,
  host: string,
  vmState: string,
  locked: boolean,
  floating: boolean,
): Snapshot => ({
  host,
  vmState,
  taskState: null,
  locked,
  flavor: 'm1.testbed',
  fixed: [`172.30.0.${n}`],
  floating: floating ? [`198.18.0.${n}`] : [],
  boundTo: host,
});

export const goodSubjects = (): Subject[] =>
  castOf(12).map(({ name, role, floating }, index) => {
    const n = index + 1;
    const { before, after } = expectedStates(role);
    const moves = hasToMove(role);
    return {
      id: uuid(n),
      name,
      role,
      before: snapshot(n, VICTIM, before, isLocked(role), floating),
      after: snapshot(n, moves ? ELSEWHERE : VICTIM, moves ? after : 'stopped', isLocked(role), floating),
    };
  });

const request = (at: number, server: string): DrillEvent => ({
  kind: 'request',
  at: T0 + at,
  client: CONTROLLER,
  method: 'POST',
  path: `/v2.1/servers/${server}/action`,
  status: 200,
  seconds: 0.2,
});

/** The events of a drill, in order. */
export function goodEvents(): DrillEvent[] {
  const moving = goodSubjects().filter((s) => s.role !== null && hasToMove(s.role));
  const v = VICTIM;
  const alert = { kind: 'alert', rc: '', targetRc: '', resource: '', task: '', node: v } as const;
  return [
    { kind: 'fault', at: T0 + 0.01, text: 'FAULT' },
    { kind: 'cluster', at: T0 + 4.2, subject: 'node', name: v, value: 'unclean', was: 'online' },
    {
      ...alert,
      at: T0 + 4,
      alert: 'resource',
      resource: v,
      task: 'monitor',
      rc: '1',
      targetRc: '0',
      text: 'Timed Out',
    },
    { kind: 'bmc', at: T0 + 5, node: v, action: 'off', text: 'power off done' },
    { kind: 'attribute', at: T0 + 5.6, node: v, name: 'instance-ha-incident', value: 'v=1', was: null },
    { kind: 'attribute', at: T0 + 5.7, node: v, name: 'evacuate', value: 'yes', was: null },
    { kind: 'service', at: T0 + 5.9, host: v, fact: 'forcedDown', value: true, reason: 'instance-ha' },
    { kind: 'service', at: T0 + 5.9, host: v, fact: 'enabled', value: false, reason: 'instance-ha' },
    { kind: 'service', at: T0 + 6.9, host: v, fact: 'schedulable', value: false, reason: 'instance-ha' },
    ...moving.map((s, i) => request(6 + i, s.id)),
    { kind: 'service', at: T0 + 7, host: v, fact: 'beats', value: false, reason: null },
    { kind: 'node', at: T0 + 8, node: v, what: 'BOOT' },
    { kind: 'cluster', at: T0 + 12, subject: 'node', name: v, value: 'online', was: 'unclean' },
    ...moving.map(
      (s, i): DrillEvent => ({
        kind: 'server',
        at: T0 + 8 + i,
        server: s.id,
        host: ELSEWHERE,
        vmState: s.after?.vmState ?? '',
        taskState: null,
      }),
    ),
    ...moving.map(
      (s, i): DrillEvent => ({
        kind: 'migration',
        at: T0 + 8 + i,
        id: 100 + i,
        server: s.id,
        status: 'done',
        was: 'pre-migrating',
        source: v,
        dest: ELSEWHERE,
      }),
    ),
    { kind: 'attribute', at: T0 + 20, node: v, name: 'instance-ha-incident', value: null, was: 'v=1' },
    { kind: 'node', at: T0 + 22, node: v, what: 'EXEC' },
    { kind: 'service', at: T0 + 26, host: v, fact: 'beats', value: true, reason: null },
    ...moving.map(
      (s, i): DrillEvent => ({
        kind: 'migration',
        at: T0 + 27,
        id: 100 + i,
        server: s.id,
        status: 'completed',
        was: 'done',
        source: v,
        dest: ELSEWHERE,
      }),
    ),
    { kind: 'service', at: T0 + 28, host: v, fact: 'forcedDown', value: false, reason: null },
    { kind: 'service', at: T0 + 29, host: v, fact: 'enabled', value: true, reason: null },
    { kind: 'service', at: T0 + 29.5, host: v, fact: 'schedulable', value: true, reason: null },
  ];
}

const goodMigrations = (): MigrationTrack[] =>
  goodSubjects()
    .filter((s) => s.role !== null && hasToMove(s.role))
    .map((s, i) => ({
      id: 100 + i,
      server: s.id,
      source: VICTIM,
      dest: ELSEWHERE,
      createdAt: T0 + 6 + i,
      status: 'completed',
      firstSeenAt: T0 + 6 + i,
      lastLiveAt: T0 + 7.8 + i,
      endedAt: T0 + 8 + i,
      liveWith: [],
    }));

export function goodFacts(scenario: ScenarioName = 'power-loss'): Facts {
  const subjects = goodSubjects();
  const moving = subjects.filter((s) => s.role !== null && hasToMove(s.role));
  const paused = subjects.find((s) => s.role === 'paused');
  const control = snapshot(99, 'compute-3', 'active', false, false);
  const service = { forcedDown: false, enabled: true, reason: null, lastSeen: T0 + 40, schedulable: true };
  return {
    scenario,
    plan: {
      victim: VICTIM,
      victims: [VICTIM],
      t0: T0,
      moving: moving.map((s) => ({
        id: s.id,
        name: s.name,
        from: s.before.host ?? '',
        expected: s.after?.vmState ?? '',
      })),
      offFromStart: false,
      controllers: new Set([CONTROLLER, '10.99.0.12', '10.99.0.13']),
    },
    endedAt: T0 + 40,
    settled: true,
    limitS: 300,
    spawnDelayS: 0,
    subjects,
    controls: [
      { id: uuid(99), name: 'drill-control-compute-3', role: null, before: control, after: control },
    ],
    operator: { host: 'compute-3', reason: 'operator: broken fan' },
    reserve: null,
    services: [
      { host: VICTIM, ...service },
      { host: ELSEWHERE, ...service },
      { host: 'compute-3', ...service, enabled: false, reason: 'operator: broken fan', schedulable: false },
    ],
    beating: new Set([VICTIM, ELSEWHERE, 'compute-3']),
    guests: subjects.map((s) => ({
      host: s.after?.host ?? '',
      powered: true,
      server: s.id,
      state: s.after?.vmState === 'active' ? 'running' : 'shutdown',
    })),
    migrations: goodMigrations(),
    events: goodEvents(),
    attributes: new Map([[VICTIM, new Map([['evacuate', 'no']])]]),
    productLines: [
      {
        at: T0 + 7,
        controller: 'controller-1',
        node: VICTIM,
        server: paused?.id ?? '',
        text: 'cannot: Nova does not evacuate it',
      },
    ],
    statusTexts: [],
    clusterTrouble: [],
    addresses: new Map([[CONTROLLER, 'controller-1']]),
    longestGapS: 0.4,
    notes: noNotes(),
  };
}

/** The env file of a rig that is nowhere. */
export const RIG_ENV = [
  'TESTBED_DIR=/t',
  'TESTBED_CONTROLLERS=controller-1,controller-2,controller-3',
  'TESTBED_COMPUTES=compute-1,compute-2,compute-3',
  'TESTBED_NET=10.99.0',
  ...[
    'NODES_DIR',
    'CLOUD_RC',
    'SEED',
    'MYSQL_SOCKET',
    'NOVA_API_LOG',
    'JOURNAL',
    'GUESTS_DIR',
    'POWER_DIR',
  ].map((key) => `TESTBED_${key}=/x/${key}`),
  ...['CTL_DIR', 'EVENTS', 'ALERT_LOG', 'CHASSIS_LOG', 'CLOUD_IP', 'NOVA_PORT'].map(
    (key) => `TESTBED_${key}=/x/${key}`,
  ),
].join('\n');
