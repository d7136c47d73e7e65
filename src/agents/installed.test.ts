import { execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startFakeCloud } from '../openstack/testing.ts';
import { processStart, statusPath, TICK_LIMIT_MS, uptimeS, writeStatus } from './evacuator/life.ts';
import { bootToken } from './hold.ts';
import { systemFiles } from './system-files.ts';

/**
 * The built agents as a machine has them: the few lines of sh in front, and what resource-agents, fence-agents,
 * pacemaker and crmsh say of them. An overlay over /usr in a mount namespace of its own stands in for the
 * installation; the machine itself is left as it is.
 */
const directory = mkdtempSync(join(tmpdir(), 'instance-ha-installed-'));
const layer = join(directory, 'layer');
const ocf = join(layer, 'usr/lib/ocf/resource.d/openstack');
const state = join(directory, 'state');

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs', '--out', directory], { stdio: 'pipe' });
}, 60_000);
afterAll(() => rmSync(directory, { recursive: true, force: true }));
beforeEach(() => {
  rmSync(state, { recursive: true, force: true });
  mkdirSync(state);
});

describe('the front of NovaEvacuate', () => {
  const front = join(ocf, 'NovaEvacuate');
  const home = join(state, 'instance-ha-nova');
  /** Without a PATH no program can be asked: only what sh decides alone ends with 0. */
  const monitor = (instance = 'nova', action = 'monitor') =>
    spawnSync(front, [action], {
      env: { PATH: '', HA_RSCTMP: state, OCF_RESOURCE_INSTANCE: instance },
      encoding: 'utf8',
    });
  const asksTheProgram = 127;
  const live = async (change: { pid?: number; start?: string; ageS?: number } = {}): Promise<void> => {
    mkdirSync(home, { recursive: true });
    await writeStatus(statusPath(home), {
      pid: change.pid ?? process.pid,
      start: change.start ?? (await processStart(process.pid)) ?? '',
      tickUptimeS: (await uptimeS()) - (change.ageS ?? 0),
      at: 'now',
    });
  };

  it('recognises a healthy evacuator by itself', async () => {
    await live();
    expect(monitor()).toMatchObject({ status: 0, stdout: '', stderr: '' });
    await live({ ageS: TICK_LIMIT_MS / 1000 - 3 });
    expect(monitor().status).toBe(0);
  });

  it('asks the program about everything else', async () => {
    expect(monitor().status).toBe(asksTheProgram);
    await live({ ageS: TICK_LIMIT_MS / 1000 + 2 });
    expect(monitor().status, 'a sign of life that is old').toBe(asksTheProgram);
    await live({ ageS: -100 });
    expect(monitor().status, 'one from before a boot').toBe(asksTheProgram);
    await live({ start: '1' });
    expect(monitor().status, 'another process with its pid').toBe(asksTheProgram);
    await live({ pid: 999_999_999 });
    expect(monitor().status, 'a process that is gone').toBe(asksTheProgram);
    await live();
    expect(monitor('other').status, 'another instance').toBe(asksTheProgram);
    expect(monitor('').status, 'no instance').toBe(asksTheProgram);
    expect(monitor('../state/instance-ha-nova').status, 'a path').toBe(asksTheProgram);
    for (const action of ['start', 'stop', 'validate-all', 'meta-data', '']) {
      expect(monitor('nova', action).status, action).toBe(asksTheProgram);
    }
  });

  it.each([
    '',
    '\n',
    'x',
    '1',
    `${process.pid}`,
    `${process.pid} 1`,
    `${process.pid} 1 x`,
    '1 2 3 4',
    '$(id) 1 1',
    '* * *',
  ])('is not confused by a sign of life that is %j', (text) => {
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, 'life'), text);
    expect(monitor().status).not.toBe(0);
  });

  it('does not take a zombie for a process', async () => {
    // A shell that starts a child and has become a program which never asks for its children when that ends.
    const parent = spawn('sh', ['-c', 'sleep 0.3 & echo $!; exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    try {
      const pid = await new Promise<number>((resolve) =>
        parent.stdout.once('data', (text) => resolve(Number(text))),
      );
      await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8')).toContain(') Z ');
      const start = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19] ?? '';
      await live({ pid, start });
      expect(monitor().status).toBe(asksTheProgram);
    } finally {
      parent.kill('SIGKILL');
    }
  });

  it('hands its arguments and environment on to the program', () => {
    const asked = spawnSync(front, ['monitor'], {
      env: { PATH: process.env.PATH, HA_RSCTMP: state, OCF_RESOURCE_INSTANCE: 'nova' },
    });
    expect(asked.status).toBe(7);
    expect(spawnSync(front, ['promote'], { env: { PATH: process.env.PATH } }).status).toBe(3);
  });
});

describe('the front of nova-compute-wait', () => {
  const front = join(ocf, 'nova-compute-wait');
  const monitor = (instance: string) =>
    spawnSync(front, ['monitor'], { env: { PATH: '', HA_RSCTMP: state, OCF_RESOURCE_INSTANCE: instance } })
      .status;

  it('recognises the release of this boot, and no other', () => {
    const token = bootToken(systemFiles) ?? '';
    const file = join(state, 'nova-compute-wait-wait:0.state');
    expect(monitor('wait:0')).toBe(127);
    writeFileSync(file, `${token}\n`);
    expect(monitor('wait:0')).toBe(0);
    expect(monitor('wait:1')).toBe(127);
    for (const text of [
      '',
      '\n',
      token.replace(/\d$/, 'x'),
      `${token}1`,
      token.slice(0, -1),
      'x'.repeat(1e5),
    ]) {
      writeFileSync(file, `${text}\n`);
      expect(monitor('wait:0'), text.slice(0, 60)).toBe(127);
    }
  });
});

/** What may stand in a bundle that every call of an agent loads. Its weight is paid on each node every few seconds. */
const MAY_LOAD: Readonly<Record<string, readonly string[]>> = {
  'usr/lib/instance-ha/agents/nova-compute-wait': [
    '@rgrove/parse-xml',
    'src/agents',
    'src/core',
    'src/openstack/credential-parameters.ts',
    'src/pacemaker',
  ],
  'usr/lib/ocf/resource.d/openstack/NovaCompute': [
    '@rgrove/parse-xml',
    'src/agents',
    'src/core',
    'src/openstack/credential-parameters.ts',
    'src/pacemaker',
    'valibot',
  ],
};
/** Modules of Node that one start may load beyond those of `node -e 0`; a network or a worker is in none. */
const MAY_REQUIRE =
  /^(NativeModule|Internal Binding|NodeBuiltin)? ?(internal\/|child_process|crypto|dgram|diagnostics_channel|events|fs|net|os|path|perf_hooks|stream|string_decoder|timers|tty|url|util|buffer|async_hooks|assert|dns|readline|querystring|vm|process|worker_threads)/;
const NEVER = /undici|\b(http2?|https|tls|inspector|repl|cluster|zlib)\b/;

describe('a start of an agent', () => {
  it('has a bundle with no more than it needs', async () => {
    const { build } = await import('esbuild');
    for (const [file, allowed] of Object.entries(MAY_LOAD)) {
      const name = file.split('/').at(-1);
      const { metafile } = await build({
        entryPoints: [`src/agents/${name}.main.ts`],
        bundle: true,
        platform: 'node',
        format: 'cjs',
        write: false,
        metafile: true,
        outfile: 'x',
        logLevel: 'silent',
      });
      const strays = Object.keys(metafile.inputs)
        .map((path) => path.replace(/^node_modules\//, ''))
        .filter((path) => !allowed.some((start) => path.startsWith(start)));
      expect(strays, name).toEqual([]);
    }
  });

  it.each([
    ['usr/sbin/fence_compute', ['-o', 'metadata']],
    ['usr/sbin/fence_evacuate', ['-o', 'metadata']],
    ['usr/lib/instance-ha/agents/NovaEvacuate', ['monitor']],
    ['usr/lib/instance-ha/agents/nova-compute-wait', ['monitor']],
    ['usr/lib/ocf/resource.d/openstack/NovaCompute', ['meta-data']],
  ])('loads nothing of the network: %s %j', (program, args) => {
    const hook = join(directory, 'loaded.cjs');
    const list = join(directory, 'loaded.json');
    writeFileSync(
      hook,
      `process.on('exit', () => require('fs').writeFileSync(${JSON.stringify(list)}, JSON.stringify(process.moduleLoadList)));`,
    );
    spawnSync(process.execPath, ['--require', hook, join(layer, program), ...args], {
      env: { PATH: process.env.PATH, HA_RSCTMP: state },
    });
    const loaded: string[] = JSON.parse(readFileSync(list, 'utf8'));
    const builtins = loaded.filter((name) => name.startsWith('NativeModule ')).map((name) => name.slice(13));
    expect(builtins.length).toBeGreaterThan(20);
    expect(builtins.filter((name) => !name.startsWith('internal/') && NEVER.test(name))).toEqual([]);
    expect(builtins.filter((name) => !MAY_REQUIRE.test(name))).toEqual([]);
  });
});

const isRoot = process.getuid?.() === 0;
const canOverlay =
  isRoot &&
  spawnSync('unshare', [
    '-m',
    '--propagation',
    'private',
    'mount',
    '-t',
    'overlay',
    'x',
    '-o',
    'lowerdir=/usr:/opt',
    '/mnt',
  ]).status === 0;
const has = (path: string): boolean => existsSync(path);

/** Runs a line of bash on a machine that has the agents installed. */
function installed(script: string, env: Record<string, string> = {}): Promise<{ code: number; out: string }> {
  const line = `mount -t overlay agents -o "lowerdir=${layer}/usr:/usr" /usr && ${script}`;
  // A process namespace too: NovaCompute looks for nova-compute, and stops it.
  const args = ['-m', '-p', '-f', '--mount-proc', '--propagation', 'private', 'bash', '-c', line];
  return new Promise((resolve) => {
    const options = { env: { PATH: process.env.PATH ?? '', HA_RSCTMP: state, ...env }, timeout: 240_000 };
    execFile('unshare', args, options, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 255), out: stdout + stderr }),
    );
  });
}

describe.skipIf(!canOverlay)('on a machine that has them', () => {
  const agents = ['NovaEvacuate', 'nova-compute-wait', 'NovaCompute'];
  const rng = '/usr/share/resource-agents/metadata.rng';

  it.skipIf(!has(rng)).each(agents)('%s has meta-data that is valid for resource-agents', async (name) => {
    const agent = `/usr/lib/ocf/resource.d/openstack/${name}`;
    for (const schema of [`--relaxng ${rng}`, '--dtdvalid /usr/share/resource-agents/ra-api-1.dtd']) {
      expect(await installed(`${agent} meta-data | xmllint --noout ${schema} -`)).toMatchObject({ code: 0 });
    }
  });

  it.skipIf(!has('/usr/sbin/stonith_admin')).each(['fence_compute', 'fence_evacuate'])(
    'stonith_admin gives the metadata of %s',
    async (name) => {
      const { code, out } = await installed(`stonith_admin --metadata --agent ${name}`);
      expect(code).toBe(0);
      expect(out).toContain(`<resource-agent name="${name}"`);
      expect(out).toContain('name="plug"');
    },
  );

  it.skipIf(!has('/usr/sbin/crm')).each([
    ['ocf:openstack:NovaEvacuate', 'rc_file'],
    ['ocf:openstack:nova-compute-wait', 'evacuation_delay'],
    ['ocf:openstack:NovaCompute', 'binary'],
    ['stonith:fence_compute', 'record_only'],
    ['stonith:fence_evacuate', 'plug'],
  ])('crm ra info knows %s', async (name, parameter) => {
    const { code, out } = await installed(`crm ra info ${name}`);
    expect(code, out).toBe(0);
    expect(out).toContain(parameter);
  });

  it.skipIf(!has('/usr/sbin/pcs')).each([
    ['resource', 'ocf:openstack:NovaEvacuate', 'rc_file: '],
    ['resource', 'ocf:openstack:nova-compute-wait', 'evacuation_delay: '],
    ['resource', 'ocf:openstack:NovaCompute', 'binary: '],
    ['stonith', 'fence_compute', 'record_only: '],
    ['stonith', 'fence_evacuate', 'plug: '],
  ])('pcs %s describe %s', async (kind, name, parameter) => {
    expect(await installed(`pcs ${kind} describe ${name}`)).toMatchObject({
      code: 0,
      out: expect.stringContaining(parameter),
    });
  });

  it.skipIf(!has('/usr/sbin/pcs'))(
    'pcs takes every command of the guide',
    async () => {
      const [, section = ''] = readFileSync('docs/configure.md', 'utf8').split('## The cluster, with pcs\n');
      const typed = (section.split('\n\nPut the location rule')[0] ?? '')
        .replaceAll(/^ {4}/gm, '')
        .replaceAll(' ...;', ';');
      expect(typed).toContain('pcs resource create nova-evacuate');
      const notifying = readFileSync('docs/install.md', 'utf8').match(/^ {4}pcs resource update .*$/gm) ?? [];
      expect(notifying.length).toBe(3);
      const commands = [typed, ...notifying.map((line) => line.trim())].join('\n');
      const cib = join(directory, 'cib.xml');
      writeFileSync(
        cib,
        `<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config/>
<nodes><node id="1" uname="overcloud-controller-0"/></nodes><resources>
<primitive id="overcloud-compute-0" class="ocf" provider="pacemaker" type="remote"/><primitive id="overcloud-compute-1" class="ocf" provider="pacemaker" type="remote"/>
<primitive id="ipmilan-overcloud-compute-0" class="stonith" type="fence_ipmilan"/></resources><constraints/></configuration><status/></cib>`,
      );
      const script = join(directory, 'guide.sh');
      writeFileSync(script, `set -e\npcs() { command pcs -f ${cib} "$@"; }\n${commands}\n`);
      const { code, out } = await installed(`bash ${script}`);
      expect(code, out).toBe(0);
      const made = readFileSync(cib, 'utf8');
      for (const what of [
        'devices="ipmilan-overcloud-compute-0,fence-nova"',
        'attribute="instance-ha-incident"',
        'name="notify_alerts" value="true"',
      ])
        expect(made).toContain(what);
    },
    300_000,
  );

  /** An empty cluster of two controllers, as a file that pcs and crm work on. */
  const emptyCluster = (): string => {
    const cib = join(directory, 'empty.xml');
    writeFileSync(
      cib,
      `<cib crm_feature_set="3.16.1" validate-with="pacemaker-3.9" admin_epoch="0" epoch="1" num_updates="0"><configuration><crm_config/>
<nodes><node id="1" uname="controller-0"/><node id="2" uname="controller-1"/></nodes><resources/><constraints/></configuration><status/></cib>`,
    );
    return cib;
  };

  it.each(
    (
      [
        ['pcs', (cib: string) => `pcs() { command pcs -f ${cib} "$@"; }`],
        ['crm', (cib: string) => `export CIB_file=${cib}`],
      ] as const
    ).filter(([tool]) => has(`/usr/sbin/${tool}`)),
  )(
    '%s takes every command that configure show gives for it',
    async (tool, prepared) => {
      const cib = emptyCluster();
      const commands = readFileSync(`src/configure/golden/minimal.${tool}`, 'utf8');
      const script = join(directory, 'typed.sh');
      writeFileSync(script, `set -e\n${prepared(cib)}\n${commands}\n`);
      const { code, out } = await installed(`bash ${script}`);
      expect(code, out).toBe(0);
      const made = readFileSync(cib, 'utf8');
      for (const what of [
        /<fencing-level [^>]*devices="ipmilan-compute-0,fence-nova"/,
        /<node [^>]*uname="compute-1"/,
        /<clone id="nova-compute-clone"/,
        /<expression [^>]*attribute="instance-ha-incident"/,
        /<rsc_order [^>]*first="nova-compute-checkevacuate-clone"/,
        /<nvpair [^>]*name="rc_file"/,
      ])
        expect(made).toMatch(what);
    },
    300_000,
  );

  describe.skipIf(!has('/usr/sbin/ocf-tester'))('ocf-tester passes', () => {
    const bin = join(directory, 'bin');
    /** Pacemaker's tools, as far as they are called: a cluster without incidents, an evacuator that releases at once. */
    const shims = (): void => {
      mkdirSync(bin, { recursive: true });
      const shim = (name: string, body: string): void => {
        writeFileSync(join(bin, name), `#!/bin/sh\n${body}\n`);
        chmodSync(join(bin, name), 0o755);
      };
      const answer = (name: string, value: string): string =>
        `echo '<pacemaker-result><attribute name="${name}" value="'"${value}"'" host="controller-1"/><status code="0" message="OK"/></pacemaker-result>'`;
      shim(
        'cibadmin',
        `echo '<cib have-quorum="1" dc-uuid="1"><configuration><crm_config/><nodes><node id="1" uname="controller-1"/></nodes><resources/><constraints/></configuration><status/></cib>'`,
      );
      shim(
        'attrd_updater',
        `case "$*" in
         *instance-ha-hold*-U*) for v; do :; done; echo "$v" > ${state}/hold;;
         *instance-ha-hold*-D*) rm -f ${state}/hold;;
         *instance-ha-hold*) [ -e ${state}/hold ] || exit 78; ${answer('instance-ha-hold', `$(cat ${state}/hold)`)};;
         *instance-ha-release*) [ -e ${state}/hold ] || exit 78; ${answer('instance-ha-release', `released $(cat ${state}/hold)`)};;
         *) exit 78;;
         esac`,
      );
      spawnSync('chmod', ['-R', 'a+rX', directory]);
    };
    const env = { PATH: `${bin}:${process.env.PATH}`, OCF_RESKEY_CRM_meta_on_node: 'controller-1' };

    it('NovaEvacuate', async () => {
      shims();
      const cloud = await startFakeCloud({
        handle: (request) => {
          if (request.path.endsWith('/os-services')) return { body: { services: [] } };
          if (request.path === '/compute/v2.1/') return null;
          return request.path.includes('/compute') ? { body: { servers: [], migrations: [] } } : null;
        },
      });
      try {
        const options = `-o auth_url=${cloud.url} -o username=admin -o project_name=admin -o region_name=regionOne -o endpoint_type=publicURL -o password_script=${bin}/password`;
        writeFileSync(join(bin, 'password'), '#!/bin/sh\necho correct horse\n', { mode: 0o755 });
        const { code, out } = await installed(
          `ocf-tester -n nova-evacuate ${options} /usr/lib/ocf/resource.d/openstack/NovaEvacuate`,
          { ...env, INSTANCE_HA_LOG: join(directory, 'evacuator.log') },
        );
        expect(out).toContain('passed all tests');
        expect(code).toBe(0);
      } finally {
        await cloud.close();
      }
    }, 300_000);

    it('and the command of the install guide says nothing when all is well', async () => {
      shims();
      const guide = readFileSync('docs/install.md', 'utf8');
      const command = /^ {4}(OCF_ROOT=.* validate-all)$/m.exec(guide)?.[1] ?? '';
      const rc = join(directory, 'overcloudrc');
      const cloud = await startFakeCloud({
        handle: (request) => (request.path.endsWith('/os-services') ? { body: { services: [] } } : null),
      });
      try {
        const variables = {
          AUTH_URL: cloud.url,
          USERNAME: 'admin',
          PASSWORD: "'correct horse'",
          PROJECT_NAME: 'admin',
          REGION_NAME: 'regionOne',
        };
        const lines = Object.entries(variables).map(([name, value]) => `export OS_${name}=${value}\n`);
        writeFileSync(rc, lines.join(''), { mode: 0o600 });
        const tried = command.replace('/etc/instance-ha/overcloudrc', rc);
        expect(tried).toContain(rc);
        expect(await installed(`env ${tried}`)).toMatchObject({
          code: 0,
          out: expect.not.stringContaining('ocf-exit'),
        });
        writeFileSync(rc, lines.join('').replace('correct', 'wrong'));
        const refused = await installed(`env ${tried}`);
        expect(refused.code).toBe(5);
        expect(refused.out).toContain('check username, password, project_name');
      } finally {
        await cloud.close();
      }
    }, 60_000);

    it('nova-compute-wait', async () => {
      shims();
      const { code, out } = await installed(
        'ocf-tester -n wait /usr/lib/ocf/resource.d/openstack/nova-compute-wait',
        env,
      );
      expect(out).toContain('passed all tests');
      expect(code).toBe(0);
    }, 300_000);

    it.skipIf(!has('/etc/nova/nova.conf'))(
      'NovaCompute',
      async () => {
        shims();
        writeFileSync(join(bin, 'nova-compute'), '#!/usr/bin/python3\nimport time\ntime.sleep(600)\n', {
          mode: 0o755,
        });
        const { code, out } = await installed(
          `ocf-tester -n compute -o binary=${bin}/nova-compute -o user=root -o domain= /usr/lib/ocf/resource.d/openstack/NovaCompute`,
          env,
        );
        expect(out).toContain('passed all tests');
        expect(code).toBe(0);
      },
      300_000,
    );
  });
});
