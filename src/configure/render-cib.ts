import { element, type TreeElement } from '../pacemaker/cib-tree.ts';
import type { ColocationItem, LevelItem, LocationItem, Operation, OrderItem, ResourceItem } from './model.ts';

/**
 * Items as elements of a CIB. Sets have the ids that pcs and crm_attribute give them, so that those go on with the
 * same sets; what is ours inside them is told by a tag (owned.ts).
 */

/** A name with its value: of a property, a parameter, a meta attribute or a node attribute. The id has to be unique in the whole CIB. */
export function nvpair(id: string, name: string, value: string): TreeElement {
  return element('nvpair', { id, name, value });
}

/** The id of a parameter that we set; pcs would have `instance_attributes` in its middle. */
export const parameterId = (resource: string, name: string): string => `${resource}-ia-${name}`;
/** The id of a meta attribute that we set, of a resource or a clone; pcs would have `meta_attributes` in its middle. */
export const metaId = (resource: string, name: string): string => `${resource}-meta-${name}`;
/** The id of an operation: one for each name and interval, in seconds. */
export const operationId = (resource: string, operation: Operation): string =>
  `${resource}-op-${operation.name}-${operation.intervalS}s`;
/** The id that pcs gives to the set of a resource's parameters. */
export const parameterSetId = (resource: string): string => `${resource}-instance_attributes`;
/** The id that pcs gives to the set of meta attributes of a resource or a clone. */
export const metaSetId = (resource: string): string => `${resource}-meta_attributes`;

/** An `op`, its times with their unit: `10s`. */
export function operationElement(resource: string, operation: Operation): TreeElement {
  return element('op', {
    id: operationId(resource, operation),
    name: operation.name,
    interval: `${operation.intervalS}s`,
    timeout: `${operation.timeoutS}s`,
  });
}

/** A `primitive`, inside its `clone` where it has one. Without parameters, meta attributes or operations it has no set of them. */
export function resourceElement(item: ResourceItem): TreeElement {
  const { agent, id } = item;
  const primitive = element('primitive', {
    id,
    class: agent.class,
    ...(agent.provider === null ? {} : { provider: agent.provider }),
    type: agent.type,
  });
  const parameters = Object.entries(item.parameters);
  if (parameters.length > 0) {
    const pairs = parameters.map(([name, value]) => nvpair(parameterId(id, name), name, value));
    primitive.children.push(element('instance_attributes', { id: parameterSetId(id) }, pairs));
  }
  const meta = Object.entries(item.meta);
  if (meta.length > 0) primitive.children.push(metaElement(id, meta));
  const operations = item.operations.map((operation) => operationElement(id, operation));
  if (operations.length > 0) primitive.children.push(element('operations', {}, operations));
  if (item.clone === null) return primitive;
  const { clone } = item;
  return element('clone', { id: clone.id }, [metaElement(clone.id, Object.entries(clone.meta)), primitive]);
}

function metaElement(id: string, pairs: readonly (readonly [string, string])[]): TreeElement {
  return element(
    'meta_attributes',
    { id: metaSetId(id) },
    pairs.map(([name, value]) => nvpair(metaId(id, name), name, value)),
  );
}

/** A `rsc_location` with one rule of one expression; without a value the expression asks whether the attribute is defined. */
export function locationElement(item: LocationItem): TreeElement {
  const expression = element('expression', {
    id: `${item.id}-expr`,
    attribute: item.attribute,
    operation: item.operation,
    ...(item.value === null ? {} : { value: item.value }),
  });
  const rule = element('rule', { id: `${item.id}-rule`, score: item.score }, [expression]);
  return element(
    'rsc_location',
    {
      id: item.id,
      rsc: item.resource,
      ...(item.discovery === null ? {} : { 'resource-discovery': item.discovery }),
    },
    [rule],
  );
}

/** A `rsc_order`. It names no kind, which Pacemaker takes for Mandatory (lib/pacemaker/pcmk_sched_ordering.c get_ordering_type). */
export function orderElement(item: OrderItem): TreeElement {
  return element(
    'rsc_order',
    Object.fromEntries([
      ['id', item.id],
      ['first', item.before],
      ['then', item.after],
    ]),
  );
}

/** A `rsc_colocation` at INFINITY: the first runs nowhere but where the second does. */
export function colocationElement(item: ColocationItem): TreeElement {
  return element('rsc_colocation', {
    id: item.id,
    rsc: item.resource,
    'with-rsc': item.with,
    score: 'INFINITY',
  });
}

/** A `fencing-level`: its devices are gone through in this order, and each has to succeed. */
export function levelElement(item: LevelItem): TreeElement {
  return element('fencing-level', {
    id: item.id,
    target: item.target,
    index: String(item.index),
    devices: item.devices.join(','),
  });
}
