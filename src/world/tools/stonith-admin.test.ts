import { describe, expect, it } from 'vitest';
import { call, newWorld } from './testing.ts';

/** As the fencer of 2.1.5 has answered for devices that were registered by hand (measured). */
describe('stonith_admin', () => {
  it('lists the devices that can fence a node', () => {
    const world = newWorld();
    const found = 'ipmilan-compute-1\nfence-nova\n2 fence devices found\n';
    for (const args of [['-l', 'compute-1'], ['-lcompute-1'], ['--list', 'compute-1'], ['--list=Compute-1']])
      expect(call(world, 'stonith_admin', ...args)).toEqual({ exitCode: 0, stdout: found, stderr: '' });
    expect(call(world, 'stonith_admin', '-l', 'controller-2').stdout).toBe(
      'ipmilan-controller-2\n1 fence device found\n',
    );
    expect(call(world, 'stonith_admin', '-l', 'nobody')).toMatchObject({
      exitCode: 0,
      stdout: '0 fence devices found\n',
    });
    expect(call(world, 'stonith_admin', '-l')).toMatchObject({
      exitCode: 64,
      stderr: 'stonith_admin: Missing argument for -l\n',
    });
  });

  it('lists all devices', () => {
    const { stdout } = call(newWorld(), 'stonith_admin', '-L');
    expect(stdout).toMatch(/^ipmilan-controller-1\n(ipmilan-\S+\n){6}fence-nova\n8 fence devices found\n$/);
    expect(call(newWorld(), 'stonith_admin', '--list-registered').stdout).toBe(stdout);
  });

  it('lists them in XML', () => {
    const xml = (node: string) => call(newWorld(), 'stonith_admin', '--list', node, '--output-as=xml').stdout;
    expect(xml('controller-1')).toContain(
      [
        '  <list name="registered fence devices" count="1">',
        '    <item name="device">ipmilan-controller-1</item>',
        '  </list>\n',
      ].join('\n'),
    );
    expect(xml('nobody')).toContain('  <list name="registered fence devices" count="0"/>\n');
  });
});
