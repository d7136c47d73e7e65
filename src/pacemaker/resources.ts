import { parseTimeMs } from '../core/duration.ts';
import { elementsOf, firstOf, type TreeElement, walkTree } from './cib-tree.ts';

/** An operation as it is configured. */
export interface ConfiguredOperation {
  readonly name: string;
  readonly intervalMs: number;
  /** null: Pacemaker's default counts. */
  readonly timeoutMs: number | null;
}

/** A primitive as it is configured. */
export interface ConfiguredResource {
  readonly id: string;
  /** Such as `ocf:openstack:NovaEvacuate`. */
  readonly agent: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly meta: ReadonlyMap<string, string>;
  readonly operations: readonly ConfiguredOperation[];
  /** Id of the clone that it stands in. */
  readonly clone: string | null;
}

/** A location constraint with one rule of one expression, which is all that instance HA uses. */
export interface RuleLocation {
  readonly resource: string;
  readonly score: string;
  readonly attribute: string;
  readonly operation: string;
  readonly value: string | null;
}

/** Every primitive of a CIB. */
export function configuredResources(cib: TreeElement): readonly ConfiguredResource[] {
  const resources = firstOf(firstOf(cib, 'configuration') ?? cib, 'resources');
  if (resources === null) return [];
  return [...walkTree(resources)]
    .filter(({ node }) => node.name === 'primitive')
    .map(({ node, parent }) => resourceOf(node, parent));
}

function resourceOf(node: TreeElement, parent: TreeElement): ConfiguredResource {
  const { id, class: standard, provider, type } = node.attributes;
  const operations = elementsOf(node, 'operations').flatMap((list) => elementsOf(list, 'op'));
  return {
    id: id ?? '',
    agent: [standard, provider, type].filter((part) => part !== undefined).join(':'),
    parameters: pairsIn(elementsOf(node, 'instance_attributes')),
    meta: pairsIn(elementsOf(node, 'meta_attributes')),
    operations: operations.map(({ attributes }) => ({
      name: attributes.name ?? '',
      intervalMs: parseTimeMs(attributes.interval ?? '0') ?? 0,
      timeoutMs: attributes.timeout === undefined ? null : parseTimeMs(attributes.timeout),
    })),
    clone: parent.name === 'clone' ? (parent.attributes.id ?? null) : null,
  };
}

/** The first of a name counts, as in Pacemaker. */
function pairsIn(sets: readonly TreeElement[]): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const { attributes } of sets.flatMap((set) => elementsOf(set, 'nvpair'))) {
    if (attributes.name !== undefined && !pairs.has(attributes.name))
      pairs.set(attributes.name, attributes.value ?? '');
  }
  return pairs;
}

/** The location constraints that are rules. */
export function ruleLocations(cib: TreeElement): readonly RuleLocation[] {
  const constraints = firstOf(firstOf(cib, 'configuration') ?? cib, 'constraints');
  if (constraints === null) return [];
  return elementsOf(constraints, 'rsc_location').flatMap((location) =>
    elementsOf(location, 'rule').flatMap((rule) => {
      const [expression, another] = elementsOf(rule, 'expression');
      if (expression === undefined || another !== undefined) return [];
      return [
        {
          resource: location.attributes.rsc ?? '',
          score: rule.attributes.score ?? '',
          attribute: expression.attributes.attribute ?? '',
          operation: expression.attributes.operation ?? '',
          value: expression.attributes.value ?? null,
        },
      ];
    }),
  );
}
