import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCib, readCluster } from './cib.ts';
import { exits, fakeCluster, hangs } from './fake-tools.ts';
import { CIB } from './fixtures.ts';

function parsed(xml: string) {
  const result = parseCib(xml);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

describe('parseCib', () => {
  const view = parsed(CIB);

  it('reads quorum, DC and options', () => {
    expect(view).toMatchObject({ haveQuorum: true, dcId: '1', stonithEnabled: true, maintenanceMode: false });
    expect(view.properties.get('dc-version')).toBe('2.1.5-a3f44794f94');
  });

  it('reads nodes with kind, attributes and whether they are online', () => {
    const rows = view.nodes.map((node) => [node.name, node.kind, node.online, node.maintenance]);
    expect(rows).toEqual([
      ['controller-1', 'cluster', true, false],
      ['controller-2', 'cluster', true, false],
      ['controller-3', 'cluster', false, false],
      ['compute-1', 'remote', false, false],
      ['compute-2.example.org', 'remote', true, true],
      ['compute-3', 'remote', null, false],
    ]);
    expect(view.nodes[3]?.permanent.get('instance-ha-incident')).toMatch(/^v=1,id=abc,/);
  });

  it('reads fencing levels in all three forms, and the agents', () => {
    expect(view.fencingLevels).toEqual([
      { target: { kind: 'node', node: 'compute-1' }, index: 1, devices: ['ipmilan-compute-1', 'fence-nova'] },
      { target: { kind: 'pattern', pattern: 'compute-.*' }, index: 2, devices: ['fence-nova'] },
      {
        target: { kind: 'attribute', attribute: 'rack', value: '7' },
        index: 1,
        devices: ['pdu', 'fence-nova'],
      },
    ]);
    expect([...view.fencingAgents]).toEqual([
      ['ipmilan-compute-1', 'fence_ipmilan'],
      ['fence-nova', 'fence_compute'],
    ]);
  });

  it('knows the agent of a device that is made of a template', () => {
    const { fencingAgents } = parsed(
      '<cib><configuration><resources><template id="t" class="stonith" type="fence_kdump"/><primitive id="a" template="t"/><primitive id="b" class="stonith" type="fence_ipmilan"/></resources></configuration></cib>',
    );
    expect([...fencingAgents]).toEqual([
      ['a', 'fence_kdump'],
      ['b', 'fence_ipmilan'],
    ]);
  });

  it.each([
    ['0', false],
    ['1', true],
    ['1795884420', true],
    ['yes', null],
  ])('reads whether a remote node has been fenced since it joined: %s', (value, fenced) => {
    const xml = CIB.replace('node_fenced="0"', `node_fenced="${value}"`);
    expect(parsed(xml).nodes.find(({ name }) => name === 'compute-1')?.fenced).toBe(fenced);
    expect(parsed(xml).nodes[0]?.fenced).toBeNull();
  });

  it('takes missing quorum for none, and knows no state where there is none', () => {
    const bare = parsed('<cib><configuration><nodes><node id="1" uname="a"/></nodes></configuration></cib>');
    expect(bare.haveQuorum).toBe(false);
    expect(bare.nodes[0]?.online).toBeNull();
    expect(bare.stonithEnabled).toBe(true);
  });

  it.each([
    'in_ccm="true"',
    'crmd="online" join="member"',
    'in_ccm="true" crmd="online"',
  ])('does not guess from half a node_state: %s', (attributes) => {
    const xml = CIB.replace(
      /in_ccm="true" crmd="online" crm-debug-origin="do_state_transition" join="member"/,
      attributes,
    );
    expect(parsed(xml).nodes[0]?.online).toBeNull();
  });

  it.each([
    '',
    'x',
    '<cib/>',
    '<a/>',
    CIB.slice(0, 900),
    '<cib><configuration><nodes><node id="1" uname="-rf"/></nodes></configuration></cib>',
  ])('refuses %j', (xml) => {
    const result = parseCib(xml);
    expect(result.ok ? null : result.error.code).toBe('bad-answer');
  });

  it('never throws on garbage', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseCib(text)));
    const cut = fc.tuple(fc.nat(CIB.length), fc.nat(CIB.length), fc.string({ maxLength: 5 }));
    fc.assert(
      fc.property(cut, ([from, to, text]) => void parseCib(CIB.slice(0, from) + text + CIB.slice(to))),
    );
  });

  it('survives a deep document', () => {
    const deep = `<cib><configuration><resources>${'<group>'.repeat(50_000)}${'</group>'.repeat(50_000)}</resources></configuration></cib>`;
    expect(() => parseCib(deep)).not.toThrow();
  });
});

describe('readCluster', () => {
  it('asks once, locally, for the whole CIB', async () => {
    const cluster = fakeCluster();
    expect((await readCluster({ run: cluster.run })).ok).toBe(true);
    expect(cluster.calls).toEqual([['cibadmin', '--query', '--local']]);
  });

  it('parses a CIB that says the same only once, and one that has changed anew', async () => {
    const cluster = fakeCluster();
    const first = await readCluster({ run: cluster.run });
    expect(await readCluster({ run: cluster.run })).toBe(first);
    cluster.haveQuorum = !cluster.haveQuorum;
    const changed = await readCluster({ run: cluster.run });
    expect(changed).toMatchObject({ ok: true, value: { haveQuorum: cluster.haveQuorum } });
  });

  it('tells a cluster that is down from a hung tool', async () => {
    const cluster = fakeCluster();
    cluster.fault = () => exits(102, '', 'Could not connect');
    expect(await readCluster({ run: cluster.run })).toMatchObject({
      ok: false,
      error: { code: 'cluster-down' },
    });
    cluster.fault = hangs;
    expect(await readCluster({ run: cluster.run })).toMatchObject({ ok: false, error: { code: 'timeout' } });
  });
});

describe('nova-compute, as the operation history has it', () => {
  const history = (...operations: string[]): string =>
    CIB.replace(
      '<transient_attributes id="compute-2.example.org">',
      `<lrm id="compute-2"><lrm_resources>
        <lrm_resource id="nova-compute-checkevacuate" class="ocf" provider="openstack" type="nova-compute-wait">
          <lrm_rsc_op operation="start" call-id="1" rc-code="0" op-status="0"/></lrm_resource>
        <lrm_resource id="nova-compute" class="systemd" type="nova-compute">${operations.join('')}</lrm_resource>
      </lrm_resources></lrm><transient_attributes id="compute-2.example.org">`,
    );
  const op = (name: string, callId: number, rc: number, status = 0): string =>
    `<lrm_rsc_op operation="${name}" call-id="${callId}" rc-code="${rc}" op-status="${status}"/>`;
  const seen = (...operations: string[]) =>
    parsed(history(...operations)).nodes.find((node) => node.name === 'compute-2.example.org')?.novaCompute;

  it.each([
    ['nothing known', [], null],
    ['a probe that found it stopped', [op('monitor', 2, 7)], 'unstarted'],
    ['a probe under way', [op('monitor', -1, 193, -1)], 'unstarted'],
    ['a start under way', [op('monitor', 2, 7), op('start', -1, 193, -1)], 'stopped'],
    ['started', [op('monitor', 2, 7), op('start', 9, 0)], 'running'],
    ['started and watched', [op('start', 9, 0), op('monitor', 10, 0)], 'running'],
    ['failed', [op('start', 9, 0), op('monitor', 10, 7)], 'stopped'],
    ['stopped after all', [op('start', 9, 0), op('stop', 12, 0)], 'stopped'],
  ] as const)('%s', (_, operations, expected) => {
    expect(seen(...operations)).toBe(expected);
  });
});
