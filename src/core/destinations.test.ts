import { describe, expect, it } from 'vitest';
import { decideReserve, foreseeReserves, type Reserve } from './destinations.ts';
import { type Draft, newDraft } from './draft.ts';
import { hostName } from './names.ts';
import { known, type Observation, type ServiceView } from './observation.ts';
import { DEFAULT_POLICY, type DestinationPolicy } from './policy.ts';
import { reservedQuarantineReason } from './quarantine.ts';
import type { ReserveClaim } from './records.ts';
import { A_CLUSTER, aNode, anObservation, aRecord, aService, aTrace, fact, someFacts } from './testing.ts';

const DEAD = ['compute-1', 'compute-2'];

interface Some {
  readonly observation?: Partial<Observation>;
  /** The reserved hosts, by name, each with what is special about it. */
  readonly spares?: Readonly<Record<string, Partial<ServiceView>>>;
  /** Spares that have an incident themselves, and those that are on their way back from as many as quarantine allows. */
  readonly fallen?: readonly string[];
  readonly failing?: readonly string[];
  /** ... and spares that are back from as many. */
  readonly worn?: readonly string[];
  /** Spares that were claimed when they died themselves, and are being made reserved ones again. */
  readonly given?: readonly string[];
  readonly aggregates?: Readonly<Record<string, readonly string[]>>;
  /** What this one and the other host that has died have claimed. */
  readonly own?: readonly ReserveClaim[];
  readonly others?: readonly ReserveClaim[];
  readonly destinations?: Partial<DestinationPolicy>;
}

/** What is decided for the first host, of which two have died. */
function decided(some: Some): { readonly reserve: Reserve; readonly draft: Draft } {
  const { observation, spares = { 'compute-3': {} }, fallen = [], failing = [], given = [] } = some;
  const { worn = [], aggregates = {}, others = [] } = some;
  const names = [...DEAD, ...Object.keys(spares)];
  const nodes = names.map((name) => {
    const node = aNode(name, [...DEAD, ...fallen].includes(name) ? `i-${name}` : null);
    const past = { incidents: Array.from({ length: 5 }, (_, i) => ({ id: `p${i}`, at: i, novaAt: i })) };
    if (worn.includes(name)) return { ...node, past };
    if (failing.includes(name)) {
      return { ...node, evacuation: aRecord({ phase: 'returning' }), past };
    }
    if (given.includes(name)) {
      const claim = { host: hostName(name), reason: 'reserved', aggregate: null };
      return { ...node, evacuation: aRecord({ phase: 'returning', reserves: [claim] }) };
    }
    return name === 'compute-2' ? { ...node, evacuation: aRecord({ reserves: others }) } : node;
  });
  const cluster = {
    ...A_CLUSTER,
    nodes,
  };
  const spare = { status: 'disabled', disabledReason: 'reserved' } as const;
  const services = names.map((name) => {
    const more = spares[name];
    return aService(name, more === undefined ? {} : { ...spare, ...more });
  });
  const views = Object.entries(aggregates).map(([name, hosts], i) => ({
    id: i + 1,
    name,
    availabilityZone: null,
    hosts: hosts.map(hostName),
    metadata: {},
  }));
  const draft = newDraft(
    anObservation({
      cluster: known(cluster),
      services: known(services),
      servicesAt: 0,
      facts: someFacts({ aggregates: fact(views) }),
      ...observation,
    }),
    {
      ...DEFAULT_POLICY,
      destinations: {
        reservedHosts: true,
        addToAggregate: false,
        targetReserved: false,
        ...some.destinations,
      },
    },
  );
  const [node] = nodes;
  const [service] = services;
  if (node === undefined || service === undefined) throw new Error('no first host');
  const record = aRecord({ incident: 'i-1', reserves: some.own ?? [] });
  const reserve = decideReserve(draft, { node, service, record, cluster, claimed: new Set() });
  return { reserve, draft };
}

/** The claim that is written, or null. */
function claimOf(some: Some): ReserveClaim | null {
  const [command] = decided(some).draft.commands;
  return command?.kind === 'write-evacuation' ? (command.record.reserves[0] ?? null) : null;
}

describe('the reserved host that is claimed', () => {
  it('is one of the zone of the dead host, else of an aggregate of it, and none of another zone otherwise', () => {
    const spares = { 'compute-3': { zone: 'west' }, 'compute-4': {}, 'compute-5': { zone: 'west' } };
    const across = { rack: ['compute-1', 'compute-5'] };
    expect(claimOf({ spares, aggregates: across })?.host).toBe('compute-4');
    const { 'compute-4': _own, ...west } = spares;
    expect(claimOf({ spares: west, aggregates: across })?.host).toBe('compute-5');
    const near = { ...spares, 'compute-6': {} };
    expect(claimOf({ spares: near, aggregates: { rack: ['compute-1', 'compute-6'] } })?.host).toBe(
      'compute-6',
    );
    expect(claimOf({ spares, aggregates: { rack: ['compute-2', 'compute-5'] } })?.host).toBe('compute-4');
    const { reserve } = decided({ spares: { 'compute-3': { zone: 'west' }, 'compute-4': { zone: null } } });
    expect(reserve).toMatchObject({ kind: 'ready', text: expect.stringContaining('no reserved host') });
    expect(claimOf({ spares: { 'compute-3': { disabledReason: 'unreserved' } } })).toBeNull();
  });

  it.each([
    { zone: 'nova', target: 'compute-3' },
    { zone: 'west', target: null },
  ])('is named in the request where it is of the zone of the dead host: $zone', ({ zone, target }) => {
    const own = [{ host: hostName('compute-3'), reason: 'reserved', aggregate: null }];
    const spares = { 'compute-3': { zone, status: 'enabled', disabledReason: null } } as const;
    const { reserve } = decided({ spares, own, destinations: { targetReserved: true } });
    expect(reserve).toMatchObject({ kind: 'ready', target });
  });

  it('is to join the aggregate of the dead host on request, unless it is in one of them', () => {
    const destinations = { addToAggregate: true };
    const aggregates = { ssd: ['compute-1'], rack: ['compute-1', 'compute-2'] };
    expect(claimOf({ aggregates })).toMatchObject({ host: 'compute-3', aggregate: null });
    expect(claimOf({ aggregates, destinations })).toMatchObject({ host: 'compute-3', aggregate: 1 });
    const near = { ...aggregates, rack: ['compute-1', 'compute-3'] };
    expect(claimOf({ aggregates: near, destinations })).toMatchObject({ host: 'compute-3', aggregate: null });
  });

  it('is neither claimed already nor dead, though Nova has it up', () => {
    const spares = { 'compute-3': {}, 'compute-4': {} };
    expect(claimOf({ spares })?.host).toBe('compute-3');
    const theirs = { host: hostName('compute-3'), reason: 'reserved', aggregate: null };
    expect(claimOf({ spares, others: [theirs] })?.host).toBe('compute-4');
    expect(claimOf({ spares, fallen: ['compute-3'] })?.host).toBe('compute-4');
    for (const down of [{ state: 'down' }, { forcedDown: true }] as const)
      expect(claimOf({ spares: { ...spares, 'compute-3': down } })?.host).toBe('compute-4');
  });
});

it('a reserved host in quarantine, or on its way there, is not claimed, nor enabled for a claim, and is named', () => {
  const disabledReason = reservedQuarantineReason('5 incidents within 60 min', 'reserved');
  const { reserve, draft } = decided({ spares: { 'compute-3': { disabledReason } } });
  expect(draft.commands).toEqual([]);
  expect(reserve).toMatchObject({ text: expect.stringContaining('(in quarantine: compute-3)') });
  const own = [{ host: hostName('compute-3'), reason: 'reserved', aggregate: null }];
  expect(claimOf({ failing: ['compute-3'] })).toBeNull();
  expect(decided({ own, failing: ['compute-3'] }).draft.commands).toEqual([]);
  expect(decided({ own }).draft.commands).toMatchObject([{ kind: 'enable' }]);
});

it('... nor is one that came back from as many outages while the policy had no use for it', () => {
  const { reserve, draft } = decided({ worn: ['compute-3'] });
  expect(draft.commands).toEqual([]);
  expect(reserve).toMatchObject({ text: expect.stringContaining('(in quarantine: compute-3)') });
});

it('... nor is one that is being made a reserved one again', () => {
  const own = [{ host: hostName('compute-3'), reason: 'reserved', aggregate: null }];
  expect(decided({ own, given: ['compute-3'] }).draft.commands).toEqual([]);
});

it('a claimed host that somebody has disabled before it was enabled late is not used', () => {
  const own = [{ host: hostName('compute-3'), reason: 'reserved', aggregate: null }];
  const spares = { 'compute-3': { status: 'enabled', disabledReason: null } } as const;
  const disabledSince = { reason: 'broken fan', seenAt: 0 };
  const traces = new Map([[hostName('compute-3'), aTrace({ enableAt: 0, disabledSince })]]);
  const destinations = { targetReserved: true };
  expect(decided({ own, spares, destinations }).reserve).toMatchObject({ target: 'compute-3' });
  const { reserve } = decided({ own, spares, destinations, observation: { traces } });
  expect(reserve).toMatchObject({ target: null, text: expect.stringContaining('no reserved host') });
});

it('a reserved host is not claimed while another record is written: it may have the claim of another host', () => {
  const command = { state: 'pending', at: 0, failures: 0, message: '' } as const;
  const held = decided({ observation: { commands: new Map([['write-evacuation:compute-2', command]]) } });
  expect(held.reserve.kind).toBe('preparing');
  expect(held.draft.commands).toEqual([]);
  const free = decided({});
  expect(free.draft.commands).toMatchObject([{ record: { reserves: [{ host: 'compute-3' }] } }]);
});

it('foresees one reserved host for each that is lost, none twice, and none that is lost itself or out of reach', () => {
  const spare = { status: 'disabled', disabledReason: 'reserved' } as const;
  const services = [
    ...DEAD.map((name) => aService(name, { zone: 'z1' })),
    aService('compute-3', { ...spare, zone: 'z1' }),
    aService('compute-4', { ...spare, zone: 'z1' }),
    aService('compute-5', { ...spare, zone: 'z2' }),
    aService('compute-6', { ...spare, zone: 'z1', state: 'down' }),
    aService('compute-7', { status: 'disabled', disabledReason: 'broken fan', zone: 'z1' }),
  ];
  const foreseen = (...lost: string[]) => foreseeReserves(lost.map(hostName), services, []);
  expect(foreseen('compute-1')).toEqual(['compute-3']);
  expect(foreseen('compute-1', 'compute-2')).toEqual(['compute-3', 'compute-4']);
  expect(foreseen('compute-1', 'compute-2', 'compute-3')).toEqual(['compute-4']);
  expect(foreseen('nowhere')).toEqual([]);
});
