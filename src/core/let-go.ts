import { abandoned } from './deaths.ts';
import { unusedReserves } from './destinations.ts';
import {
  type Draft,
  issue,
  issueWithReport,
  lookAt,
  lookAtServices,
  say,
  serviceOf,
  TICK_MS,
  viewOfIncident,
  wakeWithin,
} from './draft.ts';
import type { EvacuationView, HostView, NodeView, RequestView } from './observation.ts';
import { quietUntil } from './ownership.ts';
import { type EvacuationRecord, INCIDENT_ATTRIBUTE } from './records.ts';
import { seenIn } from './seen.ts';
import { isLive } from './status.ts';
import { listNames } from './words.ts';

/** Somebody took the incident away: the node may start, so no more is asked for; what we told Nova is taken back when it is up. */
export function letGoByHand(draft: Draft, node: NodeView, incident: string): void {
  const record = node.evacuation;
  if (record === null || record === 'unreadable') return;
  const { observation } = draft;
  const tell = (text: string): void =>
    say(draft, { node: node.name, host: null, incident, phase: 'releasing', text });
  // Gone before the release is written: a mark that stood alone would hold the node, or be taken for a new death.
  if (node.mark === 'yes') {
    const why = issue(draft, { kind: 'clear-mark', node: node.name });
    const text = `somebody removed its ${INCIDENT_ATTRIBUTE}; the mark evacuate=yes goes first`;
    tell(why === null ? text : `${text}: ${why}`);
    return;
  }
  const view = viewOfIncident(draft, incident);
  if (view === null && isToBeSeen(draft, node, record)) {
    tell(
      `somebody removed its ${INCIDENT_ATTRIBUTE}; looking at what is under way before the node is let go`,
    );
    return;
  }
  const lateMs = mayComeLateMs(draft, record, view);
  if (lateMs > 0) {
    wakeWithin(draft, lateMs);
    tell(
      `somebody removed its ${INCIDENT_ATTRIBUTE}; before the node is let go, waiting until no request that had no answer can take effect any more`,
    );
    return;
  }
  const text = `somebody removed its ${INCIDENT_ATTRIBUTE}: no more is evacuated, the node is let go${sayUnderWay(draft, record, view)}`;
  const released: EvacuationRecord = {
    ...record,
    phase: 'returning',
    releasedAt: observation.novaNow || observation.now,
    letGoByHand: true,
    reserves: unusedReserves(record, view),
  };
  issueWithReport(
    draft,
    { kind: 'write-evacuation', node: node.name, record: released },
    { node, record: released, view, state: 'released', text, instances: [] },
  );
  tell(text);
}

/**
 * Whether it is worth a look first, which is asked for: of what an evacuator before this one had under way, and of the
 * reserved hosts to which something came, nothing is known yet. One try, for Nova may be what the operator gave up on.
 */
function isToBeSeen(draft: Draft, node: NodeView, { incident, since }: EvacuationRecord): boolean {
  if (draft.observation.servicesAt < 0) {
    lookAtServices(draft, 0);
    return true;
  }
  const service = serviceOf(draft, node.name);
  if (service === null) return false;
  lookAt(draft, service.host, { incident, since, evacuations: true, listing: true });
  return true;
}

/**
 * For how long a request that has no answer may still take effect, ms: one of ours, or of an evacuator before this one that
 * did not end cleanly. Taken when the node has begun to start, it would evacuate a living host.
 */
function mayComeLateMs(draft: Draft, record: EvacuationRecord, view: HostView | null): number {
  const { requests, mono } = draft.observation;
  const { requestSettleMs } = draft.policy.timing;
  const until = [...requests.values()].map(({ source, state, at }) => {
    if (source !== view?.host) return 0;
    // It has an answer in time, or is given up.
    if (state === 'pending') return mono + TICK_MS;
    return state === 'unknown' ? at + requestSettleMs : 0;
  });
  return Math.max(quietUntil(draft, record, view), ...until) - mono;
}

/** What is under way all the same, as last seen: whoever has removed the incident can still keep the node off. */
function sayUnderWay({ observation }: Draft, record: EvacuationRecord, view: HostView | null): string {
  if (view === null) return '';
  const { servers, evacuations } = seenIn(view);
  const moves = servers.flatMap(({ id, name }) => {
    const own = evacuations.get(id) ?? [];
    const over = abandoned(own, record.lost);
    const live = own.findLast((each) => isLive(each) && !over.has(each.id));
    if (live === undefined && !isUnseen(observation.requests.get(id), view, own)) return [];
    return [live?.dest ? `${name} to ${live.dest}` : name];
  });
  if (moves.length === 0) return '';
  return `. Under way all the same: ${listNames(moves)}. If nova-compute starts here before they have ended, Nova gives them up, and may leave their guests running there: keep this node off until then`;
}

/** Whether a request to evacuate it from this host may have been taken, and no look has shown a record of it. */
function isUnseen(
  request: RequestView | undefined,
  { host }: HostView,
  own: readonly EvacuationView[],
): boolean {
  if (request?.source !== host || own.length > request.recordsBefore) return false;
  return request.state !== 'refused' && request.state !== 'unsent';
}
