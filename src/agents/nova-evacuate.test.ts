import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type FakeCloud, makeCertificate, startFakeCloud } from '../openstack/testing.ts';
import { runOcfAgent } from '../pacemaker/ocf-agent.ts';
import { OCF_AGENTS } from './all-agents.ts';
import { processStart, statusPath, uptimeS, writeStatus } from './evacuator/life.ts';
import { novaEvacuate } from './nova-evacuate.ts';

/**
 * The agent and the evacuator as the processes they are, against a cluster of one-line shims and a cloud on
 * loopback: what Pacemaker sees of them.
 */
const PASSWORD = 'correct horse';
let bundles: string;
let dir: string;
let cloud: FakeCloud;
const strays: ChildProcess[] = [];

interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

beforeAll(async () => {
  bundles = mkdtempSync(join(tmpdir(), 'instance-ha-bundles-'));
  writeFileSync(join(bundles, 'package.json'), '{"type":"commonjs"}');
  for (const [entry, name] of [
    ['src/agents/NovaEvacuate.main.ts', 'NovaEvacuate'],
    ['src/agents/evacuator.main.ts', 'evacuator'],
  ] as const) {
    await build({
      entryPoints: [entry],
      outfile: join(bundles, name),
      bundle: true,
      platform: 'node',
      target: 'node20',
      format: 'cjs',
      logLevel: 'error',
    });
  }
}, 60_000);
afterAll(() => rmSync(bundles, { recursive: true, force: true }));

const NOVA = {
  version: { versions: [], version: { id: 'v2.1', status: 'CURRENT', version: '2.93', min_version: '2.1' } },
};

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'instance-ha-test-'));
  const shim = (name: string, body: string): void => {
    mkdirSync(join(dir, 'bin'), { recursive: true });
    writeFileSync(join(dir, 'bin', name), `#!/bin/sh\n${body}\n`);
    chmodSync(join(dir, 'bin', name), 0o755);
  };
  shim(
    'cibadmin',
    `echo '<cib have-quorum="1" dc-uuid="1"><configuration><crm_config/><nodes><node id="1" uname="controller-1"/></nodes><resources/><constraints/></configuration><status/></cib>'`,
  );
  shim('attrd_updater', 'exit 78');
  cloud = await startFakeCloud({
    password: PASSWORD,
    handle: (request) => {
      if (request.path.endsWith('/os-services')) return { body: { services: [] } };
      if (request.path.includes('/compute')) return { body: NOVA.version };
      return null;
    },
  });
  writeFileSync(
    join(dir, 'rc'),
    `export OS_AUTH_URL=${cloud.url}\nexport OS_USERNAME=admin\nexport OS_PASSWORD='${PASSWORD}'\nexport OS_PROJECT_NAME=admin\nexport OS_REGION_NAME=regionOne\nexport OS_INTERFACE=public\n`,
    { mode: 0o600 },
  );
});

afterEach(async () => {
  await agent('stop');
  for (const stray of strays.splice(0)) stray.kill('SIGKILL');
  await cloud.close();
  rmSync(dir, { recursive: true, force: true });
});

function environmentOf(
  parameters: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>>,
): Record<string, string> {
  const env: Record<string, string> = {
    PATH: `${join(dir, 'bin')}:${process.env.PATH ?? ''}`,
    HA_RSCTMP: join(dir, 'state'),
    OCF_RESOURCE_INSTANCE: 'nova-evacuate',
    OCF_RESKEY_CRM_meta_timeout: '30000',
    OCF_RESKEY_CRM_meta_on_node: 'controller-1',
    INSTANCE_HA_EVACUATOR: join(bundles, 'evacuator'),
    INSTANCE_HA_LOG: join(dir, 'log', 'evacuator.log'),
    INSTANCE_HA_INCIDENTS: join(dir, 'incidents'),
    ...more,
  };
  for (const [name, value] of Object.entries(parameters)) env[`OCF_RESKEY_${name}`] = value;
  return env;
}

function agent(
  action: string,
  parameters: Record<string, string> = { rc_file: join(dir, 'rc') },
  more: Record<string, string> = {},
): Promise<Run> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(bundles, 'NovaEvacuate'), action],
      { env: environmentOf(parameters, more), timeout: 60_000 },
      (error, stdout, stderr) => {
        resolve({ code: error ? Number(error.code ?? 255) : 0, stdout, stderr });
      },
    );
  });
}

/** Begins an action, which a test may cut off. */
function begin(
  action: string,
  more: Record<string, string>,
): { readonly child: ChildProcess; readonly ended: Promise<unknown> } {
  const env = environmentOf({ rc_file: join(dir, 'rc') }, more);
  const child = spawn(process.execPath, [join(bundles, 'NovaEvacuate'), action], { env, stdio: 'ignore' });
  return { child, ended: new Promise((resolve) => child.once('exit', resolve)) };
}

/** An evacuator that never has a tick; `pids`: of those that have got their settings. */
function silentEvacuator(): { readonly more: Record<string, string>; readonly pids: () => number[] } {
  const file = join(dir, 'pids');
  writeFileSync(file, '');
  writeFileSync(
    join(dir, 'silent'),
    `const note = () => require('fs').appendFileSync(${JSON.stringify(file)}, process.pid + '\\n');
     process.stdin.resume().on('end', note);
     setInterval(() => {}, 1000);`,
  );
  return {
    more: { INSTANCE_HA_EVACUATOR: join(dir, 'silent') },
    pids: () => readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number),
  };
}

/** A zombie has ended, though its new parent may not have looked yet. */
const runs = (pid: number): boolean =>
  existsSync(`/proc/${pid}/stat`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
const statusFile = (): string => join(dir, 'state', 'instance-ha-nova-evacuate', 'status.json');
const status = (): { pid: number; tickUptimeS: number } => JSON.parse(readFileSync(statusFile(), 'utf8'));

describe('NovaEvacuate', () => {
  it('shows itself on loopback, and refuses to do so to others without certificate and token', async () => {
    const rc = { rc_file: join(dir, 'rc') };
    expect(await agent('start', { ...rc, http_listen: '127.0.0.1:17475' })).toMatchObject({ code: 0 });
    let answer: { status: string } | null = null;
    for (let tries = 0; answer === null && tries < 50; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      answer = await fetch('http://127.0.0.1:17475/healthz').then(
        (response) => response.json() as Promise<{ status: string }>,
        () => null,
      );
    }
    expect(answer?.status).toBe('ok');
    const refused = await agent('validate-all', { ...rc, http_listen: '0.0.0.0:17475' });
    expect(refused.code).toBe(6);
    expect(refused.stderr).toContain('http_tls_cert');
  });

  it('starts the evacuator, returns when it is healthy, watches it and stops it', async () => {
    expect((await agent('monitor')).code).toBe(7);
    expect(await agent('start')).toMatchObject({ code: 0 });
    const { pid } = status();
    expect((await agent('monitor')).code).toBe(0);
    const metrics = join(dir, 'state', 'instance-ha-nova-evacuate', 'instance-ha.prom');
    await expect.poll(() => existsSync(metrics)).toBe(true);
    expect(readFileSync(metrics, 'utf8')).toContain('\ninstance_ha_cloud_up 1\n');
    expect(await agent('start')).toMatchObject({ code: 0 });
    expect(status().pid).toBe(pid);
    expect(await agent('stop')).toMatchObject({ code: 0 });
    expect(runs(pid)).toBe(false);
    expect(existsSync(metrics)).toBe(false);
    expect((await agent('monitor')).code).toBe(7);
    expect((await agent('stop')).code).toBe(0);
  });

  it('says so when the evacuator has died', async () => {
    await agent('start');
    process.kill(status().pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const seen = await agent('monitor');
    expect(seen.code).toBe(7);
    expect(seen.stderr).toMatch(/ocf-exit-reason:the evacuator has died/);
    expect((await agent('start')).code).toBe(0);
  });

  it('reports one that is hung as failed, and ends it', async () => {
    await agent('start');
    const { pid } = status();
    process.kill(pid, 'SIGSTOP');
    // As if its last tick was ten minutes ago.
    writeFileSync(statusFile(), JSON.stringify({ ...status(), tickUptimeS: status().tickUptimeS - 600 }));
    const seen = await agent('monitor');
    expect(seen.code).toBe(1);
    expect(seen.stderr).toMatch(/no tick for 60\d s \(at most 60 s\)/);
    expect((await agent('stop')).code).toBe(0);
    expect(runs(pid)).toBe(false);
  });

  it('does not take another process with its pid for the evacuator', async () => {
    const other = spawn('sleep', ['60']);
    strays.push(other);
    mkdirSync(join(dir, 'state', 'instance-ha-nova-evacuate'), { recursive: true });
    const uptime = Number.parseFloat(readFileSync('/proc/uptime', 'utf8'));
    writeFileSync(
      statusFile(),
      JSON.stringify({ pid: other.pid, start: '1', tickUptimeS: uptime, at: 'now' }),
    );
    expect((await agent('monitor')).code).toBe(7);
    expect((await agent('stop')).code).toBe(0);
    expect(other.exitCode).toBeNull();
    expect(existsSync(`/proc/${other.pid}`)).toBe(true);
  });

  it('has stopped when nothing runs any more, also where its files can not be taken away', async () => {
    const stubborn = join(dir, 'state', 'instance-ha-nova-evacuate', 'instance-ha.prom', 'file');
    mkdirSync(dirname(stubborn), { recursive: true });
    expect(await agent('stop')).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(
        /nothing runs any more, but .*instance-ha-nova-evacuate can't be written/,
      ),
    });
    expect(await agent('start')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^ocf-exit-reason:the state directory .* full or read-only\n$/),
    });
    rmSync(dirname(stubborn), { recursive: true });
  });

  it.each([
    'SIGTERM',
    'SIGKILL',
  ] as const)('finds one whose start was ended by %s before the first tick, and ends it', async (signal) => {
    const { more, pids } = silentEvacuator();
    for (const action of ['stop', 'start']) {
      const { ended, child } = begin('start', more);
      await expect.poll(pids).toHaveLength(action === 'stop' ? 1 : 2);
      child.kill(signal);
      await ended;
      const pid = pids().at(-1) ?? -1;
      expect(runs(pid)).toBe(true);
      expect((await agent('monitor')).code).toBe(0);
      expect((await agent(action)).code).toBe(0);
      expect(runs(pid)).toBe(false);
    }
    expect(status().pid).not.toBe(pids().at(-1));
  });

  it('takes one that has had no first tick for long for hung', async () => {
    const { more, pids } = silentEvacuator();
    const { ended, child } = begin('start', more);
    await expect.poll(pids).toHaveLength(1);
    child.kill('SIGKILL');
    await ended;
    const life = join(dir, 'state', 'instance-ha-nova-evacuate', 'life');
    const [pid, start, uptime] = readFileSync(life, 'utf8').split(' ');
    writeFileSync(life, `${pid} ${start} ${Number(uptime) - 600}\n`);
    const seen = await agent('monitor');
    expect(seen).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no status that can be read for 60\d s/),
    });
    expect((await agent('stop')).code).toBe(0);
    expect(runs(Number(pid))).toBe(false);
  });

  it('has an evacuator that ends when it gets no settings', () => {
    const ended = spawnSync(process.execPath, [join(bundles, 'evacuator')], { input: '', encoding: 'utf8' });
    expect(ended).toMatchObject({ status: 1, stderr: expect.stringContaining('no settings') });
  });

  it('starts nothing when the checks have taken the time of the operation', async () => {
    const { more, pids } = silentEvacuator();
    const slow = await startFakeCloud({
      handle: async () => {
        await new Promise((resolve) => setTimeout(resolve, 2_500));
        return { status: 503, body: 'busy' };
      },
    });
    const login = { auth_url: slow.url, username: 'a', password: PASSWORD, tenant_name: 'b' };
    try {
      const seen = await agent('start', login, { ...more, OCF_RESKEY_CRM_meta_timeout: '7000' });
      expect(seen).toMatchObject({ code: 1, stderr: expect.stringMatching(/checks took all the time/) });
      expect(pids()).toEqual([]);
    } finally {
      await slow.close();
    }
  });

  it('starts no second one beside a process that can not be ended', async () => {
    const stuck = spawn('sleep', ['60']);
    strays.push(stuck);
    const directory = join(dir, 'state', 'instance-ha-nova-evacuate');
    mkdirSync(directory, { recursive: true });
    await writeStatus(statusPath(directory), {
      pid: stuck.pid ?? -1,
      start: (await processStart(stuck.pid ?? -1)) ?? '',
      tickUptimeS: (await uptimeS()) - 600,
      at: 'now',
    });
    const kill = vi.spyOn(process, 'kill').mockReturnValue(true);
    let said = '';
    const asked = vi.fn(async () => null);
    const agentHere = novaEvacuate(
      {
        evacuatorPath: '/no/such',
        logFile: join(dir, 'log', 'evacuator.log'),
        incidentDirectory: dir,
        checkCloud: asked,
        checkPolicy: asked,
      },
      '1',
    );
    try {
      const code = await runOcfAgent(agentHere, {
        argv: ['start'],
        env: { HA_RSCTMP: join(dir, 'state'), OCF_RESOURCE_INSTANCE: 'nova-evacuate' },
        out: () => {},
        err: (text) => (said += text),
        signal: new AbortController().signal,
      });
      expect(code).toBe(1);
    } finally {
      kill.mockRestore();
    }
    expect(said).toMatch(new RegExp(`process ${stuck.pid}\\) can't be ended`));
    expect(asked).not.toHaveBeenCalled();
  }, 20_000);

  const fullDisk = (): void => {
    mkdirSync(join(dir, 'log'));
    symlinkSync('/dev/full', join(dir, 'log', 'evacuator.log'));
  };
  it.each([
    ['that is full', fullDisk, 'ENOSPC'],
    ['that can not be opened', () => writeFileSync(join(dir, 'log'), ''), 'EEXIST'],
  ])('starts and works with a log %s, and says so in the status', async (_, prepare, why) => {
    prepare();
    expect(await agent('start')).toMatchObject({ code: 0 });
    const trouble = (): unknown => JSON.parse(readFileSync(statusFile(), 'utf8')).logTrouble;
    await expect.poll(trouble).toMatch(new RegExp(`evacuator.log can't be written since .* \\(${why}\\)`));
    expect((await agent('monitor')).code).toBe(0);
    expect((await agent('stop')).code).toBe(0);
  });

  it('starts although the cloud does not answer, and says so', async () => {
    const seen = await agent('start', {
      auth_url: 'http://127.0.0.1:9',
      username: 'a',
      password: PASSWORD,
      tenant_name: 'b',
    });
    expect(seen.code).toBe(0);
    expect(seen.stderr).toMatch(/127\.0\.0\.1:9/);
    expect(seen.stderr).not.toContain(PASSWORD);
    expect((await agent('monitor')).code).toBe(0);
  });

  it('starts although an error page answers in the place of Keystone, and says so', async () => {
    const proxy = await startFakeCloud({ handle: () => ({ status: 404, body: '<html>no backend</html>' }) });
    const login = { auth_url: proxy.url, username: 'a', password: PASSWORD, tenant_name: 'b' };
    try {
      const seen = await agent('start', login);
      expect(seen).toMatchObject({ code: 0, stderr: expect.stringContaining('not as Keystone v3') });
      expect((await agent('validate-all', login)).code).toBe(1);
    } finally {
      await proxy.close();
    }
  });

  it('keeps the password out of the command line, the environment and the files of the evacuator', async () => {
    await agent('start', {
      auth_url: cloud.url,
      username: 'admin',
      password: PASSWORD,
      tenant_name: 'admin',
      endpoint_type: 'publicURL',
      region_name: 'regionOne',
    });
    const { pid } = status();
    for (const file of [
      `/proc/${pid}/cmdline`,
      `/proc/${pid}/environ`,
      statusFile(),
      join(dir, 'log', 'evacuator.log'),
    ]) {
      expect(readFileSync(file, 'latin1'), file).not.toContain(PASSWORD);
    }
  });
});

describe('the policy file', () => {
  const policyFile = (): string => join(dir, 'policy.yaml');
  const parameters = (): Record<string, string> => ({ rc_file: join(dir, 'rc'), policy_file: policyFile() });
  const policyStatus = (): { file: string; readAt: string; trouble: string | null } =>
    JSON.parse(readFileSync(statusFile(), 'utf8')).policy;
  const until = async (condition: () => boolean): Promise<void> => {
    for (let n = 0; n < 100 && !condition(); n += 1) await new Promise((resolve) => setTimeout(resolve, 50));
    expect(condition()).toBe(true);
  };

  it('that is broken lets nothing start, and says why in one line', async () => {
    writeFileSync(policyFile(), 'pace:\n  stager: 1\n');
    for (const action of ['start', 'validate-all']) {
      const seen = await agent(action, parameters());
      expect(seen.code).toBe(5);
      expect(seen.stderr).toBe(
        `ocf-exit-reason:the policy file ${policyFile()}: line 2: pace.stager is unknown; did you mean stagger?\n`,
      );
    }
    expect((await agent('monitor', parameters())).code).toBe(7);
    expect((await agent('start', { rc_file: join(dir, 'rc'), policy_file: '/nowhere' })).code).toBe(5);
    expect((await agent('start', { rc_file: join(dir, 'rc'), policy_file: 'policy.yaml' })).code).toBe(6);
  });

  it('is read again at SIGHUP; a broken one leaves the old policy in force and says so', async () => {
    writeFileSync(policyFile(), 'pace: { stagger: 1 }\n');
    expect(await agent('start', parameters())).toMatchObject({ code: 0 });
    const first = policyStatus();
    expect(first).toMatchObject({ file: policyFile(), trouble: null });
    writeFileSync(policyFile(), 'pace: { stagger: [] }\n');
    process.kill(status().pid, 'SIGHUP');
    await until(() => policyStatus().trouble !== null);
    expect(policyStatus()).toMatchObject({
      readAt: first.readAt,
      trouble: expect.stringMatching(/line 1: pace.stagger must be a time/),
    });
    writeFileSync(policyFile(), 'pace: { stagger: 2 }\n');
    process.kill(status().pid, 'SIGHUP');
    await until(() => policyStatus().trouble === null);
    expect(Date.parse(policyStatus().readAt)).toBeGreaterThan(Date.parse(first.readAt));
    const log = readFileSync(join(dir, 'log', 'evacuator.log'), 'utf8');
    expect(log).toMatch(/pace.stagger must be a time[^\n]*the policy read before stays in force/);
    expect(log).toMatch(/was read again and is in force/);
    expect((await agent('monitor', parameters())).code).toBe(0);
  });
});

describe('several regions', () => {
  it('have an evacuator each, that share neither status nor log', async () => {
    const parameters = { rc_file: join(dir, 'rc'), node_attribute: 'region=RegionTwo' };
    const second = { OCF_RESOURCE_INSTANCE: 'nova-evacuate-two' };
    expect(await agent('start')).toMatchObject({ code: 0 });
    expect(await agent('start', parameters, second)).toMatchObject({ code: 0 });
    expect(existsSync(join(dir, 'state', 'instance-ha-nova-evacuate-two', 'status.json'))).toBe(true);
    expect(readFileSync(join(dir, 'log', 'evacuator-nova-evacuate-two.log'), 'utf8')).toContain('begins');
    expect(await agent('stop', parameters, second)).toMatchObject({ code: 0 });
    expect((await agent('monitor')).code).toBe(0);
  });

  it('are told apart by a node attribute that makes sense', async () => {
    const given = { rc_file: join(dir, 'rc'), node_attribute: 'region' };
    const seen = await agent('validate-all', given);
    expect(seen).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('node_attribute must be NAME=VALUE'),
    });
  });
});

describe('bad input gets one clear line, the right code, no secret and no stack trace', () => {
  const expectLine = (seen: Run, code: number, words: RegExp): void => {
    expect(seen.stderr).toMatch(words);
    expect(seen.code).toBe(code);
    expect(seen.stderr.match(/ocf-exit-reason:/g)).toHaveLength(1);
    expect(seen.stdout + seen.stderr).not.toMatch(/\n\s+at |s3cret/);
  };
  const parameters = (): Record<string, string> => ({
    auth_url: cloud.url,
    username: 'admin',
    password: PASSWORD,
    tenant_name: 'admin',
    endpoint_type: 'publicURL',
  });

  /** A value that is wrong by itself, for every parameter that can have one: 6; 5 where it names what another node may have. */
  const WRONG: readonly (readonly [name: string, value: string, code: number])[] = [
    ['rc_file', '/no/such', 5],
    ['os_cloud', 'no-such', 5],
    ['auth_url', 'no url', 6],
    ['password_script', '/no/such', 5],
    ['application_credential_id', 'without-its-secret', 6],
    ['endpoint_type', 'bogus', 6],
    ['ca_file', '/no/such', 5],
    ['cert_file', '/no/such', 5],
    ['key_file', '/no/such', 6],
    ['insecure', 'maybe', 6],
    ['notify_webhook', 'ftp://example.org/', 6],
    ['notify_webhook_secret_file', '/no/such', 5],
    ['notify_command', 'relative', 6],
    ['notify_command', '/no/such', 5],
    ['notify_alerts', 'perhaps', 6],
    ['domain', 'a b', 6],
    ['node_attribute', 'region', 6],
    ['policy_file', '/no/such', 5],
    ['evacuate_delay', '-1', 6],
    ['evacuate_delay', '3601', 6],
    ['http_listen', 'nonsense', 6],
    ['http_tls_cert', '/no/such', 6],
    ['http_tls_key', '/no/such', 6],
    ['http_token_file', '/no/such', 5],
    ['no_shared_storage', 'perhaps', 6],
    ['instance_filtering', 'perhaps', 6],
    ['verbose', 'perhaps', 6],
  ];
  /** Words that only Keystone or Nova can find wrong, or that are looked at with another one. */
  const FREE =
    'clouds_file username password project_name user_domain project_domain application_credential_name application_credential_secret region_name';

  it('a wrong value of every option, by its name', async () => {
    const names = OCF_AGENTS.find(({ name }) => name === 'NovaEvacuate')?.parameters.map(({ name }) => name);
    expect([...new Set([...WRONG.map(([name]) => name), ...FREE.split(' ')])].sort()).toEqual(names?.sort());
    /** What the line names where it is not the parameter itself. */
    const named: Readonly<Record<string, RegExp>> = {
      os_cloud: /clouds_file/,
      application_credential_id: /application_credential_secret/,
    };
    for (const [name, value, code] of WRONG) {
      const seen = await agent('validate-all', { ...parameters(), [name]: value });
      expectLine(seen, code, named[name] ?? new RegExp(name));
    }
  }, 120_000);

  it('a wrong password', async () => {
    const given = { ...parameters(), password: 's3cret' };
    expectLine(await agent('validate-all', given), 5, /password/);
    expectLine(await agent('start', given), 5, /username.*password|password/);
    expect((await agent('monitor', given)).code).toBe(7);
  });

  it('an auth URL where nobody answers', async () => {
    expectLine(
      await agent('validate-all', { ...parameters(), auth_url: 'http://127.0.0.1:9/v3' }),
      1,
      /auth_url.*|127\.0\.0\.1:9/,
    );
  });

  it('an unknown region', async () => {
    expectLine(
      await agent('validate-all', { ...parameters(), region_name: 'Atlantis' }),
      5,
      /Atlantis.*region_name|region_name.*Atlantis/,
    );
  });

  it('a certificate that nobody trusts', async () => {
    const certificate = makeCertificate();
    const tls = await startFakeCloud({ tls: certificate, password: PASSWORD });
    try {
      expectLine(await agent('validate-all', { ...parameters(), auth_url: tls.url }), 5, /ca_file/);
    } finally {
      await tls.close();
      certificate.remove();
    }
  });

  it('a key that does not belong to the certificate of the dashboard', async () => {
    const [certificate, other] = [makeCertificate(), makeCertificate()];
    const given = {
      ...parameters(),
      http_tls_cert: certificate.certFile,
      http_tls_key: other.keyFile,
    };
    for (const action of ['validate-all', 'start']) {
      expectLine(await agent(action, given), 5, /http_tls_key .* can't be used with http_tls_cert/);
    }
    certificate.remove();
    other.remove();
  });

  it('a missing parameter, and one that is no number', async () => {
    expectLine(await agent('validate-all', { auth_url: cloud.url }), 6, /username/);
    expectLine(await agent('start', { auth_url: cloud.url }), 6, /username/);
    expectLine(await agent('start', { ...parameters(), evacuate_delay: 'soon' }), 6, /evacuate_delay/);
    expectLine(
      await agent('start', { ...parameters(), notify_webhook: 's3cret' }),
      6,
      /notify_webhook must be/,
    );
    expectLine(
      await agent('start', { ...parameters(), notify_command: 'mail' }),
      6,
      /notify_command must be/,
    );
    expectLine(await agent('start', { os_cloud: 'none', clouds_file: '/no' }), 5, /clouds_file \/no/);
  });

  it('a credentials file that others can read', async () => {
    chmodSync(join(dir, 'rc'), 0o644);
    expectLine(await agent('start'), 5, /chmod 600/);
  });

  it('an rc file in which something is missing or wrong: another controller has its own', async () => {
    writeFileSync(join(dir, 'rc'), `OS_AUTH_URL=${cloud.url}\nOS_INTERFACE=bogus\n`, { mode: 0o600 });
    expectLine(await agent('start'), 5, /endpoint_type.*username is missing/);
  });

  it('an unknown action', async () => {
    expect((await agent('promote')).code).toBe(3);
  });
});

describe('its metadata', () => {
  it('is valid for Pacemaker', async () => {
    const seen = await agent('meta-data', {});
    expect(seen.code).toBe(0);
    const dtd = '/usr/share/resource-agents/ra-api-1.dtd';
    if (!existsSync(dtd) || !existsSync('/usr/bin/xmllint')) return;
    writeFileSync(join(dir, 'meta.xml'), seen.stdout);
    execFileSync('xmllint', ['--noout', '--dtdvalid', dtd, join(dir, 'meta.xml')]);
  });
});
