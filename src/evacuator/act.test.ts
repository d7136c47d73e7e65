import { expect, it } from 'vitest';
import { NOT_STARTED } from '../core/actions.ts';
import { type Command, commandKey, stopKey } from '../core/decision.ts';
import { hostName, nodeName, serverId } from '../core/names.ts';
import { known, type Maybe, type NodeView, unknown } from '../core/observation.ts';
import { INCIDENT_ATTRIBUTE, RELEASE_ATTRIBUTE } from '../core/records.ts';
import { A_CLUSTER, aNode, aServer, ELSEWHERE, SOURCE } from '../core/testing.ts';
import { act, newActs } from './act.ts';
import { type Memory, newMemory } from './memory.ts';
import type { Answer, ClusterPort, Ports } from './ports.ts';

const NAME = nodeName('compute-1');

const ADOPT: Command = {
  ...{ kind: 'adopt-mark', node: NAME },
  incident: { id: 'mark-1', at: 0, by: 'mark', on: 'controller-1:1' },
};

/** What becomes of a decision, when the cluster is as given by then. */
async function acted(command: Command, cluster: Awaited<ReturnType<ClusterPort['readNodes']>>) {
  const written: string[] = [];
  const write = async (node: string, attribute: string) => {
    written.push(`${node} ${attribute}`);
    return { ok: true, value: null };
  };
  const ports = {
    cluster: {
      readNodes: async () => cluster,
      writePermanent: write,
      writeTransient: write,
    },
    clock: { mono: () => 0, wake: () => {} },
    journal: { event: () => {} },
  } as unknown as Ports;
  const memory = newMemory('controller-1:1', 0);
  const acts = newActs();
  act(ports, memory, acts, [command]);
  await Promise.all(acts.running);
  return { written, state: memory.commands.get(commandKey(command))?.state };
}

const marked = (more: Partial<NodeView> = {}): Maybe<typeof A_CLUSTER> =>
  known({ ...A_CLUSTER, nodes: [aNode(NAME, null, { mark: 'yes', online: false, ...more })] });

it('a mark is taken for an incident while the node is off, whatever the cluster was when that was decided', async () => {
  expect(await acted(ADOPT, marked())).toEqual({
    written: [`compute-1 ${INCIDENT_ATTRIBUTE}`],
    state: 'done',
  });
  const not = { written: [], state: 'failed' };
  expect(await acted(ADOPT, marked({ online: true }))).toEqual(not);
  expect(await acted(ADOPT, marked({ mark: null }))).toEqual(not);
  expect(await acted(ADOPT, known({ ...A_CLUSTER, haveQuorum: false }))).toEqual(not);
  expect(await acted(ADOPT, unknown('no answer'))).toEqual(not);
});

it('a boot is let go while nothing holds its node, whatever the cluster was when that was decided', async () => {
  const answer = { kind: 'answer-hold', node: NAME, answer: 'released t' } as const;
  const now = (incident: string | null, more: Partial<NodeView> = {}, haveQuorum = true) =>
    known({ ...A_CLUSTER, haveQuorum, nodes: [aNode(NAME, incident, more)] });
  const release = (cluster: Maybe<typeof A_CLUSTER>, released = true) =>
    acted({ ...answer, released }, cluster);
  const done = { written: [`compute-1 ${RELEASE_ATTRIBUTE}`], state: 'done' };
  const not = { written: [], state: 'failed' };
  expect(await release(now(null))).toEqual(done);
  expect(await release(now('i2'))).toEqual(not);
  expect(await release(now(null, { mark: 'yes' }))).toEqual(not);
  expect(await release(now(null, {}, false))).toEqual(not);
  expect(await release(unknown('no answer'))).toEqual(not);
  // To be held it need not be looked at again.
  expect(await release(unknown('no answer'), false)).toEqual(done);
});

/** A server on SOURCE is asked for, and Nova answers so. */
async function asked(memory: Memory, answer: Answer<null>): Promise<void> {
  const ports = {
    cloud: { evacuate: async () => answer },
    clock: { mono: () => 0, wake: () => {} },
    journal: { event: () => {} },
  } as unknown as Ports;
  const acts = newActs();
  const { id, name } = aServer();
  const options = { onSharedStorage: false };
  act(ports, memory, acts, [{ kind: 'evacuate', host: SOURCE, server: id, name, recordsBefore: 0, options }]);
  await Promise.all(acts.running);
}

it('that somebody had started a server is forgotten when it is asked for: it says nothing of how it comes out of that', async () => {
  const memory = newMemory('controller-1:1', 0);
  const other = serverId('22222222-0000-4000-8000-000000000000');
  for (const each of [aServer().id, other]) memory.starts.set(each, { value: known(NOT_STARTED), mono: 0 });
  await asked(memory, { ok: true, value: null });
  expect([...memory.starts.keys()]).toEqual([other]);
});

it('a bug that a command meets is said, and fails that command alone', async () => {
  const said: string[] = [];
  const bug = async () => {
    throw new Error('no such field');
  };
  const ports = {
    cloud: { evacuate: bug, stopServer: bug },
    clock: { mono: () => 0, wake: () => {} },
    journal: { event: ({ msg }: { msg: string }) => said.push(msg) },
  } as unknown as Ports;
  const memory = newMemory('controller-1:1', 0);
  const acts = newActs();
  const { id: server, name } = aServer();
  const options = { onSharedStorage: false };
  const stop: Command = { kind: 'stop-server', host: SOURCE, server, name, on: ELSEWHERE };
  act(ports, memory, acts, [
    stop,
    { kind: 'evacuate', host: SOURCE, server, name, recordsBefore: 0, options },
  ]);
  await Promise.all(acts.running);
  expect(memory.commands.get(commandKey(stop))).toMatchObject({ state: 'failed', failures: 1 });
  // It may have been sent.
  expect(memory.requests.get(server)?.state).toBe('unknown');
  expect(
    said.filter((msg) => msg.includes('a bug of instance-ha, please report it: no such field')),
  ).toHaveLength(2);
});

it('how often in a row Nova has failed at a request is counted: not its silence, and anew when it was answered or has a record', async () => {
  const gave = { ok: false, reason: 'why' } as const;
  const failed = { ...gave, effect: 'unknown', failed: true } as const;
  const silent = { ...gave, effect: 'unknown' } as const;
  const refused = { ...gave, effect: 'refused' } as const;
  const { id, name } = aServer();
  /** What is counted after these answers; `records`: seen when the last was sent. */
  async function counted(answers: readonly Answer<null>[], records = 0) {
    let mono = 0;
    const memory = newMemory('controller-1:1', 0);
    const acts = newActs();
    for (const [index, answer] of answers.entries()) {
      const ports = {
        cloud: { evacuate: async () => answer },
        clock: { mono: () => mono++, wake: () => {} },
        journal: { event: () => {} },
      } as unknown as Ports;
      const recordsBefore = index === answers.length - 1 ? records : 0;
      const options = { onSharedStorage: false };
      act(ports, memory, acts, [
        { kind: 'evacuate', host: SOURCE, server: id, name, recordsBefore, options },
      ]);
      await Promise.all(acts.running);
    }
    return memory.requests.get(id)?.failing;
  }
  expect(await counted([failed, silent, failed])).toEqual({ times: 2, since: 1 });
  expect(await counted([failed, silent])).toEqual({ times: 1, since: 1 });
  expect(await counted([failed, refused])).toBe(null);
  expect(await counted([failed, { ok: true, value: null }])).toBe(null);
  expect(await counted([failed, failed], 1)).toMatchObject({ times: 1 });
});

it.each([
  ['at this host', SOURCE, 3],
  ['at another host', hostName('compute-9'), 1],
] as const)('a refusal counts with those of the same server %s', async (_where, source, refusals) => {
  const memory = newMemory('controller-1:1', 0);
  const { id } = aServer();
  const before = { state: 'refused', source, sentAt: 0, at: 0, message: '', recordsBefore: 0 } as const;
  memory.requests.set(id, { ...before, refusals: 2, failing: null });
  await asked(memory, { ok: false, effect: 'refused', reason: 'the policy forbids it' });
  expect(memory.requests.get(id)).toMatchObject({ state: 'refused', source: SOURCE, refusals });
});

it('that a server was stopped where it may come to is forgotten when it is asked for: that was another outage', async () => {
  const memory = newMemory('controller-1:1', 0);
  const { id } = aServer();
  const other = serverId('22222222-0000-4000-8000-000000000000');
  const here = stopKey(id, SOURCE);
  const ofAnother = stopKey(other, hostName('compute-2'));
  for (const key of [here, stopKey(id, hostName('compute-2')), ofAnother])
    memory.commands.set(key, { state: 'done', at: 0, failures: 0, message: '' });
  await asked(memory, { ok: true, value: null });
  // Whoever has started it on the host that died meant it.
  expect([...memory.commands.keys()]).toEqual([here, ofAnother]);
});
