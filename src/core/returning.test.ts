import { expect, it } from 'vitest';
import { decide } from './decide.ts';
import { type ClusterView, known, type Observation } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { EvacuationRecord } from './records.ts';
import { aNode, anObservation, aService } from './testing.ts';

const RELEASED: EvacuationRecord = {
  incident: 'i1',
  phase: 'returning',
  fencedAt: 0,
  since: 0,
  before: { status: 'enabled', forcedDown: false },
  owner: 'controller-1:1',
  clean: false,
  releasedAt: 10_000,
  stopped: [],
  lost: [],
  reserves: [],
};

function closes(servicesAt: number, more: Partial<Observation> = {}): boolean {
  const cluster: ClusterView = {
    haveQuorum: true,
    nodes: [aNode('compute-1', null, { evacuation: RELEASED })],
    pause: null,
    history: new Map(),
    levelsCorrected: new Map(),
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
  return decide(observation, DEFAULT_POLICY).commands.some(({ kind }) => kind === 'delete-evacuation');
}

it('a record is not closed while a request for its service may still take effect', () => {
  const { requestSettleMs } = DEFAULT_POLICY.timing;
  const unanswered = (id: string) => ({ unansweredChanges: new Map([[id, 15_000]]) });
  expect(closes(30_000)).toBe(true);
  expect(closes(30_000, unanswered('svc-compute-1'))).toBe(false);
  expect(closes(30_000, unanswered('svc-compute-2'))).toBe(true);
  expect(closes(15_000 + requestSettleMs, unanswered('svc-compute-1'))).toBe(true);
});

it('... nor by a successor while one of the evacuator before it may', () => {
  const { takeoverSettleMs } = DEFAULT_POLICY.timing;
  const successor = { owner: 'controller-2:2', ownerSince: 25_000 };
  expect(closes(25_000 + takeoverSettleMs - 1, successor)).toBe(false);
  expect(closes(25_000 + takeoverSettleMs, successor)).toBe(true);
  expect(closes(30_000, { ownerSince: 25_000 })).toBe(true);
});
