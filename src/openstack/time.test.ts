import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatChangesSince, parseNovaTime } from './time.ts';

it.each([
  ['2026-11-23T04:00:00.000000', Date.UTC(2026, 10, 23, 4)],
  ['2026-11-23T04:00:00Z', Date.UTC(2026, 10, 23, 4)],
  ['2026-11-23T04:00:00', Date.UTC(2026, 10, 23, 4)],
  ['2026-11-23T04:00:00+00:00', Date.UTC(2026, 10, 23, 4)],
  ['2026-11-23T04:00:00.123456Z', Date.UTC(2026, 10, 23, 4, 0, 0, 123)],
  ['2026-02-30T04:00:00', null],
  ['2026-11-23T24:00:00', null],
  ['2026-11-23 04:00:00', null],
  ['2026-11-23T04:00:00+02:00', null],
  ['', null],
])('reads %s', (text, epochMs) => {
  expect(parseNovaTime(text)).toBe(epochMs);
});

it('reads back every time it writes, to the second, under any zone of this machine', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 4_000_000_000_000 }), (epochMs) => {
      const second = Math.floor(epochMs / 1000) * 1000;
      expect(parseNovaTime(formatChangesSince(epochMs))).toBe(second);
      expect(parseNovaTime(new Date(epochMs).toISOString())).toBe(epochMs);
    }),
  );
});
