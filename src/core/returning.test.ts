import { expect, it } from 'vitest';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import { hostName, nodeName } from './names.ts';
import { type ClusterView, known, type Observation, unknown } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { disabledReason, type Outage, type PastIncident } from './records.ts';
import {
  A_CLUSTER,
  aHostView,
  aNode,
  anObservation,
  aRecord,
  aServer,
  aService,
  aTrace,
  someFacts,
} from './testing.ts';
import { done, evacuation } from './testing-evacuations.ts';

const PENDING = { state: 'pending', at: 0, failures: 0, message: '' } as const;
const RELEASED = { ...aRecord({ phase: 'returning' }), releasedAt: 10_000 };

function decided(servicesAt: number, more: Partial<Observation> = {}, record = RELEASED): Decision {
  const cluster: ClusterView = {
    ...A_CLUSTER,
    nodes: [aNode('compute-1', null, { evacuation: record })],
  };
  const back = aService('compute-1', {
    status: 'disabled',
    disabledReason: 'by an operator',
    updatedAt: 20_000,
  });
  const observation = anObservation({
    ...{ now: servicesAt, mono: servicesAt, begunAt: servicesAt, novaNow: servicesAt, servicesAt },
    cluster: known(cluster),
    services: known([back, aService('compute-2')]),
    owner: RELEASED.owner,
    ...more,
  });
  return decide(observation, DEFAULT_POLICY);
}

const closes = (...about: Parameters<typeof decided>): boolean =>
  decided(...about).commands.some(({ kind }) => kind === 'delete-evacuation');

it('a record is not closed while a request for its service may still take effect', () => {
  const { requestSettleMs } = DEFAULT_POLICY.timing;
  const unanswered = (host: string) => ({ unansweredChanges: new Map([[hostName(host), 15_000]]) });
  expect(closes(30_000)).toBe(true);
  expect(closes(30_000, unanswered('compute-1'))).toBe(false);
  expect(closes(30_000, unanswered('compute-2'))).toBe(true);
  expect(closes(15_000 + requestSettleMs, unanswered('compute-1'))).toBe(true);
  const under = (command: string) => ({ commands: new Map([[command, PENDING]]) });
  expect(closes(30_000, under('force-down:compute-1'))).toBe(false);
  expect(closes(30_000, under('force-down:compute-2'))).toBe(true);
});

it('... nor by a successor while one of the evacuator before it may', () => {
  const { takeoverSettleMs } = DEFAULT_POLICY.timing;
  for (const successor of [
    { ownerSince: 25_000, owner: 'controller-2:2' },
    // With the record its own by now: what was seen may be of before it was.
    { ownerSince: 25_000, inherited: new Set([nodeName('compute-1')]) },
  ]) {
    expect(closes(25_000 + takeoverSettleMs - 1, successor)).toBe(false);
    expect(closes(25_000 + takeoverSettleMs, successor)).toBe(true);
  }
  expect(closes(30_000, { ownerSince: 25_000 })).toBe(true);
});

it('... nor while an instance that was stopped may still arrive running', () => {
  const record = { ...RELEASED, stopped: ['11111111'] };
  expect(closes(30_000, {}, record)).toBe(false);
  expect(closes(RELEASED.releasedAt + 600_001, {}, record)).toBe(true);
});

it('... for ten minutes: then its report names it', () => {
  const late = RELEASED.releasedAt + 600_001;
  const server = aServer();
  const view = aHostView({
    incident: RELEASED.incident,
    servers: [server],
    evacuations: [evacuation({ server: server.id, status: 'accepted', dest: null })],
    ...{ followedAt: late, listedAt: late, changedAt: late, novaNow: late },
  });
  const hosts = new Map([[view.host, view]]);
  const record = { ...RELEASED, stopped: [server.id.slice(0, 8)] };
  expect(decided(late, { hosts }, record).reports).toMatchObject([
    { state: 'closed', text: expect.stringMatching(`stop them then: ${server.name}$`) },
  ]);
  expect(decided(late, { hosts }).reports[0]?.text).not.toContain('stop them');
});

const AT_2_60 = someFacts({ microversion: known({ max: '2.60', used: '2.60' }) });

it('a host whose service is deleted has nothing to give back; below 2.69 its cell may only not answer', () => {
  const services = known([aService('compute-2')]);
  expect(closes(30_000, { services })).toBe(true);
  const unknowns = [
    { services, facts: AT_2_60 },
    { services, facts: someFacts({ microversion: unknown('not asked yet') }) },
  ];
  for (const more of unknowns) expect(closes(30_000, more)).toBe(false);
  const { verdicts } = decided(30_000, { services, facts: AT_2_60 });
  expect(verdicts[0]?.text).toContain('its cell does not answer');
});

it('... nor has it when two hosts of Nova fit its name, of which either may be it', () => {
  const services = known([aService('compute-1.example'), aService('compute-1')]);
  expect(closes(30_000, { services, domain: 'example' })).toBe(false);
  const [verdict] = decided(30_000, { services, domain: 'example' }).verdicts;
  expect(verdict?.text).toContain('more than one compute host');
});

/** Whether a reserved host to which nothing came counts as given back; it was put into an aggregate, and is as it was before. */
function isGivenBack(servicesAt: number, listedAt: number, more: Partial<Observation> = {}): boolean {
  const spare = { host: hostName('compute-2'), reason: 'reserved', aggregate: 7 };
  const cluster: ClusterView = {
    ...A_CLUSTER,
    nodes: [aNode('compute-1', null, { online: false, evacuation: { ...RELEASED, reserves: [spare] } })],
  };
  const rack = { id: 7, name: 'rack', availabilityZone: null, hosts: [hostName('compute-1')], metadata: {} };
  const observation = anObservation({
    ...{ now: 60_000, mono: 60_000, begunAt: 60_000, novaNow: 60_000, servicesAt },
    cluster: known(cluster),
    services: known([
      aService('compute-1', { forcedDown: true, state: 'down' }),
      aService('compute-2', { status: 'disabled', disabledReason: 'reserved' }),
    ]),
    facts: someFacts({ aggregates: { value: known([rack]), mono: listedAt } }),
    owner: RELEASED.owner,
    ...more,
  });
  const { commands } = decide(observation, DEFAULT_POLICY);
  return commands.some((each) => each.kind === 'write-evacuation' && each.record.reserves.length === 0);
}

it('a reserved host is not given back while a request for it may still take effect', () => {
  const { requestSettleMs, takeoverSettleMs } = DEFAULT_POLICY.timing;
  const unanswered = (host: string) => ({ unansweredChanges: new Map([[hostName(host), 15_000]]) });
  const settledAt = 15_000 + requestSettleMs;
  expect(isGivenBack(30_000, 30_000)).toBe(true);
  expect(isGivenBack(30_000, 30_000, unanswered('compute-1'))).toBe(true);
  expect(isGivenBack(settledAt - 1, settledAt, unanswered('compute-2'))).toBe(false);
  expect(isGivenBack(settledAt, settledAt - 1, unanswered('compute-2'))).toBe(false);
  expect(isGivenBack(settledAt, settledAt, unanswered('compute-2'))).toBe(true);
  for (const kind of ['enable', 'join-aggregate'])
    expect(isGivenBack(30_000, 30_000, { commands: new Map([[`${kind}:compute-2`, PENDING]]) })).toBe(false);
  const successor = { ownerSince: 25_000 };
  const overAt = 25_000 + takeoverSettleMs;
  expect(isGivenBack(overAt - 1, overAt, successor)).toBe(false);
  expect(isGivenBack(overAt, overAt - 1, successor)).toBe(false);
  expect(isGivenBack(overAt, overAt, successor)).toBe(true);
});

it('... nor while Nova does not list it, where its cell may only not answer', () => {
  const services = known([aService('compute-1')]);
  const facts = { ...AT_2_60, aggregates: { value: known([]), mono: 30_000 } };
  expect(isGivenBack(30_000, 30_000, { services })).toBe(true);
  expect(isGivenBack(30_000, 30_000, { services, facts })).toBe(false);
});

it('... nor of an evacuator before this one that had claimed it for another host, whose claim goes first', () => {
  const spare = { host: hostName('compute-2'), reason: 'reserved', aggregate: null };
  const evacuation = { ...RELEASED, owner: 'controller-2:2', reserves: [spare] };
  const mine = aNode('compute-2', null, { online: false, evacuation });
  const theirs = aNode('compute-1', null, {
    online: false,
    evacuation: { ...RELEASED, owner: 'controller-1:1', reserves: [spare] },
  });
  const { takeoverSettleMs } = DEFAULT_POLICY.timing;
  /** The nodes whose record lets it go in a step. */
  const givenBy = (nodes: ClusterView['nodes'], servicesAt: number): readonly string[] => {
    const observation = anObservation({
      ...{ now: servicesAt, mono: servicesAt, begunAt: servicesAt, novaNow: servicesAt, servicesAt },
      cluster: known({
        ...A_CLUSTER,
        nodes,
      }),
      services: known([aService('compute-2', { status: 'disabled', disabledReason: 'reserved' })]),
      ...{ owner: 'controller-2:2', ownerSince: 25_000 },
    });
    const { commands } = decide(observation, DEFAULT_POLICY);
    return commands.flatMap((each) =>
      each.kind === 'write-evacuation' && each.record.reserves.length === 0 ? [each.node] : [],
    );
  };
  const settledAt = 25_000 + takeoverSettleMs;
  expect(givenBy([mine], settledAt - 1)).toEqual([]);
  expect(givenBy([mine], settledAt)).toEqual(['compute-2']);
  expect(givenBy([mine, theirs], settledAt - 1)).toEqual([]);
  expect(givenBy([mine, theirs], settledAt)).toEqual(['compute-1']);
  expect(givenBy([theirs, mine], settledAt)).toEqual(['compute-1']);
});

it('a reserved host is disabled again as it was only while nobody else may have disabled it since the last look', () => {
  const spare = { host: hostName('compute-2'), reason: 'reserved', aggregate: null };
  const evacuation = { ...RELEASED, reserves: [spare] };
  const disables = (ageMs: number): boolean => {
    const observation = anObservation({
      ...{ now: 60_000, mono: 60_000, begunAt: 60_000, novaNow: 60_000, servicesAt: 60_000 - ageMs },
      cluster: known({ ...A_CLUSTER, nodes: [aNode('compute-1', null, { online: false, evacuation })] }),
      services: known([aService('compute-1', { state: 'down' }), aService('compute-2')]),
      owner: RELEASED.owner,
    });
    const { commands, look } = decide(observation, DEFAULT_POLICY);
    const isDisabled = commands.some((each) => each.kind === 'disable' && each.host === spare.host);
    expect(look.services).toBe(!isDisabled);
    return isDisabled;
  };
  const { serviceAgeMs } = DEFAULT_POLICY.timing;
  expect(disables(serviceAgeMs)).toBe(true);
  expect(disables(serviceAgeMs + 1)).toBe(false);
});

it('... also after its own nova-compute has disabled it, and not after an operator has', () => {
  const spare = { host: hostName('compute-2'), reason: 'reserved', aggregate: null };
  const reasonsAfter = (disabledReason: string): readonly string[] => {
    const services = [
      aService('compute-1', { state: 'down' }),
      aService('compute-2', { status: 'disabled', disabledReason }),
    ];
    const { commands } = decided(30_000, { services: known(services) }, { ...RELEASED, reserves: [spare] });
    return commands.flatMap((each) => (each.kind === 'disable' ? [each.reason] : []));
  };
  expect(reasonsAfter('AUTO: Connection to libvirt lost: 1')).toEqual(['reserved']);
  expect(reasonsAfter('broken fan')).toEqual([]);
});

it('a host that its nova-compute has disabled is said to be so', () => {
  const own = aService('compute-1', {
    ...{ status: 'disabled', disabledReason: 'AUTO: Connection to libvirt lost: 1', updatedAt: 20_000 },
  });
  const { verdicts } = decided(30_000, { services: known([own, aService('compute-2')]) });
  expect(verdicts[0]?.text).toContain('back; its nova-compute has disabled it');
});

/** Whether the services are looked at, `ageMs` after they were, while nova-compute cleans up after so many guests. */
function asksAgain(ageMs: number, guests: number): boolean {
  const servicesAt = 100_000;
  const now = servicesAt + ageMs;
  const cluster: ClusterView = {
    ...A_CLUSTER,
    nodes: [aNode('compute-1', null, { evacuation: RELEASED, novaCompute: 'running' })],
  };
  const view = aHostView({ incident: 'i1', evacuations: Array.from({ length: guests }, () => done(5_000)) });
  const observation = anObservation({
    ...{ now, mono: now, begunAt: now, novaNow: now, servicesAt },
    cluster: known(cluster),
    services: known([aService('compute-1', { forcedDown: true, updatedAt: 5_000 }), aService('compute-2')]),
    hosts: new Map([[view.host, view]]),
  });
  return decide(observation, DEFAULT_POLICY).look.services;
}

it('whether nova-compute has reported is asked the more seldom, the more guests it has to clean up', () => {
  expect(asksAgain(3_000, 2)).toBe(false);
  expect(asksAgain(4_000, 2)).toBe(true);
  expect(asksAgain(9_000, 50)).toBe(false);
  expect(asksAgain(10_000, 50)).toBe(true);
  expect(asksAgain(10_000, 900)).toBe(true);
});

/** What is done with a host that is back, and that is forced down, `marked`: and that we have disabled. */
function forcedBack(notForcedAt: number, marked: boolean): readonly string[] {
  const now = 100_000;
  const record = { ...RELEASED, since: 5_000 };
  const cluster: ClusterView = {
    ...A_CLUSTER,
    nodes: [aNode('compute-1', null, { evacuation: record, novaCompute: 'running' })],
  };
  const disabled = { status: 'disabled', disabledReason: disabledReason('i1') } as const;
  const service = aService('compute-1', {
    ...{ state: 'down', forcedDown: true, updatedAt: 90_000 },
    ...(marked ? disabled : {}),
  });
  const view = aHostView({ incident: 'i1', followedAt: now, novaNow: now });
  const observation = anObservation({
    ...{ now, mono: now, begunAt: now, novaNow: now, servicesAt: now },
    cluster: known(cluster),
    services: known([service, aService('compute-2')]),
    hosts: new Map([[view.host, view]]),
    traces: new Map([[service.host, aTrace({ forceDownAt: 20_000, notForcedAt })]]),
  });
  return decide(observation, DEFAULT_POLICY).commands.map(({ kind }) => kind);
}

it('what somebody has forced down since we gave it back is left so, and our own marker goes all the same', () => {
  expect(forcedBack(10_000, true)).toEqual(['clear-forced-down']);
  expect(forcedBack(90_000, true)).toEqual(['enable']);
  expect(forcedBack(90_000, false)).toEqual(['delete-evacuation']);
});

/** What is done with a reserved host that is back after so many incidents, and what is said. */
function reservedBack(incidents: number, reservedHosts = true, disabledReason = 'spare; reserved') {
  const past = {
    incidents: Array.from({ length: incidents }, (_, i) => ({ id: `p${i}`, at: i, novaAt: i })),
  };
  const cluster: ClusterView = {
    ...A_CLUSTER,
    nodes: [aNode('compute-1', null, { evacuation: RELEASED, past })],
  };
  const service = aService('compute-1', { status: 'disabled', disabledReason, updatedAt: 20_000 });
  const now = 30_000;
  const observation = anObservation({
    ...{ now, mono: now, begunAt: now, novaNow: now, servicesAt: now },
    cluster: known(cluster),
    services: known([service, aService('compute-2')]),
    owner: RELEASED.owner,
  });
  const { destinations, ...rest } = DEFAULT_POLICY;
  const policy = { ...rest, destinations: { ...destinations, reservedHosts } };
  const { commands, verdicts } = decide(observation, policy);
  const [command] = commands.filter(({ kind }) => kind !== 'enable');
  return { command, text: verdicts[0]?.text };
}

it('a reserved host that has failed too often goes into quarantine, with what it was in its reason', () => {
  const { command, text } = reservedBack(5);
  expect(command).toMatchObject({
    kind: 'disable',
    reason: expect.stringMatching(/quarantine.*spare; reserved$/),
  });
  expect(text).toContain('it is no reserved host until a person disables it as before (spare; reserved)');
  expect(reservedBack(4).command).toMatchObject({ kind: 'delete-evacuation' });
  // Where reserved hosts are not ours to enable, the word is the operator's own.
  expect(reservedBack(5, false).command).toMatchObject({ kind: 'delete-evacuation' });
  const reason = command?.kind === 'disable' ? command.reason : '';
  const after = reservedBack(5, true, reason);
  expect(after.command).toMatchObject({ kind: 'delete-evacuation' });
  expect(after.text).toContain('left disabled (instance-ha: quarantine after 5 incidents');
});

/** What is done with a host of ours that is back, where one incident is enough for quarantine. */
function backAfter(
  past: readonly PastIncident[],
  outage: Outage | null,
  { ageMs = 0, forcedDown = false } = {},
): readonly string[] {
  const now = 30_000;
  const cluster: ClusterView = {
    ...A_CLUSTER,
    nodes: [
      aNode('compute-1', null, {
        evacuation: { ...RELEASED, outage },
        past: { incidents: past },
        online: true,
      }),
    ],
  };
  const disabled = { status: 'disabled', disabledReason: disabledReason('i1') } as const;
  const observation = anObservation({
    ...{ now, mono: now, begunAt: now, novaNow: now, servicesAt: now - ageMs },
    cluster: known(cluster),
    services: known([
      aService('compute-1', { ...disabled, updatedAt: 20_000, forcedDown }),
      aService('compute-2'),
    ]),
    hosts: new Map([
      [hostName('compute-1'), aHostView({ incident: RELEASED.incident, followedAt: now, novaNow: now })],
    ]),
    owner: RELEASED.owner,
  });
  const policy = { ...DEFAULT_POLICY, gates: { ...DEFAULT_POLICY.gates, quarantineIncidents: 1 } };
  return decide(observation, policy).commands.map(({ kind }) => kind);
}

it('whether a host belongs into quarantine is decided when its history has what it had just now', () => {
  const outage = { id: 'i1', at: 5_000 };
  expect(backAfter([], outage)).toEqual(['write-history']);
  expect(backAfter([{ ...outage, novaAt: 5_000 }], outage)).toEqual(['disable']);
  // A record of a version before does not say.
  expect(backAfter([], null)).toEqual(['enable']);
});

it('nothing is changed by an old list of the services: somebody may have disabled the host since', () => {
  const outage = { id: 'i1', at: 5_000 };
  const kept = [{ ...outage, novaAt: 5_000 }];
  const ageMs = DEFAULT_POLICY.timing.serviceAgeMs + 1;
  expect(backAfter(kept, outage, { ageMs })).toEqual([]);
  expect(backAfter([], null, { ageMs })).toEqual([]);
  expect(backAfter([], null, { forcedDown: true })).toEqual(['clear-forced-down']);
  expect(backAfter([], null, { forcedDown: true, ageMs })).toEqual([]);
});
