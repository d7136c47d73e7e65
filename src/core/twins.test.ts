import { describe, expect, it } from 'vitest';
import { nodesByHost } from './deaths.ts';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import { hostName, nodeName } from './names.ts';
import { known, type NodeView, type Observation, unknown } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { A_CLUSTER, aHostView, aNode, anObservation, aRecord, aServer, aService } from './testing.ts';
import { twinOf } from './twins.ts';

const OLD = 'c1';
const NEW = 'c1.example.org';
const TOKEN = { holdToken: 'boot-0001', online: true };

/** What is decided when Nova's host is NEW, and both nodes are in the CIB. */
function decided(
  old: Partial<NodeView>,
  renamed: Partial<NodeView>,
  more: Partial<Observation> = {},
): Decision {
  const host = hostName(NEW);
  const view = aHostView({ host, incident: 'i1', servers: [aServer({ host })] });
  return decide(
    anObservation({
      ...{ now: 100_000, mono: 100_000, begunAt: 100_000, novaNow: 100_000, servicesAt: 99_000 },
      cluster: known({ ...A_CLUSTER, nodes: [aNode(OLD, null, old), aNode(NEW, null, renamed)] }),
      services: known([aService(NEW, { state: 'down' }), aService('c2', { updatedAt: 99_000 })]),
      hosts: new Map([[host, view]]),
      domain: 'example.org',
      ...more,
    }),
    DEFAULT_POLICY,
  );
}

const incident = (id: string): Partial<NodeView> => ({ incident: aNode(OLD, id).incident, online: false });
const answers = ({ commands }: Decision): readonly string[] =>
  commands.flatMap((command) => (command.kind === 'answer-hold' ? [command.answer] : []));

describe('two nodes that are one host of Nova', () => {
  it('are told by the domain, as far as Nova does not tell them apart', () => {
    const nodes = [OLD, NEW, 'c2'].map((name) => aNode(name, null));
    const twin = (name: string, hosts: readonly string[] | null, domain: string | null = 'example.org') =>
      twinOf(nodeName(name), nodes, { hosts: hosts?.map(hostName) ?? null, domain });
    expect(twin(OLD, [NEW, 'c2'])).toBe(NEW);
    expect(twin(NEW, [NEW, 'c2'])).toBe(OLD);
    expect(twin(OLD, null)).toBe(NEW);
    expect(twin('c2', [NEW, 'c2'])).toBeNull();
    // Nova's host is the short one, which the long one is not.
    expect(twin(OLD, [OLD])).toBeNull();
    expect(twin(OLD, [NEW], null)).toBeNull();
  });

  it.each([
    ['the old one has a record', { evacuation: aRecord(), ...incident('i1') }, {}],
    ['the old one was let go by hand', { evacuation: aRecord() }, {}],
    ['the old one is on its way back', { evacuation: aRecord({ phase: 'returning', releasedAt: 1 }) }, {}],
    ['the old one is marked', { mark: 'yes', online: false }, {}],
    ['the new one has an incident', {}, incident('i2')],
  ] as const)('are both left alone, and both said to be, when %s', (_, old, renamed) => {
    const { commands, verdicts, gates } = decided(old, renamed);
    expect(commands).toEqual([]);
    expect(gates).toEqual([]);
    expect(verdicts.map(({ node, phase }) => [node, phase])).toEqual([
      [OLD, 'blocked'],
      [NEW, 'blocked'],
    ]);
    for (const { text } of verdicts) {
      expect(text).toContain(OLD);
      expect(text).toContain(NEW);
      expect(text).toContain('crm_node --force --remove');
    }
  });

  it.each([
    ['an incident', incident('i1')],
    ['a record', { evacuation: aRecord(), online: false }],
    [
      'a record of its way back',
      { evacuation: aRecord({ phase: 'returning', releasedAt: 1 }), online: false },
    ],
  ] as const)('are not let go while one of them has %s, with Nova or without', (_, old) => {
    for (const more of [{}, { services: unknown('down') }]) {
      const [answer, another] = answers(decided(old, TOKEN, more));
      expect(answer).toContain('boot-0001');
      expect(answer).toContain('c1.example.org and c1 are one host of Nova');
      expect(another).toBeUndefined();
    }
    expect(answers(decided({}, TOKEN))[0]).toMatch(/released/);
  });

  it('prove no death of that host: it has no node', () => {
    const observation = anObservation({ services: known([aService(NEW)]), domain: 'example.org' });
    const cluster = { ...A_CLUSTER, nodes: [aNode(OLD, 'i1'), aNode(NEW, null)] };
    expect([...nodesByHost(observation, cluster)]).toEqual([]);
    expect([...nodesByHost(observation, { ...cluster, nodes: [aNode(NEW, null)] }).keys()]).toEqual([NEW]);
  });
});
