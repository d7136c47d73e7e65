import {
  EVACUATION_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  parseEvacuation,
  parseIncident,
} from '../../core/records.ts';
import { hostOfNode } from '../../world/model.ts';
import { policyOf } from '../plan.ts';
import { type CheckerKind, isOurs } from './checker.ts';

/** A host that has failed too often stays disabled when it is back, until a person enables it. */
export const quarantine: CheckerKind = {
  name: 'a host in quarantine stays disabled',
  invariants: [14],
  make(scene) {
    const { quarantineIncidents, quarantineWindowMs } = policyOf(scene.plan.policy).gates;
    /** Host → when the incidents of which an evacuation began were written, by the clock that wrote them. */
    const incidents = new Map<string, number[]>();
    const current = new Map<string, number>();
    const evacuating = new Set<string>();
    // Between clocks that jump nobody can say how many are within a time.
    const isTold = quarantineIncidents > 0 && scene.plan.faults.every((fault) => fault.do !== 'clock-jump');
    return {
      fact(fact) {
        if (!isTold) return;
        if (fact.kind === 'attribute' && fact.name === INCIDENT_ATTRIBUTE && fact.value !== null)
          current.set(fact.node, parseIncident(fact.value)?.at ?? 0);
        if (fact.kind === 'attribute' && fact.name === EVACUATION_ATTRIBUTE) {
          const isUnderWay = fact.value !== null && parseEvacuation(fact.value)?.phase === 'evacuating';
          const host = hostOfNode(scene.world, fact.node);
          if (isUnderWay && !evacuating.has(fact.node))
            incidents.set(host, [...(incidents.get(host) ?? []), current.get(fact.node) ?? 0]);
          if (isUnderWay) evacuating.add(fact.node);
          else evacuating.delete(fact.node);
        }
        if (fact.kind !== 'service' || fact.what !== 'enabled' || !isOurs(fact.by)) return;
        const all = incidents.get(fact.host) ?? [];
        const last = all.at(-1) ?? 0;
        const count = all.filter((at) => at > last - quarantineWindowMs).length;
        if (count >= quarantineIncidents)
          scene.violate(`${fact.host} is enabled by us after ${count} incidents: it belongs into quarantine`);
      },
    };
  },
};
