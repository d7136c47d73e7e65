import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatHoldAnswer, HOLD_ATTRIBUTE, RELEASE_ATTRIBUTE } from '../core/records.ts';
import { fakeCluster } from '../pacemaker/fake-tools.ts';
import { OCF, ocfMetadata, runOcfAgent } from '../pacemaker/ocf-agent.ts';
import { type ComputePorts, novaComputeAgent } from './nova-compute.ts';
import { isNovaCompute } from './processes.ts';

const BOOT = '0d9a2a36-6d2c-4c0c-9d7b-7f4e1f3f9d11';
const STAT = `1 (systemd) S ${Array.from({ length: 18 }, (_, i) => i).join(' ')} 4711 0 0`;
const QUESTION = `${BOOT}-4711-start`;
const RELEASED = formatHoldAnswer(QUESTION, { released: true });
const DTD = '/usr/share/resource-agents/ra-api-1.dtd';

/** A compute whose nova-compute appears `appearsMs` after its launch, lives `livesMs` and heeds a signal or not. */
function setUp({
  released = true,
  appearsMs = 1000,
  livesMs = Number.POSITIVE_INFINITY,
  heeds = 'SIGTERM',
} = {}) {
  const cluster = fakeCluster();
  const disk = new Map([
    ['/proc/sys/kernel/random/boot_id', BOOT],
    ['/proc/1/stat', STAT],
    ['/etc/nova/nova.conf', '[DEFAULT]\ndebug = true\n'],
  ]);
  if (released) cluster.transient.set(RELEASE_ATTRIBUTE, new Map([['compute-1', RELEASED]]));
  const clock = {
    ms: 0,
    wall: () => 0,
    now: () => clock.ms,
    sleep: async (ms: number) => {
      clock.ms += ms;
    },
  };
  const launches: string[] = [];
  const signals: string[] = [];
  let appearsAt = Number.POSITIVE_INFINITY;
  let endsAt = Number.POSITIVE_INFINITY;
  const ports: ComputePorts = {
    run: cluster.run,
    clock,
    files: { read: (path) => disk.get(path) ?? null },
    random: () => 'start',
    find: async () => (clock.ms >= appearsAt && clock.ms < endsAt ? [{ pid: 4242, start: '1' }] : []),
    launch: async (binary, user) => {
      launches.push(`${user} ${binary}`);
      appearsAt = clock.ms + appearsMs;
      endsAt = appearsAt + livesMs;
    },
    signal: ({ pid }, signal) => {
      signals.push(`${signal} ${pid} at ${clock.ms}`);
      if (signal === heeds) endsAt = clock.ms + 1000;
    },
    isExecutable: (path) => path === '/usr/bin/nova-compute',
    namesIn: () => ['10-host.conf', 'readme'].filter((name) => disk.has(`/etc/nova/nova.conf.d/${name}`)),
  };
  const agent = novaComputeAgent(ports);
  let err = '';
  const call = (action: string, env: Record<string, string> = {}) =>
    runOcfAgent(agent, {
      argv: [action],
      env: { OCF_RESOURCE_INSTANCE: 'nova-compute:0', OCF_RESKEY_CRM_meta_on_node: 'compute-1', ...env },
      out: () => {},
      err: (text) => (err += text),
      signal: new AbortController().signal,
    });
  return { agent, cluster, clock, disk, launches, signals, call, said: () => err };
}

describe('NovaCompute', () => {
  it('starts nova-compute once it is released, watches it and stops it', async () => {
    const { cluster, clock, launches, signals, call } = setUp();
    expect(await call('monitor')).toBe(OCF.NOT_RUNNING);
    expect(await call('start')).toBe(OCF.SUCCESS);
    expect(launches).toEqual(['nova /usr/bin/nova-compute']);
    expect(clock.ms).toBeGreaterThanOrEqual(3000);
    expect(await call('monitor')).toBe(OCF.SUCCESS);
    expect(await call('start')).toBe(OCF.SUCCESS);
    expect(launches.length).toBe(1);
    expect(await call('stop')).toBe(OCF.SUCCESS);
    expect(signals.length).toBe(1);
    expect(cluster.transient.get(HOLD_ATTRIBUTE)?.get('compute-1')).toBe('');
    expect(await call('monitor')).toBe(OCF.NOT_RUNNING);
    expect(await call('stop')).toBe(OCF.SUCCESS);
    expect(new Set(cluster.calls.map(([tool]) => tool))).toEqual(new Set(['attrd_updater']));
  });

  it('starts nothing that is not released', async () => {
    const { launches, clock, call, said } = setUp({ released: false });
    expect(await call('start', { OCF_RESKEY_evacuation_delay: '30' })).toBe(OCF.ERR_GENERIC);
    expect(launches).toEqual([]);
    expect(clock.ms).toBe(30_000);
    expect(said()).toContain('held back for 30 s');
  });

  it.each([
    ['ends at once', { livesMs: 500 }, 'ended at once'],
    ['never appears', { appearsMs: 1e9 }, 'did not appear'],
  ])('says so when nova-compute %s', async (_, stage, words) => {
    const { clock, call, said } = setUp(stage);
    expect(await call('start', { OCF_RESKEY_CRM_meta_timeout: '40000' })).toBe(OCF.ERR_GENERIC);
    expect(said()).toContain(words);
    expect(clock.ms).toBeLessThanOrEqual(35_500);
  });

  it('kills one that does not heed, within its timeout', async () => {
    const { clock, signals, call } = setUp({ heeds: 'SIGKILL' });
    await call('start');
    const from = clock.ms;
    expect(await call('stop', { OCF_RESKEY_CRM_meta_timeout: '60000' })).toBe(OCF.SUCCESS);
    expect(signals.map((line) => line.split(' ')[0])).toEqual(['SIGTERM', 'SIGKILL']);
    expect(clock.ms - from).toBeLessThan(55_000);
  });

  it.each([
    ['[DEFAULT]\nhost = compute-1\n', '', OCF.SUCCESS],
    ['[DEFAULT]\nhost = compute-1.example.org\n', 'example.org', OCF.SUCCESS],
    ['[libvirt]\nhost = other\n', '', OCF.SUCCESS],
    ['[DEFAULT]\nhost = compute-1.example.org\n', '', OCF.ERR_INSTALLED],
    ['[DEFAULT]\nhost=other\n', '', OCF.ERR_INSTALLED],
  ])('compares the host of nova.conf with the name of the node: %j, domain %j', async (text, domain, code) => {
    const { disk, call } = setUp();
    disk.set('/etc/nova/nova.conf.d/10-host.conf', text);
    expect(await call('validate-all', { OCF_RESKEY_domain: domain })).toBe(code);
  });

  it('says what is missing', async () => {
    const { disk, call } = setUp();
    expect(await call('start', { OCF_RESKEY_binary: '/opt/nova-compute' })).toBe(OCF.ERR_INSTALLED);
    expect(await call('start', { OCF_RESKEY_binary: '/bin/sh -c evil' })).toBe(OCF.ERR_CONFIGURED);
    expect(await call('start', { OCF_RESKEY_user: 'nova; evil' })).toBe(OCF.ERR_CONFIGURED);
    // Another node of the clone has its own nova.conf: "not configured" would end nova-compute there too.
    disk.delete('/etc/nova/nova.conf');
    expect(await call('start')).toBe(OCF.ERR_INSTALLED);
  });

  it.skipIf(!existsSync(DTD))('has valid meta-data with the parameters of the stock agent', () => {
    const xml = ocfMetadata(setUp().agent);
    execFileSync('xmllint', ['--noout', '--dtdvalid', DTD, '-'], { input: xml, stdio: 'pipe' });
    const stock =
      'auth_url username password tenant_name domain endpoint_type region_name insecure no_shared_storage evacuation_delay';
    for (const name of stock.split(' ')) expect(xml).toContain(`<parameter name="${name}"`);
  });
});

it.each([
  ['/usr/bin/python3\0/usr/bin/nova-compute\0--config-file\0x', true],
  ['/usr/bin/python2.7\0-s\0/usr/bin/nova-compute', true],
  ['/usr/bin/nova-compute', true],
  ['su\0-s\0/bin/sh\0nova\0-c\0exec /usr/bin/nova-compute', false],
  ['/usr/bin/python3\0/usr/bin/privsep-helper\0--config-file\0/etc/nova/nova-compute.conf', false],
  ['vi\0/usr/bin/nova-compute', false],
  ['', false],
])('tells nova-compute by its command line: %j', (cmdline, expected) => {
  expect(isNovaCompute(cmdline)).toBe(expected);
});
