import { describe, expect, it } from 'vitest';
import { posixRegExp } from './posix-regexp.ts';

const matches = (pattern: string, text: string): boolean => posixRegExp(pattern)?.test(text) ?? false;

describe('a POSIX extended regular expression', () => {
  it.each([
    ['^compute-[[:digit:]]+$', 'compute-12', 'compute-a'],
    ['^[[:alpha:]]+[^[:alpha:]]$', 'compute1', 'compute'],
    ['^[[:alnum:]_]+$', 'A_1z', 'a-1'],
    ['^[[:upper:]][[:lower:]]$', 'Ab', 'aB'],
    ['^[[:xdigit:]]+$', '0aF', '0g'],
    ['^a[[:punct:]]b$', 'a-b', 'a1b'],
    ['^a[[:punct:]]b$', 'a]b', 'a b'],
    ['^a[[:space:][:digit:]]b$', 'a b', 'a_b'],
    ['^[]a]+$', ']a', '['],
    ['^[^]a]$', 'b', ']'],
    ['^a[\\.]b$', 'a\\b', 'a1b'],
    ['^a[[.]?b$', '', 'a1b'],
    ['^a[a^-]b$', 'a^b', 'a0b'],
    ['^compute-(0|1){2}$', 'compute-01', 'compute-0'],
    ['^compute-\\d$', 'compute-d', 'compute-1'],
    ['^compute-\\w$', 'compute-1', 'compute--'],
    ['\\<c\\.1', 'a c.1', 'ac.1'],
  ] as const)('%s', (pattern, yes, no) => {
    if (yes !== '') expect(matches(pattern, yes)).toBe(true);
    expect(matches(pattern, no)).toBe(false);
  });

  it.each([
    '([',
    'a\\',
    '[[:digits:]]',
    '[[:digit:',
    '[[.a.]]',
    '[[=a=]]',
    'a(?:b)',
    'a+?',
    '[a',
  ])('is none, or none that is understood: %s', (pattern) => {
    expect(posixRegExp(pattern)).toBeNull();
  });
});
