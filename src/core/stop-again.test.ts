import { expect, it } from 'vitest';
import { NOT_STARTED } from './actions.ts';
import { stopKey } from './decision.ts';
import { newDraft } from './draft.ts';
import { type HostName, hostName } from './names.ts';
import {
  type EvacuationView,
  type HostView,
  known,
  type Maybe,
  type Observation,
  type ServerView,
  unknown,
} from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { EvacuationRecord } from './records.ts';
import { leftNotStopped, startedOnItsWay, stopLateArrivals } from './stop-again.ts';
import {
  A_CLUSTER,
  aHostView,
  aNode,
  anObservation,
  aRecord,
  aServer,
  aService,
  ELSEWHERE,
  SOURCE,
} from './testing.ts';
import { evacuation } from './testing-evacuations.ts';

const server = aServer();
const SHORT = server.id.slice(0, 8);
const RELEASED_AT = 60_000;
const NOW = 70_000;

/** compute-1 was let go by hand; its server was stopped, an attempt had failed, and the next one is as given. */
function draftOf(
  next: Partial<EvacuationView>,
  now: Partial<ServerView>,
  {
    record = {},
    view = {},
    more = {},
  }: { record?: Partial<EvacuationRecord>; view?: Partial<HostView>; more?: Partial<Observation> } = {},
) {
  const failed = evacuation({ id: 1, server: server.id, dest: null, status: 'error', createdAt: 10_000 });
  const second = evacuation({
    id: 2,
    server: server.id,
    createdAt: 20_000,
    updatedAt: 50_000,
    ...next,
  });
  const seen = aHostView({
    incident: 'i1',
    evacuations: [failed, second],
    servers: [{ ...server, ...now }],
    ...{ lookedAt: NOW, listedAt: NOW, followedAt: NOW, changedAt: NOW, novaNow: NOW },
    ...view,
  });
  const observation = anObservation({
    ...{ mono: NOW, novaNow: NOW, servicesAt: NOW },
    services: known([aService('compute-1'), aService('compute-2')]),
    hosts: new Map([[SOURCE, seen]]),
    starts: startedAt(NOW, known(false)),
    ...more,
  });
  const draft = newDraft(observation, DEFAULT_POLICY);
  const released = aRecord({ phase: 'returning', releasedAt: RELEASED_AT, stopped: [SHORT], ...record });
  const { toDo: text, left } = stopLateArrivals(draft, aNode('compute-1', null), released);
  return { text, left, draft };
}

function decided(...about: Parameters<typeof draftOf>) {
  const { text, draft } = draftOf(...about);
  return { text, commands: draft.commands, look: draft.looks.get(SOURCE) ?? null };
}

/** Whether somebody has started it, as far as was seen at `mono`. */
function startedAt(mono: number, since: Maybe<boolean>): Observation['starts'] {
  const value = since.known ? known({ ...NOT_STARTED, since: since.value }) : since;
  return new Map([[server.id, { value, mono }]]);
}

const RUNS = { host: ELSEWHERE, vmState: 'active' } as const;

it('what was stopped and arrives running when its node has been let go is stopped again', () => {
  const { text, commands } = decided({}, RUNS);
  expect(commands).toEqual([
    { kind: 'stop-server', host: SOURCE, server: server.id, name: server.name, on: ELSEWHERE },
  ]);
  expect(text).toContain(`to be stopped again when they have arrived, as they were: ${server.name}`);
});

it('... once: whoever starts it after that means it', () => {
  const stopped = { state: 'done', at: NOW, failures: 0, message: '' } as const;
  const more = { commands: new Map([[stopKey(server.id, ELSEWHERE), stopped]]) };
  expect(decided({}, RUNS, { more })).toEqual({ text: null, commands: [], look: null });
});

it('what ran before is left running, and what came as it was left as it is', () => {
  const nothing = { text: null, commands: [], look: null };
  expect(decided({}, RUNS, { record: { stopped: [] } })).toEqual(nothing);
  expect(decided({}, { host: ELSEWHERE, vmState: 'stopped' })).toEqual(nothing);
});

const seenAt = (at: number) => ({ lookedAt: at, listedAt: at, followedAt: at, changedAt: at });

it('what is still under way is followed, ten minutes at most', () => {
  const { followMs } = DEFAULT_POLICY.timing;
  const live = { status: 'pre-migrating', dest: hostName('compute-2') };
  const old = seenAt(NOW - followMs);
  expect(decided(live, {}, { view: old })).toMatchObject({
    text: expect.stringContaining(server.name),
    commands: [],
    look: { incident: 'i1', evacuations: true, changes: true },
  });
  expect(decided(live, {})).toMatchObject({ text: expect.any(String), look: null });
  const later = { more: { novaNow: RELEASED_AT + 600_001 }, view: old };
  expect(decided(live, {}, later)).toEqual({ text: null, commands: [], look: null });
});

it('... and then left to a person, who is told so', () => {
  const live = { status: 'pre-migrating', dest: hostName('compute-2') };
  const later = { more: { novaNow: RELEASED_AT + 600_001 } };
  expect(draftOf(live, {}).left).toBeNull();
  expect(draftOf(live, {}, later).left).toMatch(`may arrive running yet: stop them then: ${server.name}`);
  expect(draftOf({}, { host: ELSEWHERE, vmState: 'stopped' }, later).left).toBeNull();
});

it('... once it is seen that nobody has started it, which a predecessor may have stopped before', () => {
  const { followMs, lookRetryMs } = DEFAULT_POLICY.timing;
  const seen = (starts: Observation['starts']) => {
    const { draft } = draftOf({}, RUNS, { more: { starts, begunAt: NOW } });
    return { isStopped: draft.commands.length > 0, isAsked: draft.starts.size > 0 };
  };
  expect(seen(new Map())).toEqual({ isStopped: false, isAsked: true });
  expect(seen(startedAt(NOW - followMs, known(false)))).toEqual({ isStopped: true, isAsked: false });
  expect(seen(startedAt(NOW - 60_000, known(false)))).toEqual({ isStopped: false, isAsked: true });
  expect(seen(startedAt(NOW - 60_000, known(true)))).toEqual({ isStopped: false, isAsked: false });
  // Nova has not said it, and is asked again in a while.
  expect(seen(startedAt(NOW, unknown('HTTP 503')))).toEqual({ isStopped: false, isAsked: false });
  expect(seen(startedAt(NOW - lookRetryMs, unknown('HTTP 503')))).toEqual({
    isStopped: false,
    isAsked: true,
  });
});

it('a look at its evacuations alone shows none that has arrived: the next one is made at once', () => {
  const live = { status: 'pre-migrating', dest: hostName('compute-2') };
  const old = NOW - DEFAULT_POLICY.timing.followMs;
  const half = { ...seenAt(old), lookedAt: NOW, followedAt: NOW };
  expect(decided(live, {}, { view: half })).toMatchObject({ look: { evacuations: true, changes: true } });
  // A Nova that does not answer is not asked in each step.
  expect(decided(live, {}, { view: { ...half, trouble: 'HTTP 503' } })).toMatchObject({ look: null });
});

it('a look of before the release does not show what had arrived by then', () => {
  const early = { ...seenAt(0), novaNow: RELEASED_AT };
  expect(decided({}, {}, { view: early })).toMatchObject({
    look: { evacuations: true, changes: true, listing: false },
  });
  // Nothing seen at all, as by a successor: the host is listed as well.
  const none = { more: { hosts: new Map() } };
  expect(decided({}, {}, none)).toMatchObject({
    look: { evacuations: true, changes: true, listing: true },
  });
});

/** The instance runs on ELSEWHERE, which has died since; the record of the host that it came from is as given. */
function isToBeStopped(
  now: Partial<ServerView>,
  record: Partial<EvacuationRecord>,
  more: Partial<Observation> = {},
  { on = 'compute-2', status = 'error', lookedAt = NOW } = {},
): boolean {
  const failed = evacuation({ id: 3, server: server.id, dest: null, status });
  const nodes = [aNode('compute-1', 'i1', { evacuation: aRecord(record) }), aNode('compute-2', 'i2')];
  const observation = anObservation({
    cluster: known({
      ...A_CLUSTER,
      nodes,
    }),
    hosts: new Map([[SOURCE, aHostView({ incident: 'i1', evacuations: [failed] })]]),
    ...more,
  });
  const seen = { ...server, ...RUNS, ...now };
  return startedOnItsWay(newDraft(observation, DEFAULT_POLICY), aNode(on, 'i2'), seen, lookedAt);
}

it('what Nova has started on its way to a host that has died since is to be stopped at the next one', () => {
  expect(isToBeStopped({}, { stopped: [SHORT] })).toBe(true);
  expect(isToBeStopped({}, { stoppedInError: [SHORT] }, { hosts: new Map() })).toBe(true);
  // It ran before, is stopped already, or no attempt has failed: then somebody else has started it.
  expect(isToBeStopped({}, {})).toBe(false);
  expect(isToBeStopped({ vmState: 'stopped' }, { stopped: [SHORT] })).toBe(false);
  // It never left, and has been started there since.
  expect(isToBeStopped({}, { stopped: [SHORT] }, {}, { on: 'compute-1' })).toBe(false);
  expect(isToBeStopped({}, { stopped: [SHORT] }, { hosts: new Map() })).toBe(false);
});

it('... for as long as late arrivals are followed after the release of the host that it came from, which may never come back', () => {
  const record = { stoppedInError: [SHORT], phase: 'returning', releasedAt: RELEASED_AT } as const;
  expect(isToBeStopped({}, record, { novaNow: RELEASED_AT + 600_000 })).toBe(true);
  expect(isToBeStopped({}, record, { novaNow: RELEASED_AT + 600_001 })).toBe(false);
  expect(isToBeStopped({}, { ...record, stopped: [SHORT] }, { novaNow: RELEASED_AT + 600_001 })).toBe(false);
  const evacuating = { ...record, phase: 'evacuating', releasedAt: null } as const;
  expect(isToBeStopped({}, evacuating, { novaNow: RELEASED_AT + 600_001 })).toBe(true);
});

it('... so it is when the destination of the first died under it, and Nova has it as under way still', () => {
  const underWay = { status: 'pre-migrating' };
  const lost = [{ id: 3, claimed: true }];
  expect(isToBeStopped({}, { stopped: [SHORT], lost }, {}, underWay)).toBe(true);
  expect(isToBeStopped({}, { stopped: [SHORT] }, {}, underWay)).toBe(false);
});

it('... unless it was stopped there, and somebody has started it after that', () => {
  const stopped = { state: 'done', at: NOW, failures: 0, message: '' } as const;
  const told = (on: HostName) => ({ commands: new Map([[stopKey(server.id, on), stopped]]) });
  expect(isToBeStopped({}, { stopped: [SHORT] }, told(ELSEWHERE))).toBe(false);
  // It was told so after it was looked at, and the record of the host that it came from names it no more.
  expect(isToBeStopped({}, {}, told(ELSEWHERE), { lookedAt: NOW - 1 })).toBe(true);
  expect(isToBeStopped({}, {}, told(ELSEWHERE))).toBe(false);
  expect(isToBeStopped({ taskState: 'powering-off' }, { stopped: [SHORT] }, told(ELSEWHERE))).toBe(true);
  expect(isToBeStopped({}, { stopped: [SHORT] }, told(SOURCE))).toBe(true);
});

it('what Nova has started, and is left on its host when that is let go, is kept in the record', () => {
  const left = (now: Partial<ServerView>) =>
    leftNotStopped(
      [SHORT, SHORT],
      aHostView({ servers: [{ ...server, host: SOURCE, vmState: 'active', ...now }] }),
    );
  expect(left({})).toEqual([SHORT]);
  expect(left({ vmState: 'error' })).toEqual([SHORT]);
  expect(left({ vmState: 'stopped' })).toEqual([]);
  expect(left({ host: ELSEWHERE })).toEqual([]);
  expect(leftNotStopped([], aHostView({ servers: [server] }))).toEqual([]);
});
