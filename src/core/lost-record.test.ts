import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import { nodeName } from './names.ts';
import { known, type NodeView, type ServiceView } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { disabledReason } from './records.ts';
import { A_CLUSTER, aNode, anObservation, aRecord, aService } from './testing.ts';

const NOW = 100_000;

function decided(service: Partial<ServiceView>, node: Partial<NodeView> = {}, servicesAt = NOW) {
  const cluster = { ...A_CLUSTER, nodes: [aNode('compute-1', null, node)] };
  const ours = { status: 'disabled', disabledReason: disabledReason('i1'), forcedDown: true } as const;
  return decide(
    anObservation({
      ...{ now: NOW, mono: NOW, begunAt: NOW, novaNow: NOW, servicesAt },
      cluster: known(cluster),
      services: known([aService('compute-1', { ...ours, ...service }), aService('compute-2')]),
    }),
    DEFAULT_POLICY,
  );
}

it('a host that is back, and disabled by us without a record, gets one by which it is given back', () => {
  const { commands, verdicts } = decided({});
  expect(commands).toContainEqual({
    kind: 'write-evacuation',
    node: nodeName('compute-1'),
    record: expect.objectContaining({
      ...{ incident: 'i1', phase: 'returning', releasedAt: NOW, owner: 'controller-1:1' },
      before: { status: 'enabled', forcedDown: false },
    }),
  });
  expect(verdicts[0]).toMatchObject({ phase: 'returning', text: expect.stringContaining('written anew') });
});

it('a list from before the cluster was read may be from before its record was closed', () => {
  const { commands, look } = decided({}, {}, NOW - 1);
  expect(commands).toEqual([]);
  expect(look.services).toBe(true);
});

it.each([
  ['one that an operator has disabled', { disabledReason: 'mine' }, {}],
  ['one that is not back', {}, { online: false }],
  ['one of which the cluster says nothing', {}, { online: null }],
] as const)('nothing is written for %s', (_what, service, node) => {
  expect(decided(service, node).commands.map(({ kind }) => kind)).not.toContain('write-evacuation');
});

describe('a record that is not as it was left', () => {
  const asLeft = (evacuation: NodeView['evacuation'], found: NodeView['evacuation']) => {
    const incident = { id: 'i1', at: 1_000, by: 'fencer', on: 'controller-1' } as const;
    const nodes = [aNode('compute-1', null, { incident, evacuation, online: false })];
    const recordsChanged = new Map([[nodeName('compute-1'), found]]);
    return decide(
      anObservation({
        ...{ now: NOW, mono: NOW, begunAt: NOW, novaNow: NOW, servicesAt: NOW },
        cluster: known({ ...A_CLUSTER, nodes, recordsChanged }),
        services: known([aService('compute-1'), aService('compute-2')]),
      }),
      DEFAULT_POLICY,
    );
  };
  const node = nodeName('compute-1');

  it('is written again before anything is done by it', () => {
    const record = aRecord({ incident: 'i1' });
    const { commands, verdicts } = asLeft(record, null);
    expect(commands).toEqual([{ kind: 'write-evacuation', node, record }]);
    expect(verdicts).toMatchObject([{ phase: 'evacuating', text: expect.stringContaining('was deleted') }]);
    expect(asLeft(record, 'unreadable').verdicts[0]?.text).toContain('was written over');
  });

  it('is closed again', () => {
    const { commands, verdicts } = asLeft(null, aRecord({ incident: 'old' }));
    expect(commands).toEqual([{ kind: 'delete-evacuation', node, incident: 'old' }]);
    expect(verdicts).toMatchObject([{ text: expect.stringContaining('it is deleted') }]);
  });
});
