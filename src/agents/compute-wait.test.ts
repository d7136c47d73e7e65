import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatHoldAnswer, HOLD_ATTRIBUTE, RELEASE_ATTRIBUTE } from '../core/records.ts';
import { exits, type FakeCluster, fakeCluster, hangs } from '../pacemaker/fake-tools.ts';
import { OCF, ocfMetadata, runOcfAgent } from '../pacemaker/ocf-agent.ts';
import { computeWaitAgent, STOCK_OVERLAYS } from './compute-wait.ts';
import { bootToken } from './hold.ts';

const BOOT = '0d9a2a36-6d2c-4c0c-9d7b-7f4e1f3f9d11';
const STAT = `1 (sys ) temd) S ${Array.from({ length: 18 }, (_, i) => i).join(' ')} 4711 0 0`;
const TOKEN = `${BOOT}-4711`;
const DTD = '/usr/share/resource-agents/ra-api-1.dtd';

function setUp() {
  const cluster = fakeCluster();
  const disk = new Map([
    ['/proc/sys/kernel/random/boot_id', `${BOOT}\n`],
    ['/proc/1/stat', STAT],
  ]);
  const clock = {
    ms: 0,
    /** Called at each pause: what the rest of the world does meanwhile. */
    meanwhile: (): void => {},
    wall: () => 0,
    now: () => clock.ms,
    sleep: async (ms: number) => {
      clock.ms += ms;
      clock.meanwhile();
    },
  };
  const files = {
    read: (path: string) => disk.get(path) ?? null,
    write: (path: string, text: string) => void disk.set(path, text),
    remove: (path: string) => void disk.delete(path),
  };
  let starts = 0;
  const agent = computeWaitAgent({ run: cluster.run, clock, files, random: () => `start${++starts}` });
  let err = '';
  const call = (action: string, env: Record<string, string> = {}) =>
    runOcfAgent(agent, {
      argv: [action],
      env: { OCF_RESOURCE_INSTANCE: 'checkevacuate:0', OCF_RESKEY_CRM_meta_on_node: 'compute-1', ...env },
      out: () => {},
      err: (text) => (err += text),
      signal: new AbortController().signal,
    });
  return { agent, cluster, clock, disk, call, said: () => err };
}

function answer(cluster: FakeCluster, text: string): void {
  cluster.transient.set(RELEASE_ATTRIBUTE, new Map([['compute-1', text]]));
}
const QUESTION = `${TOKEN}-start1`;
const RELEASED = formatHoldAnswer(QUESTION, { released: true });

describe('start', () => {
  it('asks with the token of this boot and ends when it is released', async () => {
    const { cluster, clock, disk, call } = setUp();
    clock.meanwhile = () => {
      if (clock.ms === 7000) answer(cluster, RELEASED);
    };
    expect(await call('monitor')).toBe(OCF.NOT_RUNNING);
    expect(await call('start')).toBe(OCF.SUCCESS);
    expect(clock.ms).toBe(7000);
    expect(cluster.transient.get(HOLD_ATTRIBUTE)?.get('compute-1')).toBe(QUESTION);
    expect(disk.get('/run/resource-agents/nova-compute-wait-checkevacuate:0.state')).toBe(`${TOKEN}\n`);
    expect(await call('monitor')).toBe(OCF.SUCCESS);
    expect(new Set(cluster.calls.map(([tool]) => tool))).toEqual(new Set(['attrd_updater']));
  });

  it('asks again when the rejoin erased the question', async () => {
    const { cluster, clock, call } = setUp();
    clock.meanwhile = () => {
      if (clock.ms === 3000) cluster.transient.clear();
      if (clock.ms === 5000 && cluster.transient.get(HOLD_ATTRIBUTE)?.get('compute-1') === QUESTION)
        answer(cluster, RELEASED);
    };
    expect(await call('start')).toBe(OCF.SUCCESS);
  });

  it.each([
    ['nothing', null],
    ['an empty answer', ''],
    ['a release of another boot', `released ${BOOT}-4710`],
    ['a release of an earlier start of this boot', `released ${TOKEN}-start0`],
    ['a bare word', 'released'],
    ['the stock mark', 'no'],
  ])('takes %s for no release', async (_, text) => {
    const { cluster, clock, call, said } = setUp();
    if (text !== null) answer(cluster, text);
    expect(await call('start')).toBe(OCF.ERR_GENERIC);
    expect(clock.ms).toBe(120_000);
    expect(said()).toContain('held back for 120 s');
    expect(said()).toContain('no answer from nova-evacuate: is the resource nova-evacuate running?');
  });

  it("says the evacuator's last reason", async () => {
    const { cluster, clock, call, said } = setUp();
    answer(cluster, formatHoldAnswer(QUESTION, { released: false, reason: '3 instances left' }));
    clock.meanwhile = () => void (clock.ms > 50_000 && answer(cluster, ''));
    expect(await call('start')).toBe(OCF.ERR_GENERIC);
    expect(said()).toMatch(
      /^ocf-exit-reason:nova-compute held back for 120 s and not released: 3 instances left\. /,
    );
  });

  it('ends 5 s before the timeout of the operation', async () => {
    const { clock, call } = setUp();
    await call('start', { OCF_RESKEY_CRM_meta_timeout: '60000', OCF_RESKEY_evacuation_delay: '300' });
    expect(clock.ms).toBe(55_000);
  });

  it('is bounded while the tool hangs, and says so', async () => {
    const { cluster, clock, call, said } = setUp();
    cluster.fault = (tool, _, { timeoutMs }) => {
      clock.ms += timeoutMs;
      return hangs(tool);
    };
    expect(await call('start')).toBe(OCF.ERR_GENERIC);
    expect(clock.ms).toBeLessThan(120_500);
    expect(said()).toContain('attrd_updater gave no answer');
  });

  it('says what is not installed', async () => {
    const { cluster, call } = setUp();
    cluster.fault = (tool) => ({ ok: false, error: { code: 'tool-missing', tool } });
    expect(await call('start')).toBe(OCF.ERR_INSTALLED);
    expect(await call('validate-all')).toBe(OCF.ERR_INSTALLED);
  });

  it('finds its own name by its token when Pacemaker gave none', async () => {
    const { cluster, clock, call } = setUp();
    clock.meanwhile = () => void (clock.ms === 4000 && answer(cluster, RELEASED));
    expect(await call('start', { OCF_RESKEY_CRM_meta_on_node: '' })).toBe(OCF.SUCCESS);
  });

  it('warns of credentials by name', async () => {
    const { cluster, call, said } = setUp();
    answer(cluster, RELEASED);
    expect(
      await call('start', {
        OCF_RESKEY_username: 'admin',
        OCF_RESKEY_password: 's3cret',
        OCF_RESKEY_insecure: '1',
      }),
    ).toBe(0);
    expect(said()).toBe(
      'nova-compute-wait: a compute needs no cloud credentials; remove username, password, insecure from checkevacuate:0\n',
    );
  });

  it('takes away what the stock agent left for systemd', async () => {
    const { cluster, disk, call, said } = setUp();
    answer(cluster, RELEASED);
    const [overlay = ''] = STOCK_OVERLAYS;
    disk.set(overlay, '[Service]\nExecStartPost=/sbin/fence_compute -p s3cret -o on -n compute-1\n');
    expect(await call('start')).toBe(OCF.SUCCESS);
    expect(disk.has(overlay)).toBe(false);
    expect(cluster.calls).toContainEqual(['systemctl', 'daemon-reload']);
    expect(said()).toContain(`removed ${overlay}`);
    expect(said()).not.toContain('s3cret');
  });

  it('does not start where boots cannot be told apart', async () => {
    const { disk, call } = setUp();
    disk.delete('/proc/1/stat');
    expect(await call('start')).toBe(OCF.ERR_GENERIC);
    expect(await call('monitor')).toBe(OCF.NOT_RUNNING);
  });
});

describe('monitor and stop', () => {
  it('do not believe the state of another boot', async () => {
    const { cluster, disk, call } = setUp();
    answer(cluster, RELEASED);
    await call('start');
    disk.set('/proc/1/stat', STAT.replace('4711', '4712'));
    expect(await call('monitor')).toBe(OCF.NOT_RUNNING);
  });

  it('stop forgets the release, even without a cluster', async () => {
    const { cluster, call } = setUp();
    answer(cluster, RELEASED);
    await call('start');
    cluster.fault = () => exits(102);
    expect(await call('stop')).toBe(OCF.SUCCESS);
    expect(await call('monitor')).toBe(OCF.NOT_RUNNING);
    expect(await call('stop')).toBe(OCF.SUCCESS);
  });
});

describe('bootToken', () => {
  it('is the boot and its PID 1', () => {
    const { disk } = setUp();
    expect(bootToken({ read: (path) => disk.get(path) ?? null })).toBe(TOKEN);
    expect(bootToken({ read: () => null })).toBeNull();
    expect(bootToken({ read: () => 'garbage' })).toBeNull();
  });
});

it.skipIf(!existsSync(DTD))('has valid meta-data', () => {
  const { agent } = setUp();
  execFileSync('xmllint', ['--noout', '--dtdvalid', DTD, '-'], { input: ocfMetadata(agent), stdio: 'pipe' });
});
