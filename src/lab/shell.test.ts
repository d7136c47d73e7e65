import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { powerOff } from '../world/machines.ts';
import { machineOf } from '../world/model.ts';
import type { Lab } from './lab.ts';
import { rootIn } from './machines.ts';
import { welcome } from './shell.ts';
import { labSpec } from './spec.ts';
import { beginLab, buildDist } from './testing.ts';

const LIMIT_MS = 120_000;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Each command as a person in a second terminal calls it, and what has come of it in the world. In their order. */
describe('demo --shell', { timeout: LIMIT_MS }, () => {
  let dist: string;
  let lab: Lab;

  beforeAll(async () => {
    dist = buildDist();
    const spec = labSpec({ hosts: 4, instances: 12, spawnS: 1 }, Date.now());
    lab = await beginLab(dist, {
      ...spec,
      computes: spec.computes.map((compute) => ({ ...compute, bootMs: [3_000, 4_000] as const })),
    });
  }, LIMIT_MS);
  afterAll(async () => {
    await lab?.close();
    rmSync(dist, { recursive: true, force: true });
  });

  const demo = (...args: string[]): Promise<Ran> =>
    new Promise((resolve) => {
      const call = [join(dist, 'lab/demo.cjs'), ...args];
      execFile(process.execPath, call, { timeout: LIMIT_MS }, (error, out, err) =>
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err }),
      );
    });
  const shell = (machine: string, ...command: string[]): Promise<Ran> =>
    demo('--shell', '--port', new URL(lab.url).port, machine, ...command);
  const ha = (...args: string[]): Promise<Ran> => shell('controller-2', 'instance-ha', ...args);
  const on = (host: string): number =>
    [...lab.world.nova.instances.values()].filter((instance) => instance.host === host).length;

  it('has a cluster with which doctor has no quarrel', async () => {
    const { code, out } = await ha('doctor', '-o', 'json');
    const verdicts = (JSON.parse(out) as { checks: { verdict: string }[] }).checks.map(
      (each) => each.verdict,
    );
    expect(new Set(verdicts)).toEqual(new Set(['ok']));
    expect(code).toBe(0);
  });

  it('says at its start where the files of the machine are', async () => {
    const text = welcome(lab, 'controller-2');
    const [, root = ''] = /\/var\/lib are in (\S+); INSTANCE_HA_ROOT/.exec(text) ?? [];
    expect((await shell('controller-2', 'sh', '-c', 'printf %s "$INSTANCE_HA_ROOT"')).out).toBe(root);
  });

  it('lets nothing through to a cluster that this machine may be in', async () => {
    for (const machine of ['controller-1', 'compute-1'])
      for (const tool of ['pcs', 'crm'])
        expect(await shell(machine, tool, 'status')).toMatchObject({
          ...{ code: 127, out: '' },
          err: expect.stringMatching(`^${tool}: not in this lab, .*crm_mon`),
        });
  });

  it('has status, plan, explain and history', async () => {
    expect(await ha('status')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^compute-4 +online +fine$/m),
    });
    const plan = await ha('plan', 'compute-1');
    expect(plan).toMatchObject({ code: 0, out: expect.stringContaining('6 would be evacuated to') });
    expect((await ha('explain', 'compute-1')).out).toMatch(/^compute-1: protected$/m);
    expect((await ha('explain', 'vm-001')).out).toContain('ACTIVE on compute-1');
    expect(await ha('history')).toMatchObject({
      code: 0,
      out: expect.stringContaining('no incident in the last 30 days'),
    });
  });

  it('pauses and resumes', async () => {
    expect(await ha('pause', '--for', '10m', '--why', 'a test')).toMatchObject({ code: 0 });
    expect((await ha('status')).out).toContain('(a test): no new evacuation begins');
    expect(await ha('resume')).toMatchObject({ code: 0 });
    expect((await ha('status')).out).not.toContain('paused');
  });

  it(
    'empties a compute for maintenance, which may be switched off then, and takes it back',
    async () => {
      const out = await ha('maintenance', 'compute-2', '--yes', '--why', 'memory');
      expect(out).toMatchObject({ code: 0, out: expect.stringContaining('compute-2 is out') });
      const running = [...lab.world.nova.instances.values()].filter(({ vmState }) => vmState === 'active');
      expect(running.filter(({ host }) => host === 'compute-2')).toEqual([]);
      expect(lab.world.nova.services.get('compute-2')).toMatchObject({ status: 'disabled' });
      powerOff(lab.world, 'compute-2', 'a person');
      expect((await ha('status')).out).toMatch(/^compute-2 +OFFLINE +taken out of the cluster/m);
      expect((await shell('controller-1', 'stonith_admin', '--history', 'compute-2')).out).toBe(
        '0 events found\n',
      );
      const power = (action: string) =>
        shell('controller-1', 'sh', '-c', `printf '%s' "$1" | fence_redfish`, 'sh', powerInput(action));
      expect((await power('status')).code).toBe(2);
      expect((await power('on')).code).toBe(0);
      const back = await ha('maintenance', 'compute-2', '--end');
      expect(back).toMatchObject({
        code: 0,
        out: 'compute-2 is back and enabled\n',
        err: expect.any(String),
      });
    },
    LIMIT_MS,
  );

  /** What Pacemaker hands to the device of compute-2. */
  function powerInput(action: string): string {
    const parameters = { action, plug: 'compute-2', ...lab.world.site.powerParameters('compute-2') };
    return Object.entries(parameters)
      .map(([name, value]) => `${name}=${value}\n`)
      .join('');
  }

  it(
    'has a compute fenced and evacuated, and keeps who did it',
    async () => {
      const there = on('compute-1');
      const ran = await ha('evacuate', 'compute-1', '--name', 'compute-1', '--reason', 'it smokes');
      expect(ran).toMatchObject({
        code: 0,
        out: expect.stringMatching(/compute-1 is evacuated, and back\n$/),
      });
      expect(on('compute-1')).toBe(0);
      const audit = readFileSync(
        join(rootIn(lab.directory, 'controller-2'), 'var/log/instance-ha/audit.log'),
        'utf8',
      );
      expect(JSON.parse(audit)).toMatchObject({
        command: 'evacuate',
        node: 'compute-1',
        reason: 'it smokes',
      });
      expect((await ha('history')).out).toContain(`compute-1  ${there} instances: ${there} moved, 0 failed`);
      expect((await ha('explain', 'vm-001')).out).toMatch(
        /evacuation from compute-1 to compute-\d: completed/,
      );
    },
    LIMIT_MS,
  );

  it(
    'drills: the device cuts the power behind the back of the cluster',
    async () => {
      expect(on('compute-3')).toBeGreaterThan(0);
      const ran = await ha('drill', 'compute-3', '--name', 'compute-3', '--despite-warnings');
      expect(ran).toMatchObject({ code: 0, out: expect.stringMatching(/passed\n$/) });
      expect(ran.err).toContain('the power of compute-3 is being cut');
      expect(on('compute-3')).toBe(0);
    },
    LIMIT_MS,
  );

  it('lets the hold of a compute go, and has no more of the cluster there', async () => {
    expect(await shell('compute-2', 'instance-ha', 'hold', '--timeout', '30s')).toMatchObject({
      code: 0,
      out: 'released: nova-compute may start\n',
    });
    expect(await shell('compute-2', 'instance-ha', 'status')).toMatchObject({ code: 6 });
  });

  it(
    'confirms by hand what no BMC can',
    async () => {
      expect(on('compute-4')).toBeGreaterThan(0);
      machineOf(lab.world, 'compute-4').bmc = 'refuses';
      powerOff(lab.world, 'compute-4', 'a person');
      const failed = async () =>
        (await shell('controller-1', 'stonith_admin', '--history', 'compute-4', '-V')).out;
      await expect.poll(failed, { timeout: 30_000 }).toMatch(/^reboot of compute-4 failed: /m);
      expect(on('compute-4')).toBeGreaterThan(0);
      const confirmed = await ha(
        'confirm-fenced',
        'compute-4',
        '--name',
        'compute-4',
        '--reason',
        'I was there',
      );
      expect(confirmed.err).toBe('');
      expect(confirmed.code).toBe(0);
      await expect.poll(() => on('compute-4'), { timeout: 60_000 }).toBe(0);
    },
    LIMIT_MS,
  );

  it('says which machines and which demos there are', async () => {
    expect(await shell('nobody', 'true')).toMatchObject({
      code: 1,
      err: 'demo: there is no machine nobody; there are controller-1, controller-2, controller-3, compute-1, compute-2, compute-3, compute-4\n',
    });
    expect(await demo('--shell', '--port', '1', 'controller-1', 'true')).toMatchObject({
      code: 1,
      err: 'demo: no demo of yours runs on port 1\n',
    });
    expect(await shell('controller-1', 'sh', '-c', 'exit 7')).toMatchObject({ code: 7 });
  });
});
