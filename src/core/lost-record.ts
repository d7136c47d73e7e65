import { type Draft, issue, lookAtServices, say, serviceOf } from './draft.ts';
import { isHostOf, type NodeName } from './names.ts';
import type { NodeView, Observation, ServiceView, Stored } from './observation.ts';
import { serviceBefore } from './ownership.ts';
import { EVACUATION_ATTRIBUTE, type EvacuationRecord, isOurMarker, markedIncident } from './records.ts';

/** The nodes on whose compute service our marker is, by the last list of the services. */
export function markedNodes({ services, domain }: Observation): (node: NodeName) => boolean {
  const marked = services.known ? services.value.filter((each) => isOurMarker(each.disabledReason)) : [];
  return (node) => marked.some(({ host }) => isHostOf(host, node, domain));
}

/**
 * A node that is back, with our marker on its compute service and no record that would have it taken away: that was deleted by hand,
 * or with the CIB. It is written anew, and the host is given back by it as after any evacuation.
 */
export function recordReturn(draft: Draft, node: NodeView): void {
  const { observation } = draft;
  const service = serviceOf(draft, node.name);
  if (service === null) return;
  const tell = (text: string): void =>
    say(draft, { node: node.name, host: service.host, incident: null, phase: 'returning', text });
  // The list may be from before the record was closed.
  if (observation.servicesAt - observation.servicesTookMs < observation.begunAt) {
    lookAtServices(draft, 0);
    tell('disabled by us, without a record of its evacuation; looking at it once more');
    return;
  }
  const why = issue(draft, { kind: 'write-evacuation', node: node.name, record: recordOf(draft, service) });
  const text =
    'disabled by us, and the record of its evacuation was deleted, by hand or with the CIB; it is written anew';
  tell(why === null ? text : `${text}: ${why}`);
}

/**
 * A record that somebody has deleted or written over since this evacuator left it, `found`: it is written again, or closed again, before
 * anything is done by it.
 */
export function restoreRecord(draft: Draft, node: NodeView, found: Stored<EvacuationRecord>): void {
  const { name, evacuation: record } = node;
  if (record === 'unreadable') return;
  const tell = ({ incident, phase }: EvacuationRecord, text: string, why: string | null): void =>
    say(draft, { node: name, host: null, incident, phase, text: why === null ? text : `${text}: ${why}` });
  if (record !== null) {
    const what = found === null ? 'deleted' : 'written over';
    const text = `its ${EVACUATION_ATTRIBUTE} was ${what}, by hand or with an old CIB; it is written again as it was`;
    tell(record, text, issue(draft, { kind: 'write-evacuation', node: name, record }));
  } else if (found !== null && found !== 'unreadable') {
    const { incident } = found;
    const text = `its ${EVACUATION_ATTRIBUTE} was closed, or never written by this evacuator, and came by hand or with an old CIB; it is deleted`;
    tell(found, text, issue(draft, { kind: 'delete-evacuation', node: name, incident }));
  }
}

/** What can be told without the old one. Reserved hosts that were claimed for it, and who was stopped, nobody knows any more. */
function recordOf(draft: Draft, service: ServiceView): EvacuationRecord {
  const { observation } = draft;
  const now = observation.novaNow || observation.now;
  return {
    incident: markedIncident(service.disabledReason) ?? 'unknown',
    phase: 'returning',
    fencedAt: observation.now,
    ...{ since: now, begunAt: now, releasedAt: now },
    // Nobody knows when it died: what it has claimed until now is not to pass for lost (deaths.ts).
    outage: null,
    letGoByHand: false,
    before: serviceBefore(draft, service),
    ...{ owner: observation.owner, clean: false },
    ...{ stopped: [], stoppedInError: [], lost: [], reserves: [] },
  };
}
