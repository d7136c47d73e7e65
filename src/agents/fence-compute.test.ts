import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { INCIDENT_ATTRIBUTE, parseIncident } from '../core/records.ts';
import { exits, type FakeCluster, fakeCluster, hangs } from '../pacemaker/fake-tools.ts';
import { parseFenceStdin } from '../pacemaker/fence-agent.ts';
import { fenceOptions } from '../pacemaker/fence-options.ts';
import { fenceCompute, OFF_LIMIT_MS, ON_LIMIT_MS } from './fence-compute.ts';
import type { FencePorts } from './fence-ports.ts';
import { FENCE_COMPUTE } from './fence-tables.ts';
import { VERSION } from './version.ts';

/** A clock that runs only while somebody sleeps, or a tool hangs. */
function fakeClock() {
  const clock = {
    ms: 0,
    wall: () => Date.UTC(2026, 10, 23) + clock.ms,
    now: () => clock.ms,
    sleep: async (ms: number) => {
      clock.ms += ms;
    },
  };
  return clock;
}

function setUp(overrides: Partial<FencePorts> = {}) {
  const cluster = fakeCluster();
  const clock = fakeClock();
  const said: string[] = [];
  const printed: string[] = [];
  const log = (line: string): void => void said.push(line);
  const ports: FencePorts = {
    run: cluster.run,
    clock,
    cloudCheck: async () => ({ ok: true }),
    out: (text) => void printed.push(text),
    log: { error: log, info: log, debug: log },
    hostname: 'controller-1',
    parentCommand: 'pacemaker-fence',
    random: () => 'abcd',
    ...overrides,
  };
  const call = (input: string) => fenceCompute(parseFenceStdin(FENCE_COMPUTE, input), ports);
  return { cluster, clock, said, printed, call };
}

function incidentOf(cluster: FakeCluster, node: string) {
  return parseIncident(cluster.permanent.get(node)?.get(INCIDENT_ATTRIBUTE) ?? '');
}

describe('off', () => {
  it('records the incident, then the mark, and reads both back', async () => {
    const { cluster, call, clock } = setUp();
    expect(await call('action=off\nplug=compute-1\nnodename=compute-1\n')).toBe(0);
    const at = Date.UTC(2026, 10, 23);
    expect(incidentOf(cluster, 'compute-1')).toEqual({
      id: `${at.toString(36)}abcd`,
      at,
      by: 'fencer',
      on: 'controller-1',
    });
    expect(cluster.transient.get('evacuate')?.get('compute-1')).toBe('yes');
    expect(
      cluster.calls.map(
        ([tool, ...args]) => `${tool} ${args.includes('--update') || args.includes('-U') ? 'write' : 'read'}`,
      ),
    ).toEqual([
      'cibadmin read',
      'crm_attribute write',
      'crm_attribute read',
      'attrd_updater write',
      'attrd_updater read',
    ]);
    expect(clock.ms).toBe(0);
  });

  it('takes nodename where there is no plug, or a plug from pcmk_host_map', async () => {
    for (const plug of ['', 'plug=compute-2.example.org\n']) {
      const { cluster, call } = setUp({ parentCommand: 'bash' });
      expect(await call(`action=off\n${plug}nodename=compute-2\n`)).toBe(0);
      expect(incidentOf(cluster, 'compute-2')?.by).toBe('operator');
    }
  });

  it('refuses a node that the cluster does not know, and says which it knows', async () => {
    const { cluster, said, call } = setUp();
    expect(await call('action=off\nplug=compute-9\n')).toBe(1);
    expect(said.at(-1)).toBe(
      'compute-9 is no node of this cluster; it could be controller-1, controller-2, compute-1, compute-2',
    );
    expect(cluster.calls.length).toBe(1);
  });

  it.each([
    ['action=off\n', /^no node given: name it with plug/],
    ['\0\x01=\n====\naction\n', /^no node given/],
    ['action=reboot\nplug= , \n', /^no node given/],
    ['action=on\n', /^no node given/],
    ['action=status\n', /^no node given/],
    ['action=off\nplug=a b;c\n', /^plug is no name that a node can have: a b;c$/],
  ])('answers %j at once where no cluster would: the parameters say enough', async (input, words) => {
    const { cluster, said, call, clock } = setUp();
    expect(await call(input)).toBe(1);
    expect(said.at(-1)).toMatch(words);
    expect(clock.ms).toBe(0);
    expect(cluster.calls).toEqual([]);
  });

  it('refuses to record the fencing of another node than Pacemaker fences', async () => {
    const { cluster, said, call } = setUp();
    expect(await call('action=off\nplug=compute-2\nnodename=compute-1\n')).toBe(1);
    expect(said.at(-1)).toMatch(/pcmk_host_map/);
    expect(cluster.permanent.size).toBe(0);
  });

  it('blocks while the cluster cannot take the record, and succeeds when it can', async () => {
    const { cluster, clock, call } = setUp();
    cluster.fault = (tool) => (clock.ms < 20_000 ? exits(102, '', `${tool}: Could not connect`) : null);
    expect(await call('action=off\nplug=compute-1\n')).toBe(0);
    expect(clock.ms).toBeGreaterThanOrEqual(20_000);
    expect(incidentOf(cluster, 'compute-1')).not.toBeNull();
  });

  it('fails only when its time is over, with the reason, whatever hangs', async () => {
    for (const broken of ['cibadmin', 'crm_attribute', 'attrd_updater']) {
      const { cluster, clock, said, call } = setUp();
      cluster.fault = (tool, args, { timeoutMs }) => {
        // A write may go through while every reading hangs.
        if (tool !== broken || args.includes('-U') || args.includes('--update')) return null;
        clock.ms += timeoutMs;
        return hangs(tool);
      };
      expect(await call('action=off\nplug=compute-1\n')).toBe(1);
      expect(clock.ms).toBeGreaterThan(OFF_LIMIT_MS - 500);
      expect(clock.ms).toBeLessThan(OFF_LIMIT_MS + 1_000);
      expect(said.at(-1)).toContain(`${broken} gave no answer`);
    }
  });

  it('writes again what does not read back', async () => {
    const { cluster, call } = setUp();
    let swallowed = 0;
    cluster.fault = (tool, args) =>
      tool === 'attrd_updater' && args.includes('-U') && swallowed++ < 3 ? exits(0) : null;
    expect(await call('action=off\nplug=compute-1\n')).toBe(0);
    expect(swallowed).toBe(4);
    expect(cluster.transient.get('evacuate')?.get('compute-1')).toBe('yes');
  });

  it('does not believe a write that never shows', async () => {
    const { cluster, said, call } = setUp();
    cluster.fault = (tool, args) => (tool === 'crm_attribute' && args.includes('--update') ? exits(0) : null);
    expect(await call('action=off\nplug=compute-1\n')).toBe(1);
    expect(said.at(-1)).toContain('does not read back');
  });

  it('writes a fresh incident over an old one; reboot is the same', async () => {
    const { cluster, clock, call } = setUp();
    await call('action=off\nplug=compute-1\n');
    const first = incidentOf(cluster, 'compute-1');
    clock.ms += 60_000;
    expect(await call('action=reboot\nplug=compute-1\n')).toBe(0);
    expect(incidentOf(cluster, 'compute-1')?.id).not.toBe(first?.id);
  });

  it('succeeds without a record when the operator switched it off', async () => {
    const { cluster, said, call } = setUp();
    expect(await call('action=off\nplug=compute-1\nrecord_only=Disabled\n')).toBe(0);
    expect(cluster.calls).toEqual([]);
    expect(said.at(-1)).toMatch(/nothing is recorded/);
  });

  it('asks no cloud', async () => {
    const { call } = setUp({ cloudCheck: () => Promise.reject(new Error('asked')) });
    expect(await call('action=off\nplug=compute-1\nauth_url=http://k\npassword=x\n')).toBe(0);
  });
});

describe('on', () => {
  it('succeeds at once without an incident', async () => {
    const { call, clock } = setUp();
    expect(await call('action=on\nplug=compute-1\n')).toBe(0);
    expect(clock.ms).toBe(0);
  });

  it('waits for the release', async () => {
    const { cluster, clock, call } = setUp();
    await call('action=off\nplug=compute-1\n');
    cluster.fault = () => {
      if (clock.ms >= 30_000) cluster.permanent.get('compute-1')?.delete(INCIDENT_ATTRIBUTE);
      return null;
    };
    expect(await call('action=on\nplug=compute-1\n')).toBe(0);
    expect(clock.ms).toBe(30_000);
  });

  it.each([
    [
      'an incident',
      (cluster: FakeCluster) =>
        void cluster.permanent.set(
          'compute-1',
          new Map([[INCIDENT_ATTRIBUTE, 'v=1,id=x,at=2026-11-23T00:00:00.000Z,by=fencer,on=a']]),
        ),
      'incident x since',
    ],
    [
      'an incident that cannot be read',
      (cluster: FakeCluster) =>
        void cluster.permanent.set('compute-1', new Map([[INCIDENT_ATTRIBUTE, 'hello']])),
      'cannot be read',
    ],
    [
      'no quorum',
      (cluster: FakeCluster) => {
        cluster.haveQuorum = false;
      },
      'no quorum',
    ],
    [
      'no answer',
      (cluster: FakeCluster) => {
        cluster.fault = () => exits(102);
      },
      'cannot reach the cluster',
    ],
  ])('is no release: %s', async (_, spoil, reason) => {
    const { cluster, clock, said, call } = setUp();
    spoil(cluster);
    expect(await call('action=on\nplug=compute-1\n')).toBe(1);
    expect(clock.ms).toBe(ON_LIMIT_MS);
    expect(said.at(-1)).toContain(reason);
    expect(said.length).toBeLessThan(6);
  });

  it('fails for a node that is not there', async () => {
    const { call } = setUp();
    expect(await call('action=on\nplug=compute-9\n')).toBe(1);
  });
});

describe('the general options, as fence-agents means them', () => {
  it('delay comes before off, not before anything else', async () => {
    const { clock, call } = setUp();
    await call('action=off\nplug=compute-1\ndelay=15\n');
    expect(clock.ms).toBe(15_000);
    await call('action=status\nplug=compute-1\ndelay=15\n');
    await call('action=monitor\ndelay=15\n');
    expect(clock.ms).toBe(15_000);
  });

  it('power_wait comes after off and on', async () => {
    const { cluster, clock, call } = setUp();
    await call('action=on\nplug=compute-1\npower_wait=2\n');
    expect(clock.ms).toBe(2_000);
    let wroteAt = -1;
    cluster.fault = (tool, args) => {
      if (tool === 'attrd_updater' && args.includes('-U')) wroteAt = clock.ms;
      return null;
    };
    await call('action=off\nplug=compute-1\npower_wait=3\n');
    expect([wroteAt, clock.ms]).toEqual([2_000, 5_000]);
  });

  it('power_timeout and retry_on bound off and on by hand, and nothing under Pacemaker', async () => {
    const incident = new Map([[INCIDENT_ATTRIBUTE, 'v=1,id=x,at=2026-11-23T00:00:00.000Z,by=fencer,on=a']]);
    for (const [parentCommand, more, off, on] of [
      ['bash', '', 6_000, 12_000],
      ['bash', 'retry_on=3\n', 6_000, 24_000],
      ['bash', 'disable_timeout=true\n', OFF_LIMIT_MS, ON_LIMIT_MS],
      ['pacemaker-fence', '', OFF_LIMIT_MS, ON_LIMIT_MS],
      ['pacemaker-fence', 'disable_timeout=false\n', 6_000, 12_000],
    ] as const) {
      const { cluster, clock, call } = setUp({ parentCommand });
      cluster.permanent.set('compute-1', incident);
      expect(await call(`action=on\nplug=compute-1\npower_timeout=6\n${more}`)).toBe(1);
      expect(clock.ms).toBe(on);
      cluster.fault = () => exits(102);
      expect(await call(`action=off\nplug=compute-1\npower_timeout=6\n${more}`)).toBe(1);
      expect(clock.ms).toBe(on + off);
    }
  });

  it('shell_timeout bounds each command, stonith_status_sleep is the pause', async () => {
    const { cluster, clock, call } = setUp({ parentCommand: 'bash' });
    const bounds: number[] = [];
    cluster.fault = (_tool, _args, { timeoutMs }) => {
      bounds.push(timeoutMs);
      return bounds.length < 3 ? exits(102) : null;
    };
    expect(await call('action=off\nplug=compute-1\nshell_timeout=2\nstonith_status_sleep=3\n')).toBe(0);
    expect(new Set(bounds)).toEqual(new Set([2_000]));
    expect(clock.ms).toBe(6_000);
  });

  it('plug may name several nodes, by plug_separator', async () => {
    const { cluster, said, printed, call } = setUp({ parentCommand: 'bash' });
    expect(await call('action=off\nplug=compute-1,compute-2\n')).toBe(0);
    for (const node of ['compute-1', 'compute-2']) {
      expect(incidentOf(cluster, node)).not.toBeNull();
      expect(cluster.transient.get('evacuate')?.get(node)).toBe('yes');
    }
    expect(await call('action=status\nplug=compute-1+compute-2\nplug_separator=+\n')).toBe(2);
    cluster.permanent.delete('compute-2');
    cluster.transient.get('evacuate')?.delete('compute-2');
    expect(await call('action=status\nplug=compute-1,compute-2\n')).toBe(0);
    expect(printed.pop()).toBe('Status: ON\n');
    expect(await call('action=off\nplug=compute-1,nobody\n')).toBe(1);
    expect(said.at(-1)).toMatch(/^nobody is no node/);
    expect(await call('action=off\nplug=compute-1,compute-2\nnodename=controller-1\n')).toBe(1);
    expect(said.at(-1)).toContain('pcmk_host_map');
  });

  it('separator parts the columns of list', async () => {
    const { printed, call } = setUp();
    await call('action=list-status\nseparator=;\n');
    expect(printed.pop()).toBe('compute-1;;ON\ncompute-2;;ON\n');
  });

  it.each([
    ['', false, []],
    ['verbose=1\n', true, []],
    ['verbose_level=2\n', true, []],
    ['verbose_level=0\n', false, []],
    ['verbose=1\nverbose_level=0\n', false, ['verbose is ignored: verbose_level is 0']],
    ['verbose_level=much\n', false, ['verbose_level must be an integer of 0 or more; it is taken for 0']],
    ['verbose_level=-1\n', false, ['verbose_level must be an integer of 0 or more; it is taken for 0']],
  ])('verbose and verbose_level: %j', (input, isVerbose, warnings) => {
    expect(fenceOptions(parseFenceStdin(FENCE_COMPUTE, input), true)).toMatchObject({ isVerbose, warnings });
  });
});

describe('the other actions', () => {
  it('status tells off by either record', async () => {
    const { cluster, call } = setUp();
    expect(await call('action=status\nplug=compute-1\n')).toBe(0);
    cluster.transient.set('evacuate', new Map([['compute-1', 'yes']]));
    expect(await call('action=status\nplug=compute-1\n')).toBe(2);
    cluster.transient.clear();
    cluster.permanent.set('compute-1', new Map([[INCIDENT_ATTRIBUTE, 'x']]));
    expect(await call('action=status\nplug=compute-1\n')).toBe(2);
    expect(await call('action=status\nplug=nobody\n')).toBe(1);
  });

  it('list names the computes', async () => {
    const { cluster, printed, call } = setUp();
    cluster.permanent.set('controller-2', new Map([['osprole', 'compute']]));
    cluster.transient.set('evacuate', new Map([['compute-2', 'yes']]));
    expect(await call('action=list\n')).toBe(0);
    expect(printed.pop()).toBe('controller-2,\ncompute-1,\ncompute-2,\n');
    await call('action=list-status\n');
    expect(printed.pop()).toBe('controller-2,,ON\ncompute-1,,ON\ncompute-2,,OFF\n');
  });

  it('monitor fails with the cluster, and only warns of the cloud', async () => {
    const { cluster, said, call } = setUp({
      cloudCheck: async () => ({ ok: false, problem: 'Keystone is away' }),
    });
    expect(await call('action=monitor\n')).toBe(0);
    expect(said.filter((line) => line.includes('Keystone'))).toEqual([]);
    expect(await call('action=monitor\nauth_url=http://k\n')).toBe(0);
    expect(said.at(-1)).toBe('warning, fencing is not affected: Keystone is away');
    cluster.fault = (tool) => (tool === 'attrd_updater' ? exits(102) : null);
    expect(await call('action=monitor\n')).toBe(1);
  });

  it('monitor is not held by a cloud that hangs or a check that breaks', async () => {
    const hung = setUp({ cloudCheck: () => new Promise(() => {}) });
    expect(await hung.call('action=monitor\nusername=a\n')).toBe(0);
    expect(hung.clock.ms).toBe(5_000);
    const broken = setUp({ cloudCheck: () => Promise.reject(new Error('s3cret')) });
    expect(await broken.call('action=monitor\nusername=a\npassword=s3cret\n')).toBe(0);
    expect(broken.said.join()).not.toContain('s3cret');
  });

  it('validate-all looks at the parameters, and asks the cloud where there are credentials', async () => {
    const { said, call } = setUp({
      cloudCheck: async (values) => (values.username === 'a' ? { ok: true } : { ok: false, problem: 'no' }),
    });
    expect(await call('action=validate-all\n')).toBe(0);
    expect(await call('action=validate-all\nusername=a\n')).toBe(0);
    expect(await call('action=validate-all\nlogin=b\n')).toBe(1);
    expect(await call('action=validate-all\nplug=a b\npower_wait=x\n')).toBe(1);
    expect(said.at(-1)).toBe(
      'power_wait must be a whole number of seconds (it is x); plug is no name that a node can have',
    );
  });

  it('does not know the rest', async () => {
    const { said, call } = setUp();
    expect(await call('action=constructor\n')).toBe(1);
    expect(said.at(-1)).toMatch(/^unknown action "constructor"; usage: /);
  });

  it('says no secret', async () => {
    const { said, call } = setUp();
    await call('action=off\nplug=compute-1\npassword=s3cret\napplication_credential_secret=s3cret\ns3cret\n');
    expect(said.join('\n')).not.toContain('s3cret');
  });
});

it('carries the version of the package', () => {
  expect(JSON.parse(readFileSync('package.json', 'utf8')).version).toBe(VERSION);
});
