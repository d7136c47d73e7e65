import { describe, expect, it } from 'vitest';
import { nodeName } from '../core/names.ts';
import type { ClusterView, FencingLevel } from './cib.ts';
import { isPowerFencedFirst } from './topology.ts';

const AGENTS = new Map([
  ['ipmi-1', 'fence_ipmilan'],
  ['redfish-1', 'fence_redfish'],
  ['fence-nova', 'fence_compute'],
]);

const cluster = (...fencingLevels: FencingLevel[]): ClusterView => ({
  haveQuorum: true,
  dcId: '1',
  nodes: [
    {
      name: nodeName('compute-1'),
      id: 'compute-1',
      kind: 'remote',
      permanent: new Map([['rack', 'r1']]),
      online: true,
      maintenance: false,
      novaCompute: null,
    },
  ],
  fencingLevels,
  stonithEnabled: true,
  maintenanceMode: false,
  properties: new Map(),
  fencingAgents: AGENTS,
});
const level = (
  devices: string[],
  target: FencingLevel['target'] = { kind: 'node', node: 'compute-1' },
): FencingLevel => ({
  target,
  index: 1,
  devices,
});

describe('a node’s fencing proves its power off', () => {
  it('when another device stands before fence_compute in the level', () => {
    expect(isPowerFencedFirst(cluster(level(['ipmi-1', 'fence-nova'])), 'compute-1')).toBe(true);
    expect(
      isPowerFencedFirst(
        cluster(level(['ipmi-1', 'fence-nova']), level(['redfish-1', 'fence-nova'])),
        'compute-1',
      ),
    ).toBe(true);
  });

  it('not when fence_compute is alone or first in any level, or in no level of the node', () => {
    expect(isPowerFencedFirst(cluster(level(['fence-nova'])), 'compute-1')).toBe(false);
    expect(isPowerFencedFirst(cluster(level(['fence-nova', 'ipmi-1'])), 'compute-1')).toBe(false);
    expect(
      isPowerFencedFirst(cluster(level(['ipmi-1', 'fence-nova']), level(['fence-nova'])), 'compute-1'),
    ).toBe(false);
    expect(isPowerFencedFirst(cluster(level(['ipmi-1'])), 'compute-1')).toBe(false);
    expect(isPowerFencedFirst(cluster(), 'compute-1')).toBe(false);
    expect(isPowerFencedFirst(cluster(level(['ipmi-1', 'fence-nova'])), 'compute-2')).toBe(false);
  });

  it('for levels by pattern and by attribute too', () => {
    const devices = ['ipmi-1', 'fence-nova'];
    const byPattern = level(devices, { kind: 'pattern', pattern: '^compute-[0-9]+$' });
    const byAttribute = level(devices, { kind: 'attribute', attribute: 'rack', value: 'r1' });
    expect(isPowerFencedFirst(cluster(byPattern), 'compute-1')).toBe(true);
    expect(isPowerFencedFirst(cluster(byPattern), 'controller-1')).toBe(false);
    expect(isPowerFencedFirst(cluster(byAttribute), 'compute-1')).toBe(true);
    expect(isPowerFencedFirst(cluster(level(devices, { kind: 'pattern', pattern: '([' })), 'compute-1')).toBe(
      false,
    );
  });
});
