import { element, elementsOf, type TreeElement, walkTree } from '../pacemaker/cib-tree.ts';
import type { Draft } from './draft.ts';
import { isDevice, levelDevices } from './levels.ts';
import {
  type ColocationItem,
  describeItem,
  type LevelItem,
  type LocationItem,
  type NodeAttributeItem,
  type OrderItem,
  type PropertyItem,
} from './model.ts';
import { ensureSection } from './owned.ts';
import { colocationElement, levelElement, locationElement, nvpair, orderElement } from './render-cib.ts';
import { sameValue } from './values.ts';

const FIRST_PROPERTIES = 'cib-bootstrap-options';

/**
 * Brings a cluster property to its value, where it stands already, else in the first set; a default is not written out. With another
 * value that is not ours, `adopt` changes a needed one, which is a conflict to `apply`; any other is kept.
 */
export function reconcileProperty(draft: Draft, item: PropertyItem): void {
  const config = ensureSection(draft.configuration, 'crm_config', draft.owned);
  const sets = elementsOf(config, 'cluster_property_set');
  // That set goes before all others, whatever the order (lib/pengine/rules.c).
  const first = sets.find(({ attributes }) => attributes.id === FIRST_PROPERTIES);
  const pairs = [...(first === undefined ? [] : [first]), ...sets].flatMap((set) =>
    elementsOf(set, 'nvpair'),
  );
  const there = pairs.find(({ attributes }) => attributes.name === item.name);
  if (there === undefined) {
    if (item.default === item.value) return;
    const set =
      first ?? sets[0] ?? addOwned(draft, config, element('cluster_property_set', { id: FIRST_PROPERTIES }));
    const setId = set.attributes.id ?? FIRST_PROPERTIES;
    keep(draft, setId);
    addOwned(draft, set, nvpair(`${setId}-${item.name}`, item.name, item.value));
    add(draft, describeItem(item));
    return;
  }
  const value = there.attributes.value ?? '';
  const isOurs = keep(draft, there.attributes.id);
  if (isOurs) keepParent(draft, sets, there);
  if (sameValue(value, item.value)) return;
  const must = isOurs || (draft.mode === 'adopt' && item.weight === 'needed');
  if (must) {
    there.attributes.value = item.value;
    change(draft, describeItem(item), [`${value} → ${item.value}`]);
  } else if (item.weight === 'needed') {
    draft.conflicts.push(
      `property ${item.name} is ${value}, and has to be ${item.value}: \`configure adopt\` sets it, once the power devices work`,
    );
  } else {
    draft.kept.push(`property ${item.name}=${value}: not ours, kept (the formula gives ${item.value})`);
  }
}

function keepParent(draft: Draft, sets: readonly TreeElement[], child: TreeElement): void {
  keep(draft, sets.find((set) => set.children.includes(child))?.attributes.id);
}

/**
 * Brings a permanent node attribute to its value. A remote node without an entry gets one; a cluster node without one is a conflict, and
 * so is, to `apply`, another value that is not ours.
 */
export function reconcileNodeAttribute(draft: Draft, item: NodeAttributeItem): void {
  const nodes = ensureSection(draft.configuration, 'nodes', draft.owned);
  let node = elementsOf(nodes, 'node').find(({ attributes }) => attributes.uname === item.node);
  if (node === undefined) {
    if (item.nodeKind === 'cluster') {
      draft.conflicts.push(
        `the cluster has no node ${item.node}: names have to be those of crm_node -l (the input's controllers)`,
      );
      return;
    }
    // A remote node has no entry before it has joined or got an attribute; crm_attribute makes the same one.
    node = element('node', { id: item.node, uname: item.node, type: 'remote' });
    nodes.children.push(node);
    draft.owned.addNode(item.node);
  }
  const sets = elementsOf(node, 'instance_attributes');
  const there = sets
    .flatMap((set) => elementsOf(set, 'nvpair'))
    .find(({ attributes }) => attributes.name === item.name);
  if (there !== undefined) {
    const isOurs = keep(draft, there.attributes.id);
    if (isOurs) keepParent(draft, sets, there);
    const value = there.attributes.value ?? '';
    if (value === item.value) {
      if (!isOurs) draft.kept.push(`${describeItem(item)}: there, not ours`);
    } else if (isOurs || draft.mode === 'adopt') {
      there.attributes.value = item.value;
      change(draft, describeItem(item), [`${value} → ${item.value}`]);
    } else {
      draft.conflicts.push(
        `node ${item.node} has ${item.name}=${value}, and the input makes it a ${item.value}: \`configure adopt\` changes it`,
      );
    }
    return;
  }
  const setId = `nodes-${node.attributes.id}`;
  const set = sets[0] ?? addOwned(draft, node, element('instance_attributes', { id: setId }));
  keep(draft, set.attributes.id);
  addOwned(draft, set, nvpair(`${set.attributes.id}-${item.name}`, item.name, item.value));
  add(draft, describeItem(item));
}

/**
 * Sees to it that a constraint is there, in whatever words: one that is not ours and says the same is kept, ours that says something
 * else is replaced as a whole. That its id belongs to something else is a conflict. Comes after the resources, which tell what their
 * clones are called here.
 */
export function reconcileConstraint(draft: Draft, asked: LocationItem | OrderItem | ColocationItem): void {
  const item = withClones(draft, asked);
  const wanted = constraintElement(item);
  const constraints = ensureSection(draft.configuration, 'constraints', draft.owned);
  const all = elementsOf(constraints);
  const ours = all.find(({ attributes }) => attributes.id === item.id);
  if (ours !== undefined && draft.owned.has(item.id)) {
    keep(draft, item.id);
    if (says(ours, item)) return;
    constraints.children.splice(constraints.children.indexOf(ours), 1, wanted);
    change(draft, describeItem(item), []);
    return;
  }
  if (all.some((there) => says(there, item))) {
    draft.kept.push(`${describeItem(item)}: there, not ours`);
    return;
  }
  if (isTaken(draft, item.id)) {
    draft.conflicts.push(
      `the id ${item.id} belongs to something else, where this is to be: ${describeItem(item)}`,
    );
    return;
  }
  addOwned(draft, constraints, wanted);
  add(draft, describeItem(item));
}

function constraintElement(item: LocationItem | OrderItem | ColocationItem): TreeElement {
  switch (item.kind) {
    case 'location':
      return locationElement(item);
    case 'order':
      return orderElement(item);
    case 'colocation':
      return colocationElement(item);
    default:
      return item satisfies never;
  }
}

/** A set-up that is there may have given its clones other names than pcs does. */
function withClones<T extends LocationItem | OrderItem | ColocationItem>(draft: Draft, item: T): T {
  const real = (id: string): string => draft.cloneIds.get(id) ?? id;
  switch (item.kind) {
    case 'location':
      return { ...item, resource: real(item.resource) };
    case 'order':
      return { ...item, before: real(item.before), after: real(item.after) };
    case 'colocation':
      return { ...item, resource: real(item.resource), with: real(item.with) };
    default:
      return item satisfies never;
  }
}

/** Whether a constraint that is there says what is wanted, in whatever words. */
function says(there: TreeElement, item: LocationItem | OrderItem | ColocationItem): boolean {
  const { attributes } = there;
  switch (item.kind) {
    case 'location':
      return there.name === 'rsc_location' && attributes.rsc === item.resource && ruleSays(there, item);
    case 'order':
      return (
        there.name === 'rsc_order' &&
        attributes.first === item.before &&
        attributes.then === item.after &&
        !['Optional', 'Serialize'].includes(attributes.kind ?? '') &&
        attributes.score !== '0'
      );
    case 'colocation':
      return (
        there.name === 'rsc_colocation' &&
        attributes.rsc === item.resource &&
        attributes['with-rsc'] === item.with &&
        (attributes.score === 'INFINITY' || attributes.score === '+INFINITY')
      );
    default:
      return item satisfies never;
  }
}

function ruleSays(there: TreeElement, item: LocationItem): boolean {
  const [rule, another] = elementsOf(there, 'rule');
  if (rule === undefined || another !== undefined) return false;
  const [expression, more] = elementsOf(rule, 'expression');
  if (expression === undefined || more !== undefined) return false;
  const { attribute, operation, value } = expression.attributes;
  if (attribute !== item.attribute) return false;
  const score = rule.attributes.score ?? '';
  // "Never where it is not" says the same as "only where it is".
  if (item.operation === 'eq' && operation === 'ne' && value === item.value && score === '-INFINITY')
    return true;
  if (operation !== item.operation || (value ?? null) !== item.value) return false;
  const isExclusive = there.attributes['resource-discovery'] === 'exclusive';
  return item.discovery === 'exclusive' ? isExclusive : score === item.score;
}

/**
 * Brings a fencing level, known by its target and index, to its devices in their order. A device that is not there, or goes, is a
 * conflict, and so is, to `apply`, a level that is not ours and has other devices.
 */
export function reconcileLevel(draft: Draft, item: LevelItem): void {
  draft.conflicts.push(...missingDevices(draft, item));
  const topology = ensureSection(draft.configuration, 'fencing-topology', draft.owned);
  const levels = elementsOf(topology, 'fencing-level');
  const there = levels.find(
    ({ attributes }) => attributes.target === item.target && attributes.index === String(item.index),
  );
  if (there === undefined) {
    if (isTaken(draft, item.id) && !draft.owned.has(item.id)) {
      draft.conflicts.push(
        `the id ${item.id} belongs to something else, where this is to be: ${describeItem(item)}`,
      );
      return;
    }
    const stale = levels.find(({ attributes }) => attributes.id === item.id);
    if (stale !== undefined) topology.children.splice(topology.children.indexOf(stale), 1);
    addOwned(draft, topology, levelElement(item));
    add(draft, describeItem(item));
    return;
  }
  const isOurs = keep(draft, there.attributes.id);
  const before = levelDevices(there);
  const devices = item.devices.join(',');
  if (before.join(',') === devices) {
    if (!isOurs) draft.kept.push(`${describeItem(item)}: there, not ours`);
  } else if (isOurs || draft.mode === 'adopt') {
    there.attributes.devices = devices;
    change(draft, describeItem(item), [`${before.join(', ')} → ${item.devices.join(', ')}`]);
  } else {
    draft.conflicts.push(
      `fencing level ${item.index} of ${item.target} is ${before.join(', ')}, and has to be ${item.devices.join(', ')}: \`configure adopt\` changes it`,
    );
  }
}

/** With a device that is not there, or goes, a level can never be gone through. The devices stand before the levels in an input's items. */
function missingDevices(draft: Draft, item: LevelItem): string[] {
  const name = `fencing level ${item.index} of ${item.target}`;
  return item.devices.flatMap((id) => {
    if (!isDevice(draft.configuration, id))
      return [
        `${name} is to have the device ${id}, which the cluster has not (pcs stonith config): name one that is there under \`fencing.devices\`, or describe it`,
      ];
    if (draft.owned.has(id) && !draft.wanted.has(id))
      return [
        `${name} is to have the device ${id}, which is ours and goes, since the input does not describe it any more: describe it under \`fencing\` instead of naming it under \`fencing.devices\``,
      ];
    return [];
  });
}

function isTaken(draft: Draft, id: string): boolean {
  return [...walkTree(draft.configuration)].some(
    ({ node }) => node.attributes.id === id && node.name !== 'obj_ref' && node.name !== 'node',
  );
}

/** Notes that an id of ours is still wanted; whether it is ours. */
function keep(draft: Draft, id: string | undefined): boolean {
  if (id === undefined || !draft.owned.has(id)) return false;
  draft.wanted.add(id);
  return true;
}

function addOwned(draft: Draft, parent: TreeElement, child: TreeElement): TreeElement {
  parent.children.push(child);
  const id = child.attributes.id ?? '';
  draft.owned.add(id);
  draft.wanted.add(id);
  return child;
}

function add(draft: Draft, what: string): void {
  draft.changes.push({ action: 'add', what, details: [] });
}

function change(draft: Draft, what: string, details: readonly string[]): void {
  draft.changes.push({ action: 'change', what, details });
}
