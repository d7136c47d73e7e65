import { describe, expect, it } from 'vitest';
import { nodeName } from '../core/names.ts';
import { deletePermanentIf } from './delete-if.ts';
import { success } from './errors.ts';
import type { RunTool } from './tool.ts';

const NODE = nodeName('compute-1');

function recorder(exitCode: number): { calls: (readonly string[])[]; run: RunTool } {
  const calls: (readonly string[])[] = [];
  return {
    calls,
    run: async (name, args) => {
      calls.push([name, ...args]);
      return success({ exitCode, stdout: '', stderr: 'why' });
    },
  };
}

describe('deleting an attribute if it still says so', () => {
  it('is one step of the CIB, with the value in its condition', async () => {
    const { calls, run } = recorder(0);
    expect((await deletePermanentIf(NODE, 'instance-ha-incident', 'id=abc,', { run })).ok).toBe(true);
    expect(calls).toHaveLength(1);
    expect(calls[0]?.join(' ')).toContain(
      "cibadmin --delete --xpath /cib/configuration/nodes/node[@uname='compute-1']/instance_attributes/nvpair[@name='instance-ha-incident' and contains(concat(@value,','),'id=abc,')]",
    );
  });

  it('succeeds when nothing matches, and fails when the cluster does', async () => {
    for (const code of [105, 6])
      expect((await deletePermanentIf(NODE, 'a', 'id=b,', recorder(code))).ok).toBe(true);
    expect((await deletePermanentIf(NODE, 'a', 'id=b,', recorder(102))).ok).toBe(false);
  });

  it('never lets a text out of its quotes', async () => {
    const { run } = recorder(0);
    for (const text of ["x' or '1'='1", 'a"b', '']) {
      await expect(deletePermanentIf(NODE, 'a', text, { run })).rejects.toThrow();
    }
  });
});
