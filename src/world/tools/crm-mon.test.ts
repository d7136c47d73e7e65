import { describe, expect, it } from 'vitest';
import { powerOff } from '../machines.ts';
import { advance } from '../testing.ts';
import { call, callReal, hasReal, newWorld, ON, troubled } from './testing.ts';

/** The world has a stack, a version and a clock; a CIB in a file has none, and its last change is nobody's. */
const withoutPlace = (text: string): string =>
  text.replace(/^ {2}\* (Stack|Current DC|Last updated|Last change):.*\n/gm, '');

describe('crm_mon', () => {
  it('shows the attributes that the CIB has, of the nodes that are online', () => {
    const world = troubled();
    const { exitCode, stdout } = call(world, 'crm_mon', '-1', '-A');
    expect(exitCode).toBe(0);
    const [, attributes = ''] = stdout.split('\nNode Attributes:\n');
    expect(attributes.split('\n').slice(0, 6)).toEqual([
      '  * Node: compute-1:',
      '    * osprole                         \t: compute   ',
      '    * seen                            \t: so it is  ',
      '  * Node: compute-2:',
      '    * instance-ha-incident            \t: i-1       ',
      '    * osprole                         \t: compute   ',
    ]);
    expect(attributes).not.toContain('Node: compute-3');
    expect(call(world, 'crm_mon', '--one-shot', '--show-node-attributes').stdout).toBe(stdout);
    const xml = (...options: string[]) => call(world, 'crm_mon', '-1', '--output-as=xml', ...options).stdout;
    expect(xml('-A')).toContain(
      '    <node name="compute-1">\n      <attribute name="osprole" value="compute"/>',
    );
    expect(xml()).not.toContain('node_attributes');
  });

  it('says who is up, what runs where, and when that was', () => {
    const world = troubled();
    const { stdout } = call(world, 'crm_mon', '-1');
    for (const line of [
      '  * Last updated: Sat Nov  7 20:24:11 2026',
      '  * 7 nodes configured',
      '  * 27 resource instances configured (1 DISABLED)',
      '  * Online: [ controller-1 controller-2 controller-3 ]',
      '  * RemoteOFFLINE: [ compute-3 ]',
      'Active Resources:',
      '  * compute-1\t(ocf:pacemaker:remote):\t Started controller-1',
      '    * nova-compute\t(systemd:nova-compute):\t Starting compute-4',
    ])
      expect(stdout.split('\n')).toContain(line);
    expect(call(world, 'crm_mon', '-1r').stdout).toContain('remote):\t Stopped (disabled)\n');
    powerOff(world, 'compute-1', 'test');
    advance(world, 3_100);
    expect(call(world, 'crm_mon', '-1').stdout).toContain('  * RemoteNode compute-1: UNCLEAN (offline)\n');
  });

  it('takes its options together', () => {
    const world = newWorld();
    const apart = call(world, 'crm_mon', '-1', '-A', '-r', '-f', '-n');
    expect(call(world, 'crm_mon', '-1Arfn')).toEqual(apart);
    expect(apart.stdout.match(/^\w[^:]*(?=:)/gm)).toEqual([
      ...['Cluster Summary', 'Node List', 'Inactive Resources', 'Node Attributes', 'Migration Summary'],
    ]);
    expect(call(world, 'crm_mon', '-1Z')).toMatchObject({
      exitCode: 64,
      stderr: 'crm_mon: Unknown option -Z\n',
    });
  });

  it.skipIf(!hasReal('crm_mon')).each(['-1', '-1r', '-1n', '-1nr', '-1A', '-1Arf'])(
    'says with %s what the real one says',
    (options) => {
      for (const world of [newWorld(), troubled()]) {
        const real = callReal(world, 'crm_mon', options);
        expect(real.stdout).toContain(`Current DC: ${ON}`);
        expect(withoutPlace(call(world, 'crm_mon', options).stdout)).toBe(withoutPlace(real.stdout));
      }
    },
  );
});
