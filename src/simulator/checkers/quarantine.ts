import {
  EVACUATION_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  parseEvacuation,
  parseIncident,
} from '../../core/records.ts';
import { hostOfNode } from '../../world/model.ts';
import { policiesOf } from '../plan.ts';
import { type CheckerKind, EFFECT_MS, isOurs, isReservedBy, UNRECORDED } from './checker.ts';

/** A host that has failed too often stays disabled when it is back, until a person enables it. */
export const quarantine: CheckerKind = {
  name: 'a host in quarantine stays disabled',
  invariants: [14],
  make(scene) {
    // What one policy has not kept in the history is not there for the next.
    const windowMs = Math.min(...policiesOf(scene.plan).map(({ gates }) => gates.quarantineWindowMs));
    /** Host → when the incidents of which an evacuation began were written, by the clock that wrote them. */
    const incidents = new Map<string, number[]>();
    const current = new Map<string, number>();
    const evacuating = new Set<string>();
    /** Host → when the last evacuation of it began. */
    const begun = new Map<string, number>();
    /** Host → when we last asked Nova to enable it. */
    const asked = new Map<string, number>();
    /**
     * Hosts that a request has enabled which was sent before their last evacuation began, and whose it was: it can't be taken back,
     * and is to be undone. Whoever comes after that evacuator does not know of it, and leaves what somebody else may have enabled.
     */
    const debts = new Map<string, string | null>();
    let last: string | null = null;
    // Between clocks that jump nobody can say how many are within a time.
    const isTold = scene.plan.faults.every((fault) => fault.do !== 'clock-jump');
    /** How many of a host's incidents lie close together. */
    const countOf = (host: string): number => {
      const all = incidents.get(host) ?? [];
      const last = all.at(-1) ?? 0;
      return all.filter((at) => at > last - windowMs).length;
    };
    /** Whether a host has failed too often by each policy that there was since its last evacuation began. */
    const belongsThere = (host: string): boolean =>
      !scene.touched(UNRECORDED + host) &&
      scene
        .policies(scene.world.agenda.now - (begun.get(host) ?? 0))
        .every(({ gates: { quarantineIncidents: limit } }) => limit > 0 && countOf(host) >= limit);
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
            const at = current.get(fact.node) ?? 0;
            const before = incidents.get(host) ?? [];
            // A record that is written anew is of the same one.
            if (before.at(-1) !== at) incidents.set(host, [...before, at]);
            begun.set(host, scene.world.agenda.now);
          }
          if (isUnderWay) evacuating.add(fact.node);
          else evacuating.delete(fact.node);
        }
        if (fact.kind !== 'service' || !/^(en|dis)abled$/.test(fact.what)) return;
        if (!isOurs(fact.by)) debts.delete(fact.host);
        if (fact.what !== 'enabled' || !isOurs(fact.by)) return;
        if (!belongsThere(fact.host)) return;
        const sentAt = asked.get(fact.host) ?? 0;
        if (sentAt < (begun.get(fact.host) ?? 0) && scene.world.agenda.now - sentAt <= EFFECT_MS)
          debts.set(fact.host, fact.by);
        else
          scene.violate(
            `${fact.host} is enabled by us after ${countOf(fact.host)} incidents: it belongs into quarantine`,
          );
      },
      report({ id }) {
        last = `evacuator:${id}`;
      },
      end() {
        const hasReserves = scene.policies(0).at(-1)?.destinations.reservedHosts ?? false;
        for (const [host, by] of debts) {
          if (by !== last || !belongsThere(host)) continue;
          const { status, disabledReason } = scene.world.nova.services.get(host) ?? {};
          // As one that is kept for failures it would be enabled for the next that dies.
          const isToBeEnabled = hasReserves && isReservedBy(disabledReason ?? undefined);
          if (status === 'enabled' || isToBeEnabled)
            scene.violate(`a late request of ours has enabled ${host}, which belongs into quarantine`);
        }
      },
    };
  },
};
