import { INCIDENT_ATTRIBUTE } from '../../core/records.ts';
import { type Instance, nodeOfHost } from '../../world/model.ts';
import { type CheckerKind, evacuatedBy, newGroupReaders } from './checker.ts';

/** What has changed within this time may not have been seen by whoever asks, ms. */
const UNSEEN_MS = 30_000;

/**
 * Who belongs to a server group with the policy affinity of which nobody is on another host that lives is not asked for: Nova
 * would find no valid host, and leave it in ERROR. As long as the groups are not known nobody can tell.
 */
export const affinity: CheckerKind = {
  name: 'nobody is asked for in vain whose group is on the dead host',
  invariants: [17],
  make(scene) {
    const { world } = scene;
    const now = (): number => world.agenda.now;
    const readers = newGroupReaders();
    /** Server → since when it is where it is. */
    const since = new Map<string, number>();
    /** Node → since when it has an incident. */
    const failed = new Map<string, number>();
    const mayBeJoined = ({ id, host }: Instance, source: string): boolean => {
      // One that has just been deleted, too.
      if (now() - (since.get(id) ?? Number.NEGATIVE_INFINITY) < UNSEEN_MS) return true;
      if (host === null) return false;
      return host !== source && now() - (failed.get(nodeOfHost(world, host)) ?? now()) < UNSEEN_MS;
    };
    return {
      fact(fact) {
        if (fact.kind === 'instance') since.set(fact.server, now());
        if (fact.kind !== 'attribute' || fact.name !== INCIDENT_ATTRIBUTE) return;
        if (fact.value === null) failed.delete(fact.node);
        else if (!failed.has(fact.node)) failed.set(fact.node, now());
      },
      answered: readers.answered,
      sending(process, sending) {
        const instance = evacuatedBy(world, sending);
        const { id, host: source, spec } = instance ?? {};
        const group = world.spec.nova.groups.find((each) => each.id === spec?.group);
        if (instance === null || group?.policy !== 'affinity' || typeof source !== 'string') return;
        if (!readers.has(`evacuator:${process.id}`)) return;
        const others = [...world.nova.instances.values()].filter(
          (each) => each.spec.group === group.id && each.id !== id,
        );
        if (others.some((each) => mayBeJoined(each, source))) return;
        scene.violate(
          `${instance.name} is asked for, and its server group ${group.name} has nobody on another host that lives`,
        );
      },
    };
  },
};
