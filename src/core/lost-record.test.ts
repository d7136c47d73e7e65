import { expect, it } from 'vitest';
import { decide } from './decide.ts';
import { nodeName } from './names.ts';
import { known, type NodeView, type ServiceView } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { disabledReason } from './records.ts';
import { A_CLUSTER, aNode, anObservation, aService } from './testing.ts';

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
