import type { Policy } from '../core/policy.ts';

/** The policy file of the run, and which policies have been in force since when. */
export interface Policies {
  /** As it is now; null: it is broken. */
  readonly file: Policy | null;
  /** As it was when it was right last. */
  readonly last: Policy;
  /** Writes the file anew; each of the readers says by what is given when it has begun to read it. A broken one puts none out of force. */
  write(policy: Policy | null, when: { readonly at: number; readonly readers: number }): (at: number) => void;
  /** All that somebody can have acted by since a time, the world's ms; the last is in force now. */
  within(from: number): readonly Policy[];
}

/** For one run, in which `first` is in force from the beginning. */
export function newPolicies(first: Policy): Policies {
  let file: Policy | null = first;
  let last = first;
  const past: { readonly policy: Policy; until: number }[] = [];
  return {
    get file() {
      return file;
    },
    get last() {
      return last;
    },
    write(policy, { at, readers }) {
      file = policy;
      if (policy === null) return () => {};
      // Whoever dies before it has heard of the new one leaves the old one counted: that is no harm.
      const old = { policy: last, until: readers === 0 ? at : Number.POSITIVE_INFINITY };
      past.push(old);
      last = policy;
      let left = readers;
      return (heardAt) => {
        // What was broken before it was read has put nothing out of force either.
        if (file !== null && --left === 0) old.until = heardAt;
      };
    },
    within: (from) => [...past.filter(({ until }) => until >= from).map(({ policy }) => policy), last],
  };
}
