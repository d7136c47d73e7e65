import { INCIDENT_ATTRIBUTE, LOCAL_DISK_ATTRIBUTE } from '../../core/records.ts';
import { nodeOfHost } from '../../world/model.ts';
import { type CheckerKind, evacuatedBy, STEP_MS } from './checker.ts';

/** An answer that is changed in the moment of a request can't have been seen, ms. */
const RACE_MS = 25_000;

/** An instance whose disk would be lost is evacuated only where the policy, or a person asked in this incident, says so. */
export const localDisk: CheckerKind = {
  name: 'no disk is lost unasked',
  invariants: [17],
  make(scene) {
    const { world } = scene;
    /** `NODE evacuate INCIDENT` → when that was the answer last, the world's ms; infinite: it still is. */
    const answers = new Map<string, number>();
    /** Incidents that a node has or has had lately. */
    const incidents = new Map<string, readonly string[]>();
    const current = new Map<string, string>();
    return {
      fact(fact) {
        if (fact.kind !== 'attribute') return;
        if (fact.name === LOCAL_DISK_ATTRIBUTE) {
          const before = current.get(fact.node);
          if (before !== undefined) answers.set(before, world.agenda.now);
          if (fact.value === null) current.delete(fact.node);
          else current.set(fact.node, `${fact.node} ${fact.value}`);
          if (fact.value !== null) answers.set(`${fact.node} ${fact.value}`, Number.POSITIVE_INFINITY);
        }
        if (fact.name === INCIDENT_ATTRIBUTE && fact.value !== null) {
          const id = /(?:^|,)id=([^,]+)/.exec(fact.value)?.[1] ?? '';
          const last = incidents.get(fact.node)?.at(-1);
          incidents.set(fact.node, last === undefined ? [id] : [last, id]);
        }
      },
      sending(process, sending) {
        const instance = evacuatedBy(world, sending);
        if (instance === null || instance.host === null) return;
        const storages = scene.policies(STEP_MS).map(({ storage }) => storage);
        const isLost = storages.every((each) => !each.shared && each.localDisk !== 'evacuate');
        if (!isLost || instance.spec.storage === 'volume') return;
        if (storages.every(({ localDisk }) => localDisk === 'skip')) {
          scene.violate(`${instance.name} is asked for, whose local disk would be lost (skip)`);
          return;
        }
        const node = nodeOfHost(world, instance.host);
        // With a slow Nova a step takes long, and goes by what it read of the cluster when it began.
        const since = Math.min(world.agenda.now - RACE_MS, scene.sawClusterAt(process));
        const isAllowed = (incidents.get(node) ?? []).some(
          (id) => (answers.get(`${node} evacuate ${id}`) ?? Number.NEGATIVE_INFINITY) >= since,
        );
        if (!isAllowed)
          scene.violate(`${instance.name} is asked for, whose local disk would be lost, and nobody said so`);
      },
    };
  },
};
