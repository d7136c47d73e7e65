import { expect, it } from 'vitest';
import { NO_RESERVE } from './destinations.ts';
import { newDraft } from './draft.ts';
import type { Candidates, Judged } from './judged.ts';
import { novaNowBy } from './looks.ts';
import { type HostName, serverId } from './names.ts';
import type { CommandView, EvacuationView, RequestView } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { QueueToSee } from './queues.ts';
import { ask, stateInOrder } from './requests.ts';
import {
  aHostView,
  aNode,
  anObservation,
  aRecord,
  aServer,
  aService,
  ELSEWHERE,
  fact,
  SOURCE,
  someFacts,
} from './testing.ts';

const server = aServer();
const moving: Judged = {
  server,
  outcome: { kind: 'moving', to: null },
  request: null,
  attempts: 1,
  live: [],
  records: 1,
  arrivedAt: null,
};

const NOW = 60_000;

const BESIDES = { asides: [], queues: [], closed: null };

const QUEUED: EvacuationView = {
  id: 1,
  server: server.id,
  source: SOURCE,
  dest: null,
  status: 'accepted',
  createdAt: 0,
  updatedAt: 0,
};

function stateAt(
  ageMs: number,
  more: Partial<EvacuationView> = {},
  request: RequestView | null = null,
): string {
  return stateInOrder({ ...moving, request, live: [{ ...QUEUED, ...more }] }, ageMs);
}

it('nobody waits for an evacuation that lies in the queue of a host that died with it', () => {
  expect(stateAt(60_000)).toBe('in-flight');
  expect(stateAt(120_000)).toBe('ended');
  // One that named its host shows it from the beginning.
  expect(stateAt(120_000, { dest: ELSEWHERE })).toBe('ended');
  expect(stateAt(900_000, { status: 'pre-migrating', dest: ELSEWHERE })).toBe('in-flight');
});

it('nor for the record that a request left behind, which Nova has carried out with an older one; that one is under way', () => {
  const taken = { ...QUEUED, status: 'pre-migrating', dest: ELSEWHERE, updatedAt: 115_000 };
  const request = { ...QUEUED, id: 2, createdAt: 60_000 };
  expect(stateInOrder({ ...moving, live: [taken, request] }, 900_000)).toBe('in-flight');
  expect(stateInOrder({ ...moving, live: [taken] }, 900_000)).toBe('in-flight');
});

it('one that was asked for again is under way, before a look has shown its new record', () => {
  const asked = (recordsBefore: number, state: RequestView['state'] = 'accepted'): RequestView => ({
    state,
    ...{ source: SOURCE, sentAt: 0, at: 0, message: '', recordsBefore, refusals: 0, failing: null },
  });
  expect(stateAt(120_000, {}, asked(1))).toBe('in-flight');
  // It has no answer yet.
  expect(stateAt(120_000, {}, asked(1, 'pending'))).toBe('in-flight');
  const unanswered = { ...moving, outcome: { kind: 'unanswered', reason: '' } as const, live: [QUEUED] };
  expect(stateInOrder({ ...unanswered, request: asked(1, 'unknown') }, 120_000)).toBe('in-flight');
  // The record that has been seen is that of the request.
  expect(stateAt(120_000, {}, asked(0))).toBe('ended');
});

it('a slow Nova is not ahead of itself: its clock goes on from the end of the look that told it', () => {
  const view = { novaNow: 100_000, followedAt: 1_000, lookedAt: 8_000 };
  expect(novaNowBy(view, 8_500)).toBe(100_500);
});

it('how long it lies there is told by what was seen: it may have been taken up since the last look', () => {
  const other = aServer({ id: serverId('22222222-0000-4000-8000-000000000000'), name: 'other' });
  const asked = (lookedNova: number, queues: readonly QueueToSee[] = []): boolean => {
    const mono = 125_000;
    const policy = { ...DEFAULT_POLICY, order: { ...DEFAULT_POLICY.order, waitForHigherRanks: true } };
    const draft = newDraft(anObservation({ mono, now: mono }), policy);
    const view = aHostView({ novaNow: lookedNova, lookedAt: lookedNova, followedAt: lookedNova });
    const first = aServer({ metadata: { 'instance-ha:priority': '900' } });
    const host = {
      ...{ node: aNode('compute-1', 'i1'), service: aService('compute-1'), view, record: aRecord() },
      judged: [
        { ...moving, server: first, live: [QUEUED] },
        { ...moving, server: other, outcome: { kind: 'ready' } as const, live: [], records: 0 },
      ],
      reserve: NO_RESERVE,
    };
    const isAsked = ask(draft, [host], { ...BESIDES, queues }).asked.has(other.id);
    expect(draft.looks.has(SOURCE)).toBe(queues.length > 0);
    return isAsked;
  };
  expect(asked(110_000)).toBe(false);
  expect(asked(121_000)).toBe(true);
  // The host in whose queue it lies may be back since that look.
  expect(asked(121_000, [{ host: SOURCE, incident: 'i1', since: 0 }])).toBe(false);
});

it('an instance that had come from one dead host to another is counted by the records of the one it is on', () => {
  const draft = newDraft(anObservation(), DEFAULT_POLICY);
  const hostOf = (name: HostName, more: Partial<Judged>): Candidates => ({
    ...{ node: aNode(String(name), 'i1'), service: aService(String(name)), record: aRecord() },
    view: aHostView({ host: name }),
    judged: [{ ...moving, live: [], ...more }],
    reserve: NO_RESERVE,
  });
  const hosts = [
    hostOf(SOURCE, { outcome: { kind: 'ready' }, records: 3 }),
    hostOf(ELSEWHERE, { outcome: { kind: 'moved', to: SOURCE }, records: 1 }),
  ];
  ask(draft, hosts, BESIDES);
  expect(draft.commands).toMatchObject([{ kind: 'evacuate', host: SOURCE, recordsBefore: 3 }]);
});

it('waits for a reserved host with what is ready on its own host, and with nothing that has left it', () => {
  const draft = newDraft(anObservation(), DEFAULT_POLICY);
  const hosts: Candidates[] = [SOURCE, ELSEWHERE].map((name) => ({
    ...{ node: aNode(String(name), 'i1'), service: aService(String(name)), record: aRecord() },
    view: aHostView({ host: name }),
    judged: [
      {
        ...moving,
        live: [],
        outcome: name === SOURCE ? { kind: 'ready' } : { kind: 'moved', to: SOURCE },
      },
    ],
    reserve: name === SOURCE ? NO_RESERVE : { kind: 'preparing', text: 'enabling it' },
  }));
  const round = ask(draft, hosts, BESIDES);
  expect(round.asked.has(server.id)).toBe(true);
  expect(round.isHeld(server.id)).toBe(false);
});

it('looks at a host of which nothing is under way before it asks for its instances: a person may have evacuated one by hand', () => {
  const { followMs } = DEFAULT_POLICY.timing;
  const asked = (
    followedAt: number,
    underWay: boolean,
    { begunAt = NOW, trouble = null }: { begunAt?: number; trouble?: string | null } = {},
  ) => {
    const draft = newDraft(anObservation({ mono: NOW, begunAt }), DEFAULT_POLICY);
    const other = { ...moving, server: aServer({ id: serverId('22222222-0000-4000-8000-000000000000') }) };
    const host = {
      ...{ node: aNode('compute-1', 'i1'), service: aService('compute-1'), record: aRecord({ since: 5 }) },
      view: aHostView({ incident: 'i', followedAt, trouble }),
      judged: [
        { ...moving, outcome: { kind: 'ready' } as const, live: [], records: 0 },
        ...(underWay ? [other] : []),
      ],
      reserve: NO_RESERVE,
    };
    const isAsked = ask(draft, [host], BESIDES).asked.has(server.id);
    return { isAsked, look: draft.looks.get(SOURCE) };
  };
  const look = { incident: 'i1', since: 5, evacuations: true, changes: true, listing: false };
  expect(asked(NOW - followMs, false)).toEqual({ isAsked: true, look: undefined });
  expect(asked(NOW - followMs - 1, false)).toMatchObject({ isAsked: false, look });
  // What is under way is looked at all the time, but when Nova does not answer.
  expect(asked(NOW - followMs - 1, true).isAsked).toBe(true);
  expect(asked(NOW - followMs, true, { trouble: 'HTTP 503' })).toMatchObject({ isAsked: false, look });
  // A look of this very step is new, however slow Nova is.
  expect(asked(NOW - followMs - 1, false, { begunAt: NOW - followMs - 1 }).isAsked).toBe(true);
});

it('asks for those of other hosts though one can’t be looked at, when that has lasted long, and says so of its own', () => {
  const { lookWaitMs } = DEFAULT_POLICY.timing;
  const round = (troubleSince: number) => {
    const draft = newDraft(anObservation({ mono: NOW, begunAt: NOW }), DEFAULT_POLICY);
    const first: Candidates = {
      ...{ node: aNode('compute-1', 'i1'), service: aService('compute-1'), record: aRecord() },
      view: aHostView({ incident: 'i', followedAt: NOW, trouble: 'GET /servers/1: 500', troubleSince }),
      judged: [{ ...moving, outcome: { kind: 'ready' }, records: 0 }],
      reserve: NO_RESERVE,
    };
    const later = aServer({ id: serverId('later'), name: 'zz', host: ELSEWHERE });
    const other: Candidates = {
      ...{ ...first, node: aNode('compute-2', 'i2'), service: aService('compute-2') },
      view: aHostView({ host: ELSEWHERE, incident: 'i2', followedAt: NOW }),
      judged: [{ ...moving, server: later, outcome: { kind: 'ready' }, records: 0 }],
    };
    const { asked, turn } = ask(draft, [first, other], BESIDES);
    expect([...draft.looks.keys()]).toEqual([SOURCE]);
    return { asked: [...asked], turn: turn(server.id) };
  };
  expect(round(NOW - lookWaitMs + 1)).toEqual({ asked: [], turn: 'waiting for its turn' });
  expect(round(NOW - lookWaitMs)).toMatchObject({
    asked: ['later'],
    turn: `what is on ${SOURCE} is to be seen first, and can't be: GET /servers/1: 500`,
  });
});

it('asks for nobody whose host’s record is being written, which may be its release, and for nobody who comes after them', () => {
  const asked = (state: CommandView['state'], at: number): readonly string[] => {
    const written: CommandView = { state, at, failures: 0, message: '' };
    const commands = new Map([['write-evacuation:compute-1', written]]);
    const draft = newDraft(anObservation({ mono: NOW, begunAt: NOW, commands }), DEFAULT_POLICY);
    const host = {
      ...{ node: aNode('compute-1', 'i1'), service: aService('compute-1'), record: aRecord({ since: 5 }) },
      view: aHostView({ incident: 'i', followedAt: NOW }),
      judged: [{ ...moving, outcome: { kind: 'ready' } as const, live: [], records: 0 }],
      reserve: NO_RESERVE,
    };
    const later = aServer({ id: serverId('later'), name: 'zz', host: ELSEWHERE });
    const other = {
      ...{ ...host, node: aNode('compute-2', 'i2'), service: aService('compute-2') },
      view: aHostView({ host: ELSEWHERE, incident: 'i2', followedAt: NOW }),
      judged: [{ ...moving, server: later, outcome: { kind: 'ready' } as const, live: [], records: 0 }],
    };
    return [...ask(draft, [host, other], BESIDES).asked];
  };
  expect(asked('pending', NOW - 100)).toEqual([]);
  // Written since the cluster was read: what stands there now is not known here.
  expect(asked('done', NOW)).toEqual([]);
  expect(asked('done', NOW - 100)).toEqual([server.id, 'later']);
});

it('names the reserved host in a request, but for an instance that may go only where its server group is', () => {
  const optionsWith = (policy: 'affinity' | 'anti-affinity') => {
    const serverGroups = fact([{ id: 'g', policy, members: [server.id] }]);
    const draft = newDraft(anObservation({ facts: someFacts({ serverGroups }) }), DEFAULT_POLICY);
    const host: Candidates = {
      ...{ node: aNode('compute-1', 'i1'), service: aService('compute-1'), record: aRecord() },
      view: aHostView(),
      judged: [{ ...moving, live: [], outcome: { kind: 'ready' }, records: 0 }],
      reserve: { kind: 'ready', target: ELSEWHERE, text: null },
    };
    ask(draft, [host], BESIDES);
    return draft.commands.map((command) => command.kind === 'evacuate' && command.options.host);
  };
  expect(optionsWith('anti-affinity')).toEqual([ELSEWHERE]);
  expect(optionsWith('affinity')).toEqual([undefined]);
});
