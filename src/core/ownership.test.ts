import { expect, it } from 'vitest';
import { newDraft } from './draft.ts';
import { shortId } from './instance.ts';
import { hostName, serverId } from './names.ts';
import {
  type EvacuationView,
  known,
  type Observation,
  type ServerView,
  type ServiceView,
} from './observation.ts';
import { ownsRecord, quietUntil } from './ownership.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { disabledReason, type EvacuationRecord } from './records.ts';
import {
  A_CLUSTER,
  aHostView,
  aNode,
  anObservation,
  aRecord,
  aServer,
  aService,
  aTrace,
  SOURCE,
} from './testing.ts';
import { evacuation } from './testing-evacuations.ts';

const STOPPED = serverId('22222222-0000-4000-8000-000000000000');

interface Seen {
  /** When the servers were listed. */
  readonly seenAt?: number;
  readonly service?: Partial<ServiceView>;
  readonly more?: Partial<Observation>;
  readonly evacuations?: readonly EvacuationView[];
  /** Whether the record is ours as it stands. */
  readonly owned?: boolean;
}

/** The record that is written for incident i2 of a host with one server that is stopped, after what stands there. */
function written(
  record: EvacuationRecord | null,
  others: readonly EvacuationRecord[] = [],
  server = aServer({ id: STOPPED, vmState: 'stopped' }),
  { seenAt = 60_000, service = {}, more = {}, evacuations = [], owned = false }: Seen = {},
): EvacuationRecord | null {
  const cluster = known({
    ...A_CLUSTER,
    nodes: [record, ...others].map((evacuation, i) => aNode(`compute-${i + 1}`, null, { evacuation })),
  });
  const owner = 'controller-2:1';
  const observation = anObservation({
    ...{ owner, mono: 60_000, begunAt: 60_000, servicesAt: 60_000, cluster },
    ...more,
  });
  const draft = newDraft(observation, DEFAULT_POLICY);
  const isOwner = ownsRecord(draft, {
    node: aNode('compute-1', 'i2', { evacuation: record }),
    incident: { id: 'i2', at: 0, by: 'fencer', on: 'controller-1' },
    record,
    fencedAt: 0,
    service: aService('compute-1', { status: 'disabled', disabledReason: 'reserved', ...service }),
    view: aHostView({
      incident: 'i2',
      ...{ followedAt: 60_000, listedAt: seenAt },
      servers: [server],
      evacuations,
    }),
  });
  expect(isOwner).toBe(owned);
  const [command] = draft.commands;
  return command?.kind === 'write-evacuation' ? command.record : null;
}

it('says which instances were stopped when the incident began, of each incident', () => {
  const held = { clean: true, stopped: ['33333333'] };
  expect(written(aRecord({ ...held, incident: 'i1' }))?.stopped).toEqual(['33333333', shortId(STOPPED)]);
  expect(written(aRecord({ ...held, incident: 'i2' }))?.stopped).toEqual(['33333333']);
});

it('is written by what was seen just now: a pause is there for people to do things by hand', () => {
  const { followMs } = DEFAULT_POLICY.timing;
  const seen = (ageMs: number, record: EvacuationRecord | null) =>
    written(record, [], undefined, { seenAt: 60_000 - ageMs });
  expect(seen(followMs, null)).not.toBeNull();
  expect(seen(followMs + 1, null)).toBeNull();
  // What goes on is looked at all the time.
  expect(seen(followMs + 1, aRecord({ clean: true, incident: 'i1' }))).not.toBeNull();
});

it('adds those that its first list had left out, as of a cell that was down then, while nothing of them has begun', () => {
  const owner = 'controller-2:1';
  const own = aRecord({ incident: 'i2', owner, stopped: ['33333333'], since: 5 });
  const added = (record: EvacuationRecord, server: Partial<ServerView>, seen: Seen = {}) =>
    written(record, [], aServer({ id: STOPPED, vmState: 'stopped', ...server }), seen);
  expect(added(own, {})?.stopped).toEqual(['33333333', shortId(STOPPED)]);
  expect(added(own, { vmState: 'active', taskState: 'powering-off' })?.stoppedInError).toEqual([
    shortId(STOPPED),
  ]);
  const owned = true;
  expect(added(own, { vmState: 'active' }, { owned })).toBeNull();
  expect(added(own, { host: hostName('compute-2') }, { owned })).toBeNull();
  expect(added({ ...own, stopped: [shortId(STOPPED)] }, {}, { owned })).toBeNull();
  const times = { createdAt: 5, updatedAt: 6 };
  const begun = { id: 1, server: STOPPED, source: SOURCE, dest: null, status: 'error', ...times };
  expect(added(own, {}, { owned, evacuations: [begun] })).toBeNull();
  expect(added(own, {}, { evacuations: [{ ...begun, createdAt: 4 }] })).not.toBeNull();
});

it('does not take what a late request of ours has done for how the service was', () => {
  const trace = aTrace({ enableAt: 50_000, disabledSince: { reason: 'broken fan', seenAt: 40_000 } });
  const late = { traces: new Map([[SOURCE, trace]]) };
  const enabled = { status: 'enabled', disabledReason: null } as const;
  const before = (more: Partial<Observation>) =>
    written(null, [], undefined, { more, service: enabled })?.before;
  expect(before({})).toMatchObject({ status: 'enabled' });
  expect(before(late)).toMatchObject({ status: 'disabled' });
});

it('a host that its own nova-compute has disabled, without its libvirt, was enabled before it died', () => {
  const before = (reason: string) =>
    written(null, [], undefined, { service: { status: 'disabled', disabledReason: reason } })?.before;
  expect(before('AUTO: Connection to libvirt lost: 1')).toMatchObject({ status: 'enabled' });
  expect(before('broken fan')).toMatchObject({ status: 'disabled' });
});

it('says which of them Nova has started on its way from a host that died before', () => {
  const others = [aRecord({ stoppedInError: [shortId(STOPPED)] })];
  const runs = aServer({ id: STOPPED, vmState: 'active' });
  expect(written(null, others, runs)?.stoppedInError).toEqual([shortId(STOPPED)]);
  expect(written(null, [], runs)?.stoppedInError).toEqual([]);
  // It was about to be stopped: what its host can't do any more is done where it comes to.
  const stopping = (more: Partial<ServerView>) =>
    written(null, [], aServer({ ...runs, taskState: 'powering-off', ...more }))?.stoppedInError;
  expect(stopping({})).toEqual([shortId(STOPPED)]);
  expect(stopping({ taskState: 'rebooting' })).toEqual([]);
  expect(stopping({ vmState: 'rescued' })).toEqual([]);
});

it('says when it has begun by a clock that may be too far, and never behind: an answer may have been heard late', () => {
  const more = { novaNow: 500_000, servicesAt: 58_000 };
  expect(written(null, [], undefined, { more })?.begunAt).toBe(502_000);
  const frozen = { ...more, servicesTookMs: 15_000 };
  expect(written(null, [], undefined, { more: frozen })?.begunAt).toBe(517_000);
  expect(written(aRecord({ begunAt: 7, clean: true }), [], undefined, { more: frozen })?.begunAt).toBe(7);
});

it('keeps which of them Nova has started in vain, while they are left there, and not those that came up there', () => {
  const back = aRecord({ incident: 'i1', phase: 'returning', stoppedInError: [shortId(STOPPED)] });
  const service = { updatedAt: 9_000 };
  const at = (more: Partial<ServerView>) =>
    written(back, [], aServer({ id: STOPPED, vmState: 'active', ...more }), { service })?.stoppedInError;
  expect(at({})).toEqual([shortId(STOPPED)]);
  expect(at({ vmState: 'stopped' })).toEqual([]);
  expect(at({ host: hostName('compute-2') })).toEqual([]);
});

it('knows what was stopped, and came into ERROR there only after somebody had let the node go', () => {
  const back = aRecord({ incident: 'i1', phase: 'returning', stopped: [shortId(STOPPED)] });
  const service = { updatedAt: 9_000 };
  const at = (vmState: string) =>
    written(back, [], aServer({ id: STOPPED, vmState }), { service })?.stoppedInError;
  expect(at('error')).toEqual([shortId(STOPPED)]);
  // Its user has started it since.
  expect(at('active')).toEqual([]);
});

it('follows on what somebody let go in the middle, when the host has died again before its nova-compute was up', () => {
  const RELEASED_AT = 60_000;
  const stopped = ['33333333'];
  const back = aRecord({
    ...{ incident: 'i1', phase: 'returning', clean: true, since: 5, releasedAt: RELEASED_AT },
    ...{ stopped, lost: [{ id: 7, claimed: true }] },
  });
  const cutOff = (updatedAt: number, novaNow = RELEASED_AT + 5_000, its = stopped) =>
    written({ ...back, stopped: its }, [], undefined, { service: { updatedAt }, more: { novaNow } });
  expect(cutOff(RELEASED_AT)).toMatchObject({
    ...{ incident: 'i2', phase: 'evacuating', since: 5, lost: back.lost },
    stopped: ['33333333', shortId(STOPPED)],
  });
  const anew = { lost: [], stopped: [shortId(STOPPED)] };
  // Its nova-compute was up, so it has ended what was under way.
  expect(cutOff(RELEASED_AT + 2_000)).toMatchObject(anew);
  // What had arrived by then nobody may have seen, if somebody had let it go.
  const byHand = written({ ...back, letGoByHand: true }, [], undefined, {
    service: { updatedAt: RELEASED_AT + 2_000 },
    more: { novaNow: RELEASED_AT + 5_000 },
  });
  expect(byHand).toMatchObject({ since: 5, letGoByHand: false, stopped: ['33333333', shortId(STOPPED)] });
  expect(cutOff(RELEASED_AT, RELEASED_AT + 601_000)).toMatchObject(anew);
  // Those that are still there are seen there.
  expect(cutOff(RELEASED_AT, undefined, [shortId(STOPPED)])).toMatchObject(anew);
});

it('takes over the claim on the host itself, enabled or not, and keeps what it has claimed for itself', () => {
  const claimOn = (name: string) => ({ host: hostName(name), reason: `reserved for ${name}`, aggregate: 7 });
  const others = [aRecord({ reserves: [claimOn('compute-9'), claimOn('compute-1')] })];
  expect(written(null, others)?.reserves).toEqual([claimOn('compute-1')]);
  const back = aRecord({ phase: 'returning', clean: true, reserves: [claimOn('compute-8')] });
  expect(written(back, others)?.reserves).toEqual([claimOn('compute-8'), claimOn('compute-1')]);
  const own = { ...back, reserves: [claimOn('compute-1')] };
  expect(written(own, others)?.reserves).toEqual([claimOn('compute-1')]);
  expect(written(null)?.reserves).toEqual([]);
});

it('has the services listed before it takes a record over, when nothing of the predecessor can come any more', () => {
  const quiet = DEFAULT_POLICY.timing.takeoverSettleMs;
  const record = aRecord({ incident: 'i2', owner: 'controller-1:1' });
  const looksAfter = (followedAt: number, servicesAt: number) => {
    const services = known([aService('compute-1')]);
    const observation = anObservation({ owner: 'controller-2:1', mono: quiet + 100, services, servicesAt });
    const draft = newDraft(observation, DEFAULT_POLICY);
    ownsRecord(draft, {
      ...{ node: aNode('compute-1', 'i2', { evacuation: record }), record, fencedAt: 0 },
      incident: { id: 'i2', at: 0, by: 'fencer', on: 'controller-1' },
      service: aService('compute-1'),
      view: aHostView({ incident: 'i2', firstLookAt: 0, followedAt }),
    });
    return { services: draft.services, commands: draft.commands.map(({ kind }) => kind) };
  };
  const looks = { services: true, commands: [] };
  expect(looksAfter(quiet - 1, quiet - 1)).toEqual(looks);
  expect(looksAfter(quiet, quiet - 1)).toEqual(looks);
  // That list may have been asked for before.
  expect(looksAfter(quiet - 1, quiet)).toEqual(looks);
  expect(looksAfter(quiet, quiet)).toEqual({ services: false, commands: ['write-evacuation'] });
});

it('an evacuator before this one may have requests under way, also where its record is gone or can’t be read', () => {
  const draft = newDraft(
    anObservation({
      owner: 'me',
      ownerSince: 5_000,
      ...{ now: 9_000, novaNow: 9_000, mono: 9_000, servicesAt: 9_000 },
    }),
    DEFAULT_POLICY,
  );
  const until = 5_000 + DEFAULT_POLICY.timing.takeoverSettleMs;
  const incident = { id: 'i1', at: 4_000, by: 'fencer', on: 'controller-1' } as const;
  const service = aService('compute-1');
  const marked = {
    ...{ incident, past: null },
    service: { ...service, status: 'disabled', disabledReason: disabledReason('i1') },
  } as const;
  expect(quietUntil(draft, aRecord({ owner: 'another' }), null)).toBe(until);
  expect(quietUntil(draft, 'unreadable', null)).toBe(until);
  expect(quietUntil(draft, null, null, marked)).toBe(until);
  expect(quietUntil(draft, 'unreadable', aHostView({ firstLookAt: 6_000 }))).toBe(until + 1_000);
  expect(quietUntil(draft, null, null, { service, incident, past: null })).toBe(0);
  // Nova has evacuations of the time since.
  const asked = (createdAt: number) =>
    aHostView({ firstLookAt: 0, evacuations: [evacuation({ createdAt })] });
  expect(quietUntil(draft, null, asked(3_999), { service, incident, past: null })).toBe(0);
  expect(quietUntil(draft, null, asked(4_000), { service, incident, past: null })).toBe(until);
  expect(quietUntil(draft, null, asked(4_000), { service, incident: null, past: null })).toBe(0);
  // The clock by which the incident has its time may have been set since.
  const late = { ...incident, at: 3_600_000 };
  const past = { incidents: [{ ...late, novaAt: 4_000 }] };
  expect(quietUntil(draft, null, asked(4_000), { service, incident: late, past })).toBe(until);
  expect(quietUntil(draft, null, asked(3_999), { service, incident: late, past })).toBe(0);
  expect(quietUntil(draft, aRecord({ owner: 'me' }), null, marked)).toBe(0);
  expect(quietUntil(draft, aRecord({ owner: 'another', clean: true }), null)).toBe(0);
});
