import { describe, expect, it } from 'vitest';
import {
  castInOrder,
  castOf,
  castOnTwo,
  castWithNeighbour,
  hasToMove,
  isSpread,
  MIN_ORDERED,
  rankOf,
  SPREAD,
} from './cast.ts';

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
      expect(members.some((member) => hasToMove(member.role))).toBe(true);
    }
  });
});

describe('castInOrder', () => {
  const members = castInOrder(50);
  it('has all that the scenario is about, and the usual cast besides', () => {
    expect(members).toHaveLength(50);
    expect(new Set(members.map(({ name }) => name)).size).toBe(50);
    for (const rank of ['first', 'last', 'base', 'upon'] as const)
      expect(members.filter(({ name }) => rankOf(name) === rank).length).toBeGreaterThan(1);
    expect(members.filter(({ name }) => isSpread(name))).toHaveLength(SPREAD.membersAHost);
    expect(members.filter(({ role }) => role === 'unplaceable')).toHaveLength(1);
    expect(members.filter(({ role }) => role === 'paused')).toHaveLength(1);
    expect(castInOrder(1)).toHaveLength(MIN_ORDERED);
  });
});

describe('casts on two hosts', () => {
  it('put some on each', () => {
    expect(castOnTwo(12).map(({ on }) => on)).toEqual([0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1]);
    expect(castWithNeighbour(12).filter(({ on }) => on === 1)).toHaveLength(1);
  });
});
