import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { success } from '../core/result.ts';
import { parseTree, serializeTree, type TreeElement } from '../pacemaker/cib-tree.ts';
import { type RunTool, runTool } from '../pacemaker/tool.ts';
import type { ClusterInput } from './input.ts';
import { changeCib, isLackOfFencing } from './live.ts';
import { reconcile, reconcileUndo } from './reconcile.ts';
import { EMPTY_CIB, hasPacemakerTools, testInput } from './testing.ts';

function tree(xml: string): TreeElement {
  const parsed = parseTree('test', xml);
  if (!parsed.ok) throw new Error('the test has no XML');
  return parsed.value;
}

const apply = (cib: TreeElement, input: ClusterInput) => reconcile(cib, input, { mode: 'apply' });

describe('the golden configurations', () => {
  for (const shape of ['managed', 'minimal', 'unfence'] as const) {
    it(`of the shape ${shape}`, async () => {
      const { cib, conflicts } = apply(tree(EMPTY_CIB), await testInput(shape));
      expect(conflicts).toEqual([]);
      await expect(serializeTree(cib)).toMatchFileSnapshot(`golden/${shape}.xml`);
    });
  }
});

describe.skipIf(!hasPacemakerTools)('with Pacemaker on a file', () => {
  const directories: string[] = [];
  afterEach(() => {
    delete process.env.CIB_file;
    for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
  });
  const cibFile = (xml: string): string => {
    const directory = mkdtempSync(join(tmpdir(), 'instance-ha-test-'));
    directories.push(directory);
    const path = join(directory, 'cib.xml');
    writeFileSync(path, xml);
    process.env.CIB_file = path;
    return path;
  };
  const configurationOf = (xml: string): string => {
    const configuration = tree(xml).children.find(
      (each) => each.kind === 'element' && each.name === 'configuration',
    );
    return serializeTree(configuration as TreeElement);
  };

  for (const shape of ['managed', 'minimal', 'unfence'] as const) {
    it(`${shape}: verifies, is brought in, is there the second time, and leaves nothing behind`, async () => {
      const path = cibFile(EMPTY_CIB);
      const input = await testInput(shape);
      const before = configurationOf(EMPTY_CIB);
      const work = (cib: TreeElement): TreeElement | null => {
        const next = apply(cib, input);
        return next.changes.length === 0 ? null : next.cib;
      };
      const first = await changeCib(runTool, work);
      expect(first.ok ? null : first.error).toBeNull();
      const after = readFileSync(path, 'utf8');
      expect(configurationOf(after)).toContain('nova-evacuate');
      expect(await changeCib(runTool, work)).toMatchObject({ ok: true, value: { after: null } });
      expect(readFileSync(path, 'utf8')).toBe(after);
      const undone = await changeCib(runTool, (cib) => reconcileUndo(cib).cib, { tolerate: isLackOfFencing });
      expect(undone.ok ? null : undone.error).toBeNull();
      expect(configurationOf(readFileSync(path, 'utf8'))).toBe(before);
    });
  }

  it('works on anew what somebody else has changed meanwhile, and keeps that', async () => {
    const path = cibFile(EMPTY_CIB);
    const input = await testInput('minimal');
    let tries = 0;
    const run: RunTool = async (...call) => {
      const output = await runTool(...call);
      if (call[0] === 'crm_diff' && tries++ === 0) {
        const foreign =
          '<resources><primitive id="ip" class="ocf" provider="pacemaker" type="Dummy"/></resources>';
        writeFileSync(path, EMPTY_CIB.replace('<resources/>', foreign).replace('epoch="5"', 'epoch="6"'));
      }
      return output;
    };
    expect(await changeCib(run, (cib) => apply(cib, input).cib)).toMatchObject({ ok: true });
    expect(tries).toBe(2);
    expect(readFileSync(path, 'utf8')).toContain('<primitive id="ip"');
    expect(readFileSync(path, 'utf8')).toContain('nova-evacuate');
  });

  it('gives up where the CIB never rests', async () => {
    const path = cibFile(EMPTY_CIB);
    const input = await testInput('minimal');
    let epoch = 5;
    const run: RunTool = async (...call) => {
      const output = await runTool(...call);
      if (call[0] === 'crm_diff') writeFileSync(path, EMPTY_CIB.replace('epoch="5"', `epoch="${++epoch}"`));
      return output;
    };
    expect(await changeCib(run, (cib) => apply(cib, input).cib)).toMatchObject({
      ok: false,
      error: { code: 'busy' },
    });
    expect(readFileSync(path, 'utf8')).not.toContain('nova-evacuate');
  });

  it('is taken back where the cluster does not verify afterwards', async () => {
    const path = cibFile(EMPTY_CIB);
    const input = await testInput('minimal');
    let isPatched = false;
    const run: RunTool = async (...call) => {
      const output = await runTool(...call);
      if (call[0] === 'cibadmin' && call[1][0] === '--patch') isPatched = true;
      const isResult =
        isPatched &&
        call[0] === 'crm_verify' &&
        readFileSync(call[1][1] ?? '', 'utf8').includes('nova-evacuate');
      return isResult
        ? success({ exitCode: 78, stdout: '', stderr: '(x) \terror: something that shows only now' })
        : output;
    };
    expect(await changeCib(run, (cib) => apply(cib, input).cib)).toEqual({
      ok: false,
      error: { code: 'taken-back', problems: ['something that shows only now'], isBack: true },
    });
    expect(configurationOf(readFileSync(path, 'utf8'))).toBe(configurationOf(EMPTY_CIB));
  });

  it('changes nothing where the result does not verify', async () => {
    const path = cibFile(EMPTY_CIB);
    const input = await testInput('minimal');
    const broken = await changeCib(runTool, (cib) => {
      const next = apply(cib, input).cib;
      return tree(serializeTree(next).replace('first="nova-compute-checkevacuate-clone"', 'first="nowhere"'));
    });
    expect(broken).toMatchObject({ ok: false, error: { code: 'does-not-verify' } });
    expect(readFileSync(path, 'utf8')).toBe(EMPTY_CIB);
  });
});

/** CIBs as operators have them: properties, attributes, resources, constraints, sections that are there or not. */
const foreignCib: fc.Arbitrary<string> = fc
  .record({
    hasSet: fc.boolean(),
    recheck: fc.option(fc.constantFrom('60s', '1min', '15min')),
    nodeAttribute: fc.option(fc.constantFrom('rack=7', 'osprole=controller')),
    hasRemoteEntry: fc.boolean(),
    remoteAttribute: fc.boolean(),
    emptySections: fc.subarray(['tags', 'fencing-topology', 'alerts', 'acls']),
    resource: fc.boolean(),
    foreignTag: fc.boolean(),
  })
  .map((is) => {
    const recheck =
      is.recheck === null ? '' : `<nvpair id="r" name="cluster-recheck-interval" value="${is.recheck}"/>`;
    const [name, value] = is.nodeAttribute?.split('=') ?? [];
    const attributes =
      name === undefined
        ? ''
        : `<instance_attributes id="nodes-1"><nvpair id="nodes-1-${name}" name="${name}" value="${value}"/></instance_attributes>`;
    const remote = is.remoteAttribute
      ? '<instance_attributes id="nodes-compute-0"><nvpair id="x" name="zone" value="a"/></instance_attributes>'
      : '';
    const sections = is.emptySections
      .filter((each) => each !== 'tags' || !is.foreignTag)
      .map((each) => `<${each}/>`);
    const dummy = is.resource ? '<primitive id="ip" class="ocf" provider="pacemaker" type="Dummy"/>' : '';
    return `<cib validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0"><configuration>
      <crm_config>${is.hasSet ? `<cluster_property_set id="options">${recheck}</cluster_property_set>` : ''}</crm_config>
      <nodes><node id="1" uname="controller-0">${attributes}</node><node id="2" uname="controller-1"/>${is.hasRemoteEntry ? `<node id="compute-0" uname="compute-0" type="remote">${remote}</node>` : ''}</nodes>
      <resources>${dummy}</resources><constraints/>
      ${is.foreignTag && is.resource ? '<tags><tag id="mine"><obj_ref id="ip"/></tag></tags>' : ''}${sections.join('')}
    </configuration><status/></cib>`;
  });
const shapes = fc.constantFrom('managed' as const, 'minimal' as const, 'unfence' as const);

describe('whatever an operator has', () => {
  it('apply is idempotent, and undo leaves the CIB as it was', async () => {
    const inputs = {
      managed: await testInput('managed'),
      minimal: await testInput('minimal'),
      unfence: await testInput('unfence'),
    };
    fc.assert(
      fc.property(foreignCib, shapes, (xml, shape) => {
        const before = tree(xml);
        const once = apply(before, inputs[shape]);
        expect(once.conflicts).toEqual([]);
        const twice = apply(once.cib, inputs[shape]);
        expect(twice.changes).toEqual([]);
        expect(serializeTree(twice.cib)).toBe(serializeTree(once.cib));
        expect(serializeTree(reconcileUndo(once.cib).cib)).toBe(serializeTree(before));
      }),
    );
  });

  it('another input leads to the same as from nothing, in whatever steps', async () => {
    const inputs = {
      managed: await testInput('managed'),
      minimal: await testInput('minimal'),
      unfence: await testInput('unfence'),
    };
    const sorted = (cib: TreeElement): string[] =>
      serializeTree(cib)
        .split('\n')
        .map((line) => line.trim())
        .sort();
    fc.assert(
      fc.property(foreignCib, shapes, shapes, fc.boolean(), (xml, from, to, fewer) => {
        const target = fewer ? { ...inputs[to], computes: inputs[to].computes.slice(0, 1) } : inputs[to];
        const direct = apply(tree(xml), target);
        const stepwise = apply(apply(tree(xml), inputs[from]).cib, target);
        expect(sorted(stepwise.cib)).toEqual(sorted(direct.cib));
      }),
    );
  });
});

it('undo takes away what the agents wrote, too', async () => {
  const applied = serializeTree(apply(tree(EMPTY_CIB), await testInput()).cib);
  const used = applied
    .replace(
      '<nvpair id="nodes-compute-0-osprole"',
      '<nvpair id="h" name="instance-ha-history" value="x"/>$&',
    )
    .replace(
      '<nvpair id="cib-bootstrap-options-cluster-name"',
      '<nvpair id="p" name="instance-ha-pause" value="x"/>$&',
    );
  expect(used.match(/name="instance-ha-(history|pause)"/g)).toHaveLength(2);
  expect(serializeTree(reconcileUndo(tree(used)).cib)).toBe(serializeTree(tree(EMPTY_CIB)));
});

describe('what is not ours', () => {
  const foreign = (resources: string, rest = ''): TreeElement =>
    tree(
      EMPTY_CIB.replace('<resources/>', `<resources>${resources}</resources>`).replace(
        '</configuration>',
        `${rest}</configuration>`,
      ),
    );

  it('is kept inside of what is ours: what pcs resource disable sets stays', async () => {
    const input = await testInput();
    const disabled = tree(
      serializeTree(apply(tree(EMPTY_CIB), input).cib).replace(
        '<nvpair id="nova-evacuate-meta-migration-threshold"',
        '<nvpair id="nova-evacuate-meta_attributes-target-role" name="target-role" value="Stopped"/><nvpair id="nova-evacuate-meta-migration-threshold"',
      ),
    );
    expect(apply(disabled, input).changes).toEqual([]);
    const slower = apply(disabled, { ...input, timing: { ...input.timing, evacuationDelayS: 300 } });
    expect(slower.changes.map(({ what }) => what)).toEqual([
      'resource nova-compute-checkevacuate (ocf:openstack:nova-compute-wait), cloned',
    ]);
    expect(serializeTree(slower.cib)).toContain('target-role');
  });

  it('stands in the way where an id is taken or a level marks nothing', async () => {
    const cib = foreign(
      '<primitive id="fence-nova" class="stonith" type="fence_xvm"/>',
      '<fencing-topology><fencing-level id="fl-1" target="compute-0" index="1" devices="other"/></fencing-topology>',
    );
    const { conflicts } = apply(cib, await testInput());
    expect(conflicts).toHaveLength(2);
    expect(conflicts[0]).toContain('fence_xvm');
    expect(conflicts[1]).toContain('configure adopt');
  });

  it('a stock set-up keeps its own under apply; adopt changes it, and nothing that would restart a compute', async () => {
    const stock = tree(readFileSync(new URL('./golden/stock.xml', import.meta.url), 'utf8'));
    const input = await testInput('minimal');
    const applied = apply(stock, input);
    expect(applied.conflicts).toEqual([]);
    expect(serializeTree(applied.cib)).toContain('name="password" value="stock password"');
    const adopted = reconcile(stock, input, { mode: 'adopt' });
    expect(adopted.conflicts).toEqual([]);
    const xml = serializeTree(adopted.cib);
    const evacuate = xml.slice(
      xml.indexOf('<primitive id="nova-evacuate"'),
      xml.indexOf('</primitive>', xml.indexOf('<primitive id="nova-evacuate"')),
    );
    expect(evacuate).toContain('name="rc_file"');
    expect(evacuate).not.toContain('password');
    const wait = (text: string): string =>
      /<primitive id="nova-compute-checkevacuate"[\s\S]*?<\/instance_attributes>/.exec(text)?.[0] ?? '';
    expect(wait(xml)).toBe(wait(serializeTree(stock)));
    const scrubbed = reconcile(stock, input, { mode: 'adopt', restartComputes: true });
    expect(serializeTree(scrubbed.cib)).not.toContain('stock password');
    expect(JSON.stringify([adopted.changes, scrubbed.changes])).not.toContain('stock password');
    expect(reconcile(adopted.cib, input, { mode: 'adopt' }).changes).toEqual([]);
  });
});

describe('fencing levels that are not ours', () => {
  /** Two power devices and their levels, as an operator made them. */
  const powered = (devices = 'bmc-0'): TreeElement =>
    tree(
      EMPTY_CIB.replace(
        '<resources/>',
        '<resources><primitive id="bmc-0" class="stonith" type="fence_ipmilan"/><primitive id="bmc-1" class="stonith" type="fence_ipmilan"/></resources>',
      ).replace(
        '</configuration>',
        `<fencing-topology><fencing-level id="fl-0" target="compute-0" index="1" devices="${devices}"/><fencing-level id="fl-1" target="compute-1" index="1" devices="bmc-1"/></fencing-topology></configuration>`,
      ),
    );
  const levelsOf = (cib: TreeElement): string[] =>
    [...serializeTree(cib).matchAll(/<fencing-level .*devices="([^"]*)"/g)].map(
      ([, devices]) => devices ?? '',
    );
  const withDevices = async (...ids: readonly string[]): Promise<ClusterInput> => {
    const input = await testInput();
    const computes = input.computes.map((compute, at) => ({
      ...compute,
      fencing: { kind: 'existing' as const, ids: at === 0 ? ids : ['bmc-1'] },
    }));
    return { ...input, computes };
  };

  it('name no device of ours any more after an undo', async () => {
    const before = powered();
    const adopted = reconcile(before, await withDevices('bmc-0'), { mode: 'adopt' });
    expect(levelsOf(adopted.cib)).toEqual(['bmc-0,fence-nova', 'bmc-1,fence-nova']);
    const undone = reconcileUndo(adopted.cib);
    expect(undone.conflicts).toEqual([]);
    expect(levelsOf(undone.cib)).toEqual(['bmc-0', 'bmc-1']);
    expect(undone.changes).toContainEqual({
      action: 'change',
      what: 'fencing level 1 of compute-0: bmc-0',
      details: ['bmc-0, fence-nova → bmc-0'],
    });
    expect(serializeTree(undone.cib)).toBe(serializeTree(before));
  });

  it('are a conflict where only what turns nothing off would be left', async () => {
    const adopted = reconcile(powered(), await testInput(), { mode: 'adopt' });
    expect(levelsOf(adopted.cib)[0]).toBe('ipmilan-compute-0,fence-nova');
    expect(reconcileUndo(adopted.cib).conflicts).toEqual([
      expect.stringContaining('fencing level 1 of compute-0 (ipmilan-compute-0, fence-nova)'),
      expect.stringContaining('fencing level 1 of compute-1'),
    ]);
    const recorder = '<primitive id="other-recorder" class="stonith" type="fence_compute"/>';
    const left = serializeTree(adopted.cib)
      .replace('ipmilan-compute-0,fence-nova', 'ipmilan-compute-0,other-recorder')
      .replace('<primitive id="bmc-0"', `${recorder}<primitive id="bmc-0"`);
    expect(reconcileUndo(tree(left)).conflicts[0]).toContain('no power device left');
  });

  it("may have Pacemaker's own device, which is no resource", async () => {
    const adopted = reconcile(powered(), await withDevices('watchdog'), { mode: 'adopt' });
    expect(adopted.conflicts).toEqual([]);
    const undone = reconcileUndo(adopted.cib);
    expect(undone.conflicts).toEqual([]);
    expect(levelsOf(undone.cib)).toEqual(['watchdog', 'bmc-1']);
  });

  it('get no device that is not there, or goes with the same change', async () => {
    const { conflicts } = apply(powered(), await withDevices('bmc-9'));
    expect(conflicts[0]).toContain('is to have the device bmc-9, which the cluster has not');
    const input = await testInput();
    const applied = apply(tree(EMPTY_CIB), input).cib;
    const named = await withDevices('ipmilan-compute-0');
    const next = apply(applied, { ...named, computes: named.computes.slice(0, 1) });
    expect(next.conflicts[0]).toContain('ipmilan-compute-0, which is ours and goes');
  });
});
