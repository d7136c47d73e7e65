import { affinityRule } from './affinity.ts';
import { abandoned } from './deaths.ts';
import { decideReserve, NO_RESERVE } from './destinations.ts';
import { type Draft, haveSeenServices, issue, lookAt, lookAtServices, say, wakeWithin } from './draft.ts';
import { lookAtFacts } from './facts.ts';
import { isForcedByOthers } from './forced-down.ts';
import type { Gates } from './gates.ts';
import { type Candidates, judgeAll } from './judged.ts';
import { novaNowOf } from './looks.ts';
import { type HostName, hostOfNode } from './names.ts';
import { whyHostUnknown } from './no-host.ts';
import type {
  ClusterView,
  EvacuationView,
  HostView,
  NodeView,
  ServerView,
  ServiceView,
} from './observation.ts';
import { ownsRecord, quietUntil } from './ownership.ts';
import { fencingProof, whyNotOffSince } from './proof.ts';
import { outageOf, rememberOutages } from './quarantine.ts';
import {
  disabledReason,
  type EvacuationRecord,
  INCIDENT_ATTRIBUTE,
  type IncidentRecord,
  isAutomatic,
  type LostEvacuation,
} from './records.ts';
import type { Admission } from './selection.ts';
import { isLive, isUnclaimed } from './status.ts';
import { admitByStorage } from './storage.ts';
import { judgeUnclaimed, type Unclaimed } from './unclaimed.ts';

/** What is going on with a node that has an incident. */
export interface Evacuating {
  readonly node: NodeView;
  readonly incident: IncidentRecord;
  readonly cluster: ClusterView;
  readonly gates: Gates;
  /** Reserved hosts claimed in this very decision. */
  readonly claimed: Set<HostName>;
  /** Whether an evacuation died with the destination that had claimed it. */
  readonly isLost: (evacuation: EvacuationView) => boolean;
  /** Whether the power of an evacuation's destination has been off since its record last changed. */
  readonly wasOff: (evacuation: EvacuationView) => boolean;
  /** Whether an instance of this host is selected. */
  readonly select: (server: ServerView, host: HostName) => Admission;
}

/**
 * One step of a node's evacuation: proof → Nova's view → our record → forced down → its instances (ledger.ts).
 * Adds commands and the verdict to the draft; gives the instances that are ready to be asked for, if it is so far.
 */
export function decideEvacuating(
  draft: Draft,
  { node, incident, cluster, gates, isLost, wasOff, select, claimed }: Evacuating,
): Candidates | null {
  const record = node.evacuation === 'unreadable' ? null : node.evacuation;
  // Looking does no harm, so Nova is asked while the proof is still awaited.
  const eyes = lookAtNova(draft, node, incident, record);
  const alive = whyNotOffSince(node, cluster);
  if (alive !== null) {
    block(draft, node, incident, null, alive);
    return null;
  }
  const fencedAt = provenAt(draft, node, incident, record);
  if (fencedAt === null) return null;
  // Also where a gate holds it up: who looks for what it had received asks when it died. Fencings of one outage
  // are one failure of the host: what is being evacuated already is no new one.
  const isGoingOn = record?.phase === 'evacuating';
  const { observation } = draft;
  const novaAt = observation.services.known ? novaNowOf(observation) : null;
  const outage = { id: incident.id, at: incident.at, novaAt };
  rememberOutages(draft, node, [outageOf(record), isGoingOn ? null : outage]);
  if ('blocked' in eyes) {
    block(draft, node, incident, eyes.host, eyes.blocked);
    return null;
  }
  const { service, view } = eyes;
  // A successor finds in the record that it was let in: what is under way is never stopped.
  const isLetIn = record?.incident === incident.id || record?.phase === 'evacuating';
  const gate = isLetIn ? null : gates.admit(node.name, service.host);
  if (gate !== null) {
    block(draft, node, incident, service.host, `${gate.text}; this begins when ${gate.opens}`);
    return null;
  }
  if (!ownsRecord(draft, { node, incident, record, fencedAt, service, view })) return null;
  if (record === null) return null;
  if (gates.cloud !== null && !service.forcedDown) {
    block(draft, node, incident, service.host, `${gates.cloud.text}; this goes on when ${gates.cloud.opens}`);
    return null;
  }
  if (!isForcedDown(draft, node, incident, service, record)) return null;
  const { evacuateDelayMs } = draft.policy.delays;
  const delayMs = evacuateDelayMs - sinceFencingMs(draft, record, view);
  if (delayMs > 0) {
    wakeWithin(draft, delayMs);
    block(
      draft,
      node,
      incident,
      service.host,
      `waiting ${evacuateDelayMs / 1000} s after the fencing (evacuate_delay)`,
    );
    return null;
  }
  const unclaimed = judgeUnclaimed(draft, cluster, { view, record });
  if (!rememberLost(draft, { node, record, view, isLost, unclaimed })) return null;
  const { storage } = draft.policy;
  const asking = { node: node.name, incident: incident.id, answer: node.localDiskAnswer };
  const admitByGroup = affinityRule(draft, cluster);
  const judged = judgeAll(draft, {
    record,
    view,
    unclaimed,
    quietUntil: quietUntil(draft, record, view),
    wasOff,
    admit: (server) => {
      const selected = select(server, view.host);
      if (selected.kind !== 'admitted') return selected;
      const placed = admitByGroup(server, view.host);
      return placed.kind === 'admitted' ? admitByStorage(server, storage, asking) : placed;
    },
  });
  const reserve = judged.some(({ outcome }) => outcome.kind === 'ready')
    ? decideReserve(draft, { node, service, record, cluster, claimed })
    : NO_RESERVE;
  return { node, service, view, record, judged, reserve };
}

/** Nova's clock that is behind the record's beginning by more than its answers are late, and its dates rounded, was set back, ms. */
const SET_BACK_MS = 60_000;

/**
 * How long it is since the fencing, at least. The clock of the controller that wrote that time down may be ahead of ours, or behind: so it
 * is counted by Nova's clock as well, from the beginning of the record, which comes after the proof. Where that is of a fencing
 * before this one, or Nova's clock was set back, it counts from our first look.
 */
function sinceFencingMs(
  { observation }: Draft,
  { incident, outage, fencedAt, begunAt }: EvacuationRecord,
  { firstLookAt }: HostView,
): number {
  const { now, mono } = observation;
  const byNova = novaNowOf(observation) - begunAt;
  const isOfThis = outage?.id === incident && byNova >= -SET_BACK_MS;
  const seenMs = isOfThis ? Math.max(0, byNova) : mono - firstLookAt;
  return now >= fencedAt ? Math.min(now - fencedAt, seenMs) : seenMs;
}

type Eyes =
  | { readonly service: ServiceView; readonly view: HostView }
  | { readonly blocked: string; readonly host: HostName | null };

const CELL_IS_DOWN =
  "the cell of this host does not answer Nova's API, so what it lists of the host may be short; waiting for the cell's database";

const OTHER_POLICY =
  'looking at the cloud once more: the policy that has been read since asks for other things';

/** What Nova shows of the node, or why it shows nothing yet; asks for what is missing. */
function lookAtNova(
  draft: Draft,
  node: NodeView,
  incident: IncidentRecord,
  record: EvacuationRecord | null,
): Eyes {
  const { observation, policy } = draft;
  if (record?.incident !== incident.id) lookAtServices(draft, policy.timing.serviceAgeMs);
  if (!observation.services.known) {
    return { blocked: `Nova can't be asked: ${observation.services.reason}`, host: null };
  }
  const hosts = observation.services.value.map((service) => service.host);
  const host = hostOfNode(node.name, hosts, observation.domain);
  const service = observation.services.value.find((candidate) => candidate.host === host);
  if (host === null || service === undefined) return { blocked: whyNoHost(draft, node, hosts), host: null };
  if (service.state === 'unknown') return { blocked: CELL_IS_DOWN, host };
  const view = observation.hosts.get(host);
  const isSeen = view !== undefined && view.incident === incident.id && view.listedAt >= 0;
  // What was read when this began, or since, stands as long as it lasts.
  const seenForMs = isSeen ? observation.mono - view.firstLookAt : 0;
  const isOld = lookAtFacts(draft, policy.timing.factAgeMs + seenForMs);
  if (!isSeen) {
    // What an evacuation that is over had begun is not this one's: how those are that it has left is to be seen anew.
    const since = record?.phase === 'evacuating' ? record.since : null;
    const changes = since !== null;
    lookAt(draft, host, { incident: incident.id, evacuations: true, listing: true, changes, since });
    return {
      blocked: view?.trouble ? `Nova can't be asked: ${view.trouble}` : 'looking at what is on it',
      host,
    };
  }
  return isOld ? { blocked: OTHER_POLICY, host } : { service, view };
}

/**
 * Nova does not delete a compute service that has instances or migrations (nova/api/openstack/compute/services.py `delete`): of
 * a host that it does not know any more it has none. Only a person can tell such a host from one whose name is wrong.
 */
function whyNoHost({ observation }: Draft, { name }: NodeView, hosts: readonly HostName[]): string {
  const unmark = `remove its ${INCIDENT_ATTRIBUTE} (crm_attribute --node ${name} --name ${INCIDENT_ATTRIBUTE} --lifetime forever --delete)`;
  const listed = hosts.slice(0, 10).join(', ') || 'none';
  return (
    whyHostUnknown(observation, name, {
      so: 'nothing is evacuated',
      ifGone: `set the parameter domain if Nova's names are NODE.DOMAIN (it lists: ${listed}); or this host is new, or its compute service was deleted: ${unmark}`,
    }) ??
    `Nova has no compute host with this node's name (it has: ${listed}); nothing is evacuated. Set the parameter domain if Nova's names are NODE.DOMAIN. If this host is new, or its compute service was deleted, nothing of it is in Nova: ${unmark}`
  );
}

function block(
  draft: Draft,
  { name }: NodeView,
  { id }: IncidentRecord,
  host: HostName | null,
  text: string,
): void {
  say(draft, { node: name, host, incident: id, phase: 'blocked', text });
}

function provenAt(
  draft: Draft,
  node: NodeView,
  incident: IncidentRecord,
  record: EvacuationRecord | null,
): number | null {
  if (record?.incident === incident.id) return record.fencedAt;
  const { observation, policy } = draft;
  if (!observation.cluster.known) return null;
  const proof = fencingProof(node, incident, observation.cluster.value, policy);
  if (proof.proven) return proof.fencedAt;
  const text = `waiting for the proof that its power is off: ${proof.reason}`;
  block(draft, node, incident, null, text);
  if (observation.cluster.value.history.has(node.name)) {
    draft.gates.push({
      id: 'no-proof',
      text,
      opens: `the power of ${node.name} is confirmed off`,
      node: node.name,
    });
  }
  if (proof.ask) {
    draft.history.add(node.name);
    wakeWithin(draft, observation.cluster.value.history.has(node.name) ? HISTORY_PAUSE_MS : 0);
  }
  return null;
}

/** Pause between two readings of the fencing history while a proof is awaited, ms. */
const HISTORY_PAUSE_MS = 500;

function isForcedDown(
  draft: Draft,
  node: NodeView,
  incident: IncidentRecord,
  service: ServiceView,
  record: EvacuationRecord,
): boolean {
  const tell = (text: string): false => {
    say(draft, { node: node.name, host: service.host, incident: incident.id, phase: 'evacuating', text });
    return false;
  };
  if (!record.before.forcedDown && isForcedByOthers(draft, node, service)) {
    const before = { ...record.before, forcedDown: true };
    const why = issue(draft, { kind: 'write-evacuation', node: node.name, record: { ...record, before } });
    return tell(
      why
        ? `the record can't be written to the cluster: ${why}`
        : 'somebody has forced it down, and not the evacuator: it is left so when the host is back',
    );
  }
  // Both go in one request; whoever enables the service after that means it.
  if (service.forcedDown) return true;
  // A try without an answer takes long: what an operator has done to the service meanwhile is to be seen first.
  if (!haveSeenServices(draft))
    return tell('looking at its compute service once more before Nova is told that the host is down');
  const isEnabled = service.status === 'enabled' || isAutomatic(service.disabledReason);
  const disable = record.before.status === 'enabled' && isEnabled;
  const why = issue(draft, {
    kind: 'force-down',
    host: service.host,
    serviceId: service.id,
    disabledReason: disable ? disabledReason(incident.id) : null,
  });
  return tell(why ? `Nova would not take it as forced down: ${why}` : 'telling Nova that the host is down');
}

/**
 * Whether all evacuations that died with their destination, or that nova-conductor has given up, stand in the record; writes them down
 * if not. They are asked for again only then: the destination may be back long before that is over, and would no longer show that it
 * had died.
 */
function rememberLost(draft: Draft, facts: Losses): boolean {
  const { node, record, view, isLost, unclaimed } = facts;
  const fresh: LostEvacuation[] = [];
  const hosts = new Set<HostName>();
  let givenUp = 0;
  for (const evacuation of view.evacuations) {
    const { id, dest, server } = evacuation;
    if (!isLive(evacuation)) continue;
    const fate = unclaimed.get(id);
    const isGivenUp = fate?.kind === 'given-up';
    const died = fate?.kind === 'lost' ? fate.hosts : dest !== null && isLost(evacuation) ? [dest] : [];
    if (died.length === 0 && !isGivenUp) continue;
    const own = view.evacuations.filter((each) => each.server === server);
    if (abandoned(own, record.lost).has(id)) continue;
    fresh.push({ id, claimed: !isUnclaimed(evacuation) });
    for (const host of died) hosts.add(host);
    givenUp += Number(isGivenUp);
  }
  if (fresh.length === 0) return true;
  const tell = (text: string): false => {
    const { incident } = record;
    say(draft, { node: node.name, host: view.host, incident, phase: 'evacuating', text });
    return false;
  };
  if (!isSeenSince(view, draft.observation.begunAt)) {
    const { incident, since } = record;
    lookAt(draft, view.host, { incident, since, evacuations: true, listing: true, changes: true });
    return tell(sayLooking(hosts, fresh.length, givenUp));
  }
  const lost = [...record.lost, ...fresh];
  const why = issue(draft, { kind: 'write-evacuation', node: node.name, record: { ...record, lost } });
  return tell(
    why
      ? `the record can't be written to the cluster: ${why}`
      : `${sayLost(hosts, fresh.length - givenUp, givenUp)}; they are asked for again`,
  );
}

function sayLooking(dead: ReadonlySet<HostName>, count: number, givenUp: number): string {
  return dead.size === 0
    ? `nova-conductor has given up ${givenUp} evacuations; looking at them once more`
    : `${[...dead].join(', ')} died; looking at what was over before, of ${count} evacuations on the way there`;
}

function sayLost(dead: ReadonlySet<HostName>, died: number, givenUp: number): string {
  const lost = `${died} evacuations were lost when ${[...dead].join(', ')} died under them`;
  const inVain = `nova-conductor has given up ${givenUp} evacuations with an error, and left their records as they were (its log says why: Neutron, RabbitMQ or the database did not answer it)`;
  return [...(dead.size === 0 ? [] : [lost]), ...(givenUp === 0 ? [] : [inVain])].join('; ');
}

/**
 * Whether a host was looked at completely since `mono`. What was over before its destination died, or had
 * arrived there (nova/compute/manager.py saves the instance before resource_tracker.py finish_evacuation saves the
 * record), shows only in a look that was made after the death was known: such an instance is its new host's.
 */
function isSeenSince({ trouble, followedAt, listedAt, changedAt }: HostView, mono: number): boolean {
  return trouble === null && Math.min(followedAt, listedAt, changedAt) >= mono;
}

interface Losses extends Pick<Evacuating, 'node' | 'isLost'> {
  readonly record: EvacuationRecord;
  readonly view: HostView;
  readonly unclaimed: ReadonlyMap<number, Unclaimed>;
}
