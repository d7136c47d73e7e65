import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fitsGlob } from './glob.ts';

/** What a pattern means, as a regular expression, which takes minutes for some. */
function asRegExp(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}

it('means the same as the regular expression for it', () => {
  const text = (units: string, maxLength: number) =>
    fc.string({ unit: fc.constantFrom(...units), maxLength });
  fc.assert(
    fc.property(text('ab.*??**\n', 8), text('ab.*\n', 12), (pattern, name) => {
      expect(fitsGlob(pattern, name)).toBe(asRegExp(pattern).test(name));
    }),
    { numRuns: 5_000 },
  );
});

it.each([
  ['vm-*', 'vm-1', true],
  ['vm-?', 'vm-12', false],
  ['*-old', 'a-old-old', true],
  ['a*b*c', 'abcb', false],
  ['', '', true],
  ['*', '', true],
  ['?', '', false],
  ['a.b', 'axb', false],
])('%s and %s: %s', (pattern, name, fits) => {
  expect(fitsGlob(pattern, name)).toBe(fits);
});

it('takes no time for a name that a user has made for it', () => {
  const begun = performance.now();
  expect(fitsGlob(`${'*-'.repeat(40)}old`, '-'.repeat(255))).toBe(false);
  expect(performance.now() - begun).toBeLessThan(1_000);
});
