import { type Asides, asideOf } from './aside.ts';
import { destinationsOff, evacuationsLost, hostsOfNodes } from './deaths.ts';
import type { Decision } from './decision.ts';
import { type Draft, finish, issue, lookAtServices, newDraft, say, serviceOf, wakeWithin } from './draft.ts';
import { decideEvacuating, type Evacuating } from './evacuating.ts';
import { type Gates, gates } from './gates.ts';
import { answerHold } from './hold.ts';
import { type Candidates, isEnd } from './judged.ts';
import { decideInstances } from './ledger.ts';
import { letGoByHand } from './let-go.ts';
import { markedNodes, recordReturn, restoreRecord } from './lost-record.ts';
import type { NodeName } from './names.ts';
import type { ClusterView, NodeView, Observation } from './observation.ts';
import { putRight } from './overtaken.ts';
import { quietUntil } from './ownership.ts';
import { whyUnplaceable } from './placement.ts';
import type { Policy } from './policy.ts';
import { howToUnmark, isAdoptable, markIsFresh, whyNotOffSince } from './proof.ts';
import { queuesToSee } from './queues.ts';
import { EVACUATION_ATTRIBUTE, INCIDENT_ATTRIBUTE } from './records.ts';
import { decideReturning } from './returning.ts';
import { selector } from './selection.ts';
import { whyBothBlocked } from './twins.ts';
import { tellUnfenced } from './unfenced.ts';

/**
 * What to do next, from what was observed alone: commands, what to look at, and a verdict in words for every
 * node that is not in its normal state. Pure: no clock, no randomness, no state of its own.
 */
export function decide(observation: Observation, policy: Policy): Decision {
  const draft = newDraft(observation, policy);
  if (!observation.cluster.known) {
    draft.gates.push({
      id: 'cluster-unreadable',
      text: `the cluster can't be read, so nothing is done: ${observation.cluster.reason}`,
      opens: 'the cluster’s tools answer again on this controller',
      node: null,
    });
    return finish(draft);
  }
  const cluster = observation.cluster.value;
  if (!cluster.haveQuorum) {
    draft.gates.push({
      id: 'no-quorum',
      text: 'this partition has no quorum, so nothing is done',
      opens: 'a majority of the controllers is back',
      node: null,
    });
    return finish(draft);
  }
  putRight(draft);
  const rules: Rules = {
    cluster,
    gates: gates(draft, cluster),
    isLost: evacuationsLost(draft, cluster),
    wasOff: destinationsOff(draft, cluster),
    select: selector(observation.facts, policy),
    claimed: new Set(),
    isMarked: markedNodes(observation),
  };
  const candidates: Candidates[] = [];
  for (const node of cluster.nodes) {
    const ready = decideNode(draft, node, rules);
    if (ready) candidates.push(ready);
  }
  const evacuating = cluster.nodes.filter(
    ({ evacuation }) => evacuation !== 'unreadable' && evacuation?.phase === 'evacuating',
  );
  const left = candidates.flatMap(({ judged }) =>
    judged.filter((each) => !isEnd(each)).map(({ outcome }) => outcome),
  );
  const asides = asideOf(draft, cluster, candidates, rules.isLost);
  decideInstances(draft, candidates, {
    evacuating: evacuating.map((node) => node.name),
    asides: asides.found,
    queues: queuesToSee(draft, cluster),
    closed: whyClosed(draft, cluster, rules.gates, asides) ?? whyUnplaceable(draft, left),
  });
  const isUnderWay = rules.gates.cloud === null && (draft.pace?.inFlight ?? 0) > 0;
  lookAtServices(draft, policy.timing[isUnderWay ? 'followServicesMs' : 'idleServicesMs']);
  for (const node of cluster.nodes) answerHold(draft, cluster, node);
  return finish(draft);
}

/** Why nobody is asked for now; null: whoever has its turn is. */
function whyClosed(draft: Draft, cluster: ClusterView, { cloud }: Gates, { unseen }: Asides): string | null {
  if (cloud !== null) return `${cloud.text}; it is asked for when ${cloud.opens}`;
  if (unseen.length > 0) return `looking at what ${unseen.join(', ')} had under way`;
  const quiet = predecessorsUntil(draft, cluster);
  if (quiet <= draft.observation.mono) return null;
  wakeWithin(draft, quiet - draft.observation.mono);
  return 'waiting until the last requests of the evacuator before this one have taken effect';
}

/**
 * Until when (`mono`) an evacuator before this one may have requests under way, from whatever host: they take room, and the
 * turns of their server groups, and no look shows them before they have taken effect.
 */
function predecessorsUntil(draft: Draft, cluster: ClusterView): number {
  const until = hostsOfNodes(draft.observation, cluster).map(
    ([host, { name, incident, past, evacuation }]) => {
      // Where nothing stands nothing is evacuated.
      if (incident === null && evacuation === null) return 0;
      const view = draft.observation.hosts.get(host) ?? null;
      const service = evacuation === null ? serviceOf(draft, name) : null;
      return quietUntil(draft, evacuation, view, { service, incident, past });
    },
  );
  return Math.max(0, ...until);
}

/** What holds for all nodes in this step. */
interface Rules extends Omit<Evacuating, 'node' | 'incident'> {
  /** Whether our marker is on the compute service of a node. */
  readonly isMarked: (node: NodeName) => boolean;
}

function decideNode(draft: Draft, node: NodeView, rules: Rules): Candidates | null {
  const { incident, evacuation } = node;
  const changed = rules.cluster.recordsChanged.get(node.name);
  if (changed !== undefined) {
    restoreRecord(draft, node, changed);
    return null;
  }
  if (incident === 'unreadable' || evacuation === 'unreadable') {
    blocked(draft, node, sayUnreadable(node.name, incident === 'unreadable'));
    return null;
  }
  const twins = whyBothBlocked(draft.observation, rules.cluster, node);
  if (twins !== null) {
    blocked(draft, node, twins);
    return null;
  }
  if (incident === null) {
    if (evacuation?.phase === 'evacuating') letGoByHand(draft, node, evacuation.incident);
    else if (node.mark === 'yes' && rules.cluster.incidentsTaken.has(node.name)) dropMark(draft, node);
    // One that dies on its way back counts as any other.
    else if (node.mark === 'yes' && (evacuation === null || node.online === false))
      adoptMark(draft, node, rules.cluster);
    else if (evacuation !== null) decideReturning(draft, node, evacuation);
    else if (node.online === true && rules.isMarked(node.name)) recordReturn(draft, node);
    else tellUnfenced(draft, node, rules.cluster);
    return null;
  }
  // Released, but the hold not taken away yet: the mark goes first, so that it can never stand alone. One that was taken away, and is
  // back, may have been so by hand, in the middle of its evacuation.
  const isReleased = evacuation?.phase === 'returning' && evacuation.incident === incident.id;
  if (isReleased && whyNotOffSince(node, rules.cluster) === null) {
    if (node.mark === 'yes') issue(draft, { kind: 'clear-mark', node: node.name });
    else issue(draft, { kind: 'delete-incident', node: node.name, incident: incident.id });
    const text = 'evacuation complete; letting the node go';
    say(draft, { node: node.name, host: null, incident: incident.id, phase: 'releasing', text });
    return null;
  }
  return decideEvacuating(draft, { node, incident, ...rules });
}

/** Somebody has written there by hand. What the evacuation has begun is seen in Nova; how the host was before is not. */
function sayUnreadable(node: NodeName, isIncident: boolean): string {
  const name = isIncident ? INCIDENT_ATTRIBUTE : EVACUATION_ATTRIBUTE;
  const attribute = `crm_attribute --node ${node} --name ${name} --lifetime forever`;
  const then = isIncident
    ? 'then the node is let go as it is; to have it evacuated fence it once more (stonith_admin --reboot)'
    : 'then its evacuation begins anew, with what Nova has of it';
  return `its attribute ${name} can't be read, so nothing is done for it; see its value with ${attribute} --query. If nobody can put it right, delete it (${attribute} --delete): ${then}`;
}

function blocked(draft: Draft, node: NodeView, text: string): void {
  say(draft, { node: node.name, host: null, incident: null, phase: 'blocked', text });
}

/** Somebody has taken the incident away before its evacuation began: what marks the node beside it goes, too. */
function dropMark(draft: Draft, node: NodeView): void {
  const why = issue(draft, { kind: 'clear-mark', node: node.name });
  const text = `somebody removed its ${INCIDENT_ATTRIBUTE} before its evacuation began; the mark evacuate=yes goes, too`;
  blocked(draft, node, why === null ? text : `${text}: ${why}`);
}

/** A mark without an incident: a stock fence_compute, or somebody's hand. It counts only with a fencing. */
function adoptMark(draft: Draft, node: NodeView, cluster: ClusterView): void {
  const { observation, policy } = draft;
  // A node that has rejoined since its fencing may run nova-compute again: that fencing is no proof any more.
  if (!isAdoptable(node)) {
    blocked(
      draft,
      node,
      `marked evacuate=yes without an incident, but the cluster ${node.online ? 'has it online' : 'does not say that it is offline'}: nothing is evacuated. Fence it (stonith_admin --reboot), or ${howToUnmark(node)}`,
    );
    return;
  }
  const fresh = markIsFresh(node, cluster, observation.now, policy);
  if (fresh === true) {
    // By its place among the nodes as well: several may be taken in one step.
    const id = `mark-${observation.now.toString(36)}-${cluster.nodes.indexOf(node)}`;
    issue(draft, {
      kind: 'adopt-mark',
      node: node.name,
      incident: { id, at: observation.now - policy.timing.markProofMs, by: 'mark', on: observation.owner },
    });
    blocked(draft, node, 'marked evacuate=yes without an incident; fenced just now, so it is taken for one');
    return;
  }
  draft.history.add(node.name);
  wakeWithin(draft, fresh === 'ask' && !cluster.history.has(node.name) ? 0 : policy.timing.lookRetryMs);
  blocked(
    draft,
    node,
    `marked evacuate=yes, but the fencing history has no fencing of it in the last minutes: nothing is evacuated. Fence it (stonith_admin --reboot), or ${howToUnmark(node)}`,
  );
}
