import { describe, expect, it } from 'vitest';
import { formatIncident, INCIDENT_ATTRIBUTE } from '../core/records.ts';
import { exits } from '../pacemaker/fake-tools.ts';
import { parseFenceStdin } from '../pacemaker/fence-agent.ts';
import { FENCING_LIMIT_MS, fenceEvacuate } from './fence-evacuate.ts';
import type { FencePorts } from './fence-ports.ts';
import { FENCE_EVACUATE } from './fence-tables.ts';

const INCIDENT = formatIncident({ id: 'abc', at: 1_000, by: 'fencer', on: 'controller-1' });

interface Stage {
  readonly online?: 'true' | 'false' | null;
  readonly quorum?: boolean;
  readonly devices?: string;
  readonly incident?: boolean;
  /** What the fencing does: records (as fence_compute does), fails, or records nothing. */
  readonly fencing?: 'records' | 'fails' | 'forgets';
}

/** A cluster of one dead compute with a level of two devices. */
function setUp(stage: Stage = {}) {
  const { online = 'false', quorum = true, devices = 'ipmi,fence-nova', fencing = 'records' } = stage;
  let incident = stage.incident ?? false;
  const calls: string[] = [];
  const bounds: number[] = [];
  const said: string[] = [];
  const state =
    online === null ? '' : `<node_state id="c" uname="compute-1" remote_node="true" in_ccm="${online}"/>`;
  const cib = (): string => `<cib have-quorum="${quorum ? 1 : 0}" dc-uuid="1"><configuration><crm_config/>
    <nodes><node id="1" uname="controller-1"/><node id="c" uname="compute-1" type="remote"><instance_attributes id="x">${
      incident ? `<nvpair id="y" name="${INCIDENT_ATTRIBUTE}" value="${INCIDENT}"/>` : ''
    }</instance_attributes></node></nodes>
    <resources><primitive id="ipmi" class="stonith" type="fence_ipmilan"/><primitive id="fence-nova" class="stonith" type="fence_compute"/></resources>
    <constraints/><fencing-topology><fencing-level id="l" index="1" target="compute-1" devices="${devices}"/></fencing-topology>
    </configuration><status>${state}</status></cib>`;
  const ports: FencePorts = {
    run: async (tool, args, { timeoutMs }) => {
      calls.push([tool, ...args].join(' '));
      if (tool === 'cibadmin') return exits(0, cib());
      if (tool === 'attrd_updater') return exits(78);
      bounds.push(timeoutMs);
      if (fencing === 'records') incident = true;
      return fencing === 'fails' ? exits(1, '', 'No route to host') : exits(0);
    },
    clock: { wall: () => 0, now: () => 0, sleep: async () => {} },
    cloudCheck: () => Promise.reject(new Error('asked')),
    out: (text) => void said.push(text),
    log: {
      error: (line) => void said.push(line),
      info: (line) => void said.push(line),
      debug: () => {},
    },
    hostname: 'controller-1',
    parentCommand: 'bash',
    random: () => 'abcd',
  };
  const call = (input: string) => fenceEvacuate(parseFenceStdin(FENCE_EVACUATE, input), ports);
  return { call, calls, said, bounds };
}

const fencings = (calls: readonly string[]): string[] =>
  calls.filter((call) => call.startsWith('stonith_admin'));

describe('off and reboot', () => {
  it('have the cluster fence a dead node, and see that it was recorded', async () => {
    const { call, calls, said, bounds } = setUp();
    expect(await call('action=off\nplug=compute-1\nauth_url=http://k\n')).toBe(0);
    expect(fencings(calls)).toEqual([
      'stonith_admin --fence compute-1 --timeout 120 --tag fence_evacuate --output-as=xml',
    ]);
    expect(bounds[0]).toBeGreaterThan(FENCING_LIMIT_MS);
    expect(said.at(-1)).toBe('compute-1 is fenced and recorded (incident abc); nova-evacuate evacuates it');
  });

  it('reboot, the default, has it switched on again', async () => {
    const { call, calls } = setUp();
    expect(await call('plug=compute-1\npower_timeout=30\n')).toBe(0);
    expect(fencings(calls)).toEqual([
      'stonith_admin --reboot compute-1 --timeout 30 --tag fence_evacuate --output-as=xml',
    ]);
  });

  it.each([
    ['a node that is online', { online: 'true' }, 'is online'],
    ['a node that never joined', { online: null }, 'has no state'],
    ['anything without quorum', { quorum: false }, 'no quorum'],
    ['a level that proves nothing', { devices: 'fence-nova' }, '(level 1: no power device stands before'],
  ] as const)('leave alone %s', async (_, stage, words) => {
    const { call, calls, said } = setUp(stage);
    expect(await call('action=off\nplug=compute-1\n')).toBe(1);
    expect(fencings(calls)).toEqual([]);
    expect(said.at(-1)).toContain(words);
  });

  it('fence no node twice that is under evacuation', async () => {
    const { call, calls, said } = setUp({ incident: true, online: 'true' });
    expect(await call('action=off\nplug=compute-1\n')).toBe(0);
    expect(fencings(calls)).toEqual([]);
    expect(said.at(-1)).toContain('under evacuation already (incident abc)');
  });

  it.each([
    ['fails', 'No route to host'],
    ['forgets', 'recorded no incident'],
  ] as const)('fail when the fencing %s', async (fencing, words) => {
    const { call, said } = setUp({ fencing });
    expect(await call('action=off\nplug=compute-1\n')).toBe(1);
    expect(said.at(-1)).toContain(words);
  });
});

it('does not take an evacuation back, and does the rest as fence_compute does', async () => {
  const { call, said } = setUp();
  expect(await call('action=on\nplug=compute-1\n')).toBe(1);
  expect(await call('action=status\nplug=compute-1\n')).toBe(0);
  expect(await call('action=list\n')).toBe(0);
  expect(said.at(-1)).toBe('compute-1,\n');
  expect(await call('action=monitor\n')).toBe(0);
  expect(await call('action=validate-all\nplug=compute-1\n')).toBe(0);
  expect(await call('action=metadata\n')).toBe(0);
  expect(said.at(-1)).toContain('<resource-agent name="fence_evacuate"');
  expect(await call('action=explode\n')).toBe(1);
});
