import { describe, expect, it } from 'vitest';
import { nodeName } from '../core/names.ts';
import type { ClusterView, FencingLevel } from './cib.ts';
import { isPowerFencedFirst, unrecordedLevels, usableLevels, whyNoPowerFirst } from './topology.ts';

const AGENTS = new Map([
  ['ipmi-1', 'fence_ipmilan'],
  ['redfish-1', 'fence_redfish'],
  ['fence-nova', 'fence_compute'],
  ['kdump', 'fence_kdump'],
  ['scsi', 'fence_scsi'],
  ['ping', 'fence_heuristics_ping'],
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
      fenced: null,
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

  it.each([
    'fence_kdump',
    'fence_scsi',
    'fence_mpath',
    'fence_brocade',
    'fence_cisco_mds',
    'fence_sanbox2',
    'fence_ifmib',
    'fence_aws_vpc_net',
    'fence_heuristics_ping',
    'fence_crosslink',
    'fence_dummy',
    'fence_evacuate',
    'fence_sanlock',
    'external/kdumpcheck',
    'null',
  ])('not by %s, which turns nothing off', (agent) => {
    const fencingAgents = new Map([...AGENTS, ['first', agent]]);
    const own = { ...cluster(level(['first', 'fence-nova'])), fencingAgents };
    expect(isPowerFencedFirst(own, 'compute-1')).toBe(false);
    expect(whyNoPowerFirst(own, 'compute-1')).toContain(`level 1: first (${agent}) turns nothing off, it`);
  });

  it('by an agent whose machine resets itself, and by one that nobody has listed', () => {
    for (const agent of ['fence_sbd', 'fence_watchdog', 'fence_xvm', 'fence_virsh', 'fence_of_our_own'])
      expect(
        isPowerFencedFirst(
          {
            ...cluster(level(['first', 'fence-nova'])),
            fencingAgents: new Map([...AGENTS, ['first', agent]]),
          },
          'compute-1',
        ),
      ).toBe(true);
  });

  it('in every level: what a crashed kernel says is none where the power device is in the next one', () => {
    const power = { ...level(['ipmi-1', 'fence-nova']), index: 2 };
    expect(whyNoPowerFirst(cluster(level(['kdump', 'fence-nova']), power), 'compute-1')).toBe(
      'level 1: kdump (fence_kdump) turns nothing off, it takes a message that claims to be from the crashed host for its fencing',
    );
    // It records nothing, but the history does not tell its success from that of the other.
    expect(isPowerFencedFirst(cluster(level(['kdump']), power), 'compute-1')).toBe(false);
  });

  it('by the levels that Pacemaker takes up alone', () => {
    const ten = { ...level(['fence-nova']), index: 10 };
    expect(isPowerFencedFirst(cluster(level(['ipmi-1', 'fence-nova']), ten), 'compute-1')).toBe(true);
    expect(whyNoPowerFirst(cluster({ ...level(['ipmi-1', 'fence-nova']), index: 10 }), 'compute-1')).toBe(
      'none of its levels has fence_compute',
    );
    // It does not stand in the way of one by pattern either.
    const byPattern = level(['ipmi-1', 'fence-nova'], { kind: 'pattern', pattern: 'compute-.*' });
    expect(isPowerFencedFirst(cluster(ten, byPattern), 'compute-1')).toBe(true);
  });

  it('where a power device stands beside one that turns nothing off, before fence_compute', () => {
    expect(isPowerFencedFirst(cluster(level(['ping', 'ipmi-1', 'fence-nova'])), 'compute-1')).toBe(true);
    expect(isPowerFencedFirst(cluster(level(['ipmi-1', 'scsi', 'fence-nova'])), 'compute-1')).toBe(true);
    expect(isPowerFencedFirst(cluster(level(['ping', 'fence-nova', 'ipmi-1'])), 'compute-1')).toBe(false);
    expect(whyNoPowerFirst(cluster(level(['kdump', 'scsi', 'fence-nova'])), 'compute-1')).toMatch(
      /^level 1: kdump .*; scsi /,
    );
    expect(whyNoPowerFirst(cluster(level(['fence-nova'])), 'compute-1')).toBe(
      'level 1: no power device stands before fence_compute',
    );
  });

  it('also where the level writes its name in other letters; a pattern goes by them', () => {
    const devices = ['ipmi-1', 'fence-nova'];
    expect(
      isPowerFencedFirst(cluster(level(devices, { kind: 'node', node: 'Compute-1' })), 'compute-1'),
    ).toBe(true);
    const byPattern = level(devices, { kind: 'pattern', pattern: '^Compute-' });
    expect(isPowerFencedFirst(cluster(byPattern), 'compute-1')).toBe(false);
  });

  it('for levels by pattern and by attribute too', () => {
    const devices = ['ipmi-1', 'fence-nova'];
    const byPattern = level(devices, { kind: 'pattern', pattern: '^compute-[0-9]+$' });
    const byAttribute = level(devices, { kind: 'attribute', attribute: 'rack', value: 'r1' });
    expect(isPowerFencedFirst(cluster(byPattern), 'compute-1')).toBe(true);
    expect(isPowerFencedFirst(cluster(byPattern), 'controller-1')).toBe(false);
    expect(isPowerFencedFirst(cluster(byAttribute), 'compute-1')).toBe(true);
    const byClass = level(devices, { kind: 'pattern', pattern: '^compute-[[:digit:]]+$' });
    expect(isPowerFencedFirst(cluster(byClass), 'compute-1')).toBe(true);
    expect(isPowerFencedFirst(cluster(byClass), 'compute-x')).toBe(false);
    expect(isPowerFencedFirst(cluster(level(devices, { kind: 'pattern', pattern: '([' })), 'compute-1')).toBe(
      false,
    );
  });

  it('by the levels of the target that is written as the node is named, where there are such; else by all that fit', () => {
    const devices = ['ipmi-1', 'fence-nova'];
    const forAll = level(['fence-nova'], { kind: 'pattern', pattern: '.' });
    const forRack = level(['fence-nova'], { kind: 'attribute', attribute: 'rack', value: 'r1' });
    expect(isPowerFencedFirst(cluster(forAll, level(devices), forRack), 'compute-1')).toBe(true);
    const other = level(devices, { kind: 'node', node: 'Compute-1' });
    expect(isPowerFencedFirst(cluster(forAll, other), 'compute-1')).toBe(false);
    const recordedByAll = level(devices, { kind: 'pattern', pattern: '.' });
    expect(whyNoPowerFirst(cluster(recordedByAll, level(['ipmi-1'])), 'compute-1')).toBe(
      'none of its levels has fence_compute',
    );
  });
});

describe('a level without fence_compute', () => {
  const whole = level(['ipmi-1', 'fence-nova']);
  const bare = { ...level(['redfish-1']), index: 2 };

  it('records nothing where it is the one that succeeds', () => {
    expect(unrecordedLevels(cluster(whole, bare), 'compute-1')).toEqual([bare]);
    expect(unrecordedLevels(cluster(whole), 'compute-1')).toEqual([]);
    expect(unrecordedLevels(cluster(whole, bare), 'compute-2')).toEqual([]);
    const byPattern = { ...bare, target: { kind: 'pattern', pattern: '^compute-' } as const };
    const byAttribute = { ...bare, target: { kind: 'attribute', attribute: 'rack', value: 'r1' } as const };
    expect(unrecordedLevels(cluster(byPattern, byAttribute), 'compute-1')).toEqual([byPattern, byAttribute]);
    // What the fencer never takes for this node.
    expect(unrecordedLevels(cluster(whole, byPattern, byAttribute), 'compute-1')).toEqual([]);
  });

  it('is none where another one of its target and index has it, or it can never succeed', () => {
    const [power, record] = [level(['ipmi-1']), level(['fence-nova'])];
    expect(usableLevels(cluster(power, record), 'compute-1')).toEqual([whole]);
    expect(unrecordedLevels(cluster(power, record), 'compute-1')).toEqual([]);
    expect(unrecordedLevels(cluster(whole, { ...bare, devices: ['gone'] }), 'compute-1')).toEqual([]);
    expect(unrecordedLevels(cluster(whole, { ...bare, devices: [] }), 'compute-1')).toEqual([]);
    expect(unrecordedLevels(cluster(whole, { ...bare, devices: ['watchdog'] }), 'compute-1')).toHaveLength(1);
  });

  it('comes when the fencer tries it', () => {
    expect(usableLevels(cluster(bare, whole), 'compute-1').map(({ index }) => index)).toEqual([1, 2]);
  });
});
