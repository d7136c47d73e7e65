import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeName } from '../core/names.ts';
import { exits } from './fake-tools.ts';
import { parseHistory, parsePacemakerTime, readFencingHistory } from './fencing.ts';
import { HISTORY, pacemakerResult } from './fixtures.ts';

describe('parseHistory', () => {
  it('reads pending, successful and failed operations', () => {
    const result = parseHistory(HISTORY);
    expect(result.ok && result.value).toEqual([
      {
        action: 'off',
        target: 'compute-1',
        status: 'pending',
        completedAt: null,
        delegate: null,
        client: 'stonith_admin.4242',
        origin: 'controller-2',
        exitReason: null,
      },
      {
        action: 'reboot',
        target: 'compute-1',
        status: 'success',
        completedAt: Date.UTC(2026, 10, 23, 4, 13, 40),
        delegate: 'controller-3',
        client: 'pacemaker-controld.812',
        origin: 'controller-1',
        exitReason: null,
      },
      {
        action: 'reboot',
        target: 'compute-1',
        status: 'failed',
        completedAt: Date.UTC(2026, 10, 23, 4, 13, 35),
        delegate: 'controller-1',
        client: 'pacemaker-controld.812',
        origin: 'controller-1',
        exitReason: 'Fencing is not possible & so on',
      },
    ]);
  });

  it('reads an empty history', () => {
    expect(parseHistory(pacemakerResult('<list name="Fencing history" count="0"/>'))).toEqual({
      ok: true,
      value: [],
    });
  });

  it.each([
    ['no status', HISTORY.replace('<status code="0" message="OK"/>', '')],
    ['an error', HISTORY.replace('code="0"', 'code="1"')],
    ['a success without a time', HISTORY.replace(/ completed="2026-11-23 05[^"]*"/, '')],
    ['a time without an offset', HISTORY.replace(' +01:00', '')],
    ['a state unheard of', HISTORY.replace('"success"', '"perhaps"')],
  ])('is an error with %s', (_, xml) => {
    expect(parseHistory(xml)).toMatchObject({
      ok: false,
      error: { code: 'bad-answer', tool: 'stonith_admin' },
    });
  });

  it('never throws on garbage', () => {
    const cut = fc.tuple(fc.nat(HISTORY.length), fc.nat(HISTORY.length), fc.string());
    fc.assert(
      fc.property(
        cut,
        ([from, to, text]) => void parseHistory(HISTORY.slice(0, from) + text + HISTORY.slice(to)),
      ),
    );
  });
});

describe('parsePacemakerTime', () => {
  it('reads every second and offset', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4_000_000_000 }),
        fc.integer({ min: -840, max: 840 }),
        (seconds, offset) => {
          const local = new Date((seconds + offset * 60) * 1000).toISOString();
          const pad = (n: number): string => String(Math.floor(Math.abs(n))).padStart(2, '0');
          const zone =
            offset === 0
              ? 'Z'
              : ` ${offset < 0 ? '-' : '+'}${pad(Math.trunc(offset / 60))}:${pad(offset % 60)}`;
          if (local.startsWith('1969')) return;
          expect(parsePacemakerTime(`${local.slice(0, 10)} ${local.slice(11, 19)}${zone}`)).toBe(
            seconds * 1000,
          );
        },
      ),
    );
  });

  it.each([
    '',
    '2026-02-30 00:00:00Z',
    '2026-11-23T04:13:40Z',
    '2026-11-23 04:13:40',
    '2026-11-23 25:00:00Z',
  ])('refuses %j', (text) => {
    expect(parsePacemakerTime(text)).toBeNull();
  });
});

describe('readFencingHistory', () => {
  it('asks verbosely, for without it the oldest success alone is printed', async () => {
    let seen: readonly string[] = [];
    const run = async (_: string, args: readonly string[]) => {
      seen = args;
      return exits(0, HISTORY.replace('target="compute-1"', 'target="compute-11"'));
    };
    const events = await readFencingHistory(nodeName('compute-1'), { run });
    expect(seen).toEqual(['--history', 'compute-1', '--verbose', '--output-as=xml']);
    expect(events.ok && events.value.length).toBe(2);
  });
});
