import { expect, it } from 'vitest';
import { newDraft } from './draft.ts';
import { type ClusterView, type EvacuationView, type HostView, known, type NodeView } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { queuesToSee } from './queues.ts';
import type { EvacuationRecord } from './records.ts';
import { A_CLUSTER, aHostView, aNode, anObservation, aRecord, aService, SOURCE } from './testing.ts';
import { evacuation } from './testing-evacuations.ts';

const NOW = 200_000;
const QUEUED = evacuation({ status: 'accepted', dest: null, createdAt: 1_000 });

/** Whether compute-1 is looked at before anybody is asked for. */
function isLookedAt(
  lookedAt: number,
  evacuations: readonly EvacuationView[] = [QUEUED],
  record: Partial<EvacuationRecord> = {},
  more: Partial<HostView> = {},
  node: Partial<NodeView> = {},
): boolean {
  const cluster: ClusterView = {
    ...A_CLUSTER,
    nodes: [aNode('compute-1', 'i1', { evacuation: aRecord(record), ...node })],
  };
  const view = aHostView({
    ...{ incident: 'i1', evacuations, lookedAt, followedAt: lookedAt, novaNow: lookedAt },
    ...more,
  });
  const observation = anObservation({
    ...{ now: NOW, mono: NOW, begunAt: NOW, novaNow: NOW, servicesAt: NOW },
    cluster: known(cluster),
    services: known([aService('compute-1')]),
    hosts: new Map([[SOURCE, view]]),
  });
  const found = queuesToSee(newDraft(observation, DEFAULT_POLICY), cluster);
  return found.some(({ host }) => host === SOURCE);
}

it('what lay in a queue is looked at once more before somebody is asked for, if the last look is no longer new', () => {
  const { followMs } = DEFAULT_POLICY.timing;
  expect(isLookedAt(NOW - followMs)).toBe(true);
  expect(isLookedAt(NOW - followMs + 1)).toBe(false);
  // Also where a try since has failed.
  expect(isLookedAt(NOW - 1_000, [QUEUED], {}, { followedAt: NOW - 60_000 })).toBe(false);
});

it('... not for what is under way, over, or given up', () => {
  const old = NOW - 60_000;
  expect(isLookedAt(old)).toBe(true);
  expect(isLookedAt(old, [{ ...QUEUED, createdAt: old - 100_000 }])).toBe(false);
  expect(isLookedAt(old, [{ ...QUEUED, status: 'pre-migrating' }])).toBe(false);
  expect(isLookedAt(old, [{ ...QUEUED, status: 'error' }])).toBe(false);
  expect(isLookedAt(old, [QUEUED], { lost: [{ id: QUEUED.id, claimed: false }] })).toBe(false);
});

it('... also where its record is spoiled or deleted: its incident tells of it', () => {
  const isLooked = (node: Partial<NodeView>): boolean => isLookedAt(NOW - 60_000, [QUEUED], {}, {}, node);
  expect(isLooked({ evacuation: 'unreadable' })).toBe(true);
  expect(isLooked({ evacuation: null })).toBe(true);
  expect(isLooked({ evacuation: null, incident: null })).toBe(false);
});
