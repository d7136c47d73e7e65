import { expect, it } from 'vitest';
import { newDraft } from './draft.ts';
import { letGoByHand } from './let-go.ts';
import type { HostName } from './names.ts';
import { type EvacuationView, known, type Observation, type RequestView, unknown } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { aHostView, aNode, anObservation, aRecord, aServer, aService, ELSEWHERE, SOURCE } from './testing.ts';

const server = aServer();

const LIVE: EvacuationView = {
  id: 1,
  server: server.id,
  source: SOURCE,
  dest: ELSEWHERE,
  status: 'pre-migrating',
  createdAt: 0,
  updatedAt: 0,
};

const requestFrom = (source: HostName, state: RequestView['state'] = 'accepted'): RequestView => ({
  ...{ state, source, sentAt: 0, at: 0, message: '', recordsBefore: 0, refusals: 0, failing: null },
});

function said(evacuations: readonly EvacuationView[], request: RequestView | null): string {
  const view = aHostView({ incident: 'i1', servers: [server], evacuations });
  const observation = anObservation({
    hosts: new Map([[SOURCE, view]]),
    requests: new Map(request === null ? [] : [[server.id, request]]),
  });
  const draft = newDraft(observation, DEFAULT_POLICY);
  const record = aRecord({ incident: 'i1', phase: 'evacuating' });
  letGoByHand(draft, { ...aNode('compute-1', null), evacuation: record, mark: 'no' }, 'i1');
  // Whoever brings the incident back later is told from what is left of a release (proof.ts).
  const released = { phase: 'returning', letGoByHand: true };
  expect(draft.commands).toMatchObject([{ kind: 'write-evacuation', record: released }]);
  return draft.verdicts[0]?.text ?? '';
}

it('names what is under way, by its record or by a request that no look has shown', () => {
  expect(said([LIVE], null)).toContain(`Under way all the same: ${server.name} to ${ELSEWHERE}. `);
  expect(said([], requestFrom(SOURCE))).toContain(`Under way all the same: ${server.name}. `);
});

it('names nothing that is over, was refused, or was asked for from the host it had come from', () => {
  expect(said([{ ...LIVE, status: 'done' }], null)).not.toContain('Under way');
  expect(said([], requestFrom(SOURCE, 'refused'))).not.toContain('Under way');
  expect(said([], requestFrom(ELSEWHERE))).not.toContain('Under way');
});

it('the mark goes first, whatever keeps it there', () => {
  const why = { state: 'failed', at: 0, failures: 1, message: 'attrd does not answer' } as const;
  const decided = (more: Partial<Observation>) => {
    const draft = newDraft(anObservation(more), DEFAULT_POLICY);
    const record = aRecord({ incident: 'i1', phase: 'evacuating' });
    letGoByHand(draft, { ...aNode('compute-1', null), evacuation: record, mark: 'yes' }, 'i1');
    return { kinds: draft.commands.map(({ kind }) => kind), text: draft.verdicts[0]?.text };
  };
  expect(decided({}).kinds).toEqual(['clear-mark']);
  const failed = decided({ commands: new Map([['clear-mark:compute-1', why]]) });
  expect(failed).toEqual({ kinds: [], text: expect.stringContaining('attrd does not answer') });
});

it('a successor looks once at what is under way before it lets the node go', () => {
  const record = aRecord({ incident: 'i1', phase: 'evacuating' });
  const decided = (more: Partial<Observation>) => {
    const draft = newDraft(anObservation({ mono: 1_000, servicesAt: 0, ...more }), DEFAULT_POLICY);
    letGoByHand(draft, { ...aNode('compute-1', null), evacuation: record }, 'i1');
    const isLetGo = draft.commands.some(({ kind }) => kind === 'write-evacuation');
    return { isLetGo, services: draft.services, look: draft.looks.get(SOURCE) };
  };
  const services = known([aService('compute-1')]);
  const look = expect.objectContaining({
    incident: 'i1',
    since: record.since,
    evacuations: true,
    listing: true,
  });
  expect(decided({ servicesAt: -1, services: unknown('not asked yet') })).toMatchObject({
    ...{ isLetGo: false, services: true },
  });
  expect(decided({ services })).toMatchObject({ isLetGo: false, look });
  // Nova does not answer, or has no such host any more.
  const failed = aHostView({ incident: 'i1', followedAt: -1, trouble: 'no answer' });
  expect(decided({ services, hosts: new Map([[SOURCE, failed]]) }).isLetGo).toBe(true);
  expect(decided({ services: unknown('no answer') }).isLetGo).toBe(true);
  expect(decided({ services: known([aService('compute-2')]) }).isLetGo).toBe(true);
});

it('the node is let go when no request that had no answer can take effect any more', () => {
  const at = (mono: number, more: Partial<Observation>, record = aRecord({ incident: 'i1' })) => {
    const hosts = new Map([[SOURCE, aHostView({ incident: 'i1', servers: [server] })]]);
    const draft = newDraft(anObservation({ mono, hosts, ...more }), DEFAULT_POLICY);
    letGoByHand(draft, { ...aNode('compute-1', null), evacuation: record }, 'i1');
    return { isLetGo: draft.commands.length > 0, wakeMs: draft.wakeMs };
  };
  const { requestSettleMs, takeoverSettleMs } = DEFAULT_POLICY.timing;
  const asked = (state: RequestView['state']) => ({
    requests: new Map([[server.id, requestFrom(SOURCE, state)]]),
  });
  expect(at(90_000, asked('pending')).isLetGo).toBe(false);
  expect(at(1_000, asked('unknown'))).toEqual({ isLetGo: false, wakeMs: requestSettleMs - 1_000 });
  expect(at(requestSettleMs, asked('unknown')).isLetGo).toBe(true);
  expect(at(1_000, asked('accepted')).isLetGo).toBe(true);
  const theirs = aRecord({ incident: 'i1', owner: 'controller-2:1' });
  expect(at(1_000, {}, theirs)).toEqual({ isLetGo: false, wakeMs: takeoverSettleMs - 1_000 });
  expect(at(takeoverSettleMs, {}, theirs).isLetGo).toBe(true);
  expect(at(1_000, {}, { ...theirs, clean: true }).isLetGo).toBe(true);
});
