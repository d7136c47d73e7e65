import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HOLD_ATTRIBUTE, RELEASE_ATTRIBUTE } from '../core/records.ts';
import { fakeCluster } from '../pacemaker/fake-tools.ts';
import type { RunTool } from '../pacemaker/tool.ts';
import { hold } from './commands/hold.ts';
import { runCli } from './testing.ts';

const directory = mkdtempSync(join(tmpdir(), 'instance-ha-hold-'));
beforeAll(() => {
  process.env.HA_RSCTMP = directory;
});
afterAll(() => {
  delete process.env.HA_RSCTMP;
  rmSync(directory, { recursive: true });
});

describe('hold', () => {
  it('returns when the evacuator has answered this very question, and asks anew the next time', async () => {
    const cluster = fakeCluster();
    const questions = new Set<string>();
    const run: RunTool = async (...call) => {
      const output = await cluster.run(...call);
      const question = cluster.transient.get(HOLD_ATTRIBUTE)?.get('compute-1') ?? '';
      if (question !== '') {
        questions.add(question);
        cluster.transient.set(RELEASE_ATTRIBUTE, new Map([['compute-1', `released ${question}`]]));
      }
      return output;
    };
    for (const _ of [1, 2])
      expect(await runCli([hold], ['hold', '--timeout', '5s'], { run })).toMatchObject({
        code: 0,
        out: expect.stringContaining('released'),
      });
    expect(questions.size).toBe(2);
    expect(new Set(cluster.calls.map(([tool]) => tool))).toEqual(new Set(['attrd_updater']));
  });

  it('never lets go by itself', async () => {
    const cluster = fakeCluster();
    let now = 0;
    const { code, out } = await runCli([hold], ['hold', '--timeout', '1s'], {
      run: async (...call) => {
        now += 1;
        return cluster.run(...call);
      },
    });
    expect(now).toBeGreaterThan(2);
    expect(code).toBe(75);
    expect(out).toContain('is the resource nova-evacuate running?');
  });

  it('says what is missing', async () => {
    expect(await runCli([hold], ['hold', '--timeout', '2s'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('attrd_updater is not on PATH'),
    });
    expect((await runCli([hold], ['hold', '--timeout', 'soon'])).code).toBe(64);
  });
});
