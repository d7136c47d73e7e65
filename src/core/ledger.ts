import type { InstanceVerdict } from './decision.ts';
import { type Draft, issue, lookAt, wakeWithin } from './draft.ts';
import { type InstanceFacts, judge, liveEvacuations, type Outcome, shortId } from './instance.ts';
import type { NodeName } from './names.ts';
import type { EvacuationView, HostView, NodeView, ServerView, ServiceView } from './observation.ts';
import { followPauseMs, windowSize } from './pace.ts';
import type { EvacuationRecord } from './records.ts';

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

/** Where each instance of a host stands; sorted by name, so that the order is the same each time. */
export function judgeAll(
  draft: Draft,
  record: EvacuationRecord,
  view: HostView,
  quiet: number,
): readonly Judged[] {
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

const ENDS: ReadonlySet<Outcome['kind']> = new Set(['moved', 'cannot', 'excluded', 'failed', 'gone']);

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
        options: {},
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
  const batch = Math.max(policy.pace.minInFlight, Math.ceil(judged.length / 2));
  const seenAt = Math.max(view.changedAt, view.listedAt);
  const isLongAgo = waitsForNova && observation.mono - seenAt >= policy.timing.changesMs;
  const changes = isLongAgo || (verifying > 0 && (verifying >= batch || (!waitsForNova && asked.size === 0)));
  // When nothing is left to ask for, one look may settle it all, and is worth coming sooner.
  const settle =
    asked.size === 0 && left.every((j) => j.outcome.kind === 'moving' || j.outcome.kind === 'verifying');
  const pauseMs = followPauseMs(view.evacuations, view.novaNow, settle, policy);
  const isOver = left.length === 0 && judged.every((j) => !j.live);
  const dueMs = isOver ? 0 : view.lookedAt + pauseMs - observation.mono;
  if (dueMs <= 0) {
    const { incident, since } = record;
    lookAt(draft, view.host, {
      incident,
      since,
      evacuations: true,
      changes,
      settle,
      listing: isOver,
    });
  } else {
    wakeWithin(draft, dueMs);
  }
  const moved = judged.filter((j) => j.outcome.kind === 'moved').length;
  const ended = judged.filter((j) => ENDS.has(j.outcome.kind)).length;
  if (left.length === 0 && !isOver) return 'waiting for the evacuations of deleted instances to end';
  return isOver
    ? `all ${judged.length} instances accounted for; listing the host once more`
    : `evacuating: ${moved} of ${judged.length} instances moved, ${judged.length - ended} to go`;
}

function instanceVerdict(judged: Judged, asked: ReadonlySet<Judged>, windowOfAll: number): InstanceVerdict {
  const { server, outcome, attempts } = judged;
  const common = {
    id: server.id,
    name: server.name,
    outcome: outcome.kind,
    attempts,
    to: null,
    disk: 'kept',
    differences: [],
  } as const;
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
    case 'excluded':
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
