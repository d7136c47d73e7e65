import { elementsOf, removeChild, type TreeElement, walkTree } from '../pacemaker/cib-tree.ts';
import { whyNoPower } from '../pacemaker/power-agents.ts';
import type { Change, Draft } from './draft.ts';
import { isDevice, levelDevices, levelName, primitiveOf } from './levels.ts';

/** What the agents and the operator's commands write at run time begins so: it goes with what is ours. */
const RUNTIME_PREFIX = 'instance-ha-';

/** Sets of attributes: they go only when nothing of anybody is left in them. */
const CONTAINERS = ['instance_attributes', 'cluster_property_set'];

/** Takes away whatever is ours and not wanted any more; with nothing wanted that is an undo. */
export function removeUnwanted(draft: Draft): void {
  const doomed = new Set(
    draft.owned.ids().filter((id) => !id.startsWith('instance-ha.') && !draft.wanted.has(id)),
  );
  const devices = new Set<string>();
  for (const { node, parent } of [...walkTree(draft.configuration)]) {
    const id = node.attributes.id;
    if (id === undefined || !doomed.has(id) || isOnlyNamed(node) || CONTAINERS.includes(node.name)) continue;
    if (!removeChild(parent, node)) continue;
    draft.changes.push(removal(node, parent));
    if (node.name === 'primitive' && node.attributes.class === 'stonith') devices.add(id);
  }
  takeOutOfLevels(draft, devices);
  for (const id of doomed) draft.owned.drop(id);
  if (draft.wanted.size === 0 && doomed.size > 0) removeRuntime(draft.configuration);
  removeNodes(draft);
  removeEmptySets(draft, doomed);
}

/**
 * A level that is not ours may name a device of ours since `adopt`. With the device gone it could never be gone
 * through, and its node not be fenced any more. Without a power device it would say of a node that runs that it is off.
 */
function takeOutOfLevels(draft: Draft, removed: ReadonlySet<string>): void {
  for (const { node: level } of [...walkTree(draft.configuration)]) {
    if (level.name !== 'fencing-level') continue;
    const before = levelDevices(level);
    const rest = before.filter((id) => !removed.has(id));
    if (rest.length === before.length) continue;
    if (!rest.some((id) => isPowerDevice(draft.configuration, id))) {
      draft.conflicts.push(
        `${levelName(level)} (${before.join(', ')}) is not ours and would have no power device left: give it another one (pcs stonith level add), or take it away (pcs stonith level remove)`,
      );
      continue;
    }
    level.attributes.devices = rest.join(',');
    draft.changes.push({
      action: 'change',
      what: `${levelName(level)}: ${rest.join(', ')}`,
      details: [`${before.join(', ')} → ${rest.join(', ')}`],
    });
  }
}

function isPowerDevice(configuration: TreeElement, id: string): boolean {
  const agent = primitiveOf(configuration, id)?.attributes.type;
  return isDevice(configuration, id) && (agent === undefined || whyNoPower(agent) === null);
}

/** Elements that carry the same id as a resource, or only name one. */
function isOnlyNamed(node: TreeElement): boolean {
  return node.name === 'node' || node.name === 'obj_ref';
}

function removal(node: TreeElement, parent: TreeElement): Change {
  const { attributes } = node;
  const words: Readonly<Record<string, string>> = {
    primitive: `resource ${attributes.id}`,
    clone: `resource ${attributes.id}`,
    nvpair: `${parent.name === 'cluster_property_set' ? 'property' : `attribute (${parent.attributes.id})`} ${attributes.name}=${attributes.value}`,
    'fencing-level': `${levelName(node)}: ${attributes.devices}`,
  };
  return { action: 'remove', what: words[node.name] ?? `constraint ${attributes.id}`, details: [] };
}

/** The entries of remote nodes that we made: with the role gone nothing but what the agents wrote may be left in them. */
function removeNodes(draft: Draft): void {
  for (const section of elementsOf(draft.configuration, 'nodes')) {
    for (const node of elementsOf(section, 'node')) {
      const name = node.attributes.uname ?? '';
      if (!draft.owned.hasNode(name) || hasOwned(draft, node)) continue;
      removeRuntime(node);
      const isEmpty = elementsOf(node).every((set) => set.children.length === 0);
      if (!isEmpty) continue;
      for (const set of elementsOf(node)) draft.owned.drop(set.attributes.id ?? '');
      removeChild(section, node);
      draft.owned.dropNode(name);
    }
  }
}

/** Also the sets that crm_attribute made for them alone. */
function removeRuntime(below: TreeElement): void {
  for (const { node: set, parent } of [...walkTree(below)]) {
    if (!CONTAINERS.includes(set.name)) continue;
    const pairs = elementsOf(set).filter(({ attributes }) => attributes.name?.startsWith(RUNTIME_PREFIX));
    for (const pair of pairs) removeChild(set, pair);
    if (pairs.length > 0 && set.children.length === 0) removeChild(parent, set);
  }
}

function hasOwned(draft: Draft, node: TreeElement): boolean {
  return [...walkTree(node)].some(
    ({ node: inner }) => inner.name === 'nvpair' && draft.owned.has(inner.attributes.id ?? ''),
  );
}

function removeEmptySets(draft: Draft, doomed: ReadonlySet<string>): void {
  for (const { node, parent } of [...walkTree(draft.configuration)]) {
    const id = node.attributes.id ?? '';
    if (!CONTAINERS.includes(node.name) || !doomed.has(id)) continue;
    if (node.children.length === 0) removeChild(parent, node);
  }
}
