import { type CheckerKind, isOurs } from './checker.ts';

/** At most one live evacuation of an instance: an answer that is missing, late or an error starts no second one. */
export const oneEvacuation: CheckerKind = {
  name: 'one live evacuation of an instance',
  invariants: [5, 6],
  make: (scene) => ({
    fact(fact) {
      if (fact.kind !== 'migration' || fact.status !== 'accepted' || !isOurs(fact.by)) return;
      const other = scene.world.nova.migrations.find(
        (each) => each.server === fact.server && each.id !== fact.id && each.flight !== 'over',
      );
      if (other === undefined) return;
      const name = scene.world.nova.instances.get(fact.server)?.name ?? fact.server;
      scene.violate(
        `evacuation ${fact.id} of ${name} was accepted while evacuation ${other.id} of it is ${other.status} (${other.flight}${other.sentTo === null ? '' : ` at ${other.sentTo}`})`,
      );
    },
  }),
};
