import { expect, it } from 'vitest';
import { hostName, nodeName, serverId } from '../core/names.ts';
import { known, type RequestView } from '../core/observation.ts';
import { aNode, aServer, ELSEWHERE, SOURCE } from '../core/testing.ts';
import { evacuation } from '../core/testing-evacuations.ts';
import {
  forget,
  hostMemory,
  type Needed,
  newMemory,
  rememberFencing,
  rememberIncidents,
  rememberLevels,
  rememberOffline,
  rememberServer,
  rememberStanding,
} from './memory.ts';

const needed = (...open: readonly string[]): Needed => ({
  open: new Set(open.map(nodeName)),
  toProve: new Set(),
  domain: null,
});

it('a request is forgotten with the last incident that knows its server', () => {
  const memory = newMemory('controller-1:1', 0);
  const server = aServer({ host: ELSEWHERE });
  // It was evacuated from the one to the other, and is now evacuated from there.
  for (const [host, incident] of [
    [SOURCE, 'first'],
    [ELSEWHERE, 'second'],
  ] as const)
    rememberServer(hostMemory(memory, host, incident), server, 0);
  const request: RequestView = {
    state: 'accepted',
    sentAt: 0,
    at: 0,
    message: '',
    source: SOURCE,
    recordsBefore: 0,
    refusals: 0,
    failing: null,
  };
  memory.requests.set(server.id, request);
  forget(memory, needed(ELSEWHERE));
  expect([...memory.hosts.keys()]).toEqual([ELSEWHERE]);
  expect(memory.requests.get(server.id)).toEqual(request);
  forget(memory, needed());
  expect(memory.requests.size).toBe(0);
});

it('a request that came to nothing is forgotten with the incident for which it was made', () => {
  const memory = newMemory('controller-1:1', 0);
  const never = { message: '', refusals: 3, failing: null };
  const request = { sentAt: 0, at: 0, source: SOURCE, recordsBefore: 0, ...never } as const;
  const states = ['pending', 'accepted', 'refused', 'unsent', 'unknown'] as const;
  hostMemory(memory, SOURCE, 'first');
  for (const state of states) memory.requests.set(serverId(state), { ...request, state });
  memory.requests.set(serverId('other'), { ...request, state: 'refused', source: ELSEWHERE });
  hostMemory(memory, SOURCE, 'first');
  expect(memory.requests.size).toBe(6);
  hostMemory(memory, SOURCE, 'second');
  expect([...memory.requests.keys()]).toEqual(['pending', 'accepted', 'unknown', 'other']);
});

it('a server that is gone stays so when a list shows it as soft-deleted, and as nothing else', () => {
  const host = hostMemory(newMemory('controller-1:1', 0), SOURCE, 'first');
  const remembered = (change: Parameters<typeof aServer>[0]) => {
    const server = aServer(change);
    rememberServer(host, server, 0);
    return host.servers.get(server.id)?.deleted;
  };
  // It may be restored yet, for all that is known.
  expect(remembered({ vmState: 'soft-delete' })).toBe(false);
  expect(remembered({ deleted: true })).toBe(true);
  expect(remembered({ vmState: 'soft-delete' })).toBe(true);
  expect(remembered({ vmState: 'active' })).toBe(false);
});

it('a host is known as long as its node has an incident or a record, by whichever of its names', () => {
  const memory = newMemory('controller-1:1', 0);
  const long = hostName('compute-1.example');
  for (const host of [long, ELSEWHERE]) hostMemory(memory, host, 'first');
  forget(memory, { ...needed('compute-1', ELSEWHERE), domain: 'example' });
  expect([...memory.hosts.keys()]).toEqual([long, ELSEWHERE]);
  forget(memory, needed('compute-1', ELSEWHERE));
  expect([...memory.hosts.keys()]).toEqual([ELSEWHERE]);
});

it('knows when a level without a power device has got one, and of no other', () => {
  const memory = newMemory('controller-1:1', 0);
  const nodes = (first: boolean) => [
    aNode('compute-1', null, { powerFencedFirst: first }),
    aNode('compute-2', null),
  ];
  rememberLevels(memory, nodes(false), { askedAt: 900, mono: 1_000 });
  expect(memory.levelsCorrected).toEqual(new Map());
  rememberLevels(memory, nodes(true), { askedAt: 1_900, mono: 2_000 });
  rememberLevels(memory, nodes(true), { askedAt: 2_900, mono: 3_000 });
  expect([...memory.levelsCorrected.keys()]).toEqual([nodeName('compute-1')]);
  expect(memory.levelsCorrected.get(nodeName('compute-1'))?.at).toBe(2_000);
});

it('knows when the cluster was read last without the incident that stands, since a level was corrected', () => {
  const memory = newMemory('controller-1:1', 0);
  const read = (askedAt: number, incident: string | null, powerFencedFirst = true) => {
    const nodes = [aNode('compute-1', incident, { powerFencedFirst })];
    rememberLevels(memory, nodes, { askedAt, mono: askedAt + 10 });
    return memory.levelsCorrected.get(nodeName('compute-1'))?.withoutIncidentAt;
  };
  read(0, 'old', false);
  expect(read(100, 'old')).toBe(Number.NEGATIVE_INFINITY);
  expect(read(200, 'old')).toBe(Number.NEGATIVE_INFINITY);
  expect(read(300, 'next')).toBe(200);
  expect(read(400, 'next')).toBe(200);
  expect(read(500, null)).toBe(400);
  expect(read(600, null)).toBe(400);
  expect(read(700, 'third')).toBe(600);
});

it('knows a mark whose incident somebody has taken away, until it is gone or has one again', () => {
  const memory = newMemory('controller-1:1', 0);
  const taken = (incident: string | null, mark: 'yes' | 'no' | null): readonly string[] => [
    ...rememberIncidents(memory, [aNode('compute-1', incident, { mark })]),
  ];
  expect(taken(null, 'yes')).toEqual([]);
  expect(taken('i1', 'yes')).toEqual([]);
  expect(taken(null, 'yes')).toEqual(['compute-1']);
  expect(taken(null, 'yes')).toEqual(['compute-1']);
  expect(taken('i2', 'yes')).toEqual([]);
  expect(taken(null, 'no')).toEqual([]);
  expect(taken(null, 'yes')).toEqual([]);
});

it('the evacuations of a host are known under its next incident until a look shows them', () => {
  const memory = newMemory('controller-1:1', 0);
  const before = hostMemory(memory, SOURCE, 'first');
  const { id } = aServer();
  before.evacuations.set(1, evacuation({ id: 1, server: id, status: 'pre-migrating' }));
  rememberServer(before, aServer(), 0);
  const again = hostMemory(memory, SOURCE, 'again');
  expect([...again.evacuations.keys()]).toEqual([1]);
  expect([again.servers.size, again.followedAt]).toEqual([0, -1]);
});

it('knows since when a node is offline, until the cluster says that it is online, and what was read of it since', () => {
  const memory = newMemory('controller-1:1', 0);
  const name = nodeName('compute-1');
  const see = (online: boolean | null, mono: number) => {
    rememberOffline(memory, [aNode('compute-1', null, { online })], { askedAt: mono - 300, mono });
    return memory.offline.get(name);
  };
  expect(see(null, 1_000)).toBeUndefined();
  expect(see(false, 2_000)).toMatchObject({ since: 2_000, onlineAt: null, fencing: { mono: -1 } });
  rememberFencing(memory, name, { value: known([]), mono: 2_500 });
  expect(see(null, 3_000)).toMatchObject({ since: 2_000, fencing: { mono: 2_500 } });
  expect(see(true, 4_000)).toBeUndefined();
  rememberFencing(memory, name, { value: known([]), mono: 4_500 });
  expect(see(false, 5_000)).toMatchObject({ since: 5_000, onlineAt: 3_700, fencing: { mono: -1 } });
  rememberOffline(memory, [], { askedAt: 5_700, mono: 6_000 });
  expect([memory.online.size, memory.offline.size]).toEqual([0, 0]);
});

it('an incident that was taken away, and stands again, came back with an old CIB', () => {
  const memory = newMemory('controller-1:1', 0);
  const back = (incident: string | null) => [
    ...rememberStanding(memory, [aNode('compute-1', incident), aNode('compute-2', null)]),
  ];
  expect(back('first')).toEqual([]);
  expect(back('first')).toEqual([]);
  expect(back(null)).toEqual([]);
  expect(back('second')).toEqual([]);
  expect(back('first')).toEqual(['compute-1']);
  expect(back('first')).toEqual(['compute-1']);
  expect(back('third')).toEqual([]);
  // What can't be read says nothing of which one stands.
  expect(rememberStanding(memory, [aNode('compute-1', null, { incident: 'unreadable' })]).size).toBe(0);
  expect(back('third')).toEqual([]);
  for (let n = 0; n < 1_100; n++) back(`more-${n}`);
  expect(memory.over.size).toBe(1_000);
});

it('... and is none of another node with an incident of the same name', () => {
  const memory = newMemory('controller-1:1', 0);
  const other = aNode('compute-2', 'same');
  const back = (incident: string | null) => [
    ...rememberStanding(memory, [aNode('compute-1', incident), other]),
  ];
  expect(back('same')).toEqual([]);
  expect(back(null)).toEqual([]);
  expect(back('same')).toEqual(['compute-1']);
});
