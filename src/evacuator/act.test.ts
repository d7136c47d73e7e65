import { expect, it } from 'vitest';
import { nodeName, serverId } from '../core/names.ts';
import { known, type Maybe, type NodeView, unknown } from '../core/observation.ts';
import { INCIDENT_ATTRIBUTE } from '../core/records.ts';
import { A_CLUSTER, aNode, aServer, SOURCE } from '../core/testing.ts';
import { act, newActs } from './act.ts';
import { newMemory } from './memory.ts';
import type { ClusterPort, Ports } from './ports.ts';

const NAME = nodeName('compute-1');

/** What becomes of the decision to take a mark for an incident, when the cluster is as given by then. */
async function adopted(cluster: Awaited<ReturnType<ClusterPort['readNodes']>>) {
  const written: string[] = [];
  const ports = {
    cluster: {
      readNodes: async () => cluster,
      writePermanent: async (node: string, attribute: string) => {
        written.push(`${node} ${attribute}`);
        return { ok: true, value: null };
      },
    },
    clock: { mono: () => 0, wake: () => {} },
    journal: { event: () => {} },
  } as unknown as Ports;
  const memory = newMemory('controller-1:1', 0);
  const acts = newActs();
  act(ports, memory, acts, [
    { kind: 'adopt-mark', node: NAME, incident: { id: 'mark-1', at: 0, by: 'mark', on: 'controller-1:1' } },
  ]);
  await Promise.all(acts.running);
  return { written, state: memory.commands.get('adopt-mark:compute-1')?.state };
}

const marked = (more: Partial<NodeView> = {}): Maybe<typeof A_CLUSTER> =>
  known({ ...A_CLUSTER, nodes: [aNode(NAME, null, { mark: 'yes', online: false, ...more })] });

it('a mark is taken for an incident while the node is off, whatever the cluster was when that was decided', async () => {
  expect(await adopted(marked())).toEqual({ written: [`compute-1 ${INCIDENT_ATTRIBUTE}`], state: 'done' });
  const not = { written: [], state: 'failed' };
  expect(await adopted(marked({ online: true }))).toEqual(not);
  expect(await adopted(marked({ mark: null }))).toEqual(not);
  expect(await adopted(known({ ...A_CLUSTER, haveQuorum: false }))).toEqual(not);
  expect(await adopted(unknown('no answer'))).toEqual(not);
});

it('that somebody had started a server is forgotten when it is asked for: it says nothing of how it comes out of that', async () => {
  const ports = {
    cloud: { evacuate: async () => ({ ok: true, value: null }) },
    clock: { mono: () => 0, wake: () => {} },
    journal: { event: () => {} },
  } as unknown as Ports;
  const memory = newMemory('controller-1:1', 0);
  const other = serverId('22222222-0000-4000-8000-000000000000');
  const { id, name } = aServer();
  for (const each of [id, other]) memory.startedSince.set(each, { value: known(true), mono: 0 });
  const acts = newActs();
  const options = { onSharedStorage: false };
  act(ports, memory, acts, [{ kind: 'evacuate', host: SOURCE, server: id, name, recordsBefore: 0, options }]);
  await Promise.all(acts.running);
  expect([...memory.startedSince.keys()]).toEqual([other]);
});
