import { type Migration, novaNow } from '../../world/model.ts';
import { type CheckerKind, EFFECT_MS, evacuatedBy, isOurs } from './checker.ts';

/** A list takes so long at least, ms. */
const LIST_MS = 200;

/**
 * At most one live evacuation of an instance: an answer that is missing, late or an error starts no second one. What an
 * operator has begun by hand since we have looked last can't be known.
 */
export const oneEvacuation: CheckerKind = {
  name: 'one live evacuation of an instance',
  invariants: [5, 6],
  make(scene) {
    const { world } = scene;
    /** Process → when it has asked for the evacuations. */
    const lists = new Map<string, number[]>();
    /** Process and server → when it has asked to evacuate it last. */
    const sent = new Map<string, number>();
    /** Whether a process can know of an evacuation: it is one of ours, or it has looked since, or would have had to. */
    const canKnow = (by: string, { server, askedBy, createdAt }: Migration): boolean => {
      const { now } = world.agenda;
      const sentAt = sent.get(`${by} ${server}`) ?? now;
      const at = now - (novaNow(world) - createdAt);
      const hasLooked = lists.get(by)?.some((each) => each >= at && each <= sentAt - LIST_MS) ?? false;
      return isOurs(askedBy) || hasLooked || sentAt - at > EFFECT_MS;
    };
    return {
      sending({ id }, sending) {
        const by = `evacuator:${id}`;
        if (sending.call === 'GET os-migrations')
          lists.set(by, [...(lists.get(by) ?? []).slice(-KEPT), world.agenda.now]);
        const instance = evacuatedBy(world, sending);
        if (instance !== null) sent.set(`${by} ${instance.id}`, world.agenda.now);
      },
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

/** Lists of a process that are remembered. */
const KEPT = 50;
