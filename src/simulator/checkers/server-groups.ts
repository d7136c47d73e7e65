import { type CheckerKind, isOurs, newGroupReaders, underWay } from './checker.ts';

/** Of a server group with a hard policy one member is in flight at a time; of any two, as long as the groups are not known. */
export const serverGroups: CheckerKind = {
  name: 'one of a server group at a time',
  invariants: [],
  make(scene) {
    const { world } = scene;
    const readers = newGroupReaders();
    return {
      answered: readers.answered,
      fact(fact) {
        if (fact.kind !== 'migration' || fact.status !== 'accepted' || !isOurs(fact.by)) return;
        const groupOf = (server: string): string | null => {
          const group = world.nova.instances.get(server)?.spec.group ?? null;
          if (!readers.has(fact.by)) return 'any';
          const spec = world.spec.nova.groups.find(({ id }) => id === group);
          return spec === undefined || spec.policy.startsWith('soft-') ? null : group;
        };
        const group = groupOf(fact.server);
        if (group === null) return;
        const other = underWay(world).find(
          ({ server, id }) => id !== fact.id && server !== fact.server && groupOf(server) === group,
        );
        if (other === undefined) return;
        const name = (id: string): string => world.nova.instances.get(id)?.name ?? id;
        scene.violate(
          `${name(fact.server)} is asked for while ${name(other.server)} of its server group is under way (evacuation ${other.id}, ${other.flight})`,
        );
      },
    };
  },
};
