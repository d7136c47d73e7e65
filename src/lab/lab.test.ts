import { type ChildProcess, execFile, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { INCIDENT_ATTRIBUTE } from '../core/records.ts';
import type { Fact } from '../world/facts.ts';
import { createWorld, type World } from '../world/model.ts';
import { keepRealTime } from './drive.ts';
import type { Lab } from './lab.ts';
import { DEFAULT_LAB, labSpec } from './spec.ts';
import { newestReport, playStory } from './story.ts';
import { beginLab, buildDist } from './testing.ts';
import { layTools, type Tools } from './tools.ts';

const STORY_LIMIT_MS = 150_000;
let dist: string;

beforeAll(() => {
  dist = buildDist();
}, 60_000);
afterAll(() => rmSync(dist, { recursive: true, force: true }));

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

describe('the commands of Pacemaker in the lab', () => {
  let directory: string;
  let tools: Tools;
  let world: World;
  let stopTime: () => void;

  beforeAll(() => {
    directory = mkdtempSync(join(tmpdir(), 'instance-ha-tools-'));
    const nobody = () => {};
    world = createWorld(labSpec({ ...DEFAULT_LAB, hosts: 2 }, Date.now()), {
      dice: () => 0.5,
      emit: nobody,
      agents: {
        fence: nobody,
        wait: nobody,
        startEvacuator: nobody,
        stopEvacuator: nobody,
        monitorEvacuator: () => 'healthy',
        killEvacuator: nobody,
      },
    });
    tools = layTools(world, directory);
    stopTime = keepRealTime(world.agenda, () => performance.now());
  });
  afterAll(() => {
    stopTime();
    tools.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const run = (machine: string, tool: string, ...args: string[]): Promise<Ran> =>
    new Promise((resolve) => {
      const limits = { timeout: 5_000, killSignal: 'SIGKILL' as const, maxBuffer: 2 ** 24 };
      execFile(join(tools.pathOf(machine), tool), args, limits, (error, out, err) =>
        resolve({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, out, err }),
      );
    });

  it('answer with the words and the exit codes of the real ones', async () => {
    const asked = ['-n', 'evacuate', '-A', '--output-as=xml'];
    const unknown = await run('controller-1', 'attrd_updater', ...asked);
    expect(unknown).toMatchObject({
      code: 78,
      out: expect.stringContaining('attribute does not exist'),
      err: '',
    });
    const value = 'v=1,id=a,at=2026-01-01T00:00:00Z with "quotes" & <signs>';
    expect(
      (await run('controller-1', 'attrd_updater', '-p', '-n', 'evacuate', '-N', 'compute-1', '-U', value))
        .code,
    ).toBe(0);
    const answer = await run('controller-2', 'attrd_updater', ...asked);
    expect(answer).toMatchObject({ code: 0, err: '' });
    expect(answer.out).toContain(
      'value="v=1,id=a,at=2026-01-01T00:00:00Z with &quot;quotes&quot; &amp; &lt;signs&gt;"',
    );
    const query = ['--node', 'nobody', '--name', 'x', '--lifetime', 'forever', '--query'];
    const missing = await run('controller-1', 'crm_attribute', ...query);
    expect(missing.code).toBe(105);
    expect(missing.err).toContain('Could not map name=nobody');
  });

  it('give all of a large answer, to many at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => run('controller-1', 'cibadmin', '--query', '--local')),
    );
    for (const { code, out } of answers) {
      expect(code).toBe(0);
      expect(out).toMatch(/^<cib [\s\S]*<\/cib>\n$/);
    }
    // Nothing is left of those that have ended.
    expect(readdirSync(join(directory, 'tools')).filter((name) => name.startsWith('answer'))).toEqual([]);
  });

  it('hang where the real ones do, and are killed by whoever called them', async () => {
    const member = world.cluster.members.get('controller-3');
    if (member !== undefined) member.toolsHang = true;
    expect((await run('controller-3', 'cibadmin', '--query', '--local')).code).toBe(-1);
    expect((await run('controller-1', 'cibadmin', '--query', '--local')).code).toBe(0);
  });
});

describe('the lab', () => {
  const open = (): Promise<Lab> =>
    beginLab(dist, labSpec({ hosts: 4, instances: 12, spawnS: 2 }, Date.now()));

  it(
    'plays a power loss with the real agents, over the death of the controller that works on it',
    async () => {
      const lab = await open();
      try {
        const said: string[] = [];
        const story = playStory(lab, 'compute-1', (text) => said.push(text));
        while (lab.world.nova.migrations.length === 0) await pause(50);
        const first = lab.world.cluster.evacuator?.on ?? '';
        const killed = await fetch(`${lab.url}api/lab/actions`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ kind: 'kill-controller', controller: first }),
        });
        expect(killed.status).toBe(200);
        expect(await story).toBe(true);
        expect(lab.world.cluster.evacuator?.on).not.toBe(first);
        expect(said.join('\n')).toContain('taking over from');
        expect(newestReport(lab)).toContain('compute-1: 6 instances: 6 moved');
      } finally {
        await lab.close();
      }
    },
    STORY_LIMIT_MS,
  );

  it(
    'leaves nothing behind, at whatever moment of its start it is closed',
    async () => {
      for (const afterMs of [0, 700, 1_200, 1_800]) {
        const lab = await open();
        await pause(afterMs);
        await lab.close();
        // What is killed takes a moment to go; what was missed stays.
        await expect
          .poll(() => execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }), { timeout: 30_000 })
          .not.toContain(dist);
      }
    },
    STORY_LIMIT_MS,
  );

  it(
    'plays it in the shape unfence, too: the unit of nova-compute is held, and the unfencing waited for',
    async () => {
      const facts: Fact[] = [];
      const spec = labSpec({ hosts: 3, instances: 6, spawnS: 1, shape: 'unfence' }, Date.now());
      const lab = await beginLab(dist, spec, (fact) => facts.push(fact));
      try {
        // While its incident stands the unfencing is not done, and the unit not begun.
        const hasRecord = (): boolean =>
          lab.world.cluster.permanent.get('compute-1')?.has(INCIDENT_ATTRIBUTE) === true;
        const early: string[] = [];
        const watch = setInterval(() => {
          const isUnfenced = lab.world.cluster.remotes.get('compute-1')?.wait === 'started';
          const runs = lab.world.nova.computes.get('compute-1')?.state !== 'stopped';
          const isBack = facts.some((fact) => fact.kind === 'remote' && fact.online);
          if (isBack && hasRecord() && (isUnfenced || runs)) early.push('started while its incident stands');
        }, 20);
        expect(await playStory(lab, 'compute-1', () => {})).toBe(true);
        clearInterval(watch);
        expect(early).toEqual([]);
        const said = facts.map((fact) =>
          fact.kind === 'fencing'
            ? fact.step
            : fact.kind === 'resource'
              ? `${fact.resource} ${fact.state}`
              : '',
        );
        expect(said).toContain('unfenced');
        expect(said).toContain('compute-unfence-trigger started');
        expect(said.some((text) => text.startsWith('nova-compute-checkevacuate'))).toBe(false);
        const history = lab.world.cluster.history
          .get('compute-1')
          ?.map(({ action, status }) => `${action} ${status}`);
        // The newest first: the unfencing after the reconnect, the one beside it, the fencing.
        expect(history).toEqual(['on success', 'on success', 'reboot success']);
      } finally {
        await lab.close();
      }
    },
    STORY_LIMIT_MS,
  );

  it('takes no action that is none, and none from elsewhere', async () => {
    const lab = await open();
    try {
      const act = async (body: string, headers = {}): Promise<number> =>
        (
          await fetch(`${lab.url}api/lab/actions`, {
            method: 'POST',
            headers: { 'content-type': 'application/json', ...headers },
            body,
          })
        ).status;
      expect(await act('{')).toBe(400);
      expect(await act('{"kind":"reboot-everything"}')).toBe(400);
      expect(await act('{"kind":"crash","host":"../x"}')).toBe(400);
      expect(await act('{"kind":"crash","host":"nobody"}')).toBe(409);
      expect(await act('{"kind":"crash","host":"compute-1"}', { 'content-type': 'text/plain' })).toBe(415);
      expect(await act(`{"kind":"crash","host":"${'x'.repeat(10_000)}"}`)).toBe(400);
    } finally {
      await lab.close();
    }
  }, 60_000);
});

describe('demo --story', () => {
  it(
    'ends by itself with the report and exit code 0, and leaves nothing behind',
    async () => {
      const own = mkdtempSync(join(tmpdir(), 'instance-ha-story-'));
      const args = [
        join(dist, 'lab/demo.cjs'),
        '--story',
        '--hosts',
        '3',
        '--instances',
        '6',
        '--spawn',
        '1',
      ];
      const child = spawn(process.execPath, args, {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, TMPDIR: own },
      });
      let out = '';
      child.stdout.setEncoding('utf8').on('data', (text) => {
        out += text;
      });
      const code = await new Promise((resolve) => child.on('exit', resolve));
      const programs = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
      expect(programs).not.toContain(dist);
      expect(programs).not.toContain(own);
      expect(code).toBe(0);
      expect(out).toContain('# compute-1: 3 instances: 3 moved');
      expect(readdirSync(own)).toEqual([]);
      rmSync(own, { recursive: true });
    },
    STORY_LIMIT_MS,
  );

  it.each([
    [['--hosts', 'many'], '--hosts is a whole number from 2 to 1000, not many'],
    [['--hosts', '1'], '--hosts is a number from 2 to 1000, not 1'],
    [['--hosts', '3.5'], '--hosts is a whole number from 2 to 1000, not 3.5'],
    [['--instances', '-3'], "'--instances' argument is ambiguous"],
    [['--spawn', ''], '--spawn is a number from 0.1 to 600, not '],
    [['--shape', 'round'], '--shape is minimal or unfence, not round'],
    [['--nothing'], "Unknown option '--nothing'"],
    [['nothing'], "Unexpected argument 'nothing'"],
  ])('says what is wrong with %j', (args, words) => {
    const ran = spawnSync(process.execPath, [join(dist, 'lab/demo.cjs'), ...args], { encoding: 'utf8' });
    expect(ran.status).toBe(64);
    expect(ran.stderr).toMatch(/^demo: /);
    expect(ran.stderr).toContain(words);
    expect(ran.stdout).toBe('');
  });

  it('shows its help on standard output', () => {
    const ran = spawnSync(process.execPath, [join(dist, 'lab/demo.cjs'), '--help'], { encoding: 'utf8' });
    expect(ran).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^demo \[--hosts N\]/),
      stderr: '',
    });
  });
});

describe('a demo that is ended', () => {
  const begin = async (own: string, ...args: string[]): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [join(dist, 'lab/demo.cjs'), '--port', '0', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, TMPDIR: own },
    });
    return child;
  };
  /** What runs below this directory, or what a lab in it has started. */
  const left = (own: string): string[] =>
    execFileSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes(own) || line.includes(dist));
  const ownDirectory = (): string => mkdtempSync(join(tmpdir(), 'instance-ha-ended-'));

  it.each([
    'SIGKILL',
    'SIGHUP',
    'SIGTERM',
    'SIGINT',
  ] as const)('by %s leaves no process and no file', async (signal) => {
    const own = ownDirectory();
    const child = await begin(own);
    const stdout = child.stdout;
    await new Promise((resolve) => stdout?.once('data', resolve));
    // The evacuator, at least.
    expect(left(own).length).toBeGreaterThan(1);
    child.kill(signal);
    const ended = await new Promise((resolve) => child.on('exit', (code, by) => resolve(code ?? by)));
    expect(ended).toBe(signal === 'SIGKILL' || signal === 'SIGHUP' ? signal : 0);
    await expect.poll(() => left(own), { timeout: 30_000 }).toEqual([]);
    await expect.poll(() => readdirSync(own), { timeout: 30_000 }).toEqual([]);
    rmSync(own, { recursive: true });
  }, 60_000);

  it('in the middle of its story ends with 130, and leaves nothing', async () => {
    const own = ownDirectory();
    const child = await begin(own, '--story', '--hosts', '3', '--instances', '6', '--spawn', '3');
    let out = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      out += text;
    });
    await expect.poll(() => out, { timeout: 60_000 }).toContain('fence_compute off');
    child.kill('SIGINT');
    expect(await new Promise((resolve) => child.on('exit', resolve))).toBe(130);
    await expect.poll(() => left(own), { timeout: 30_000 }).toEqual([]);
    expect(readdirSync(own)).toEqual([]);
    rmSync(own, { recursive: true });
  }, 90_000);
});
