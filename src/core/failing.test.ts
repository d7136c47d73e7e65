import { expect, it } from 'vitest';
import { isEverybodys, judgeFailing } from './failing.ts';
import { serverId } from './names.ts';
import type { RequestView } from './observation.ts';
import { SOURCE } from './testing.ts';

const MINUTE_MS = 60_000;
const request = (more: Partial<RequestView> = {}): RequestView => ({
  ...{
    state: 'unknown',
    source: SOURCE,
    sentAt: 0,
    at: 0,
    message: 'HTTP 500',
    recordsBefore: 0,
    refusals: 0,
  },
  failing: { times: 1, since: 0 },
  ...more,
});
/** What comes of the n-th failure, `at` after the first, when `passedMs` have gone since. */
function judged(times: number, at: number, passedMs: number, isEverybodysFailure = false): string | null {
  const facts = { request: request({ at, failing: { times, since: 0 } }), mono: at + passedMs };
  return judgeFailing({ ...facts, isEverybodys: isEverybodysFailure })?.kind ?? null;
}

it('what Nova fails at is asked for again, after pauses that grow', () => {
  expect([4_999, 5_000].map((ms) => judged(1, 0, ms))).toEqual(['waiting', null]);
  expect([39_999, 40_000].map((ms) => judged(4, 0, ms))).toEqual(['waiting', null]);
  expect([119_999, 120_000].map((ms) => judged(40, 0, ms))).toEqual(['waiting', null]);
});

it('... and given up after 8 times and 15 minutes, which an outage does not bring about', () => {
  expect(judged(8, 15 * MINUTE_MS, 0)).toBe('failed');
  expect(judged(7, 15 * MINUTE_MS, MINUTE_MS * 3)).toBe(null);
  expect(judged(100, 15 * MINUTE_MS - 1, MINUTE_MS * 3)).toBe(null);
});

it('... or 40 minutes where it fails at everybody’s', () => {
  expect(judged(20, 39 * MINUTE_MS, MINUTE_MS * 3, true)).toBe(null);
  expect(judged(20, 40 * MINUTE_MS, 0, true)).toBe('failed');
});

it('it is everybody’s where another fails, and none is taken or refused', () => {
  const own = request({ at: 900_000, failing: { times: 9, since: 300_000 } });
  const among = (...others: readonly RequestView[]): boolean =>
    isEverybodys(
      new Map([own, ...others].map((each, n) => [serverId(`${n}1111111-0000-4000-8000-000000000000`), each])),
      own,
    );
  const another = request({ at: 900_000 });
  const answered = (at: number) => request({ state: 'accepted', at, failing: null });
  expect(among()).toBe(false);
  expect(among(another)).toBe(true);
  expect(among(another, answered(310_000))).toBe(false);
  expect(among(another, answered(290_000))).toBe(false);
  // That was before all of this.
  expect(among(another, answered(200_000))).toBe(true);
});
