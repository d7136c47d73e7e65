import type { Dice } from '../world/model.ts';

/**
 * Numbers that a seed and the keys alone decide: two runs that differ in one fault throw the same for all the
 * rest, which is what makes a failure shrink. FNV-1a over the keys, mixed by murmur3's finaliser.
 */
export function diceOf(seed: number): Dice {
  return (...keys) => {
    let hash = (0x811c9dc5 ^ seed) >>> 0;
    for (const key of keys) {
      if (typeof key === 'number') {
        hash = Math.imul(hash ^ (key & 0xffff), 0x01000193);
        hash = Math.imul(hash ^ (key >>> 16), 0x01000193);
      } else {
        for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
      }
      hash = Math.imul(hash ^ 0x2c, 0x01000193);
    }
    hash ^= hash >>> 16;
    hash = Math.imul(hash, 0x85ebca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2ae35);
    hash ^= hash >>> 16;
    return (hash >>> 0) / 4_294_967_296;
  };
}

/** A row of numbers from one seed, for what is drawn one after the other. */
export interface Row {
  /** In [0, 1). */
  next(): number;
  int(min: number, max: number): number;
  chance(share: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** `name`: another row of the same seed, so that what is drawn from one leaves the others as they are. */
export function rowOf(seed: number, name = 'row'): Row {
  const dice = diceOf(seed);
  let index = 0;
  const next = (): number => dice(name, index++);
  const int = (min: number, max: number): number => min + Math.floor(next() * (max - min + 1));
  return {
    next,
    int,
    chance: (share) => next() < share,
    pick<T>(items: readonly T[]): T {
      const item = items[int(0, items.length - 1)];
      if (item === undefined) throw new Error('nothing to pick from');
      return item;
    },
  };
}
