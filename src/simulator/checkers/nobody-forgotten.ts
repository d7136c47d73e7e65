import type { InstanceVerdict } from '../../core/decision.ts';
import { EVACUATION_ATTRIBUTE, parseEvacuation } from '../../core/records.ts';
import { hostOfNode } from '../../world/model.ts';
import { type CheckerKind, isOurs } from './checker.ts';

/** An instance that comes to a host in the moment of its release can't have been in the last list, ms. */
const RACE_MS = 6_000;
const ENDS: ReadonlySet<string> = new Set(['moved', 'cannot', 'excluded', 'failed', 'gone']);

/** At the release each instance that is still on the host has been named with the reason why. */
export const nobodyForgotten: CheckerKind = {
  name: 'no instance is forgotten',
  invariants: [8],
  make(scene) {
    const came = new Map<string, number>();
    const released = new Set<string>();
    /**
     * Incident → what its last reports say of each instance, the newest first: a host that is fenced anew is reported under its new one
     * by then.
     */
    const reported = new Map<string, readonly (readonly InstanceVerdict[])[]>();
    return {
      report(_process, { verdicts }) {
        for (const { incident, instances } of verdicts)
          if (incident !== null)
            reported.set(incident, [instances, ...(reported.get(incident) ?? []).slice(0, 1)]);
      },
      fact(fact) {
        if (fact.kind === 'instance') {
          const key = `${fact.server}@${fact.host}`;
          if (!came.has(key)) came.set(key, scene.world.agenda.now);
        }
        if (fact.kind !== 'attribute' || fact.name !== EVACUATION_ATTRIBUTE || !isOurs(fact.by)) return;
        const record = fact.value === null ? null : parseEvacuation(fact.value);
        if (record?.phase !== 'returning' || scene.touched(fact.node)) return;
        if (released.has(record.incident)) return;
        released.add(record.incident);
        const host = hostOfNode(scene.world, fact.node);
        // The report of this decision comes after its commands; the one before may be some ms older. While that is being written
        // a policy may change, and where others of a group are: it was decided by what was known before.
        const reports = reported.get(record.incident) ?? [];
        const hasEnded = (outcome: string | undefined): boolean =>
          outcome !== undefined && ENDS.has(outcome) && outcome !== 'moved';
        for (const instance of scene.world.nova.instances.values()) {
          if (instance.deleted || instance.host !== host) continue;
          const since = came.get(`${instance.id}@${host}`) ?? Number.NEGATIVE_INFINITY;
          if (scene.world.agenda.now - since < RACE_MS) continue;
          const outcomes = reports.map(
            (instances) => instances.find(({ id }) => id === instance.id)?.outcome,
          );
          if (outcomes.some(hasEnded)) continue;
          const [outcome] = outcomes;
          scene.violate(
            `${host} is released, and ${instance.name} (${instance.vmState}) is left on it as ${outcome ?? 'nobody knows'}`,
          );
        }
      },
    };
  },
};
