import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createJournal } from '../agents/evacuator/journal.ts';
import { hostName, nodeName, serverId } from '../core/names.ts';
import { formatIncident, formatPause, parsePause } from '../core/records.ts';
import { anObservation } from '../core/testing.ts';
import { history } from './commands/history.ts';
import { statusText } from './commands/status.ts';
import { COMMANDS } from './commands.ts';
import { type FakeSite, migration, startFakeSite } from './fake-site.ts';
import { parseEvacuatorStatus, readSituation } from './situation.ts';
import { runCli, type TestRun } from './testing.ts';

const NOW = Date.parse('2026-11-25T04:00:00Z');
/** The evacuator's record as it stands in the attribute. */
const EVACUATING =
  'v=1,incident=abc,phase=evacuating,fenced=2026-11-25T04:00:00.000Z,since=2026-11-25T04:00:00.000Z,status=enabled,forced=no,owner=o,clean=no,released=,stopped=,lost=';
const FIRST = '11111111-1111-4111-8111-111111111111';
let site: FakeSite;
beforeEach(async () => {
  site = await startFakeSite();
});
afterEach(() => site.close());
const run = (...argv: string[]): Promise<TestRun> => runCli(COMMANDS, argv, { run: site.run });
const onCompute = (name: string, value: string): void => {
  site.cib = site.cib.replace(
    '<nvpair id="nodes-compute-0-osprole"',
    `<nvpair id="x-${name}" name="${name}" value="${value}"/>$&`,
  );
};

const takeOut = (): void => {
  site.cib = site.cib.replace(
    /(<primitive id="compute-0"[^>]*>)/,
    '$1<meta_attributes id="m"><nvpair id="t" name="target-role" value="Stopped"/></meta_attributes>',
  );
};

describe('status', () => {
  it('says that all is quiet', async () => {
    const { code, out } = await run('status');
    expect(code).toBe(0);
    expect(out).toContain('evacuator  on controller-1');
    expect(out).toMatch(/compute-0 +online +fine/);
  });

  it('shows where an incident stands, and which one can not be read', async () => {
    const incident = { id: 'abc', at: NOW - 90_000, by: 'fencer', on: 'controller-0' } as const;
    onCompute('instance-ha-incident', formatIncident(incident));
    expect((await run('status')).out).toContain('incident abc for 90 s: waits for proof');
    onCompute('instance-ha-evacuation', EVACUATING);
    const { code, out } = await run('status');
    expect(code).toBe(4);
    expect(out).toContain('being evacuated');
    expect(out).toContain('instance-ha status on controller-1');
    site.cib = site.cib.replace('v=1,id=abc', 'garbage');
    expect((await run('status')).out).toContain('CANNOT BE READ');
  });

  it('reads what the evacuator writes: gates, verdicts, and says when it can not', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'instance-ha-status-'));
    const statusFile = join(directory, 'status.json');
    const journal = createJournal({
      logFile: join(directory, 'log'),
      statusFile,
      life: { pid: 4711, start: '1' },
      owner: 'controller-1:4711.1',
      keepReport: async () => null,
    });
    journal.tick({
      at: NOW,
      mono: 0,
      gates: [
        { id: 'failed-hosts', text: 'too many failures at once', opens: 'fewer have failed', node: null },
      ],
      verdicts: [
        {
          node: nodeName('compute-0'),
          host: hostName('compute-0'),
          incident: 'abc',
          phase: 'evacuating',
          text: 'evacuating: 0 of 1 moved',
          instances: [
            {
              id: serverId(FIRST),
              name: 'vm-1',
              outcome: 'moving',
              to: null,
              attempts: 1,
              disk: 'kept',
              differences: [],
              text: 'asked for',
            },
          ],
        },
      ],
      pace: null,
      cloudTrouble: null,
      observation: anObservation(),
    });
    await expect.poll(() => existsSync(statusFile)).toBe(true);
    const read = parseEvacuatorStatus(readFileSync(statusFile, 'utf8'), statusFile);
    if (!read.known) throw new Error(read.reason);
    const situation = await readSituation({ run: site.run, doing: () => {} });
    if (!situation.known) throw new Error(situation.reason);
    const text = statusText({ ...situation.value, evacuator: read.value }, NOW);
    expect(text).toContain('GATE       too many failures at once; it opens when fewer have failed');
    expect(text).toContain('evacuating: 0 of 1 moved');
    expect(text).toContain('vm-1: moving: asked for');
    expect(text).not.toContain('log    ');
    expect(
      statusText({ ...situation.value, evacuator: { ...read.value, logTrouble: 'no room' } }, NOW),
    ).toContain('log        no room');
    const broken = parseEvacuatorStatus('{"at":1}', statusFile);
    expect(broken).toMatchObject({ known: false, reason: expect.stringContaining('at') });
    expect(statusText({ ...situation.value, evacuatorTrouble: 'no JSON' }, NOW)).toContain(
      "CAN'T BE READ: no JSON",
    );
    rmSync(directory, { recursive: true });
  });

  it('never calls a compute fine that is dead or was taken out', async () => {
    site.offline = ['compute-0'];
    expect(await run('status')).toMatchObject({
      code: 4,
      out: expect.stringMatching(/compute-0 +OFFLINE +without an incident/),
    });
    site.unclean = ['compute-0'];
    expect(await run('status')).toMatchObject({
      code: 4,
      out: expect.stringMatching(/OFFLINE +dead for the cluster, not fenced yet: .*confirm-fenced compute-0/),
    });
    site.unclean = [];
    takeOut();
    expect(await run('status')).toMatchObject({
      code: 0,
      out: expect.stringMatching(/compute-0 +OFFLINE +taken out of the cluster: .*--end/),
    });
    onCompute('instance-ha-evacuation', EVACUATING);
    expect((await run('status')).out).toMatch(/evacuated, and taken out of the cluster: .*--end/);
  });

  it('warns while anything is paused', async () => {
    const pause = formatPause({ until: NOW + 60_000, by: 'ann', why: 'works' });
    onCompute('instance-ha-pause', pause);
    expect((await run('status')).code).toBe(4);
    site.cib = site.cib
      .replace(/<nvpair id="x-instance-ha-pause"[^>]*>/, '')
      .replace('name="cluster-name" value="overcloud"', `name="instance-ha-pause" value="${pause}"`);
    expect(await run('status')).toMatchObject({
      code: 4,
      out: expect.stringContaining('no new evacuation begins'),
    });
  });

  it('is data, too', async () => {
    const { out } = await run('status', '-o', 'json');
    const data = JSON.parse(out);
    expect(data).toMatchObject({
      hasQuorum: true,
      evacuatorOn: 'controller-1',
      nodes: [{ node: 'compute-0' }, { node: 'compute-1' }],
      exit: 'ok',
    });
    // Whoever reads it relies on what is there.
    const flags = ['isMaintained', 'isTakenOut', 'isUnclean', 'online'];
    const stored = ['evacuation', 'incident', 'mark', 'pause'];
    expect(Object.keys(data.nodes[0]).sort()).toEqual([...stored, ...flags, 'node'].sort());
  });

  it('says that the cluster does not answer', async () => {
    expect(await runCli(COMMANDS, ['status'])).toMatchObject({
      code: 6,
      err: expect.stringContaining('cibadmin is not on PATH'),
    });
  });
});

describe('plan', () => {
  it('says who would move, who can not and why, whose disk is kept, and how long it takes', async () => {
    site.evacuations = [
      migration(1, FIRST, 'done', '2026-11-24T00:00:00.000000', '2026-11-24T00:00:20.000000'),
    ];
    const { code, out } = await run('plan', 'compute-0');
    expect(code).toBe(4);
    expect(out).toContain(
      '1 would be evacuated to compute-1, in about 20 s by what earlier ones took, in this order',
    );
    expect(out).toContain('vm-1');
    expect(out).toMatch(/vm-2 .*paused/);
  });

  it('has the order and the selection of the rules', async () => {
    const own = { host: 'compute-0', vmState: 'active', image: true, memory: 1024 };
    const id = (digit: string): string => FIRST.replaceAll('1', digit);
    site.servers = [
      { ...own, id: id('1'), metadata: { 'instance-ha:after': 'db' } },
      { ...own, id: id('2'), metadata: { 'instance-ha:group': 'db' } },
      { ...own, id: id('3'), metadata: { 'instance-ha:priority': '900' } },
      { ...own, id: id('4'), metadata: { 'instance-ha:evacuate': 'false' } },
    ];
    const { code, out } = await run('plan', 'compute-0');
    expect(code).toBe(0);
    const order = [...out.matchAll(/^ +(\d+)\. (vm-\d)/gm)].map(([, place, name]) => `${place} ${name}`);
    expect(order).toEqual(['1 vm-3', '2 vm-2', '3 vm-1']);
    expect(out).toMatch(/vm-1 .*waiting for group db to arrive/);
    expect(out).toMatch(/1 would be left[\s\S]*vm-4 .*instance-ha:evacuate=false/);
  });

  it('says where dependencies go in a circle, and goes by the window of the policy', async () => {
    const own = { host: 'compute-0', vmState: 'active', image: true, memory: 16 };
    const id = (n: number): string => `${FIRST.slice(0, -2)}${String(n).padStart(2, '0')}`;
    const circle = (group: string, other: string) => ({
      metadata: { 'instance-ha:group': group, 'instance-ha:after': other },
    });
    site.servers = [
      { ...own, id: id(0), ...circle('a', 'b') },
      { ...own, id: id(1), ...circle('b', 'a') },
      ...Array.from({ length: 7 }, (_, n) => ({ ...own, id: id(n + 2) })),
    ];
    site.evacuations = [
      migration(1, FIRST, 'done', '2026-11-24T00:00:00.000000', '2026-11-24T00:00:20.000000'),
    ];
    const { out } = await run('plan', 'compute-0');
    expect(out).toMatch(/does not wait for a: the dependencies go in a circle \(a after b after a\)/);
    // Nine by a window of eight.
    expect(out).toContain('9 would be evacuated to compute-1, in about 40 s');
  });

  it('counts a host once, however often and by whichever name it is given', async () => {
    const once = await run('plan', 'compute-0');
    expect(await run('plan', 'compute-0', 'compute-0')).toEqual(once);
    const domain = 'compute-0.example.org';
    site.cib = site.cib.replace(
      '<nvpair id="nova-evacuate-ia-rc_file"',
      '<nvpair id="x-domain" name="domain" value="example.org"/>$&',
    );
    site.services.set('compute-0', { host: domain });
    site.servers = site.servers.map((server) => ({ ...server, host: domain }));
    const { out } = await run('plan', 'compute-0', domain);
    expect(out).toContain(`if ${domain} died now: 2 instances are affected`);
  });

  it('knows that nothing comes of a node that is taken out', async () => {
    takeOut();
    const { code, out } = await run('plan', 'compute-0');
    expect(code).toBe(4);
    expect(out).toMatch(/compute-0 is taken out .* nothing of it would be .*compute-0 --end/);
    expect(out).not.toContain('vm-1');
    const both = await run('plan', 'compute-0', 'compute-1', '-o', 'json');
    expect(JSON.parse(both.out)).toMatchObject({
      takenOut: ['compute-0'],
      hosts: ['compute-1'],
      instances: [],
    });
  });

  it('names those without room', async () => {
    site.servers = [
      { id: FIRST, host: 'compute-0', vmState: 'active', image: true, memory: 10_000 },
      { id: FIRST.replaceAll('1', '3'), host: 'compute-1', vmState: 'active', image: true, memory: 10_000 },
    ];
    const { code, out } = await run('plan', 'compute-0');
    expect(code).toBe(5);
    expect(out).toContain('1 would find NO ROOM');
    expect(await run('plan', '--survive', '1')).toMatchObject({
      code: 5,
      out: expect.stringMatching(/NO: without compute-[01] 1 instance would find no room/),
    });
  });

  it('counts with the reserved hosts that the policy would enable, and with none otherwise', async () => {
    site.services.set('compute-1', { status: 'disabled', disabled_reason: 'reserved: spare' });
    expect(await run('plan', 'compute-0')).toMatchObject({
      code: 5,
      out: expect.stringContaining('no other host is up and enabled'),
    });
    expect(await run('plan', '--survive', '1')).toMatchObject({
      code: 5,
      out: expect.stringContaining('without 1 there is none'),
    });
    const directory = mkdtempSync(join(tmpdir(), 'instance-ha-policy-'));
    const file = join(directory, 'policy.yaml');
    writeFileSync(file, 'destinations: {reserved_hosts: true}\n');
    site.cib = site.cib.replace(
      '<nvpair id="nova-evacuate-ia-rc_file"',
      `<nvpair id="x-policy" name="policy_file" value="${file}"/>$&`,
    );
    const { code, out } = await run('plan', 'compute-0');
    expect(code).toBe(4);
    expect(out).toContain('1 would be evacuated to compute-1 (reserved until then)');
    expect(await run('plan', '--survive', '1')).toMatchObject({
      code: 0,
      out: expect.stringContaining('yes: any 1'),
    });
    // What can't be asked for is not "no room".
    for (const path of ['os-aggregates', 'os-services']) {
      site.refused.clear();
      site.refused.add(`/compute/v2.1/${path}`);
      expect(await run('plan', 'compute-0')).toMatchObject({ code: 6, out: '' });
      expect(await run('plan', '--survive', '1')).toMatchObject({ code: 6, out: '' });
    }
    rmSync(directory, { recursive: true });
  });

  it('tells by Nova’s list of the hypervisors whose provider one is', async () => {
    site.hypervisors.set('compute-0', 'rack-a.example.org').set('compute-1', 'compute-0.example.org');
    expect(await run('plan', 'compute-0')).toMatchObject({
      code: 4,
      out: expect.stringContaining('1 would be evacuated to compute-1'),
    });
    site.servers = [
      { id: FIRST, host: 'compute-0', vmState: 'active', image: true, memory: 10_000 },
      { id: FIRST.replaceAll('1', '3'), host: 'compute-1', vmState: 'active', image: true, memory: 9_000 },
    ];
    const { code, out } = await run('plan', 'compute-0');
    expect(code).toBe(5);
    expect(out).toContain('1 would find NO ROOM');
    const { out: worst } = await run('plan', '--survive', '1', '-o', 'json');
    expect(JSON.parse(worst)).toMatchObject({
      survives: false,
      worst: ['compute-0'],
      left: [{ id: FIRST, host: 'compute-0' }],
    });
    // Without the list nobody guesses.
    site.refused.add('/compute/v2.1/os-hypervisors/detail');
    for (const argument of ['compute-0', '--survive=1'])
      expect(await run('plan', argument)).toMatchObject({
        code: 6,
        out: '',
        err: expect.stringContaining('os-hypervisors'),
      });
  });

  it('says yes where any one can be lost, and refuses nonsense', async () => {
    expect(await run('plan', '--survive', '1')).toMatchObject({
      code: 0,
      out: expect.stringContaining('yes: any 1'),
    });
    expect((await run('plan')).code).toBe(64);
    expect(await run('plan', 'compute-1', '--survive', '2')).toMatchObject({
      code: 64,
      err: expect.stringContaining('not both'),
    });
    expect(await run('plan', 'nowhere')).toMatchObject({
      code: 1,
      err: expect.stringContaining('no compute host nowhere'),
    });
  });
});

describe('history', () => {
  it('groups evacuations into incidents; the last record of an instance counts', async () => {
    site.evacuations = [
      migration(3, FIRST, 'completed', '2026-11-24T10:00:00.000000', '2026-11-24T10:01:00.000000'),
      migration(2, FIRST, 'completed', '2026-11-20T10:00:10.000000', '2026-11-20T10:01:00.000000'),
      migration(1, FIRST, 'error', '2026-11-20T10:00:00.000000', '2026-11-20T10:00:02.000000'),
    ];
    const { code, out } = await run('history');
    expect(code).toBe(0);
    expect(out.trim().split('\n')).toEqual([
      '2026-11-24T10:00:00Z  compute-0  1 instance: 1 moved, 0 failed  (1 request)',
      '2026-11-20T10:00:00Z  compute-0  1 instance: 1 moved, 0 failed  (2 requests)',
    ]);
  });
});

describe('history with reports', () => {
  it('has the times, what was waited for, and who did not arrive as it was', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'instance-ha-reports-'));
    const began = Date.parse('2026-11-24T10:00:00Z');
    const report = (id: string, host: string, startedAt: number): string =>
      JSON.stringify({
        version: 1,
        incident: id,
        node: host,
        host,
        state: 'closed',
        text: 'back',
        moments: {
          recordedAt: began - 5_000,
          fencedAt: began - 4_500,
          firstAcceptedAt: began,
          lastArrivedAt: began + 10_000,
          releasedAt: began + 12_000,
          closedAt: null,
        },
        timeline: [],
        gates: [{ gate: { id: 'paused', text: 'paused by ann (works)' }, from: 0, until: 1 }],
        instances: [
          { id: FIRST, name: 'vm-1', outcome: 'moved', startedAt, reason: '', differences: [] },
          { id: 'x', name: 'vm-2', outcome: 'cannot', startedAt: null, reason: 'paused', differences: [] },
        ],
      });
    writeFileSync(join(directory, 'abc.json'), report('abc', 'compute-0', began));
    writeFileSync(join(directory, 'other.json'), report('other', 'compute-0', began - 86_400_000));
    writeFileSync(join(directory, 'broken.json'), '{');
    site.evacuations = [
      migration(3, FIRST, 'completed', '2026-11-24T10:00:00.000000', '2026-11-24T10:01:00.000000'),
    ];
    const call = (...argv: string[]) => runCli([history(directory)], ['history', ...argv], { run: site.run });
    expect((await call()).out.trim().split('\n')).toEqual([
      '2026-11-24T10:00:00Z  compute-0  1 instance: 1 moved, 0 failed  (1 request)',
      '    incident abc of compute-0: power off after 0.5 s, the last one elsewhere after 15.0 s, let go after 17.0 s',
      '    it had to wait: paused by ann (works)',
      '    vm-2: cannot: paused',
      '2026-11-24T09:59:55Z  compute-0  2 instances: 1 moved, 0 failed  (by its report)',
      '    incident other of compute-0: power off after 0.5 s, the last one elsewhere after 15.0 s, let go after 17.0 s',
      '    it had to wait: paused by ann (works)',
      '    vm-2: cannot: paused',
    ]);
    expect(JSON.parse((await call('-o', 'json')).out)).toMatchObject({
      incidents: [
        { host: 'compute-0', reports: [{ incident: 'abc' }] },
        { host: 'compute-0', evacuations: [], reports: [{ incident: 'other' }] },
      ],
    });
    expect((await call('compute-1')).out).toContain('no incident in the last 30 days');
    expect(await call('nosuch')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('nosuch is no compute node of this cluster: it has compute-0, compute-1'),
    });
    rmSync(directory, { recursive: true });
  });
});

describe('explain', () => {
  it('an instance: where it is, what would become of it, and its past', async () => {
    site.evacuations = [
      migration(1, FIRST, 'done', '2026-11-24T00:00:00.000000', '2026-11-24T00:00:20.000000'),
    ];
    const { code, out } = await run('explain', 'vm-1');
    expect(code).toBe(0);
    expect(out).toContain(`vm-1 (${FIRST}): ACTIVE on compute-0`);
    expect(out).toContain('it would be evacuated');
    expect(out).toContain('evacuation from compute-0 to compute-1: done');
    expect((await run('explain', 'vm-2')).out).toContain(
      'it would not be evacuated: Nova does not evacuate an instance that is paused',
    );
  });

  it('an instance: what the policy and its owner say, not only what Nova would take', async () => {
    site.servers = site.servers.map((server) => ({
      ...server,
      metadata: { 'instance-ha:evacuate': 'false' },
    }));
    expect((await run('explain', 'vm-1')).out).toContain('if its host died, it would be left: ');
  });

  it('a compute: protected or why not', async () => {
    const { out } = await run('explain', 'compute-0');
    expect(out).toContain('compute-0: protected');
    site.cib = site.cib.replace('devices="ipmilan-compute-0,fence-nova"', 'devices="fence-nova"');
    expect((await run('explain', 'compute-0')).out).toContain(
      'compute-0: NOT PROTECTED: its fencing proves nothing (level 1: no power device',
    );
  });

  it('a node that is taken out, and what is on it, is not protected', async () => {
    takeOut();
    expect((await run('explain', 'compute-0')).out).toContain(
      'compute-0: NOT PROTECTED: taken out of the cluster (maintenance)',
    );
    expect((await run('explain', 'vm-1')).out).toContain(
      'it would not be evacuated: compute-0 is taken out of the cluster (maintenance)',
    );
  });

  it('says what it does not know', async () => {
    expect(await run('explain', 'nothing')).toMatchObject({
      code: 1,
      err: expect.stringContaining('neither a compute node'),
    });
  });
});

describe('pause and resume', () => {
  const set = (): string => site.calls.find((call) => call.includes('--update'))?.split('--update ')[1] ?? '';
  it('is written with its end, by whom and why, shown, and taken back', async () => {
    const paused = await run('pause', '--for', '2h', '--why', 'new switch');
    expect(paused).toMatchObject({
      code: 0,
      out: expect.stringContaining('paused until 2026-11-25T06:00:00Z'),
    });
    expect(parsePause(set())).toMatchObject({ until: NOW + 7_200_000, why: 'new switch' });
    site.cib = site.cib.replace(
      'name="cluster-name" value="overcloud"',
      `name="instance-ha-pause" value="${set()}"`,
    );
    expect((await run('status')).out).toContain('no new evacuation begins');
    expect((await run('resume')).out).toContain('new switch');
    expect(site.calls.at(-1)).toBe('crm_attribute --type crm_config --name instance-ha-pause --delete');
  });

  it('of one node is kept apart from the one of everything', async () => {
    const paused = await run('pause', '--host', 'compute-1', '--why', 'firmware');
    expect(paused.out).toBe(
      `compute-1: paused until 2026-11-25T05:00:00Z by ${parsePause(set())?.by} (firmware)\n`,
    );
    expect(site.calls.at(-1)).toMatch(/^crm_attribute --node compute-1 .*instance-ha-pause/);
    site.cib = site.cib.replace(
      '<nvpair id="nodes-compute-1-osprole"',
      `<nvpair id="p" name="instance-ha-pause" value="${set()}"/>$&`,
    );
    expect((await run('status')).out).toContain('(firmware): no evacuation of it begins');
    expect((await run('resume')).out).toContain('instance-ha resume --host compute-1');
    expect((await run('resume', '--host', 'compute-1')).out).toContain('firmware');
    expect(site.calls.at(-1)).toMatch(/^crm_attribute --node compute-1 .*--delete/);
    expect((await run('pause', '--host', 'compute-7', '--why', 'x')).err).toContain('no compute node');
  });

  it('always has an end and a reason', async () => {
    for (const argv of [
      ['--for', '8d'],
      ['--for', '200h'],
      ['--for', 'x'],
    ])
      expect((await run('pause', '--why', 'x', ...argv)).code).toBe(64);
    expect((await run('pause')).code).toBe(64);
    expect((await run('resume')).out).toBe('there is no pause\n');
    expect(set()).toBe('');
  });
});
