import { describe, expect, it } from 'vitest';
import { call, callReal, hasReal, newWorld, troubled } from './testing.ts';

const RESOURCES = [
  'nova-evacuate',
  'nova-compute',
  'nova-compute-checkevacuate-clone',
  'compute-1',
  'nothing',
];

describe('crm_resource --constraints', () => {
  it('says where a resource may run, and what keeps it off a node', () => {
    const world = troubled();
    const { exitCode, stdout } = call(world, 'crm_resource', '--constraints', '--resource', 'nova-compute');
    expect(exitCode).toBe(0);
    const held = 'nova-compute-clone-no-incident-rule, rsc=nova-compute-clone';
    for (const line of [
      `  * Node compute-2 (score=-INFINITY, id=${held})`,
      '  * Node compute-4 (score=0, id=nova-compute-clone-on-compute-rule, rsc=nova-compute-clone)',
      'Resources nova-compute-clone is colocated with:',
    ])
      expect(stdout.split('\n')).toContain(line);
    expect(call(newWorld(), 'crm_resource', '-a', '-r', 'nova-compute').stdout).not.toContain('-INFINITY');
  });

  it('wants a resource, and one that is there', () => {
    const world = newWorld();
    expect(call(world, 'crm_resource', '-a')).toMatchObject({
      exitCode: 64,
      stderr: 'crm_resource: Must supply a resource id with -r\n',
    });
    expect(call(world, 'crm_resource', '-a', '-rnothing')).toMatchObject({ exitCode: 105, stdout: '' });
  });

  it.skipIf(!hasReal('crm_resource')).each(RESOURCES)('says of %s what the real one says', (resource) => {
    for (const world of [newWorld(), troubled()]) {
      const args = ['--constraints', '-r', resource];
      expect(call(world, 'crm_resource', ...args)).toEqual(callReal(world, 'crm_resource', ...args));
    }
  });
});
