import { type TreeElement, walkTree } from '../pacemaker/cib-tree.ts';
import { WATCHDOG_DEVICE } from '../pacemaker/watchdog.ts';

/** The devices of a `<fencing-level>`, in the order in which they are used. */
export function levelDevices({ attributes }: TreeElement): string[] {
  return (attributes.devices ?? '')
    .split(',')
    .map((device) => device.trim())
    .filter((device) => device !== '');
}

/** A `<fencing-level>` as operators know it, whichever of its three targets it has. */
export function levelName({ attributes }: TreeElement): string {
  const target =
    attributes.target ??
    attributes['target-pattern'] ??
    `${attributes['target-attribute']}=${attributes['target-value']}`;
  return `fencing level ${attributes.index} of ${target}`;
}

/** Whether a level may name this device: a resource of the cluster, or the one that Pacemaker has itself. */
export function isDevice(configuration: TreeElement, id: string): boolean {
  return id === WATCHDOG_DEVICE || primitiveOf(configuration, id) !== null;
}

/** The primitive of this id, wherever it stands in the configuration; null: there is none. */
export function primitiveOf(configuration: TreeElement, id: string): TreeElement | null {
  for (const { node } of walkTree(configuration)) {
    if (node.name === 'primitive' && node.attributes.id === id) return node;
  }
  return null;
}
