import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatTimeMs, parseTimeMs } from './duration.ts';

describe('a time', () => {
  it.each([
    ['120', 120_000],
    ['120s', 120_000],
    ['2min', 120_000],
    ['2m', 120_000],
    ['500ms', 500],
    ['1h', 3_600_000],
    [' 3 sec ', 3000],
    ['', null],
    ['soon', null],
    ['1.5', null],
    ['-1', null],
    ['1 day', null],
    ['1constructor', null],
    ['none', null],
  ])('%s is read as %s', (text, ms) => {
    expect(parseTimeMs(text)).toBe(ms);
  });

  it('is never an exception, whatever the text', () => {
    fc.assert(fc.property(fc.string(), (text) => void parseTimeMs(text)));
  });

  it('is written as it is read', () => {
    fc.assert(fc.property(fc.nat(), (ms) => parseTimeMs(formatTimeMs(ms)) === ms));
    expect([0, 1500, 30_000, 300_000, 7_200_000].map(formatTimeMs)).toEqual([
      '0s',
      '1500ms',
      '30s',
      '5min',
      '2h',
    ]);
  });
});
