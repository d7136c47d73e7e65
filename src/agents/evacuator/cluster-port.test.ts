import { describe, expect, it } from 'vitest';
import { nodeName } from '../../core/names.ts';
import { fakeCluster } from '../../pacemaker/fake-tools.ts';
import { createClusterPort } from './cluster-port.ts';

const INCIDENT = 'v=1,id=abcdefgh,at=2026-11-23T04:13:40.000Z,by=fencer,on=controller-1';

async function nodesSeen(nodeAttribute: { name: string; value: string } | null) {
  const cluster = fakeCluster();
  cluster.permanent.set(
    'compute-1',
    new Map([
      ['region', 'RegionOne'],
      ['instance-ha-incident', INCIDENT],
    ]),
  );
  cluster.permanent.set(
    'compute-2',
    new Map([
      ['region', 'RegionTwo'],
      ['instance-ha-incident', INCIDENT],
    ]),
  );
  cluster.transient.set('evacuate', new Map([['compute-1', 'yes']]));
  const read = await createClusterPort(nodeAttribute, { run: cluster.run }).readNodes();
  if (!read.known) throw new Error(read.reason);
  return read.value;
}

describe('the cluster as one evacuator sees it', () => {
  it('has all nodes, with their records and marks', async () => {
    const { nodes, haveQuorum } = await nodesSeen(null);
    expect(haveQuorum).toBe(true);
    expect(nodes.map((node) => node.name)).toEqual([
      'controller-1',
      'controller-2',
      'compute-1',
      'compute-2',
    ]);
    expect(nodes[2]).toMatchObject({ kind: 'remote', mark: 'yes', incident: { id: 'abcdefgh' } });
  });

  it('has the nodes of its region alone, and neither the incident nor the hold of another’s', async () => {
    const { nodes } = await nodesSeen({ name: 'region', value: 'RegionTwo' });
    expect(nodes.map((node) => node.name)).toEqual([nodeName('compute-2')]);
    expect(nodes[0]).toMatchObject({ incident: { id: 'abcdefgh' }, mark: null });
  });
});
