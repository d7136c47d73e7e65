import type { InstanceVerdict } from './decision.ts';
import { type Draft, issue, lookAt, lookAtServices, wakeWithin } from './draft.ts';
import { type InstanceFacts, judge, liveEvacuations, type Outcome, shortId } from './instance.ts';
import { type HostName, hostOfNode, type NodeName } from './names.ts';
import type { EvacuationView, HostView, NodeView, ServerView, ServiceView } from './observation.ts';
import { followPauseMs, isLive, windowSize } from './pace.ts';
import { fencingProof } from './proof.ts';
import {
  disabledReason,
  type EvacuationRecord,
  type IncidentRecord,
  isOurMarker,
  type ServiceBefore,
} from './records.ts';

/** An instance with what was decided about it. */
interface Judged {
  readonly server: ServerView;
  readonly outcome: Outcome;
  readonly attempts: number;
  readonly live: boolean;
  readonly records: number;
}

/** A host whose instances may be asked for; the window is shared by all of them. */
export interface Candidates {
  readonly node: NodeView;
  readonly service: ServiceView;
  readonly view: HostView;
  readonly judged: readonly Judged[];
}

/** What is going on with a node that has an incident. */
export interface Evacuating {
  readonly node: NodeView;
  readonly incident: IncidentRecord;
  /** Whether an evacuation died with its destination. */
  readonly isLost: (evacuation: EvacuationView) => boolean;
}

/**
 * One step of a node's evacuation: proof → Nova's view → our record → forced down → instances → release.
 * Adds commands and the verdict to the draft; gives the instances that are ready to be asked for, if it is so far.
 */
export function decideEvacuating(draft: Draft, { node, incident, isLost }: Evacuating): Candidates | null {
  const record = node.evacuation === 'unreadable' ? null : node.evacuation;
  // Looking does no harm, so Nova is asked while the proof is still awaited.
  const eyes = lookAtNova(draft, node, incident, record);
  const fencedAt = provenAt(draft, node, incident, record);
  if (fencedAt === null) return null;
  if ('blocked' in eyes) {
    block(draft, node, incident, eyes.host, eyes.blocked);
    return null;
  }
  const { service, view } = eyes;
  if (!ownsRecord(draft, { node, incident, record, fencedAt, service, view })) return null;
  if (record === null) return null;
  if (!isForcedDown(draft, node, incident, service, record)) return null;
  const delayMs = record.fencedAt + draft.policy.evacuateDelayMs - draft.observation.now;
  if (draft.policy.evacuateDelayMs > 0 && delayMs > 0) {
    wakeWithin(draft, delayMs);
    block(
      draft,
      node,
      incident,
      service.host,
      `waiting ${draft.policy.evacuateDelayMs / 1000} s after the fencing (evacuate_delay)`,
    );
    return null;
  }
  if (!rememberLost(draft, { node, record, view, isLost })) return null;
  const judged = judgeAll(draft, record, view, quietUntil(draft, record, view));
  return { node, service, view, judged };
}

type Eyes =
  | { readonly service: ServiceView; readonly view: HostView }
  | { readonly blocked: string; readonly host: HostName | null };

const CELL_IS_DOWN =
  "the cell of this host does not answer Nova's API, so what it lists of the host may be short; waiting for the cell's database";

/** What Nova shows of the node, or why it shows nothing yet; asks for what is missing. */
function lookAtNova(
  draft: Draft,
  node: NodeView,
  incident: IncidentRecord,
  record: EvacuationRecord | null,
): Eyes {
  const { observation, policy } = draft;
  lookAtServices(draft, record?.incident === incident.id ? policy.idleServicesMs : policy.serviceAgeMs);
  if (!observation.services.known) {
    return { blocked: `Nova can't be asked: ${observation.services.reason}`, host: null };
  }
  const hosts = observation.services.value.map((service) => service.host);
  const host = hostOfNode(node.name, hosts, observation.domain);
  const service = observation.services.value.find((candidate) => candidate.host === host);
  if (host === null || service === undefined) {
    const listed = hosts.slice(0, 10).join(', ') || 'none';
    return {
      blocked: `Nova has no compute host with this node's name (it has: ${listed}); nothing is evacuated. Set the parameter domain if Nova's names are NODE.DOMAIN`,
      host: null,
    };
  }
  if (service.state === 'unknown') return { blocked: CELL_IS_DOWN, host };
  const view = observation.hosts.get(host);
  if (view === undefined || view.incident !== incident.id || view.listedAt < 0) {
    lookAt(draft, host, {
      incident: incident.id,
      evacuations: true,
      listing: true,
      changes: record !== null,
      since: record?.since ?? null,
    });
    return {
      blocked: view?.trouble ? `Nova can't be asked: ${view.trouble}` : 'looking at what is on it',
      host,
    };
  }
  return { service, view };
}

function block(
  draft: Draft,
  node: NodeView,
  incident: IncidentRecord,
  host: HostName | null,
  text: string,
): void {
  draft.verdicts.push({
    node: node.name,
    host,
    incident: incident.id,
    phase: 'blocked',
    text,
    instances: [],
  });
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
  block(draft, node, incident, null, `waiting for the proof that its power is off: ${proof.reason}`);
  if (proof.ask) {
    draft.history.add(node.name);
    wakeWithin(draft, observation.cluster.value.history.has(node.name) ? HISTORY_PAUSE_MS : 0);
  }
  return null;
}

/** Pause between two readings of the fencing history while a proof is awaited, ms. */
const HISTORY_PAUSE_MS = 500;

interface Ownership {
  readonly node: NodeView;
  readonly incident: IncidentRecord;
  readonly record: EvacuationRecord | null;
  readonly fencedAt: number;
  readonly service: ServiceView;
  readonly view: HostView;
}

/**
 * Whether the durable record says that this process works on this incident; writes it if not. It stands before
 * anything is told to Nova, so that a successor knows how the service stood before and that requests were sent.
 */
function ownsRecord(draft: Draft, facts: Ownership): boolean {
  const { node, incident, record, view, service } = facts;
  const { observation, policy } = draft;
  const mine =
    record?.incident === incident.id &&
    record.phase === 'evacuating' &&
    record.owner === observation.owner &&
    !record.clean;
  if (mine) return true;
  if (record === null && observation.mono - observation.servicesAt > policy.serviceAgeMs) return false;
  const quiet = quietUntil(draft, record, view);
  if (observation.mono < quiet) {
    wakeWithin(draft, quiet - observation.mono);
    draft.verdicts.push({
      node: node.name,
      host: service.host,
      incident: incident.id,
      phase: 'evacuating',
      text: `taking over from ${record?.owner}; waiting until its last requests have taken effect`,
      instances: [],
    });
    return false;
  }
  // What was seen before the quiet time ended may have changed in it.
  if (view.followedAt < quiet) {
    lookAt(draft, service.host, {
      incident: incident.id,
      evacuations: true,
      listing: true,
      changes: true,
      since: record?.since ?? null,
    });
    return false;
  }
  const why = issue(draft, { kind: 'write-evacuation', node: node.name, record: nextRecord(draft, facts) });
  draft.verdicts.push({
    node: node.name,
    host: service.host,
    incident: incident.id,
    phase: 'evacuating',
    text: why
      ? `the record can't be written to the cluster: ${why}`
      : 'writing down the intent before Nova is told anything',
    instances: [],
  });
  return false;
}

/** `mono` before which no request is sent: a predecessor that did not end cleanly may still have some under way. */
function quietUntil(draft: Draft, record: EvacuationRecord | null, view: HostView): number {
  const { owner, ownerSince } = draft.observation;
  if (record === null || record.phase !== 'evacuating' || record.clean || record.owner === owner) return 0;
  return Math.max(ownerSince, view.firstLookAt) + draft.policy.takeoverSettleMs;
}

function nextRecord(
  draft: Draft,
  { incident, record, fencedAt, service, view }: Ownership,
): EvacuationRecord {
  const goesOn = record !== null && record.phase === 'evacuating';
  const stopped = view.servers
    .filter((s) => s.host === view.host && s.vmState === 'stopped')
    .map((s) => shortId(s.id));
  return {
    incident: incident.id,
    phase: 'evacuating',
    fencedAt,
    since: goesOn ? record.since : view.novaNow - SINCE_MARGIN_MS,
    before: record?.before ?? serviceBefore(service),
    owner: draft.observation.owner,
    clean: false,
    releasedAt: null,
    lost: goesOn ? record.lost : [],
    stopped: goesOn
      ? [...new Set([...record.stopped, ...(record.incident === incident.id ? [] : stopped)])]
      : stopped,
  };
}

/** Evacuations that somebody started this long before our first look count as this incident's, ms; Nova's Date header has whole seconds. */
const SINCE_MARGIN_MS = 2_000;

/** How the service stood before us. Our own marker without a record (the CIB was lost) means that it was we who disabled it. */
function serviceBefore(service: ServiceView): ServiceBefore {
  if (isOurMarker(service.disabledReason)) return { status: 'enabled', forcedDown: false };
  return { status: service.status, forcedDown: service.forcedDown };
}

function isForcedDown(
  draft: Draft,
  node: NodeView,
  incident: IncidentRecord,
  service: ServiceView,
  record: EvacuationRecord,
): boolean {
  const ours = record.before.status === 'enabled' && !record.before.forcedDown;
  const disable = ours && service.status === 'enabled';
  if (service.forcedDown && !disable) return true;
  const why = issue(draft, {
    kind: 'force-down',
    host: service.host,
    serviceId: service.id,
    forcedDown: !service.forcedDown,
    disabledReason: disable ? disabledReason(incident.id) : null,
  });
  draft.verdicts.push({
    node: node.name,
    host: service.host,
    incident: incident.id,
    phase: 'evacuating',
    text: why ? `Nova would not take it as forced down: ${why}` : 'telling Nova that the host is down',
    instances: [],
  });
  return false;
}

/**
 * Whether all evacuations that died with their destination stand in the record; writes them down if not. They
 * are asked for again only then: the destination may be back long before that is over, and would no longer
 * show that it had died.
 */
function rememberLost(
  draft: Draft,
  facts: Pick<Evacuating, 'node' | 'isLost'> & { readonly record: EvacuationRecord; readonly view: HostView },
): boolean {
  const { node, record, view, isLost } = facts;
  const fresh = view.evacuations.filter((e) => isLive(e) && isLost(e) && !record.lost.includes(e.id));
  if (fresh.length === 0) return true;
  const lost = [...record.lost, ...fresh.map((e) => e.id)];
  const why = issue(draft, { kind: 'write-evacuation', node: node.name, record: { ...record, lost } });
  const hosts = [...new Set(fresh.map((e) => e.dest))].join(', ');
  draft.verdicts.push({
    node: node.name,
    host: view.host,
    incident: record.incident,
    phase: 'evacuating',
    text: why
      ? `the record can't be written to the cluster: ${why}`
      : `${fresh.length} evacuations were lost when ${hosts} died under them; they are asked for again`,
    instances: [],
  });
  return false;
}

function judgeAll(draft: Draft, record: EvacuationRecord, view: HostView, quiet: number): readonly Judged[] {
  const { observation, policy } = draft;
  const byServer = new Map<string, EvacuationView[]>();
  for (const evacuation of view.evacuations) {
    const list = byServer.get(evacuation.server);
    if (list) list.push(evacuation);
    else byServer.set(evacuation.server, [evacuation]);
  }
  const stopped = new Set(record.stopped);
  const lost = new Set(record.lost);
  const servers = [...view.servers].sort((a, b) =>
    a.name === b.name ? (a.id < b.id ? -1 : 1) : a.name < b.name ? -1 : 1,
  );
  return servers.map((server) => {
    const facts: InstanceFacts = {
      server,
      source: view.host,
      evacuations: byServer.get(server.id) ?? [],
      since: record.since,
      request: observation.requests.get(server.id) ?? null,
      wasStopped: stopped.has(shortId(server.id)),
      stopSent: observation.commands.get(`stop-server:${server.id}`)?.state === 'done',
      mono: observation.mono,
      novaNow: view.novaNow,
      quietUntil: quiet,
      followedAt: view.followedAt,
      isLost: ({ id }) => lost.has(id),
    };
    return {
      server,
      outcome: judge(facts, policy),
      attempts: facts.evacuations.filter((e) => e.createdAt >= record.since).length,
      live: liveEvacuations(facts, policy).length > 0,
      records: facts.evacuations.length,
    };
  });
}

const ENDS: ReadonlySet<Outcome['kind']> = new Set(['moved', 'cannot', 'failed', 'gone']);

/**
 * Asks for instances within the window that all hosts share, follows the ones under way, and releases the hosts
 * that are done. Hosts take turns, so that a large one does not keep the others waiting.
 */
export function decideInstances(
  draft: Draft,
  hosts: readonly Candidates[],
  evacuating: readonly NodeName[],
): void {
  const evacuations = hosts.flatMap((host) => host.view.evacuations);
  const novaNow = Math.max(0, ...hosts.map((host) => host.view.novaNow));
  const windowOfAll = windowSize(evacuations, novaNow, draft.policy);
  const underWay = hosts
    .flatMap((h) => h.judged)
    .filter((j) => j.live || j.outcome.kind === 'moving' || j.outcome.kind === 'unanswered').length;
  const queues = hosts.map((host) => host.judged.filter((j) => j.outcome.kind === 'ready'));
  let room = windowOfAll - underWay;
  const asked = new Set<Judged>();
  for (let turn = 0; room > 0 && queues.some((queue) => turn < queue.length); turn++) {
    for (const [index, queue] of queues.entries()) {
      const next = queue[turn];
      const host = hosts[index];
      if (next === undefined || host === undefined || room <= 0) continue;
      issue(draft, {
        kind: 'evacuate',
        host: host.view.host,
        server: next.server.id,
        name: next.server.name,
        recordsBefore: next.records,
      });
      asked.add(next);
      room--;
    }
  }
  for (const host of hosts) {
    const unseen = evacuating.filter(
      (name) => name !== host.node.name && !hasLookedSince(hosts, name, host.view.firstLookAt),
    );
    concludeHost(draft, host, { asked, windowOfAll, unseen });
    if (unseen.length > 0) lookAtAll(draft, hosts, unseen);
  }
}

/** Whether the evacuations of a host were looked at since `mono`, and what was lost of them written down. */
function hasLookedSince(hosts: readonly Candidates[], name: NodeName, mono: number): boolean {
  return hosts.some((host) => host.node.name === name && host.view.followedAt >= mono);
}

function lookAtAll(draft: Draft, hosts: readonly Candidates[], names: readonly NodeName[]): void {
  for (const { node, view } of hosts) {
    const record = node.evacuation;
    if (!names.includes(node.name) || record === null || record === 'unreadable') continue;
    if (draft.looks.has(view.host)) continue;
    lookAt(draft, view.host, { incident: record.incident, since: record.since, evacuations: true });
  }
}

interface Round {
  readonly asked: ReadonlySet<Judged>;
  readonly windowOfAll: number;
  /** Other hosts under evacuation whose evacuations have not been looked at since this one died. */
  readonly unseen: readonly NodeName[];
}

function concludeHost(draft: Draft, host: Candidates, { asked, windowOfAll, unseen }: Round): void {
  const { node, view, judged, service } = host;
  const record = node.evacuation;
  if (record === null || record === 'unreadable') return;
  for (const { server, outcome } of judged) {
    if (outcome.kind === 'restoring')
      issue(draft, { kind: 'stop-server', host: view.host, server: server.id });
  }
  const left = judged.filter((j) => !ENDS.has(j.outcome.kind));
  const over = left.length === 0 && judged.every((j) => !j.live);
  const text =
    over && unseen.length > 0
      ? `evacuation complete; before the release, looking at what ${unseen.join(', ')} had under way to it`
      : over && isListedAfterAll(draft, host)
        ? release(draft, host, record)
        : follow(
            draft,
            host,
            record,
            left.filter((j) => !asked.has(j)),
            asked,
          );
  draft.verdicts.push({
    node: node.name,
    host: service.host,
    incident: record.incident,
    phase: over ? 'releasing' : 'evacuating',
    text: view.trouble ? `${text}; Nova does not answer: ${view.trouble}` : text,
    instances: judged.map((j) => instanceVerdict(j, asked, windowOfAll)),
  });
}

/**
 * Whether the host was listed completely after everything was over: only then can nobody have been forgotten.
 * A list by host leaves out a cell that is down in silence (`nova/api/openstack/compute/servers.py`); that the
 * cell was there is seen from the list of services, read after it.
 */
function isListedAfterAll(draft: Draft, { view, judged }: Candidates): boolean {
  const { observation } = draft;
  const lastAnswer = Math.max(-1, ...judged.map((j) => observation.requests.get(j.server.id)?.at ?? -1));
  return (
    view.listedAt >= view.followedAt && view.listedAt > lastAnswer && observation.servicesAt >= view.listedAt
  );
}

function release(draft: Draft, { node, view, judged }: Candidates, record: EvacuationRecord): string {
  const why = issue(draft, {
    kind: 'write-evacuation',
    node: node.name,
    record: { ...record, phase: 'returning', releasedAt: view.novaNow, stopped: [], lost: [] },
  });
  const moved = judged.filter((j) => j.outcome.kind === 'moved').length;
  const named = judged.filter((j) => j.outcome.kind === 'cannot' || j.outcome.kind === 'failed').length;
  const text = `evacuation complete: ${moved} moved${named > 0 ? `, ${named} not (each with its reason)` : ''}`;
  return why ? `${text}; the release can't be written to the cluster: ${why}` : text;
}

function follow(
  draft: Draft,
  host: Candidates,
  record: EvacuationRecord,
  left: readonly Judged[],
  asked: ReadonlySet<Judged>,
): string {
  const { view, judged } = host;
  const { observation, policy } = draft;
  const verifying = left.filter((j) => j.outcome.kind === 'verifying').length;
  const waitsForNova = left.some((j) => j.outcome.kind === 'moving' || j.outcome.kind === 'restoring');
  const batch = Math.max(policy.minInFlight, Math.ceil(judged.length / 2));
  const changes = verifying > 0 && (verifying >= batch || (!waitsForNova && asked.size === 0));
  // When nothing is left to ask for, one look may settle it all, and is worth coming sooner.
  const settle =
    asked.size === 0 && left.every((j) => j.outcome.kind === 'moving' || j.outcome.kind === 'verifying');
  const pauseMs = followPauseMs(view.evacuations, view.novaNow, settle, policy);
  const dueMs = left.length === 0 ? 0 : view.lookedAt + pauseMs - observation.mono;
  if (dueMs <= 0) {
    const { incident, since } = record;
    lookAt(draft, view.host, {
      incident,
      since,
      evacuations: true,
      changes,
      settle,
      listing: left.length === 0,
    });
  } else {
    wakeWithin(draft, dueMs);
  }
  const moved = judged.filter((j) => j.outcome.kind === 'moved').length;
  const ended = judged.filter((j) => ENDS.has(j.outcome.kind)).length;
  return left.length === 0 && asked.size === 0
    ? `all ${judged.length} instances accounted for; listing the host once more`
    : `evacuating: ${moved} of ${judged.length} instances moved, ${judged.length - ended} to go`;
}

function instanceVerdict(judged: Judged, asked: ReadonlySet<Judged>, windowOfAll: number): InstanceVerdict {
  const { server, outcome, attempts } = judged;
  const common = { id: server.id, name: server.name, outcome: outcome.kind, attempts, to: null };
  switch (outcome.kind) {
    case 'moved':
      return { ...common, to: outcome.to, text: `runs on ${outcome.to} as before (${server.vmState})` };
    case 'restoring':
      return { ...common, to: outcome.to, text: `on ${outcome.to}; it was stopped and is stopped again` };
    case 'moving':
      return {
        ...common,
        to: outcome.to,
        text:
          outcome.to === null
            ? 'evacuation asked for; waiting for a destination'
            : `on its way to ${outcome.to}`,
      };
    case 'ready':
      return {
        ...common,
        text: asked.has(judged)
          ? 'asking Nova to evacuate it'
          : `waiting for its turn: ${windowOfAll} at a time`,
      };
    case 'cannot':
    case 'failed':
    case 'gone':
    case 'waiting':
    case 'unanswered':
    case 'verifying':
      return { ...common, text: outcome.reason };
    default:
      return outcome satisfies never;
  }
}
