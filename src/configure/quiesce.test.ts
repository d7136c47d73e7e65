import { describe, expect, it } from 'vitest';
import { parseTree, serializeTree, type TreeElement } from '../pacemaker/cib-tree.ts';
import { quiesceOwned } from './quiesce.ts';
import { reconcile, reconcileUndo } from './reconcile.ts';
import { EMPTY_CIB, testInput } from './testing.ts';

function tree(xml: string): TreeElement {
  const parsed = parseTree('test', xml);
  if (!parsed.ok) throw new Error('the test has no XML');
  return parsed.value;
}

describe('what is ours', () => {
  it('is asked to stop before it goes, what fences last', async () => {
    const input = await testInput('minimal');
    const applied = reconcile(tree(EMPTY_CIB), input, { mode: 'apply' }).cib;
    const quiet = quiesceOwned(applied, 'workload');
    expect([...quiet.ids].sort()).toEqual([
      'compute-0',
      'compute-1',
      'nova-compute',
      'nova-compute-checkevacuate',
      'nova-evacuate',
    ]);
    expect(serializeTree(quiet.cib).match(/value="Stopped"/g)).toHaveLength(5);
    const all = quiesceOwned(quiet.cib, 'fencing');
    expect([...all.ids].sort()).toEqual(['fence-nova', 'ipmilan-compute-0', 'ipmilan-compute-1']);
    expect(serializeTree(reconcileUndo(all.cib).cib)).toBe(serializeTree(tree(EMPTY_CIB)));
  });

  it('runs again by apply where an undo was left half done', async () => {
    const input = await testInput('minimal');
    const applied = reconcile(tree(EMPTY_CIB), input, { mode: 'apply' }).cib;
    const again = reconcile(quiesceOwned(applied, 'workload').cib, input, { mode: 'apply' }).cib;
    expect(serializeTree(again)).not.toContain('Stopped');
  });

  it('is nothing where nothing is ours', () => {
    const other = EMPTY_CIB.replace(
      '<resources/>',
      '<resources><primitive id="x" class="ocf" provider="heartbeat" type="Dummy"/></resources>',
    );
    expect(quiesceOwned(tree(other), 'workload').ids).toEqual([]);
    expect(serializeTree(quiesceOwned(tree(other), 'fencing').cib)).toBe(serializeTree(tree(other)));
  });
});
