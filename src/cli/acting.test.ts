import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatIncident, parseIncident } from '../core/records.ts';
import type { LocalPort } from '../doctor/gather-local.ts';
import type { AuditEntry } from './audit.ts';
import { confirmFenced } from './commands/confirm-fenced.ts';
import { drill, evacuate } from './commands/fence.ts';
import { type FakeSite, startFakeSite } from './fake-site.ts';
import { runCli, type TestRun, type TestWorld } from './testing.ts';

const NOW = Date.parse('2026-11-25T04:00:00Z');
/** The evacuator's record as it stands in the attribute. */
const EVACUATING =
  'v=1,incident=abc,phase=evacuating,fenced=2026-11-25T04:00:00.000Z,since=2026-11-25T04:00:00.000Z,status=enabled,forced=no,owner=o,clean=no,released=,stopped=,lost=';
let site: FakeSite;
let audited: AuditEntry[];
beforeEach(async () => {
  site = await startFakeSite();
  audited = [];
  // A third controller, and agents that are here: what doctor would find is not the subject.
  site.cib = site.cib.replace('<node id="2" uname="controller-1">', '<node id="3" uname="controller-2"/>$&');
  site.servers = site.servers.slice(0, 1);
});
afterEach(() => site.close());
const write = async (entry: AuditEntry): Promise<void> => {
  audited.push(entry);
};
/** A controller on which everything is as it should be. */
const local = (): LocalPort => ({
  node: 'controller-0',
  version: '1.0.0',
  exists: async () => true,
  tail: async () => null,
  clockSynchronised: async () => true,
});
const world = { audit: write, local };
const COMMANDS = [confirmFenced(write), drill(world), evacuate(world)];
const run = (argv: string[], world: TestWorld = {}): Promise<TestRun> =>
  runCli(COMMANDS, argv, { run: site.run, ...world });
const acts = (): string[] =>
  site.calls.filter((call) => /stonith_admin|crm_attribute|-U|action=off/.test(call));

describe('confirm-fenced', () => {
  const CONFIRM = ['confirm-fenced', 'compute-0', '--reason', 'seen on site'];

  it('records the incident first, then confirms, and is in the audit log', async () => {
    site.offline = ['compute-0'];
    const { code, out } = await run(CONFIRM, { answer: 'compute-0' });
    expect(code).toBe(0);
    expect(out).toContain('confirmed');
    expect(audited).toEqual([{ command: 'confirm-fenced', node: 'compute-0', reason: 'seen on site' }]);
    const [recorded, marked, confirmed, more] = acts();
    expect(parseIncident(/--update (\S+)/.exec(recorded ?? '')?.[1] ?? '')).toMatchObject({
      by: 'operator',
      at: NOW,
    });
    expect(marked).toBe('attrd_updater -n evacuate -p -N compute-0 -U yes');
    expect(confirmed).toBe('stonith_admin --confirm compute-0');
    expect(more).toBeUndefined();
  });

  it('does nothing without the name, for a host that is online, or for one that is none', async () => {
    expect((await run(CONFIRM, { answer: 'compute-0' })).code).toBe(3);
    site.offline = ['compute-0'];
    for (const answer of ['compute-1', 'yes', null]) expect((await run(CONFIRM, { answer })).code).toBe(7);
    expect((await run(CONFIRM, { answer: 'yes' })).out).toContain('not its name');
    expect((await run(CONFIRM)).out).toMatch(/no terminal .*--name/);
    expect(
      (await run(['confirm-fenced', 'controller-0', '--reason', 'x'], { answer: 'controller-0' })).code,
    ).toBe(1);
    expect((await run(['confirm-fenced', 'compute-0'])).code).toBe(64);
    expect(acts()).toEqual([]);
    expect(audited).toEqual([]);
  });

  it('looks again when the name has been typed: not for a host that is online by then, nor without quorum', async () => {
    site.offline = ['compute-0'];
    const meanwhile = (happens: () => void): TestWorld => ({
      answer: 'compute-0',
      asked: happens,
    });
    const online = await run(
      CONFIRM,
      meanwhile(() => {
        site.offline = [];
      }),
    );
    expect(online).toMatchObject({ code: 3, out: expect.stringContaining('compute-0 is online') });
    expect(audited.at(-1)?.reason).toContain('not done: compute-0 is online');
    site.offline = ['compute-0'];
    const alone = await run(
      CONFIRM,
      meanwhile(() => {
        site.quorum = false;
      }),
    );
    expect(alone).toMatchObject({ code: 3, out: expect.stringContaining('no quorum') });
    expect(acts()).toEqual([]);
  });

  it('does not act on what was seen before the audit log was written', async () => {
    site.offline = ['compute-0'];
    const slow = confirmFenced(async () => {
      site.offline = [];
    });
    expect((await runCli([slow], CONFIRM, { run: site.run, answer: 'compute-0' })).code).toBe(3);
    expect(acts()).toEqual([]);
  });

  it('is not done where it can not be written down', async () => {
    site.offline = ['compute-0'];
    const failing = confirmFenced(async () => {
      throw new Error('read-only');
    });
    expect((await runCli([failing], CONFIRM, { run: site.run, answer: 'compute-0' })).code).toBe(1);
    expect(acts()).toEqual([]);
  });
});

/** The recovery, a step a look: recorded, worked on, moved, released, back. */
function recovery(): () => Promise<void> {
  const before = { ...site };
  const on = (name: string, value: string) => `<nvpair id="x-${name}" name="${name}" value="${value}"/>`;
  const incident = on(
    'instance-ha-incident',
    formatIncident({ id: 'abc', at: NOW, by: 'fencer', on: 'controller-0' }),
  );
  const record = on('instance-ha-evacuation', EVACUATING);
  const withRecords = (text: string): string =>
    before.cib.replace('<nvpair id="nodes-compute-0-osprole"', `${text}$&`);
  const steps = [
    () => {
      site.cib = withRecords(incident);
    },
    () => {
      site.cib = withRecords(incident + record);
    },
    () => {
      site.servers = site.servers.map((server) => ({ ...server, host: 'compute-1' }));
    },
    () => {
      site.cib = withRecords(record);
    },
    () => {
      site.cib = before.cib;
    },
  ];
  return async () => steps.shift()?.();
}

const takeOut = (): void => {
  site.cib = site.cib.replace(
    /(<primitive id="compute-0"[^>]*>)/,
    '$1<meta_attributes id="m"><nvpair id="t" name="target-role" value="Stopped"/></meta_attributes>',
  );
};

describe('a node that is taken out', () => {
  it('is neither fenced nor cut off, whatever name is given: the command that ends it is said', async () => {
    takeOut();
    for (const command of ['evacuate', 'drill'])
      expect(await run([command, 'compute-0', '--name', 'compute-0'])).toMatchObject({
        code: 3,
        out: expect.stringMatching(/taken out .* nothing was done: .*maintenance compute-0 --end/),
      });
    expect(acts()).toEqual([]);
  });
});

describe('evacuate', () => {
  it('fences by the cluster, follows, and reports the times', async () => {
    const { code, out, err } = await run(['evacuate', 'compute-0', '--reason', 'storage'], {
      answer: 'compute-0',
      sleep: recovery(),
    });
    expect(err).toContain('1 would be evacuated');
    expect(acts()).toEqual(['stonith_admin --reboot compute-0']);
    expect(audited).toEqual([{ command: 'evacuate', node: 'compute-0', reason: 'storage' }]);
    expect(code).toBe(0);
    expect(out).toMatch(/1\.0 s {2}the death is seen/);
    expect(out).toMatch(/5\.0 s {2}the host is back/);
    expect(out).toContain('vm-1 (11111111-1111-4111-8111-111111111111): on compute-1 after 3.0 s');
  });

  for (const [steps, code, end] of [
    [2, 5, 'is NOT EVACUATED yet; it goes on: instance-ha explain compute-0'],
    [4, 5, 'is evacuated, but NOT BACK yet: instance-ha explain compute-0'],
    [5, 0, 'is evacuated, and back'],
  ] as const) {
    it(`says what it has come to, not that it passed: compute-0 ${end}`, async () => {
      const recover = recovery();
      let done = 0;
      const ended = await run(['evacuate', 'compute-0', '--limit', '10'], {
        answer: 'compute-0',
        sleep: async () => {
          if (++done <= steps) await recover();
        },
      });
      expect(ended.code).toBe(code);
      expect(ended.out.endsWith(`\n\ncompute-0 ${end}\n`)).toBe(true);
    });
  }

  it('takes the time that it follows for as other commands take theirs', async () => {
    for (const [limit, said] of [
      ['10', 10],
      ['90s', 90],
      ['2m', 120],
    ] as const) {
      let slept = 0;
      const sleep = async (): Promise<void> => void slept++;
      expect(
        (await run(['evacuate', 'compute-0', '--limit', limit], { answer: 'compute-0', sleep })).code,
      ).toBe(5);
      expect(slept).toBe(said);
    }
    for (const limit of ['0', 'soon', '1.5h'])
      expect(await run(['drill', 'compute-0', '--limit', limit], { answer: 'compute-0' })).toMatchObject({
        code: 64,
        err: expect.stringContaining('--limit takes a time, such as 90s, 30m or 2h'),
      });
  });

  it('says so where nothing of it is seen', async () => {
    const { code, out } = await run(['evacuate', 'compute-0', '--limit', '10'], { answer: 'compute-0' });
    expect(code).toBe(5);
    expect(out).toContain('NO INCIDENT is recorded: instance-ha doctor --node compute-0');
  });

  it('does nothing for a host that is not protected or has an incident', async () => {
    const whole = site.cib;
    site.cib = whole.replace('devices="ipmilan-compute-0,fence-nova"', 'devices="fence-nova"');
    expect(await run(['evacuate', 'compute-0'], { answer: 'compute-0' })).toMatchObject({
      code: 3,
      out: expect.stringContaining('not protected'),
    });
    site.cib = whole.replace(
      '<nvpair id="nodes-compute-0-osprole"',
      '<nvpair id="i" name="instance-ha-incident" value="x"/>$&',
    );
    expect(await run(['evacuate', 'compute-0'], { answer: 'compute-0' })).toMatchObject({
      code: 3,
      out: expect.stringContaining('incident already'),
    });
    expect(acts()).toEqual([]);
  });
});

describe('drill', () => {
  it('does nothing while doctor is not content', async () => {
    site.agent = 1;
    expect(await run(['drill', 'compute-0'], { answer: 'compute-0' })).toMatchObject({
      code: 3,
      out: expect.stringContaining('ipmilan-compute-0 does not answer'),
    });
    expect(acts()).toEqual([]);
  });

  it('does nothing to a host whose power is off already', async () => {
    site.agent = 2;
    expect(await run(['drill', 'compute-0'], { answer: 'compute-0' })).toMatchObject({
      code: 3,
      out: expect.stringContaining('the power of compute-0 is off already, says ipmilan-compute-0'),
    });
    expect(acts()).toEqual([]);
  });

  it('is not passed where it does not end', async () => {
    expect(await run(['drill', 'compute-0', '--limit', '10'], { answer: 'compute-0' })).toMatchObject({
      code: 5,
      out: expect.stringContaining('NOT PASSED: instance-ha explain compute-0'),
    });
  });

  it('says what goes on after Ctrl-C', async () => {
    const interrupt = new AbortController();
    const ended = await run(['drill', 'compute-0'], {
      answer: 'compute-0',
      signal: interrupt.signal,
      sleep: async () => interrupt.abort(),
    });
    expect(ended).toMatchObject({
      code: 130,
      out: '',
      err: expect.stringContaining('instance-ha status --watch'),
    });
  });

  it('does nothing without the name', async () => {
    expect((await run(['drill', 'compute-0'], { answer: 'yes' })).code).toBe(7);
    expect(await run(['drill', 'compute-0'])).toMatchObject({
      code: 7,
      out: expect.stringMatching(/no terminal .*--name/),
    });
    expect(acts()).toEqual([]);
  });

  it('cuts the power by the device itself, follows, and reports', async () => {
    const { code, out, err } = await run(['drill', 'compute-0', '-o', 'json'], {
      answer: 'compute-0',
      sleep: recovery(),
    });
    expect(code).toBe(0);
    expect(acts()).toEqual(['fence_ipmilan action=off nodename=compute-0']);
    expect(JSON.parse(out)).toMatchObject({
      passed: true,
      afterMs: { recorded: 1_000, proven: 2_000, evacuated: 3_000, released: 4_000, back: 5_000 },
      instances: [{ name: 'vm-1', to: 'compute-1' }],
    });
    expect(err).toContain('the power of compute-0 is being cut');
  });

  it('is not begun where an instance would be left behind', async () => {
    site.servers = site.servers.map((server) => ({ ...server, vmState: 'paused' }));
    expect(await run(['drill', 'compute-0'], { answer: 'compute-0' })).toMatchObject({
      code: 3,
      out: expect.stringContaining('1 instance would not move'),
    });
    expect(acts()).toEqual([]);
  });
});
