import { nodeOfHost } from '../../world/model.ts';
import { type CheckerKind, isOurs } from './checker.ts';

/** Nothing is evacuated from a host whose power has not been off since its nova-compute last began. */
export const proof: CheckerKind = {
  name: 'no evacuation without proof that the power was off',
  invariants: [1, 2, 15],
  make(scene) {
    /** When the nova-compute of a host last began, the world's ms. */
    const begun = new Map<string, number>();
    return {
      fact(fact) {
        if (fact.kind === 'nova-compute' && fact.state === 'starting')
          begun.set(fact.host, scene.world.agenda.now);
        if (fact.kind !== 'migration' || fact.status !== 'accepted' || !isOurs(fact.by)) return;
        const node = nodeOfHost(scene.world, fact.source);
        const machine = scene.world.machines.get(node);
        if (machine === undefined || machine.poweredOffAt < (begun.get(fact.source) ?? 0)) {
          scene.violate(
            `${fact.source} is evacuated, but its power has not been off since its nova-compute began`,
          );
        }
      },
    };
  },
};
