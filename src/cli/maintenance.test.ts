import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serverOf } from '../doctor/testing.ts';
import type { Server } from '../openstack/nova-schemas.ts';
import { maintenance } from './commands/maintenance.ts';
import { type Asked, type DrainSight, drainStep, leftOpen, MAX_DRAINING } from './drain.ts';
import { type FakeSite, startFakeSite } from './fake-site.ts';
import { runCli, type TestRun, type TestWorld } from './testing.ts';

let site: FakeSite;
beforeEach(async () => {
  site = await startFakeSite();
});
afterEach(() => site.close());
const run = (argv: string[], world: TestWorld = {}): Promise<TestRun> =>
  runCli([maintenance], ['maintenance', ...argv], { run: site.run, ...world });
const takeOut = (): void => {
  site.cib = site.cib.replace(
    /(<primitive id="compute-0"[^>]*>)/,
    '$1<meta_attributes id="m"><nvpair id="t" name="target-role" value="Stopped"/></meta_attributes>',
  );
};
const roles = (): string[] => site.calls.filter((call) => call.startsWith('crm_resource'));

describe('emptying a host', () => {
  const onHost = (count: number, changes = {}) =>
    Array.from({ length: count }, (_, at) => ({ ...serverOf(`vm-${at}`, 'compute-0'), ...changes }));
  const look = (servers: readonly Server[], elsewhere: DrainSight['elsewhere'] = new Map()): DrainSight => ({
    onHost: servers,
    elsewhere,
  });
  const request = (changes: Partial<Asked> = {}): Asked => ({
    name: 'vm-0',
    at: 0,
    wasMoving: false,
    isGone: false,
    failed: null,
    ...changes,
  });

  it('asks for a few at a time, and for what runs alone', () => {
    const servers = [...onHost(5), { ...serverOf('off', 'compute-0'), vmState: 'stopped' }];
    const step = drainStep(look(servers), new Map(), 0);
    expect(step.ask.map(({ id }) => id)).toEqual(['vm-0', 'vm-1'].slice(0, MAX_DRAINING));
    expect(drainStep(look(servers), step.asked, 1_000).ask).toEqual([]);
    const there = { kind: 'found', server: serverOf('vm-0', 'compute-1'), isMigrating: false } as const;
    expect(drainStep(look(servers.slice(1), new Map([['vm-0', there]])), step.asked, 1_000).ask).toHaveLength(
      1,
    );
  });

  it('never asks for the same one twice: Nova is given time, then it is told', () => {
    const asked = new Map([['vm-0', request()]]);
    expect(drainStep(look(onHost(1)), asked, 10_000)).toMatchObject({ ask: [], isOver: false });
    const late = drainStep(look(onHost(1)), asked, 40_000);
    expect(late).toMatchObject({ ask: [], isOver: true });
    expect(late.asked.get('vm-0')?.failed).toContain('did nothing');
    const back = drainStep(look(onHost(1)), new Map([['vm-0', request({ wasMoving: true })]]), 10_000);
    expect(back.asked.get('vm-0')?.failed).toContain('left it where it was');
    expect(drainStep(look(onHost(1, { taskState: 'migrating' })), asked, 90_000).isOver).toBe(false);
  });

  it('is over when nothing that runs is left', () => {
    expect(drainStep(look(onHost(1, { vmState: 'stopped' })), new Map(), 0).isOver).toBe(true);
  });

  it('takes having left the host for no arrival: only what is whole elsewhere, its migration over', () => {
    const asked = new Map([['vm-0', request({ wasMoving: true })]]);
    expect(leftOpen([], asked)).toEqual(['vm-0']);
    expect(leftOpen(onHost(1), asked)).toEqual([]);
    const onceSeen = (server: Server, isMigrating = false) =>
      drainStep(look([], new Map([['vm-0', { kind: 'found', server, isMigrating }]])), asked, 1_000);
    const there = serverOf('vm-0', 'compute-1');
    expect(onceSeen(there)).toMatchObject({ isOver: true });
    expect(leftOpen([], onceSeen(there).asked)).toEqual([]);
    expect(onceSeen(there, true).isOver).toBe(false);
    expect(onceSeen({ ...there, taskState: 'migrating' }).isOver).toBe(false);
    // Nova names the other host, and the guest still runs on this one.
    const broken = onceSeen({ ...there, vmState: 'error' });
    expect(broken.isOver).toBe(true);
    expect(broken.asked.get('vm-0')?.failed).toContain('failed half-way');
    expect(drainStep(look([], new Map([['vm-0', { kind: 'unknown' }]])), asked, 90_000).isOver).toBe(false);
    expect(drainStep(look([], new Map([['vm-0', { kind: 'deleted' }]])), asked, 1_000).isOver).toBe(true);
  });
});

describe('maintenance', () => {
  it('disables, moves, takes out', async () => {
    const { code, out } = await run(['compute-0', '--why', 'new memory', '--yes'], {
      sleep: async () => {
        site.servers = site.servers.map((server) =>
          site.migrating.has(server.id) ? { ...server, host: 'compute-1' } : server,
        );
        if (roles().length > 0) site.offline = ['compute-0'];
      },
    });
    expect(out).toContain('compute-0 is out');
    expect(code).toBe(0);
    expect(site.services.get('compute-0')).toMatchObject({
      status: 'disabled',
      disabled_reason: expect.stringMatching(/^instance-ha: maintenance by .*: new memory$/),
    });
    expect(site.migrating.size).toBe(2);
    expect(roles()).toEqual([
      'crm_resource --resource compute-0 --meta --set-parameter target-role --parameter-value Stopped',
    ]);
  });

  it('does not take a host for empty whose instance broke on its way, nor out after Ctrl-C', async () => {
    const { code, out } = await run(['compute-0', '--yes', '--limit', '60'], {
      sleep: async () => {
        site.servers = site.servers.map((server) =>
          site.migrating.has(server.id) ? { ...server, host: 'compute-1', vmState: 'error' } : server,
        );
      },
    });
    expect(code).toBe(4);
    expect(out).toContain('failed half-way');
    expect(roles()).toEqual([]);
    site.servers = site.servers.map((server) => ({ ...server, host: 'compute-0', vmState: 'active' }));
    const interrupt = new AbortController();
    const stopped = await run(['compute-0', '--yes', '--leave-instances'], {
      signal: interrupt.signal,
      sleep: async () => interrupt.abort(),
    });
    expect(stopped).toMatchObject({ code: 130, err: expect.stringContaining('run it again') });
    expect(roles()).toEqual([]);
  });

  it('leaves the node in while something runs on it', async () => {
    const { code, out } = await run(['compute-0', '--yes', '--limit', '60']);
    expect(code).toBe(4);
    expect(out).toContain('2 running instances left on compute-0, so it stays in the cluster');
    expect(roles()).toEqual([]);
  });

  it('does nothing to end what has not begun', async () => {
    for (const service of [{}, { status: 'disabled', disabled_reason: 'broken fan' }]) {
      site.services.set('compute-0', service);
      expect(await run(['compute-0', '--end'])).toMatchObject({
        code: 0,
        out: 'compute-0 is not taken out of the cluster: nothing was done\n',
      });
    }
    expect(roles()).toEqual([]);
  });

  it('goes on where an earlier end has not found it up', async () => {
    site.services.set('compute-0', {
      status: 'disabled',
      disabled_reason: 'instance-ha: maintenance by ann: x',
    });
    expect((await run(['compute-0', '--end'])).out).toBe('compute-0 is back and enabled\n');
  });

  it('brings it back, and enables only what it has disabled itself', async () => {
    takeOut();
    site.services.set('compute-0', {
      status: 'disabled',
      disabled_reason: 'instance-ha: maintenance by ann: x',
    });
    expect(await run(['compute-0', '--end'])).toMatchObject({
      code: 0,
      out: 'compute-0 is back and enabled\n',
    });
    expect(site.services.get('compute-0')?.status).toBe('enabled');
    expect(roles()).toEqual(['crm_resource --resource compute-0 --meta --delete-parameter target-role']);
    site.services.set('compute-0', { status: 'disabled', disabled_reason: 'broken fan' });
    expect(await run(['compute-0', '--end'])).toMatchObject({
      code: 4,
      out: expect.stringContaining('broken fan'),
    });
    expect(site.services.get('compute-0')?.status).toBe('disabled');
  });

  it('enables a host that Nova still calls up when its nova-compute has reported, not before', async () => {
    site.services.set('compute-0', {
      status: 'disabled',
      disabled_reason: 'instance-ha: maintenance by ann: x',
    });
    site.reports = false;
    let looks = 0;
    const ran = await run(['compute-0', '--end'], {
      sleep: async () => {
        expect(site.services.get('compute-0')?.status).toBe('disabled');
        if (++looks === 3) site.reports = true;
      },
    });
    expect(ran).toMatchObject({ code: 0, out: 'compute-0 is back and enabled\n' });
    expect(looks).toBe(3);
  });

  it('brings back what was evacuated while it was out; its record waits for just that', async () => {
    const record =
      'v=1,incident=abc,phase=returning,fenced=2026-11-25T04:00:00.000Z,since=2026-11-25T04:00:00.000Z,status=enabled,forced=no,owner=o,clean=no,released=2026-11-25T04:00:00.000Z,stopped=,lost=';
    const on = (name: string, value: string): void => {
      site.cib = site.cib.replace(
        '<nvpair id="nodes-compute-0-osprole"',
        `<nvpair id="x-${name}" name="${name}" value="${value}"/>$&`,
      );
    };
    takeOut();
    on('instance-ha-evacuation', record);
    site.services.set('compute-0', {
      status: 'disabled',
      disabled_reason: 'instance-ha: maintenance by ann: x',
    });
    expect((await run(['compute-0', '--yes'])).code).toBe(3);
    expect((await run(['compute-0', '--end'])).code).toBe(0);
    expect(site.services.get('compute-0')?.status).toBe('enabled');
    site.services.set('compute-0', {
      status: 'disabled',
      disabled_reason: 'instance-ha: evacuation (incident abc)',
    });
    expect(await run(['compute-0', '--end'])).toMatchObject({
      code: 4,
      out: expect.stringContaining('the evacuator enables it'),
    });
    const before = roles().length;
    on('instance-ha-incident', 'x');
    expect((await run(['compute-0', '--end'])).code).toBe(3);
    expect(roles()).toHaveLength(before);
  });

  it('changes nothing without a yes, or while an incident stands', async () => {
    expect((await run(['compute-0', '--limit', '1h'], { answer: 'no' })).code).toBe(7);
    expect((await run(['compute-0', '--limit', 'x'], { answer: 'no' })).code).toBe(64);
    expect((await run(['compute-0'])).out).toMatch(/no terminal .*--yes/);
    site.cib = site.cib.replace(
      '<nvpair id="nodes-compute-0-osprole"',
      '<nvpair id="i" name="instance-ha-incident" value="x"/>$&',
    );
    expect((await run(['compute-0', '--yes'])).code).toBe(3);
    expect(roles()).toEqual([]);
    expect(site.services.size).toBe(0);
  });
});
