import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { formatHoldAnswer, HOLD_ATTRIBUTE, RELEASE_ATTRIBUTE } from '../core/records.ts';
import { fakeCluster } from '../pacemaker/fake-tools.ts';
import type { RunTool } from '../pacemaker/tool.ts';
import { holdBy } from './commands/hold.ts';
import { runCli } from './testing.ts';

/** Time that passes only while the command sleeps. */
const hold = holdBy((io) => ({ wall: io.now, now: io.now, sleep: io.sleep }));

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

  it('says each minute for how long it has held in all, by one question, and leaves no listener', async () => {
    const cluster = fakeCluster();
    const questions = new Set<string>();
    const { signal } = new AbortController();
    let listeners = 0;
    const { code, out, err } = await runCli([hold], ['hold', '--timeout', '15m'], {
      signal,
      run: async (...call) => {
        const output = await cluster.run(...call);
        const question = cluster.transient.get(HOLD_ATTRIBUTE)?.get('compute-1') ?? '';
        if (question !== '') {
          questions.add(question);
          const answer = formatHoldAnswer(question, { released: false, reason: 'vm-1 is on its way' });
          cluster.transient.set(RELEASE_ATTRIBUTE, new Map([['compute-1', answer]]));
        }
        listeners = Math.max(listeners, getEventListeners(signal, 'abort').length);
        return output;
      },
    });
    expect(code).toBe(75);
    const told = [...err.matchAll(/held back for (\d+) s and not released: vm-1 is on its way$/gm)];
    expect(told.map(([, seconds]) => Number(seconds))).toEqual(
      Array.from({ length: 14 }, (_, minute) => (minute + 1) * 60),
    );
    expect(out).toMatch(/for 900 s and not released: vm-1 is on its way. If it stays so, see/);
    expect(questions.size).toBe(1);
    expect(listeners).toBeLessThan(2);
  });

  it('says what is missing', async () => {
    expect(await runCli([hold], ['hold', '--timeout', '2s'])).toMatchObject({
      code: 1,
      err: expect.stringContaining('attrd_updater is not on PATH'),
    });
    expect((await runCli([hold], ['hold', '--timeout', 'soon'])).code).toBe(64);
  });
});
