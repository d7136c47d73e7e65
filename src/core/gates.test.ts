import { describe, expect, it } from 'vitest';
import { newDraft } from './draft.ts';
import { gates } from './gates.ts';
import { hostName, nodeName } from './names.ts';
import {
  type ClusterView,
  type ControlServiceView,
  known,
  type NodeView,
  type Observation,
  type ServiceView,
} from './observation.ts';
import { DEFAULT_POLICY, type GatePolicy } from './policy.ts';
import { formatEvacuation, parseEvacuation } from './records.ts';
import { A_CLUSTER, aNode, anObservation, aRecord, aService, fact, someFacts } from './testing.ts';

const NOW = 1_000_000_000;
const RECORD = aRecord({ incident: 'i-compute-2' });

interface Some {
  readonly hosts?: number;
  /** How many of them have an incident, from the first on. */
  readonly dead?: number;
  readonly services?: (service: ServiceView, i: number) => ServiceView;
  readonly policy?: Partial<GatePolicy>;
  readonly reservedHosts?: boolean;
  readonly cluster?: Partial<ClusterView>;
  readonly observation?: Partial<Observation>;
}

/** What the gates say to the first host, and which are closed. */
function judged({
  hosts = 10,
  dead = 1,
  services,
  policy,
  reservedHosts = false,
  cluster,
  observation,
}: Some) {
  const names = Array.from({ length: hosts }, (_, i) => `compute-${i + 1}`);
  const nodes = names.map((name, i): NodeView => aNode(name, i < dead ? `i-${name}` : null));
  const view: ClusterView = {
    ...A_CLUSTER,
    nodes,

    ...cluster,
  };
  const its = names.map((name) => aService(name, { updatedAt: NOW }));
  const draft = newDraft(
    anObservation({
      now: NOW,
      novaNow: NOW,
      cluster: known(view),
      services: known(services === undefined ? its : its.map(services)),
      servicesAt: 0,
      ...observation,
    }),
    {
      ...DEFAULT_POLICY,
      gates: { ...DEFAULT_POLICY.gates, ...policy },
      destinations: { ...DEFAULT_POLICY.destinations, reservedHosts },
    },
  );
  const found = gates(draft, view);
  const gate = found.admit(nodeName('compute-1'), hostName('compute-1'));
  return { id: gate?.id ?? null, text: gate?.text ?? '', closed: draft.gates.map(({ id }) => id), found };
}

const down =
  (upTo: number) =>
  (service: ServiceView, i: number): ServiceView =>
    i < upTo ? { ...service, state: 'down' } : service;

describe('the threshold of failed hosts', () => {
  it('is a share, where there are enough hosts for one', () => {
    expect(judged({ hosts: 10, dead: 5 }).id).toBeNull();
    expect(judged({ hosts: 10, dead: 6 })).toMatchObject({
      id: 'failed-hosts',
      text: expect.stringContaining('6 of 10'),
    });
    expect(judged({ hosts: 4, dead: 3 }).id).toBeNull();
    expect(judged({ hosts: 10, dead: 6, policy: { maxFailedPercent: 0 } }).id).toBeNull();
  });

  it('is a number as well', () => {
    expect(judged({ dead: 3, policy: { maxFailedHosts: 3 } }).id).toBeNull();
    expect(judged({ dead: 4, policy: { maxFailedHosts: 3 } }).id).toBe('failed-hosts');
  });

  it('counts hosts that Nova has down, but not those that an operator has disabled', () => {
    expect(judged({ dead: 1, services: down(6) }).id).toBe('failed-hosts');
    const planned = (service: ServiceView, i: number): ServiceView =>
      i > 0 && i < 6 ? { ...service, state: 'down', status: 'disabled', disabledReason: 'works' } : service;
    expect(judged({ dead: 1, services: planned }).id).toBeNull();
  });

  it('is counted in each aggregate of the host', () => {
    const aggregate = { id: 1, name: 'rack-1', availabilityZone: null, metadata: {} };
    const rack = { ...aggregate, hosts: ['compute-1', 'compute-2', 'compute-9'].map(hostName) };
    const facts = someFacts({ aggregates: fact([rack]) });
    const limit = { maxFailedHostsPerAggregate: 1 };
    expect(judged({ dead: 1, policy: limit, observation: { facts } }).id).toBeNull();
    const two = judged({
      dead: 2,
      policy: limit,
      observation: { facts },
    });
    expect(two).toMatchObject({ id: 'failed-hosts', text: expect.stringContaining('rack-1') });
    const share = judged({
      dead: 2,
      policy: { maxFailedPercentPerAggregate: 50, shareFromHosts: 3 },
      observation: { facts },
    });
    expect(share.id).toBe('failed-hosts');
    const unread = someFacts({
      aggregates: { value: { known: false, reason: '503' }, mono: 0 },
    });
    expect(judged({ policy: limit, observation: { facts: unread } }).text).toContain('503');
  });
});

describe('the observer', () => {
  it('counts as blind when all look dead, or none has reported for long', () => {
    expect(judged({ services: down(10) }).id).toBe('blind');
    expect(judged({ services: down(9), policy: { maxFailedPercent: 0 } }).id).toBeNull();
    const old = (service: ServiceView): ServiceView => ({ ...service, updatedAt: NOW - 301_000 });
    expect(judged({ services: old })).toMatchObject({ id: 'blind', text: expect.stringContaining('5 min') });
    expect(judged({ services: old, policy: { staleReportsMs: 0 } }).id).toBeNull();
  });

  it('is not asked while nothing has happened', () => {
    expect(judged({ dead: 0, services: down(10) }).closed).not.toContain('blind');
  });
});

describe('a destination', () => {
  it('is an enabled host that is up and has not failed; a reserved one counts where they are used', () => {
    const only =
      (status: Partial<ServiceView>) =>
      (service: ServiceView, i: number): ServiceView =>
        i === 0
          ? service
          : { ...service, status: 'disabled', disabledReason: 'works', ...(i === 1 ? status : {}) };
    expect(judged({ hosts: 3, services: only({}) }).id).toBe('no-destination');
    expect(judged({ hosts: 3, services: only({ status: 'enabled' }) }).id).toBeNull();
    expect(judged({ hosts: 3, services: only({ status: 'enabled', forcedDown: true }) }).id).toBe(
      'no-destination',
    );
    expect(judged({ hosts: 3, dead: 2, services: only({ status: 'enabled' }) }).id).toBe('no-destination');
    const reserved = only({ disabledReason: 'reserved' });
    expect(judged({ hosts: 3, services: reserved }).id).toBe('no-destination');
    expect(judged({ hosts: 3, services: reserved, reservedHosts: true }).id).toBeNull();
    const deadToo = { hosts: 3, dead: 2, services: reserved, reservedHosts: true };
    expect(judged(deadToo).id).toBe('no-destination');
  });
});

describe('the scheduler and the conductor', () => {
  it('have to be up somewhere; one that is not known to be down does', () => {
    const control = (binary: ControlServiceView['binary'], more: Partial<ControlServiceView>[]) => {
      const others = ['nova-scheduler', 'nova-conductor'].filter((each) => each !== binary);
      const up = { host: 'controller-1', state: 'up', status: 'enabled', forcedDown: false } as const;
      const controlServices = known([
        ...others.map((each) => ({ ...up, binary: each as ControlServiceView['binary'] })),
        ...more.map((each, i) => ({ ...up, binary, host: `controller-${i + 1}`, ...each })),
      ]);
      return judged({ observation: { facts: someFacts({ controlServices }) } });
    };
    for (const [binary, id] of [
      ['nova-scheduler', 'no-scheduler'],
      ['nova-conductor', 'no-conductor'],
    ] as const) {
      expect(control(binary, [{ state: 'down' }, {}]).id).toBeNull();
      expect(control(binary, [{ state: 'down' }, { state: 'unknown' }]).id).toBeNull();
      expect(control(binary, [{ state: 'down' }, { forcedDown: true }]).id).toBe(id);
      expect(control(binary, []).id).toBe(id);
    }
    const unread = someFacts({ controlServices: { known: false, reason: '503' } });
    expect(judged({ observation: { facts: unread } }).id).toBeNull();
  });
});

describe('a pause', () => {
  it('holds until its end, and what can’t be read holds until somebody has looked', () => {
    const until = (ms: number) => ({ pause: { until: NOW + ms, by: 'ada', why: 'works' } });
    expect(judged({ cluster: until(1) })).toMatchObject({ id: 'paused', closed: ['paused'] });
    expect(judged({ cluster: until(0) }).id).toBeNull();
    expect(judged({ cluster: { pause: 'unreadable' } }).id).toBe('paused');
  });

  it('of one node holds that node, and no other', () => {
    const pause = { until: NOW + 1, by: 'ada', why: 'works' };
    const nodes = ['compute-1', 'compute-2'].map((name) => aNode(name, `i-${name}`));
    const paused = (at: number, its: NodeView['pause']) => ({
      hosts: 10,
      cluster: { nodes: nodes.map((node, i) => (i === at ? { ...node, pause: its } : node)) },
    });
    expect(judged(paused(0, pause))).toMatchObject({
      id: 'paused',
      text: 'paused by ada (works): no evacuation of compute-1 begins',
      closed: ['paused'],
    });
    expect(judged(paused(0, { ...pause, until: NOW })).closed).toEqual([]);
    expect(judged(paused(1, 'unreadable'))).toMatchObject({ id: null, closed: ['paused'] });
  });
});

describe('the hosts that begin', () => {
  it('are counted as they are let in', () => {
    const { found } = judged({ hosts: 30, dead: 5, policy: { startsPerInterval: 3 } });
    const more = [2, 3, 4].map(
      (i) => found.admit(nodeName(`compute-${i}`), hostName(`compute-${i}`))?.id ?? null,
    );
    expect(more).toEqual([null, null, 'starts-per-interval']);
  });

  it('counts from when the gates let a host begin, and not from the first look at it', () => {
    const heldFor = (ms: number): string | null => {
      const record = parseEvacuation(
        formatEvacuation({ ...RECORD, since: NOW - 60_000, begunAt: NOW - 60_000 + ms }),
      );
      const nodes = ['compute-1', 'compute-2'].map((name) => aNode(name, `i-${name}`));
      const cluster = { nodes: nodes.map((node, i) => (i === 1 ? { ...node, evacuation: record } : node)) };
      return judged({ hosts: 4, policy: { startsPerInterval: 1, maxFailedPercent: 0 }, cluster }).id;
    };
    expect(heldFor(0)).toBe(null);
    expect(heldFor(50_000)).toBe('starts-per-interval');
  });

  it('counts by Nova’s clock as it is now, and not as it was when the services were listed', () => {
    const { startIntervalMs } = DEFAULT_POLICY.gates;
    const record = { ...RECORD, begunAt: NOW };
    const at = (ageMs: number): string | null => {
      const nodes = ['compute-1', 'compute-2'].map((name) => aNode(name, `i-${name}`));
      const cluster = { nodes: nodes.map((node, i) => (i === 1 ? { ...node, evacuation: record } : node)) };
      const observation = { mono: 100_000 + ageMs, servicesAt: 100_000 };
      return judged({ hosts: 4, policy: { startsPerInterval: 1, maxFailedPercent: 0 }, cluster, observation })
        .id;
    };
    expect(at(startIntervalMs)).toBe('starts-per-interval');
    expect(at(startIntervalMs + 1)).toBe(null);
  });

  it('counts a host whose record is being written, but not against itself', () => {
    for (const state of ['pending', 'done'] as const) {
      // Done since the cluster was read.
      const command = { state, at: 60, failures: 0, message: '' };
      const { id, found } = judged({
        hosts: 10,
        dead: 2,
        policy: { startsPerInterval: 1 },
        observation: { commands: new Map([['write-evacuation:compute-1', command]]), begunAt: 50 },
      });
      expect(id).toBe(null);
      expect(found.admit(nodeName('compute-2'), hostName('compute-2'))?.id).toBe('starts-per-interval');
    }
  });
});
