import { describe, expect, it } from 'vitest';
import { castOf, isEvacuable } from './cast.ts';

const count = (n: number, role: string): number => castOf(n).filter((member) => member.role === role).length;

describe('castOf', () => {
  it('makes of 12 the cast of the README', () => {
    expect(
      ['active', 'shutoff', 'locked', 'locked-shutoff', 'error', 'paused'].map((role) => count(12, role)),
    ).toEqual([6, 2, 1, 1, 1, 1]);
    expect(castOf(12).filter((member) => member.floating)).toHaveLength(2);
  });
  it('makes as many as it is asked for, with names of their own, and one that can move', () => {
    for (let n = 1; n <= 60; n += 1) {
      const members = castOf(n);
      expect(members).toHaveLength(n);
      expect(new Set(members.map((member) => member.name)).size).toBe(n);
      expect(members.some((member) => isEvacuable(member.role))).toBe(true);
    }
  });
});
