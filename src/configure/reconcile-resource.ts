import { elementsOf, ensureFirst, removeChild, type TreeElement, walkTree } from '../pacemaker/cib-tree.ts';
import type { Draft } from './draft.ts';
import { agentName, describeItem, type Operation, RECORDER, type ResourceItem } from './model.ts';
import { ensureSection } from './owned.ts';
import {
  metaId,
  metaSetId,
  nvpair,
  operationElement,
  operationId,
  parameterId,
  parameterSetId,
  resourceElement,
} from './render-cib.ts';
import { hostList, sameValue, shownValue } from './values.ts';

/** Brings one resource to what is wanted: added, merged where it is ours, kept or adopted where it is not. */
export function reconcileResource(draft: Draft, item: ResourceItem): void {
  const resources = ensureSection(draft.configuration, 'resources', draft.owned);
  const found = findPrimitive(resources, item.id);
  if (found === null) {
    if (isIdTaken(draft.configuration, item.id)) {
      draft.conflicts.push(
        `the id ${item.id} belongs to something else, where ${describeItem(item)} is to be`,
      );
      return;
    }
    resources.children.push(resourceElement(item));
    own(draft, item);
    draft.changes.push({ action: 'add', what: describeItem(item), details: detailsOf(item) });
    return;
  }
  const { primitive, clone } = found;
  const isOurs =
    draft.owned.has(clone === null ? item.id : (clone.attributes.id ?? '')) || draft.owned.has(item.id);
  if ((clone === null) !== (item.clone === null)) {
    draft.conflicts.push(
      `${item.id} is ${clone === null ? 'no clone' : 'a clone'}, and has to be ${item.clone === null ? 'none' : 'one'}`,
    );
    return;
  }
  if (clone !== null && item.clone !== null) draft.cloneIds.set(item.clone.id, clone.attributes.id ?? '');
  if (isOurs) {
    own(draft, item);
    const details = [
      ...mergeAgent(primitive, item),
      ...merge(primitive, item),
      ...dropStale(primitive, item),
    ];
    if (details.length > 0) draft.changes.push({ action: 'change', what: describeItem(item), details });
    return;
  }
  reconcileForeign(draft, primitive, item);
}

function reconcileForeign(draft: Draft, primitive: TreeElement, item: ResourceItem): void {
  const there = agentOf(primitive);
  if (there !== agentName(item.agent)) {
    if (item.agent.class === 'systemd' && there.startsWith('systemd:')) {
      draft.kept.push(`${item.id} starts ${there} and not ${agentName(item.agent)}: kept`);
      return;
    }
    draft.conflicts.push(`${item.id} is ${there}, where ${agentName(item.agent)} is to be`);
    return;
  }
  const missing = item.id === RECORDER ? hostsMissing(primitive, item) : [];
  if (draft.mode === 'apply' && missing.length > 0) {
    draft.conflicts.push(
      `${item.id} is not ours and its pcmk_host_list lacks ${missing.join(', ')}: \`configure adopt\` adds them`,
    );
    return;
  }
  const limit =
    draft.mode === 'apply'
      ? 'nothing'
      : draft.restartComputes && item.adopt === 'operations'
        ? 'all'
        : item.adopt;
  const details = limit === 'nothing' ? [] : adoptInto(primitive, item, limit);
  if (details.length > 0) draft.changes.push({ action: 'change', what: describeItem(item), details });
  // What adopt would still change, told on a copy.
  const rest = adoptInto(structuredClone(primitive), item, 'all');
  draft.kept.push(
    rest.length === 0
      ? `${describeItem(item)}: there, not ours`
      : `${describeItem(item)}: there, not ours, kept though it differs (${rest.join('; ')})`,
  );
}

function adoptInto(primitive: TreeElement, item: ResourceItem, limit: 'all' | 'operations'): string[] {
  if (limit === 'operations') return mergeOperations(primitive, item);
  return [...merge(primitive, item), ...dropUnwanted(primitive, item)];
}

/** The primitive of this id with the clone it stands in. */
function findPrimitive(
  resources: TreeElement,
  id: string,
): { readonly primitive: TreeElement; readonly clone: TreeElement | null } | null {
  for (const { node, parent } of walkTree(resources)) {
    if (node.name === 'primitive' && node.attributes.id === id)
      return { primitive: node, clone: parent.name === 'clone' ? parent : null };
  }
  return null;
}

/** A node and its remote resource share their id; what would clash is another resource or a constraint. */
function isIdTaken(configuration: TreeElement, id: string): boolean {
  const sections = ['resources', 'constraints', 'tags', 'fencing-topology'];
  return elementsOf(configuration)
    .filter(({ name }) => sections.includes(name))
    .some((section) =>
      [...walkTree(section)].some(({ node }) => node.attributes.id === id && node.name !== 'obj_ref'),
    );
}

function own(draft: Draft, item: ResourceItem): void {
  const id = item.clone?.id ?? item.id;
  draft.owned.add(id);
  draft.wanted.add(id);
}

function agentOf({ attributes }: TreeElement): string {
  return [attributes.class, attributes.provider, attributes.type]
    .filter((part) => part !== undefined)
    .join(':');
}

function hostsMissing(primitive: TreeElement, item: ResourceItem): string[] {
  const there = pairOf(primitive, 'instance_attributes', 'pcmk_host_list')?.attributes.value;
  if (there === undefined) return [];
  const names = new Set(hostList(there));
  return hostList(item.parameters.pcmk_host_list ?? '').filter((name) => !names.has(name));
}

function mergeAgent(primitive: TreeElement, item: ResourceItem): string[] {
  const [before, after] = [agentOf(primitive), agentName(item.agent)];
  if (before === after) return [];
  primitive.attributes.class = item.agent.class;
  primitive.attributes.type = item.agent.type;
  if (item.agent.provider === null) delete primitive.attributes.provider;
  else primitive.attributes.provider = item.agent.provider;
  return [`agent: ${before} → ${after}`];
}

/** Sets what is wanted; names that are not wanted stay. */
function merge(primitive: TreeElement, item: ResourceItem): string[] {
  const { id } = item;
  return [
    ...mergePairs(primitive, 'instance_attributes', parameterSetId(id), item.parameters, (name) =>
      parameterId(id, name),
    ),
    ...mergePairs(primitive, 'meta_attributes', metaSetId(id), item.meta, (name) => metaId(id, name)),
    ...mergeOperations(primitive, item),
  ];
}

function mergePairs(
  primitive: TreeElement,
  setName: string,
  setId: string,
  wanted: Readonly<Record<string, string>>,
  idOf: (name: string) => string,
): string[] {
  const details: string[] = [];
  for (const [name, value] of Object.entries(wanted)) {
    const pair = pairOf(primitive, setName, name);
    if (pair !== null && isMet(pair, value)) continue;
    if (pair === null) {
      const set = ensureFirst(primitive, setName);
      set.attributes.id ??= setId;
      set.children.push(nvpair(idOf(name), name, value));
      details.push(`${name}=${shownValue(name, value)}`);
      continue;
    }
    const before = pair.attributes.value ?? '';
    const after = isForeignHostList(pair) ? union(before, value) : value;
    pair.attributes.value = after;
    details.push(`${name}: ${shownValue(name, before)} → ${shownValue(name, after)}`);
  }
  return details;
}

function isMet(pair: TreeElement, wanted: string): boolean {
  const there = pair.attributes.value ?? '';
  if (!isForeignHostList(pair)) return sameValue(there, wanted);
  const names = new Set(hostList(there));
  return hostList(wanted).every((name) => names.has(name));
}

/** A list of hosts that is not ours may name more than we know. */
function isForeignHostList({ attributes }: TreeElement): boolean {
  return attributes.name === 'pcmk_host_list' && !attributes.id?.includes('-ia-');
}

function union(there: string, wanted: string): string {
  return [...new Set([...hostList(there), ...hostList(wanted)])].join(' ');
}

function pairOf(primitive: TreeElement, setName: string, name: string): TreeElement | null {
  const pairs = elementsOf(primitive, setName).flatMap((set) => elementsOf(set, 'nvpair'));
  return pairs.find(({ attributes }) => attributes.name === name) ?? null;
}

function mergeOperations(primitive: TreeElement, item: ResourceItem): string[] {
  const details: string[] = [];
  for (const operation of item.operations) {
    const operations = ensureFirst(primitive, 'operations');
    const there = operationOf(operations, item.id, operation);
    if (there === null) {
      operations.children.push(operationElement(item.id, operation));
      details.push(operationText(operation));
      continue;
    }
    for (const name of ['interval', 'timeout'] as const) {
      const value = `${name === 'interval' ? operation.intervalS : operation.timeoutS}s`;
      const before = there.attributes[name];
      if (before !== undefined && sameValue(before, value)) continue;
      there.attributes[name] = value;
      details.push(`op ${operation.name} ${name}: ${before ?? '(none)'} → ${value}`);
    }
  }
  return details;
}

/** Ours by its id, else the one of its name: the names that we set stand once in a resource. */
function operationOf(operations: TreeElement, resource: string, operation: Operation): TreeElement | null {
  const all = elementsOf(operations, 'op');
  return (
    all.find(({ attributes }) => attributes.id === operationId(resource, operation)) ??
    all.find(({ attributes }) => attributes.name === operation.name && attributes.role === undefined) ??
    null
  );
}

/** Takes away what an earlier input of ours had set. An operator's own settings have other ids. */
function dropStale(primitive: TreeElement, item: ResourceItem): string[] {
  const stale = (setName: string, prefix: string, wanted: Readonly<Record<string, string>>): string[] =>
    dropPairs(
      primitive,
      setName,
      ({ attributes }) =>
        (attributes.id ?? '').startsWith(prefix) && !Object.hasOwn(wanted, attributes.name ?? ''),
    );
  return [
    ...stale('instance_attributes', parameterId(item.id, ''), item.parameters),
    ...stale('meta_attributes', metaId(item.id, ''), item.meta),
  ];
}

function dropUnwanted(primitive: TreeElement, item: ResourceItem): string[] {
  return dropPairs(primitive, 'instance_attributes', ({ attributes }) =>
    item.unwanted.includes(attributes.name ?? ''),
  );
}

function dropPairs(
  primitive: TreeElement,
  setName: string,
  isStale: (pair: TreeElement) => boolean,
): string[] {
  const details: string[] = [];
  for (const set of elementsOf(primitive, setName)) {
    const stale = elementsOf(set, 'nvpair').filter(isStale);
    for (const pair of stale) {
      removeChild(set, pair);
      details.push(`${pair.attributes.name} taken away`);
    }
    if (stale.length > 0 && set.children.length === 0) removeChild(primitive, set);
  }
  return details;
}

function operationText(operation: Operation): string {
  const interval = operation.intervalS === 0 ? '' : ` interval=${operation.intervalS}s`;
  return `op ${operation.name}${interval} timeout=${operation.timeoutS}s`;
}

function detailsOf(item: ResourceItem): string[] {
  return [
    ...Object.entries(item.parameters).map(([name, value]) => `${name}=${shownValue(name, value)}`),
    ...item.operations.map(operationText),
    ...Object.entries(item.meta).map(([name, value]) => `meta ${name}=${value}`),
  ];
}
