import { clonesOf } from '../cib.ts';
import { type Constraint, colocationId, constraintsOf, ruleId } from '../constraints.ts';
import type { World } from '../model.ts';
import { attributesOf, nodesOf, type Seen } from './status.ts';

type Colocation = Extract<Constraint, { kind: 'colocation' }>;

/** `crm_resource --constraints` (pacemaker lib/pacemaker/pcmk_output.c): on which nodes which score counts, and with whom it is. */
export function constraintText(world: World, seen: Seen, resource: string): string {
  const constraints = constraintsOf(world, clonesOf(world));
  const colocations = constraints.flatMap((each) => (each.kind === 'colocation' ? [each] : []));
  const places = (id: string): string[] => {
    const lines = placesOf(world, seen, constraints, id);
    return lines.length === 0 ? [] : ['Locations:', ...lines.map((line) => `  * ${line}`)];
  };
  const others = (title: string, found: readonly Colocation[], other: 'with' | 'resource'): string[] => [
    ...(found.length === 0 ? [] : [title]),
    ...found.flatMap((each) => [
      `  * ${each[other]} (score=INFINITY, id=${colocationId(each.resource, each.with)})`,
      ...places(each[other]).map((line, index) => `    ${index === 0 ? '* ' : ''}${line}`),
    ]),
  ];
  const lines = [
    ...places(resource),
    ...others(
      `Resources ${resource} is colocated with:`,
      colocations.filter((each) => each.resource === resource),
      'with',
    ),
    ...others(
      `Resources colocated with ${resource}:`,
      colocations.filter((each) => each.with === resource),
      'resource',
    ),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** The nodes that a rule is true for; of rules and nodes the last one first. */
function placesOf(world: World, seen: Seen, constraints: readonly Constraint[], resource: string): string[] {
  const nodes = [...nodesOf(world, '')].reverse();
  return [...constraints].reverse().flatMap((each) => {
    if (each.kind !== 'location' || each.resource !== resource) return [];
    const { id, attribute, value, score } = each;
    return nodes
      .filter(({ name }) => {
        const has = attributesOf(world, seen, name).get(attribute);
        return value === null ? has !== undefined : has === value;
      })
      .map(({ name }) => `Node ${name} (score=${score}, id=${ruleId(id)}, rsc=${resource})`);
  });
}
