import { expect, it } from 'vitest';
import { serverId } from './names.ts';
import type { HostView } from './observation.ts';
import { DEFAULT_POLICY, type StoragePolicy } from './policy.ts';
import { type ReportDraft, reportIncident } from './report.ts';
import { aHostView, aNode, anObservation, aRecord, aServer, ELSEWHERE } from './testing.ts';
import { evacuation } from './testing-evacuations.ts';

const A = serverId('a');
const B = serverId('b');
const C = serverId('c');
const D = serverId('d');

/** The report of a host whose instances nobody has a verdict about: it was let go by hand, or a predecessor had them. */
const report = (view: Partial<HostView>, storage: StoragePolicy = DEFAULT_POLICY.storage): ReportDraft =>
  reportIncident({
    observation: anObservation({ servicesAt: 0 }),
    node: aNode('compute-1', 'i1'),
    record: aRecord(),
    view: aHostView(view),
    state: 'released',
    text: 'let go',
    storage,
    instances: [],
  });

it('a host that is let go in the middle has each of its instances in its report, and none is failed that may yet arrive', () => {
  const { instances } = report({
    servers: [A, B, C, D].map((id) =>
      aServer({ id, name: `vm-${id}`, ...(id === A ? { host: ELSEWHERE } : {}) }),
    ),
    evacuations: [
      evacuation({ id: 1, server: A }),
      evacuation({ id: 2, server: B, status: 'pre-migrating' }),
      evacuation({ id: 3, server: C, status: 'error', dest: null }),
    ],
  });
  expect(instances.map(({ id, outcome, to, attempts }) => [id, outcome, to, attempts])).toEqual([
    [A, 'moved', ELSEWHERE, 1],
    [B, 'moving', ELSEWHERE, 1],
    [C, 'failed', null, 1],
    [D, 'ready', null, 0],
  ]);
  expect(instances[3]).toMatchObject({ name: 'vm-d', reason: expect.stringContaining('nobody had asked') });
});

it('the timeline has the evacuations that were lost with their destination', () => {
  const { timeline } = report({
    servers: [aServer({ id: A })],
    evacuations: [
      evacuation({ id: 1, server: A, status: 'pre-migrating', createdAt: 1_000 }),
      evacuation({ id: 2, server: A, status: 'done', createdAt: 9_000, updatedAt: 12_000 }),
    ],
  });
  expect(timeline).toContainEqual({
    at: 9_000,
    text: `${A} was asked for again: its evacuation to ${ELSEWHERE} was lost with that host`,
  });
});

it('what became of the disk is told also by those who know the rest by Nova’s records alone', () => {
  const view = {
    servers: [aServer({ id: A }), aServer({ id: B, imageId: null })],
    evacuations: [A, B].map((server, id) => evacuation({ id, server })),
  };
  const disks = (shared: boolean): string[] =>
    report(view, { ...DEFAULT_POLICY.storage, shared }).instances.map(({ disk }) => disk);
  expect(disks(false)).toEqual(['rebuilt', 'kept']);
  expect(disks(true)).toEqual(['kept', 'kept']);
});
