import type { TreeElement } from '../pacemaker/cib-tree.ts';
import type { Owned } from './owned.ts';

/** One difference between what is there and what is wanted. */
export interface Change {
  readonly action: 'add' | 'change' | 'remove';
  readonly what: string;
  /** `name=value`, `name: old → new`; secrets masked. */
  readonly details: readonly string[];
}

/** A change of a CIB while it is being worked out. */
export interface Draft {
  readonly configuration: TreeElement;
  readonly owned: Owned;
  /** `adopt` changes what a stock set-up has; `apply` leaves everything alone that is not ours. */
  readonly mode: 'apply' | 'adopt';
  /** Also take parameters from nova-compute-checkevacuate that restart nova-compute on every compute. */
  readonly restartComputes: boolean;
  readonly changes: Change[];
  /** What is there, is not ours, and stays as it is. */
  readonly kept: string[];
  /** What is there, is not ours, and stands in the way. */
  readonly conflicts: string[];
  /** Ids that are ours and still wanted. */
  readonly wanted: Set<string>;
  /** Our name of a clone → the one that the cluster has. */
  readonly cloneIds: Map<string, string>;
}
