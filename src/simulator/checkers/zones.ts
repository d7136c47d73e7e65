import { mayBeOn } from '../../world/nova.ts';
import { type CheckerKind, evacuatedBy } from './checker.ts';

/** An instance that was made for a zone is in it, and is asked for with no host of another: Nova would leave it in ERROR. */
export const zones: CheckerKind = {
  name: 'what was made for a zone stays in it',
  invariants: [17],
  make(scene) {
    const { world } = scene;
    return {
      fact(fact) {
        if (fact.kind !== 'instance' || fact.host === null) return;
        const instance = world.nova.instances.get(fact.server);
        if (instance !== undefined && !mayBeOn(world, instance, fact.host))
          scene.violate(`${instance.name} is on ${fact.host}, and was made for ${zoneOf(instance)}`);
      },
      sending(_process, sending) {
        const instance = evacuatedBy(world, sending);
        const { evacuate } = (sending.body ?? {}) as { readonly evacuate?: { readonly host?: unknown } };
        if (instance === null || typeof evacuate?.host !== 'string') return;
        if (!mayBeOn(world, instance, evacuate.host))
          scene.violate(`${instance.name} is sent to ${evacuate.host}, and was made for ${zoneOf(instance)}`);
      },
    };
  },
};

const zoneOf = ({ spec }: { readonly spec: { readonly availabilityZone?: string } }): string =>
  spec.availabilityZone ?? 'any zone';
