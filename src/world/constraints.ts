import type { World } from './model.ts';

/** A constraint of the CIB; a location is a rule of one expression. */
export type Constraint =
  | {
      readonly kind: 'location';
      readonly id: string;
      readonly resource: string;
      readonly score: string;
      readonly attribute: string;
      /** null: it is enough that the attribute is defined. */
      readonly value: string | null;
    }
  | { readonly kind: 'order'; readonly first: string; readonly then: string }
  | { readonly kind: 'colocation'; readonly resource: string; readonly with: string };

/** nova-evacuate on the controllers, the chain on the computes that are not held, each of it after and with the one before. */
export function constraintsOf(world: World, chain: readonly string[]): readonly Constraint[] {
  const { holdRule } = world.spec.cluster;
  const on = (id: string, resource: string, role: string): Constraint => ({
    ...{ kind: 'location', id, resource, score: '0', attribute: 'osprole', value: role },
  });
  const off = (id: string, resource: string, attribute: string): Constraint => ({
    ...{ kind: 'location', id, resource, score: '-INFINITY', attribute, value: null },
  });
  return [
    on('nova-evacuate-on-controller', 'nova-evacuate', 'controller'),
    ...chain.flatMap((id) => [
      on(`${id}-on-compute`, id, 'compute'),
      ...(holdRule === null ? [] : [off(`${id}-no-incident`, id, holdRule)]),
    ]),
    ...chain.slice(1).flatMap((then, index): Constraint[] => {
      const first = chain[index] ?? '';
      return [
        { kind: 'order', first, then },
        { kind: 'colocation', resource: then, with: first },
      ];
    }),
  ];
}

export const ruleId = (location: string): string => `${location}-rule`;
export const colocationId = (resource: string, other: string): string => `${resource}-with-${other}`;

export function constraintXml(constraint: Constraint): string {
  switch (constraint.kind) {
    case 'location': {
      const { id, resource, score, attribute, value } = constraint;
      const operation = value === null ? 'operation="defined"' : `operation="eq" value="${value}"`;
      return `<rsc_location id="${id}" rsc="${resource}"><rule id="${ruleId(id)}" score="${score}"><expression id="${id}-expr" attribute="${attribute}" ${operation}/></rule></rsc_location>`;
    }
    case 'order': {
      const { first, then } = constraint;
      return `<rsc_order id="${first}-then-${then}" first="${first}" then="${then}"/>`;
    }
    case 'colocation': {
      const { resource, with: other } = constraint;
      return `<rsc_colocation id="${colocationId(resource, other)}" rsc="${resource}" with-rsc="${other}" score="INFINITY"/>`;
    }
    default:
      return constraint satisfies never;
  }
}
