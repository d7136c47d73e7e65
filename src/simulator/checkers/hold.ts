import { HOLD_ATTRIBUTE, INCIDENT_ATTRIBUTE, RELEASE_ATTRIBUTE } from '../../core/records.ts';
import { hostOfNode, nodeOfHost, type World } from '../../world/model.ts';
import { type CheckerKind, EFFECT_MS, isByHandSince, isOurs } from './checker.ts';

/** An answer is written so long after the cluster was read, where the boot that asks is gone in that moment. */
const RACE_MS = 1_500;

/**
 * An evacuation that nothing of the host's may disturb: of an instance that is on it. The record may be an older one, of a
 * host that it was on before: Nova works on the oldest that was accepted (world/nova.ts acceptedRecord). Not one that Nova calls `completed` while its message is under way:
 * its host's nova-compute has started before, which is a violation then, unless an operator had let it go. A further start
 * passes such a record by (nova/compute/manager.py _destroy_evacuated_instances), the message that is taken up later finds an
 * instance that is not being rebuilt any more, and the host is where its instance in ERROR comes up again. Nor one that an
 * operator has begun by hand when nobody could see it any more before the host was let go (`lookedAt`).
 */
function inFlight(world: World, host: string, lookedAt: number): string | null {
  const live = world.nova.migrations.find(
    (migration) =>
      world.nova.instances.get(migration.server)?.host === host &&
      migration.flight !== 'over' &&
      !migration.deleted &&
      migration.status !== 'completed' &&
      !isByHandSince(world, migration, lookedAt - EFFECT_MS),
  );
  return live === undefined ? null : `evacuation ${live.id} (${live.status}, ${live.flight})`;
}

/** nova-compute does not start, and its hold is not released, before every evacuation from its host is over. */
export const hold: CheckerKind = {
  name: 'the hold is never released early',
  invariants: [3],
  make(scene) {
    const incidentSince = new Map<string, number>();
    /** Node → when its incident was taken away last. */
    const letGoAt = new Map<string, number>();
    return {
      fact(fact) {
        if (fact.kind === 'attribute' && fact.name === INCIDENT_ATTRIBUTE) {
          const { now } = scene.world.agenda;
          const live = inFlight(scene.world, hostOfNode(scene.world, fact.node), now);
          if (fact.value === null) letGoAt.set(fact.node, now);
          if (fact.value === null && isOurs(fact.by) && live !== null)
            scene.violate(`${fact.node} is released while ${live} is still under way`);
          if (fact.value === null) incidentSince.delete(fact.node);
          else incidentSince.set(fact.node, scene.world.agenda.now);
        }
        if (
          fact.kind === 'attribute' &&
          fact.name === RELEASE_ATTRIBUTE &&
          fact.value?.startsWith('released ')
        ) {
          const since = incidentSince.get(fact.node);
          // nova-compute-wait takes an answer to its own boot alone: one to a boot that is gone lets nobody go.
          const token = scene.world.cluster.transient.get(HOLD_ATTRIBUTE)?.get(fact.node);
          if (fact.value !== `released ${token}`) return;
          if (since !== undefined && scene.world.agenda.now - since > RACE_MS)
            scene.violate(`${fact.node} is answered "released" though its incident stands`);
        }
        if (fact.kind !== 'nova-compute' || fact.state !== 'starting') return;
        const node = nodeOfHost(scene.world, fact.host);
        if (scene.touched(node)) return;
        const live = inFlight(scene.world, fact.host, letGoAt.get(node) ?? scene.world.agenda.now);
        if (live !== null)
          scene.violate(`nova-compute starts on ${fact.host} while ${live} is still under way`);
      },
    };
  },
};
