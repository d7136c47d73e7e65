/** Where in a call a process dies: before it sends it, when it has sent it, or when it has the answer. */
export type TrapSide = 'before' | 'during' | 'after';

/** Deaths of the evacuator that wait for one of its calls. */
export interface Traps {
  /** Whoever makes the `nth` call of this name from now on dies there; it springs once. */
  set(call: string, nth: number, side: TrapSide): void;
  /** Told of every call. Gives whether the process dies here. */
  springs(call: string, side: TrapSide): boolean;
  clear(): void;
}

export function newTraps(): Traps {
  const all: { readonly call: string; readonly side: TrapSide; left: number }[] = [];
  return {
    set: (call, nth, side) => void all.push({ call, side, left: nth }),
    springs(call, side) {
      const trap = all.find((each) => each.side === side && each.call === call && each.left > 0);
      return trap !== undefined && --trap.left === 0;
    },
    clear() {
      all.length = 0;
    },
  };
}
