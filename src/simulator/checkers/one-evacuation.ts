import { type Migration, novaNow } from '../../world/model.ts';
import { type CheckerKind, EFFECT_MS, evacuatedBy, isOurs, newLists } from './checker.ts';

/**
 * At most one live evacuation of an instance: an answer that is missing, late or an error starts no second one. What an
 * operator has begun by hand since we have looked last can't be known.
 */
export const oneEvacuation: CheckerKind = {
  name: 'one live evacuation of an instance',
  invariants: [5, 6],
  make(scene) {
    const { world } = scene;
    /** By the host from which they are; what is new stands on the first page. */
    const lists = newLists(world, ({ call, query }) =>
      call === 'GET os-migrations' && !query.has('marker') ? query.get('source_compute') : null,
    );
    /** Process and server → when it has asked to evacuate it last. */
    const sent = new Map<string, number>();
    /** Whether a process can know of an evacuation: it is one of ours, or it has looked since, or would have had to. */
    const canKnow = (by: string, { server, source, askedBy, createdAt }: Migration): boolean => {
      const { now } = world.agenda;
      const sentAt = sent.get(`${by} ${server}`) ?? now;
      const at = now - (novaNow(world) - createdAt);
      return isOurs(askedBy) || lists.hasSeen(by, source, at, sentAt) || sentAt - at > EFFECT_MS;
    };
    return {
      sending(process, sending) {
        lists.sending(process, sending);
        const instance = evacuatedBy(world, sending);
        if (instance !== null) sent.set(`evacuator:${process.id} ${instance.id}`, world.agenda.now);
      },
      answered: (_process, sending, status) => lists.answered(sending, status),
      fact(fact) {
        if (fact.kind !== 'migration' || fact.status !== 'accepted' || !isOurs(fact.by)) return;
        const other = world.nova.migrations.find(
          (each) => each.server === fact.server && each.id !== fact.id && each.flight !== 'over',
        );
        if (other === undefined || !canKnow(fact.by ?? '', other)) return;
        const name = world.nova.instances.get(fact.server)?.name ?? fact.server;
        scene.violate(
          `evacuation ${fact.id} of ${name} was accepted while evacuation ${other.id} of it is ${other.status} (${other.flight}${other.sentTo === null ? '' : ` at ${other.sentTo}`})`,
        );
      },
    };
  },
};
