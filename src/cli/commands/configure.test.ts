import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readInput } from '../../configure/input.ts';
import { reconcile } from '../../configure/reconcile.ts';
import { EMPTY_CIB } from '../../configure/testing.ts';
import { success } from '../../core/result.ts';
import { parseTree, serializeTree } from '../../pacemaker/cib-tree.ts';
import type { RunTool } from '../../pacemaker/tool.ts';
import { runCli } from '../testing.ts';
import { configureCommands } from './configure.ts';

const directory = mkdtempSync(join(tmpdir(), 'instance-ha-configure-'));
afterAll(() => rmSync(directory, { recursive: true }));
const path = (name: string, text: string): string => {
  const file = join(directory, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
};
const INPUT = path(
  'cluster.yaml',
  'shape: minimal\nbmc_passwords: cib\ncontrollers: [controller-0, controller-1]\ncomputes:\n  - { name: compute-0, fencing: { agent: fence_ipmilan, parameters: { ip: 192.0.2.1 }, password: hunter2 } }\n',
);
const CIB = path('cib.xml', EMPTY_CIB);
const cluster =
  (cib: string): RunTool =>
  async (tool) =>
    success(
      tool === 'cibadmin'
        ? { exitCode: 0, stdout: cib, stderr: '' }
        : { exitCode: 1, stdout: '', stderr: `${tool} must not be called` },
    );

describe('instance-ha configure', () => {
  it('plan shows what would change, says so by its exit code, and shows no secret', async () => {
    const plan = await runCli(configureCommands, ['configure', 'plan', '-i', INPUT, '--cib', CIB]);
    expect(plan.code).toBe(2);
    expect(plan.out).toContain('+ resource nova-evacuate (ocf:openstack:NovaEvacuate)');
    expect(plan.out).toContain('+ fencing level 1 of compute-0: ipmilan-compute-0, fence-nova');
    const forms = ['text', 'xml', 'pcs', 'crm'].map((as) =>
      runCli(configureCommands, ['configure', 'show', '-i', INPUT, '--as', as]),
    );
    const json = runCli(configureCommands, ['configure', 'show', '-i', INPUT, '-o', 'json']);
    for (const { out, err, code } of [plan, await json, ...(await Promise.all(forms))]) {
      expect(out + err).not.toContain('hunter2');
      expect([0, 2]).toContain(code);
    }
  });

  it('plan compares with the live cluster where no file is named', async () => {
    const plan = await runCli(configureCommands, ['configure', 'plan', '-i', INPUT], {
      run: cluster(EMPTY_CIB),
    });
    expect(plan.code).toBe(2);
    const down = await runCli(configureCommands, ['configure', 'plan', '-i', INPUT]);
    expect(down).toMatchObject({ code: 1, err: expect.stringContaining('cibadmin is not on PATH') });
  });

  it('apply asks, and does nothing without a yes', async () => {
    for (const answer of [null, 'no']) {
      const apply = await runCli(configureCommands, ['configure', 'apply', '-i', INPUT], {
        run: cluster(EMPTY_CIB),
        answer,
      });
      expect(apply).toMatchObject({ code: 7, out: expect.stringMatching(/^nothing was changed/) });
      expect(apply.out.includes('no terminal to ask on; give --yes')).toBe(answer === null);
      expect(apply.err).toContain('nova-evacuate');
    }
  });

  it('a node that is not in the cluster is a conflict', async () => {
    const other = path('other.yaml', readFileSync(INPUT, 'utf8').replace('controller-1', 'controller-9'));
    const plan = await runCli(configureCommands, ['configure', 'plan', '-i', other, '--cib', CIB]);
    expect(plan).toMatchObject({
      code: 3,
      out: expect.stringContaining('! the cluster has no node controller-9'),
    });
  });

  it('undo is refused while an incident stands', async () => {
    const held = EMPTY_CIB.replace(
      '</nodes>',
      '<node id="compute-0" uname="compute-0" type="remote"><instance_attributes id="a"><nvpair id="b" name="instance-ha-incident" value="x"/></instance_attributes></node></nodes>',
    );
    const undo = await runCli(configureCommands, ['configure', 'undo', '--yes'], { run: cluster(held) });
    expect(undo).toMatchObject({ code: 3, out: expect.stringContaining('an incident stands on compute-0') });
    const nothing = await runCli(configureCommands, ['configure', 'undo', '--yes'], {
      run: cluster(EMPTY_CIB),
    });
    expect(nothing).toMatchObject({ code: 0, out: 'nothing in this cluster is ours\n' });
  });

  it('apply takes no compute away whose incident began after the plan was shown', async () => {
    const two = readFileSync(INPUT, 'utf8').replace(
      /( {2}- \{ name: )compute-0(.*)/,
      '$1compute-0$2\n$1compute-1$2',
    );
    const input = await readInput(two, async () => '');
    if (!input.ok) throw new Error(input.error.join());
    const parsed = parseTree('test', EMPTY_CIB);
    if (!parsed.ok) throw new Error('the test has no XML');
    const applied = serializeTree(reconcile(parsed.value, input.value, { mode: 'apply' }).cib);
    const incident = '<nvpair id="i" name="instance-ha-incident" value="x"/>';
    let cib = applied;
    const apply = await runCli(configureCommands, ['configure', 'apply', '-i', INPUT], {
      run: (...call) => cluster(cib)(...call),
      answer: 'yes',
      asked: () => {
        cib = applied.replace('<nvpair id="nodes-compute-1-osprole"', `${incident}$&`);
      },
    });
    expect(apply.err).toContain('- resource compute-1');
    expect(apply).toMatchObject({ code: 3, out: expect.stringContaining('an incident stands on compute-1') });
  });

  it('undo shows the level that loses a device, and refuses where none would be left', async () => {
    const adopted = (devices: string): string =>
      EMPTY_CIB.replace(
        '<resources/>',
        '<resources><primitive id="bmc-0" class="stonith" type="fence_ipmilan"/><primitive id="fence-nova" class="stonith" type="fence_compute"/></resources>',
      ).replace(
        '</configuration>',
        `<fencing-topology><fencing-level id="fl-0" target="compute-0" index="1" devices="${devices}"/></fencing-topology><tags><tag id="instance-ha"><obj_ref id="fence-nova"/></tag></tags></configuration>`,
      );
    const undo = (devices: string) =>
      runCli(configureCommands, ['configure', 'undo'], { run: cluster(adopted(devices)), answer: 'no' });
    const shown = await undo('bmc-0,fence-nova');
    expect(shown.code).toBe(7);
    expect(shown.err).toContain('~ fencing level 1 of compute-0: bmc-0\n    bmc-0, fence-nova → bmc-0');
    expect(await undo('fence-nova')).toMatchObject({
      code: 3,
      out: expect.stringContaining('! fencing level 1 of compute-0 (fence-nova)'),
    });
  });

  it('an input with passwords that others can read is refused', async () => {
    const open = path('open.yaml', readFileSync(INPUT, 'utf8'));
    chmodSync(open, 0o644);
    const plan = await runCli(configureCommands, ['configure', 'plan', '-i', open, '--cib', CIB]);
    expect(plan).toMatchObject({ code: 1, err: expect.stringContaining('chmod 600') });
  });
});
