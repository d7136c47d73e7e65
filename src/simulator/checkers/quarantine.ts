import {
  EVACUATION_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  parseEvacuation,
  parseIncident,
} from '../../core/records.ts';
import { hostOfNode } from '../../world/model.ts';
import { policyOf } from '../plan.ts';
import { type CheckerKind, EFFECT_MS, isOurs, isReservedBy } from './checker.ts';

/** A host that has failed too often stays disabled when it is back, until a person enables it. */
export const quarantine: CheckerKind = {
  name: 'a host in quarantine stays disabled',
  invariants: [14],
  make(scene) {
    const { gates, destinations } = policyOf(scene.plan.policy);
    const { quarantineIncidents, quarantineWindowMs } = gates;
    /** Host → when the incidents of which an evacuation began were written, by the clock that wrote them. */
    const incidents = new Map<string, number[]>();
    const current = new Map<string, number>();
    const evacuating = new Set<string>();
    /** Host → when the last evacuation of it began. */
    const begun = new Map<string, number>();
    /** Host → when we last asked Nova to enable it. */
    const asked = new Map<string, number>();
    /**
     * Hosts that a request has enabled which was sent before their last evacuation began: it can't be taken back, and is to be
     * undone.
     */
    const debts = new Set<string>();
    // Between clocks that jump nobody can say how many are within a time.
    const isTold = quarantineIncidents > 0 && scene.plan.faults.every((fault) => fault.do !== 'clock-jump');
    return {
      sending(_process, { call, path, body }) {
        if (call !== 'PUT os-services' || body === null || typeof body !== 'object') return;
        if (!('status' in body) || body.status !== 'enabled') return;
        const service = [...scene.world.nova.services.values()].find(({ id }) => path.endsWith(`/${id}`));
        if (service !== undefined) asked.set(service.host, scene.world.agenda.now);
      },
      fact(fact) {
        if (!isTold) return;
        if (fact.kind === 'attribute' && fact.name === INCIDENT_ATTRIBUTE && fact.value !== null)
          current.set(fact.node, parseIncident(fact.value)?.at ?? 0);
        if (fact.kind === 'attribute' && fact.name === EVACUATION_ATTRIBUTE) {
          const isUnderWay = fact.value !== null && parseEvacuation(fact.value)?.phase === 'evacuating';
          const host = hostOfNode(scene.world, fact.node);
          if (isUnderWay && !evacuating.has(fact.node)) {
            incidents.set(host, [...(incidents.get(host) ?? []), current.get(fact.node) ?? 0]);
            begun.set(host, scene.world.agenda.now);
          }
          if (isUnderWay) evacuating.add(fact.node);
          else evacuating.delete(fact.node);
        }
        if (fact.kind !== 'service' || !/^(en|dis)abled$/.test(fact.what)) return;
        if (!isOurs(fact.by)) debts.delete(fact.host);
        if (fact.what !== 'enabled' || !isOurs(fact.by)) return;
        const all = incidents.get(fact.host) ?? [];
        const last = all.at(-1) ?? 0;
        const count = all.filter((at) => at > last - quarantineWindowMs).length;
        if (count < quarantineIncidents) return;
        const sentAt = asked.get(fact.host) ?? 0;
        if (sentAt < (begun.get(fact.host) ?? 0) && scene.world.agenda.now - sentAt <= EFFECT_MS)
          debts.add(fact.host);
        else
          scene.violate(`${fact.host} is enabled by us after ${count} incidents: it belongs into quarantine`);
      },
      end() {
        for (const host of debts) {
          const { status, disabledReason } = scene.world.nova.services.get(host) ?? {};
          // As one that is kept for failures it would be enabled for the next that dies.
          const isToBeEnabled = destinations.reservedHosts && isReservedBy(disabledReason ?? undefined);
          if (status === 'enabled' || isToBeEnabled)
            scene.violate(`a late request of ours has enabled ${host}, which belongs into quarantine`);
        }
      },
    };
  },
};
