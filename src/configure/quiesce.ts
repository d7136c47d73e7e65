import { elementsOf, ensureFirst, firstOf, type TreeElement } from '../pacemaker/cib-tree.ts';
import { readOwned } from './owned.ts';
import { metaId, metaSetId, nvpair } from './render-cib.ts';

export interface Quiesced {
  readonly cib: TreeElement;
  /** Resources that are to stop. */
  readonly ids: readonly string[];
}

const TARGET_ROLE = 'target-role';

/** What stops first, and what stops when that has stopped: while anything runs it may have to be fenced. */
export const STOP_ORDER = ['workload', 'fencing'] as const;

/**
 * Asks what is ours to stop. Taken away while it runs, and the last fencing device with it, it would run on for
 * ever: without any device Pacemaker leaves orphans unmanaged (measured with 2.1.5: "Unmanaged resource ... No fencing will be done until there are resources to manage"). The mark that is set is one
 * of ours, so `apply` takes it away again where an undo was left half done. Pure: the CIB given is not touched.
 */
export function quiesceOwned(cib: TreeElement, which: (typeof STOP_ORDER)[number]): Quiesced {
  const next = structuredClone(cib);
  const configuration = firstOf(next, 'configuration');
  const resources = configuration === null ? null : firstOf(configuration, 'resources');
  if (configuration === null || resources === null) return { cib, ids: [] };
  const owned = readOwned(configuration);
  const ids: string[] = [];
  for (const top of elementsOf(resources)) {
    if (!owned.has(top.attributes.id ?? '')) continue;
    for (const primitive of top.name === 'primitive' ? [top] : elementsOf(top, 'primitive')) {
      if ((primitive.attributes.class === 'stonith') !== (which === 'fencing')) continue;
      const id = primitive.attributes.id ?? '';
      ids.push(id);
      stop(primitive, id);
    }
  }
  return { cib: next, ids };
}

function stop(primitive: TreeElement, id: string): void {
  const there = elementsOf(primitive, 'meta_attributes')
    .flatMap((set) => elementsOf(set, 'nvpair'))
    .find(({ attributes }) => attributes.name === TARGET_ROLE);
  if (there !== undefined) {
    there.attributes.value = 'Stopped';
    return;
  }
  const set = ensureFirst(primitive, 'meta_attributes');
  set.attributes.id ??= metaSetId(id);
  set.children.push(nvpair(metaId(id, TARGET_ROLE), TARGET_ROLE, 'Stopped'));
}
