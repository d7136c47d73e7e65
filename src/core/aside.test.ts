import { expect, it } from 'vitest';
import { asideOf } from './aside.ts';
import { decide } from './decide.ts';
import { newDraft } from './draft.ts';
import { type HostName, hostName, nodeName, serverId } from './names.ts';
import {
  type ClusterView,
  type EvacuationView,
  type HostView,
  known,
  type NodeView,
  type Observation,
  type RequestView,
} from './observation.ts';
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
  ELSEWHERE,
  fact,
  SOURCE,
  someFacts,
} from './testing.ts';
import { evacuation } from './testing-evacuations.ts';

const NOW = 10_000;
const OTHER = serverId('another');
const DEST = hostName('compute-3');
const live = (more: Partial<EvacuationView> = {}): EvacuationView =>
  evacuation({ dest: DEST, status: 'pre-migrating', createdAt: 5_000, updatedAt: 6_000, ...more });
const request = (more: Partial<RequestView> = {}): RequestView => ({
  state: 'accepted',
  source: SOURCE,
  ...{ sentAt: 9_000, at: 9_500, message: '', recordsBefore: 0, refusals: 0, failing: null },
  ...more,
});

/** compute-1 was being evacuated when it was fenced anew, which nothing proves yet; its view is of before. */
function fencedAnew(
  more: Partial<Observation>,
  view: Partial<HostView> = {},
  node: Partial<NodeView> = {},
): Observation {
  const cluster: ClusterView = {
    ...A_CLUSTER,
    nodes: [
      aNode('compute-1', 'again', { evacuation: aRecord({ incident: 'first' }), ...node }),
      aNode('compute-2', 'i2', { evacuation: aRecord({ incident: 'i2' }) }),
      aNode('compute-3', null),
    ],
    history: new Map([[nodeName('compute-1'), known([])]]),
  };
  const seen = {
    lookedAt: NOW,
    firstLookAt: NOW,
    listedAt: NOW,
    followedAt: NOW,
    changedAt: NOW,
    novaNow: NOW,
  };
  const other = aServer({ id: OTHER, host: ELSEWHERE });
  return anObservation({
    ...{ now: NOW, mono: NOW, begunAt: NOW, novaNow: NOW, servicesAt: NOW },
    cluster: known(cluster),
    services: known([
      aService('compute-1', { state: 'down', forcedDown: true }),
      aService('compute-2', { state: 'down', forcedDown: true }),
      aService('compute-3', { updatedAt: NOW }),
    ]),
    hosts: new Map([
      [SOURCE, aHostView({ ...seen, incident: 'first', ...view })],
      [ELSEWHERE, aHostView({ ...seen, host: ELSEWHERE, incident: 'i2', servers: [other] })],
    ]),
    ...more,
  });
}

const asked = (observation: Observation): number =>
  decide(observation, {
    ...DEFAULT_POLICY,
    pace: { ...DEFAULT_POLICY.pace, maxInFlight: 1, minInFlight: 1 },
  }).commands.filter(({ kind }) => kind === 'evacuate').length;

it('what is in flight of a host that is fenced anew takes room until it is over, whatever proves the fencing', () => {
  expect(asked(fencedAnew({}))).toBe(1);
  expect(asked(fencedAnew({}, { evacuations: [live()] }))).toBe(0);
  expect(asked(fencedAnew({}, { evacuations: [live({ status: 'done' })] }))).toBe(1);
  // Of an incident before, which somebody has taken away.
  const since = { evacuation: aRecord({ incident: 'first', since: 5_001 }) };
  expect(asked(fencedAnew({}, { evacuations: [live()] }, since))).toBe(0);
  // Carried over to the new incident, of which no look has shown anything yet.
  const carried = { incident: 'again', lookedAt: -1, listedAt: -1, followedAt: -1 };
  expect(asked(fencedAnew({}, { evacuations: [live()], ...carried }))).toBe(0);
});

it('... and not for ever where its instance was deleted on the way', () => {
  const { deletedSettleMs } = DEFAULT_POLICY.timing;
  const e = live();
  const seen = (deleted: boolean, novaNow: number): Partial<HostView> => ({
    ...{ evacuations: [e], novaNow },
    servers: [aServer({ id: e.server, deleted, host: deleted ? null : SOURCE })],
  });
  expect(asked(fencedAnew({}, seen(true, e.updatedAt + deletedSettleMs)))).toBe(1);
  expect(asked(fencedAnew({}, seen(true, e.updatedAt + deletedSettleMs - 1)))).toBe(0);
  expect(asked(fencedAnew({}, seen(false, e.updatedAt + deletedSettleMs)))).toBe(0);
});

it('... and so does what was asked for and no look has shown', () => {
  const { id } = aServer({ id: live().server });
  const requests = (more?: Partial<RequestView>) => ({ requests: new Map([[id, request(more)]]) });
  const early = { followedAt: 9_000 };
  expect(asked(fencedAnew(requests(), early))).toBe(0);
  expect(asked(fencedAnew(requests({ state: 'refused' }), early))).toBe(1);
  expect(asked(fencedAnew(requests({ source: DEST }), early))).toBe(1);
  // However long it lies in nova-api; one that was answered long before the look would have its record there.
  const old = { sentAt: -60_000, at: -60_000 };
  expect(asked(fencedAnew(requests({ state: 'pending', ...old })))).toBe(0);
  expect(asked(fencedAnew(requests(old)))).toBe(1);
  // The record that was seen is that of the request, and is over.
  expect(asked(fencedAnew(requests(), { ...early, evacuations: [live({ status: 'done' })] }))).toBe(1);
});

it('... and the turn of its server group', () => {
  const group = { id: 'g', policy: 'anti-affinity', members: [live().server, OTHER] } as const;
  const facts = someFacts({ serverGroups: fact([group]) });
  const asks = (view: Partial<HostView>): boolean =>
    decide(fencedAnew({ facts }, view), DEFAULT_POLICY).commands.some(({ kind }) => kind === 'evacuate');
  expect(asks({})).toBe(true);
  expect(asks({ evacuations: [live()] })).toBe(false);
});

it('what a predecessor had under way counts while its record is taken over', () => {
  const node = { evacuation: aRecord({ incident: 'again', owner: 'controller-2:1', clean: true }) };
  const group = { id: 'g', policy: 'anti-affinity', members: [live().server, OTHER] } as const;
  const facts = someFacts({ serverGroups: fact([group]) });
  const asks = (...evacuations: EvacuationView[]): boolean => {
    const observation = fencedAnew({ facts }, { incident: 'again', evacuations }, node);
    return decide(observation, DEFAULT_POLICY).commands.some(({ kind }) => kind === 'evacuate');
  };
  expect(asks()).toBe(true);
  expect(asks(live())).toBe(false);
});

it('nobody is asked for while requests of a predecessor may still take effect that no look can show', () => {
  const { takeoverSettleMs } = DEFAULT_POLICY.timing;
  const asks = (firstLookAt: number, more: Partial<EvacuationRecord> = {}): boolean => {
    const evacuation = aRecord({ incident: 'again', owner: 'controller-2:1', ...more });
    const observation = fencedAnew(
      { ownerSince: firstLookAt },
      { incident: 'again', firstLookAt },
      { evacuation },
    );
    return decide(observation, DEFAULT_POLICY).commands.some(({ kind }) => kind === 'evacuate');
  };
  expect(asks(NOW)).toBe(false);
  expect(asks(NOW - takeoverSettleMs)).toBe(true);
  // It ended cleanly, or asks for nothing any more.
  expect(asks(NOW, { clean: true })).toBe(true);
  expect(asks(NOW, { phase: 'returning', releasedAt: 8_000 })).toBe(true);
});

it('... and before a look has shown what they have become, or was tried in vain', () => {
  const { takeoverSettleMs } = DEFAULT_POLICY.timing;
  const decided = (
    view: Partial<HostView>,
    node: Partial<NodeView> = {},
    hides: readonly HostName[] = [],
  ) => {
    const evacuation = aRecord({ incident: 'again', owner: 'controller-2:1' });
    const firstLookAt = NOW - takeoverSettleMs - 1_000;
    const observation = fencedAnew(
      { ownerSince: firstLookAt },
      { incident: 'again', firstLookAt, ...view },
      { evacuation, ...node },
    );
    const hosts = new Map([...observation.hosts].filter(([host]) => !hides.includes(host)));
    const { commands, look } = decide({ ...observation, hosts }, DEFAULT_POLICY);
    return { asks: commands.some(({ kind }) => kind === 'evacuate'), look: look.hosts.get(SOURCE) };
  };
  const early = { lookedAt: NOW - 1_001, followedAt: NOW - 1_001 };
  const looksAgain = { asks: false, look: { incident: 'again', evacuations: true } };
  expect(decided({})).toMatchObject({ asks: true });
  expect(decided(early)).toMatchObject(looksAgain);
  // It had begun before, so it may not have shown what came while it lasted.
  expect(decided({ ...early, lookedAt: NOW })).toMatchObject(looksAgain);
  expect(decided({ ...early, lookedAt: NOW, trouble: 'no answer' }).asks).toBe(true);
  // Its cell is down.
  expect(decided({ lookedAt: NOW, followedAt: -1 }).asks).toBe(true);
  expect(decided({ lookedAt: NOW - 1_001, followedAt: -1 })).toMatchObject(looksAgain);
  // Whoever takes the incident away lets it go in this very step.
  const letGo = { incident: null, online: false, mark: null } as const;
  expect(decided(early, letGo)).toMatchObject(looksAgain);
  expect(decided(early, letGo, [ELSEWHERE])).toMatchObject(looksAgain);
  // This one is looked at because of its new incident.
  expect(decided({ ...early, incident: 'first' }).asks).toBe(true);
});

it('a cell that is down is not asked in every step what is under way in it', () => {
  const { lookRetryMs } = DEFAULT_POLICY.timing;
  const decided = (lookedAt: number) => {
    const aside = { incident: 'again', evacuations: [live()], lookedAt, followedAt: -1 };
    return decide(fencedAnew({}, aside), DEFAULT_POLICY);
  };
  expect(decided(NOW - lookRetryMs).look.hosts.has(SOURCE)).toBe(true);
  const waits = decided(NOW - lookRetryMs + 400);
  expect(waits.look.hosts.has(SOURCE)).toBe(false);
  expect(waits.wakeMs).toBeLessThanOrEqual(400);
});

it('what a dead destination had claimed takes none, nor what lies in a queue for long', () => {
  const takenBy = (e: EvacuationView, isLost = false): number => {
    const observation = fencedAnew({}, { evacuations: [e], novaNow: 300_000 });
    if (!observation.cluster.known) throw new Error('no cluster');
    const draft = newDraft(observation, DEFAULT_POLICY);
    return asideOf(draft, observation.cluster.value, [], () => isLost).found[0]?.servers.length ?? 0;
  };
  expect(takenBy(live())).toBe(1);
  expect(takenBy(live(), true)).toBe(0);
  expect(takenBy(live({ status: 'accepted', dest: null }))).toBe(0);
  expect(takenBy(live({ status: 'accepted' }))).toBe(0);
  expect(takenBy(live({ status: 'accepted', dest: null, createdAt: 299_000 }))).toBe(1);
});

it('is looked at again while somebody waits for its room', () => {
  const { maxUrgentMs } = DEFAULT_POLICY.timing;
  const looks = (lookedAt: number): boolean => {
    const observation = fencedAnew({}, { incident: 'again', evacuations: [live()], lookedAt });
    return decide(observation, DEFAULT_POLICY).look.hosts.get(SOURCE)?.evacuations ?? false;
  };
  expect(looks(NOW)).toBe(false);
  expect(looks(NOW - maxUrgentMs)).toBe(true);
});

it('nobody is asked for before a successor has tried to look at what was under way, and nobody waits for more than that', () => {
  const record = aRecord({ incident: 'first', phase: 'returning', releasedAt: 8_000 });
  const decided = (more: Partial<Observation>, node: Partial<NodeView> = {}) => {
    const observation = fencedAnew({}, {}, { incident: null, online: false, evacuation: record, ...node });
    const { hosts } = observation;
    const other = [...hosts].filter(([host]) => host === ELSEWHERE);
    const { commands, look } = decide({ ...observation, hosts: new Map(other), ...more }, DEFAULT_POLICY);
    return { asks: commands.some(({ kind }) => kind === 'evacuate'), look: look.hosts.get(SOURCE) };
  };
  const looked = (view: Partial<HostView>) => {
    const views = fencedAnew({}, { incident: 'first', lookedAt: NOW, followedAt: -1, ...view }).hosts;
    return decided({ hosts: views });
  };
  expect(decided({})).toMatchObject({ asks: false, look: { incident: 'first', evacuations: true } });
  expect(looked({ trouble: 'no answer' })).toMatchObject({ asks: true, look: undefined });
  const { lookRetryMs } = DEFAULT_POLICY.timing;
  expect(looked({ trouble: 'no answer', lookedAt: NOW - lookRetryMs }).look).toMatchObject({
    evacuations: true,
  });
  expect(looked({ followedAt: NOW }).look).toBeUndefined();
  // Of these nothing can be looked at.
  expect(decided({}, { evacuation: null }).asks).toBe(true);
  // Who has written what can't be read nobody knows: it is waited for as for any predecessor.
  expect(decided({}, { evacuation: 'unreadable' }).asks).toBe(false);
  // What can't be read of its incident changes nothing of what is under way.
  expect(decided({}, { incident: 'unreadable' }).asks).toBe(false);
});

it('counts of a record that can’t be read, or that was deleted, what Nova shows of its host', () => {
  const taken = (evacuation: NodeView['evacuation'], reason: string | null, at = 0) => {
    const incident = { id: 'again', at, by: 'fencer', on: 'controller-1' } as const;
    const observation = fencedAnew({}, { evacuations: [live()] }, { incident, evacuation });
    if (!observation.cluster.known || !observation.services.known) throw new Error('no cluster');
    const services = observation.services.value.map((each) =>
      each.host === SOURCE ? { ...each, disabledReason: reason } : each,
    );
    const draft = newDraft({ ...observation, services: known(services) }, DEFAULT_POLICY);
    return asideOf(draft, observation.cluster.value, [], () => false).found[0]?.servers.length ?? 0;
  };
  expect(taken('unreadable', null)).toBe(1);
  expect(taken(null, disabledReason('first'))).toBe(1);
  // Nova has one of the time since the incident.
  expect(taken(null, null)).toBe(1);
  expect(taken(null, null, 20_000)).toBe(0);
});
