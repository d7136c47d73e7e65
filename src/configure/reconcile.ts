import { firstOf, type TreeElement } from '../pacemaker/cib-tree.ts';
import type { Change, Draft } from './draft.ts';
import type { ClusterInput } from './input.ts';
import { type Item, itemsOf } from './model.ts';
import { readOwned, writeOwned } from './owned.ts';
import { reconcileResource } from './reconcile-resource.ts';
import {
  reconcileConstraint,
  reconcileLevel,
  reconcileNodeAttribute,
  reconcileProperty,
} from './reconcile-rest.ts';
import { removeUnwanted } from './remove.ts';

export interface Reconciled {
  /** The CIB as it is to be; equal to the one before where `changes` is empty. */
  readonly cib: TreeElement;
  readonly changes: readonly Change[];
  readonly kept: readonly string[];
  /** With any of these nothing may be changed. */
  readonly conflicts: readonly string[];
}

export interface ReconcileOptions {
  readonly mode: 'apply' | 'adopt';
  readonly restartComputes?: boolean;
}

/** What has to change in a CIB so that it holds what an input asks for. Pure: the CIB given is not touched. */
export function reconcile(cib: TreeElement, input: ClusterInput, options: ReconcileOptions): Reconciled {
  return work(cib, options, (draft) => {
    for (const item of itemsOf(input)) reconcileItem(draft, item);
  });
}

/** What has to change so that nothing of ours is left. */
export function reconcileUndo(cib: TreeElement): Reconciled {
  return work(cib, { mode: 'apply' }, () => {});
}

function work(cib: TreeElement, options: ReconcileOptions, fill: (draft: Draft) => void): Reconciled {
  const next = structuredClone(cib);
  const configuration = firstOf(next, 'configuration');
  if (configuration === null) throw new Error('a CIB without a configuration');
  const draft: Draft = {
    configuration,
    owned: readOwned(configuration),
    mode: options.mode,
    restartComputes: options.restartComputes ?? false,
    changes: [],
    kept: [],
    conflicts: [],
    wanted: new Set(),
    cloneIds: new Map(),
  };
  fill(draft);
  removeUnwanted(draft);
  writeOwned(configuration, draft.owned);
  const { changes, kept, conflicts } = draft;
  // A CIB that only looks different (an empty section made on the way) is the one that was there.
  return { cib: changes.length === 0 ? cib : next, changes, kept, conflicts };
}

function reconcileItem(draft: Draft, item: Item): void {
  switch (item.kind) {
    case 'property':
      reconcileProperty(draft, item);
      return;
    case 'node-attribute':
      reconcileNodeAttribute(draft, item);
      return;
    case 'resource':
      reconcileResource(draft, item);
      return;
    case 'location':
    case 'order':
    case 'colocation':
      reconcileConstraint(draft, item);
      return;
    case 'level':
      reconcileLevel(draft, item);
      return;
    default:
      item satisfies never;
  }
}
