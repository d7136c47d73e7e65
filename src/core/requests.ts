import { isBound } from './affinity.ts';
import type { Aside } from './aside.ts';
import type { InFlight } from './claims.ts';
import type { EvacuateOptions } from './decision.ts';
import { type Draft, isBeingWritten, issue, lookAt, TICK_MS, wakeWithin } from './draft.ts';
import { type Candidates, isEnd, type Judged } from './judged.ts';
import { novaNowBy } from './looks.ts';
import type { Member } from './member.ts';
import type { HostName, ServerId } from './names.ts';
import type { RequestView } from './observation.ts';
import { notesOf, type Plan, plan } from './order.ts';
import { type Room, roomOf } from './pace.ts';
import { lookAtQueues, type QueueToSee } from './queues.ts';
import { evacuationsSince, isOlderThan } from './seen.ts';
import { isQueuedForLong } from './status.ts';

/** What came of asking: who is asked for in this step, and what the others wait for. */
export interface Round {
  readonly asked: ReadonlySet<ServerId>;
  /** Whether as many are unfinished as may be at all, by what is known. */
  readonly isFull: boolean;
  /** Hosts under evacuation. */
  readonly hosts: number;
  /** What is under way from each of them. */
  readonly inFlight: ReadonlyMap<HostName, InFlight>;
  /** What an instance waits for that is ready by itself. */
  readonly turn: (server: ServerId) => string;
  readonly note: (server: ServerId) => string | null;
  /** Whether it waits for others, so that looking at Nova tells nothing new about it. */
  readonly isHeld: (server: ServerId) => boolean;
}

/** What is known besides the hosts for which something can be asked. */
export interface Besides {
  /** What takes room besides. */
  readonly asides: readonly Aside[];
  /** To be looked at before anybody is asked for. */
  readonly queues: readonly QueueToSee[];
  /** Why nobody at all is asked for now; null: whoever has its turn is. */
  readonly closed: string | null;
}

/**
 * Asks for instances in their order, within the window that all hosts share, the one of each host, and the pause
 * between two requests.
 */
export function ask(draft: Draft, hosts: readonly Candidates[], { asides, queues, closed }: Besides): Round {
  const { observation, policy } = draft;
  const inFlight = new Map(hosts.map((host) => [host.view.host, inFlightOf(draft, host)]));
  const room = roomOf(
    {
      hosts: [...inFlight.values(), ...asides.map((aside) => aside.inFlight)],
      requests: [...observation.requests.values()],
      mono: observation.mono,
    },
    policy.pace,
  );
  const aside = sum(asides.map(({ servers }) => servers.length));
  const members = membersOf(draft, hosts);
  const ranks =
    closed === null
      ? plan(
          members,
          observation.facts.serverGroups.value,
          policy.order,
          asides.flatMap(({ servers }) => servers),
        )
      : { order: [], held: new Map<ServerId, string>(), notes: notesOf(members, policy.order) };
  const preparing = preparingOf(hosts);
  const unseen = unseenOf(draft, hosts);
  const taken = takenRoom(hosts, members);
  const isFull = sum(taken.values()) + aside >= policy.pace.maxInFlight;
  const asked =
    closed === null ? send(draft, hosts, ranks, { room, taken, aside, queues }) : new Set<ServerId>();
  if (hosts.length > 0) {
    const underWay = sum(hosts.map(({ judged }) => judged.filter(isUnderWay).length));
    draft.pace = { window: room.window, inFlight: underWay + aside + asked.size };
  }
  return {
    asked,
    isFull,
    hosts: hosts.length,
    inFlight,
    turn: (id) =>
      closed ?? preparing.get(id) ?? ranks.held.get(id) ?? unseen.get(id) ?? 'waiting for its turn',
    note: (id) => ranks.notes.get(id) ?? null,
    isHeld: (id) => closed !== null || preparing.has(id) || ranks.held.has(id),
  };
}

/** What there is room for. */
interface Space {
  readonly room: Room;
  /** How many of each host take room; those that are asked for are added. */
  readonly taken: Map<HostName, number>;
  /** How much is taken by hosts for which nothing can be asked now. */
  readonly aside: number;
  readonly queues: readonly QueueToSee[];
}

function send(
  draft: Draft,
  hosts: readonly Candidates[],
  { order }: Plan,
  { room, taken, aside, queues }: Space,
): Set<ServerId> {
  const { pace, timing } = draft.policy;
  const asked = new Set<ServerId>();
  const allowed = requestsNow(draft);
  if (order.length === 0) return asked;
  // By host first: one that has moved to a host that died then is there twice.
  const byHost = new Map(
    hosts.map((host) => [
      host.view.host,
      { host, judged: new Map(host.judged.map((each) => [each.server.id, each])) },
    ]),
  );
  const total = sum(taken.values()) + aside;
  let left = Math.min(room.window - total + room.presumedEnded, pace.maxInFlight - total, allowed);
  for (const { server, host: name } of order) {
    const from = byHost.get(name);
    const records = from?.judged.get(server.id)?.records;
    const here = taken.get(name) ?? 0;
    if (left <= 0) {
      // There may be room for the next when one more is claimed; while nobody knows when, the longest pause will do.
      if (room.claimRate > 0) wakeWithin(draft, Math.max(TICK_MS, 1_000 / room.claimRate));
      break;
    }
    if (from === undefined || records === undefined || here >= pace.maxInFlightPerHost) continue;
    if (from.host.reserve.kind === 'preparing') continue;
    // It may be its release: whoever is to be evacuated only since then is left to what follows that. Nobody goes before them.
    if (isBeingWritten(draft.observation, from.host.node.name)) break;
    if (queues.length > 0) {
      lookAtQueues(draft, queues);
      break;
    }
    // What is under way is looked at often enough, while Nova answers and this process does not stand still.
    const isOld = ({ view }: Candidates): boolean => {
      const ageMs = taken.get(view.host) === 0 ? timing.followMs : Number.POSITIVE_INFINITY;
      return view.trouble !== null || isOlderThan(ageMs, view.followedAt, draft.observation);
    };
    if (isOld(from.host)) {
      lookAtEvacuations(draft, hosts.filter(isOld), true);
      if (isUnseenForLong(draft, from.host)) continue;
      break;
    }
    issue(draft, {
      kind: 'evacuate',
      host: name,
      server: server.id,
      name: server.name,
      recordsBefore: records,
      options: optionsOf(draft, from.host, server.id),
    });
    asked.add(server.id);
    taken.set(name, here + 1);
    left--;
  }
  return asked;
}

/** Asks for looks at what is under way from hosts under evacuation, and (`changes`) at the servers that have changed. */
export function lookAtEvacuations(draft: Draft, hosts: readonly Candidates[], changes: boolean): void {
  for (const { view, record } of hosts) {
    if (draft.looks.has(view.host)) continue;
    const { incident, since } = record;
    lookAt(draft, view.host, { incident, since, evacuations: true, changes });
  }
}

/** How many of each host take room in the window: not those that wait for the return of a host, which may itself wait for room. */
function takenRoom(hosts: readonly Candidates[], members: readonly Member[]): Map<HostName, number> {
  const taken = new Map(hosts.map(({ view }) => [view.host, 0]));
  for (const { host, state } of members)
    if (state === 'in-flight') taken.set(host, (taken.get(host) ?? 0) + 1);
  return taken;
}

/** What is under way from a host, as the pace sees it. */
function inFlightOf({ observation: { mono } }: Draft, host: Candidates): InFlight {
  return {
    evacuations: evacuationsSince(host.view, host.record.since),
    lookedAtNova: host.view.novaNow,
    novaNow: novaNowBy(host.view, mono),
    unseenAgesMs: host.judged.flatMap((each) => {
      const request = unseenRequest(each);
      return request === null ? [] : [mono - request.at];
    }),
  };
}

/** What Nova has accepted for an instance and no look has shown yet. */
function unseenRequest({ request, records }: Judged): RequestView | null {
  return request?.state === 'accepted' && records <= request.recordsBefore ? request : null;
}

function optionsOf(
  { observation, policy }: Draft,
  { reserve }: Candidates,
  server: ServerId,
): EvacuateOptions {
  const target = reserve.kind === 'ready' ? reserve.target : null;
  const isNamed = target !== null && !isBound(observation.facts.serverGroups.value, server);
  return { onSharedStorage: policy.storage.shared, ...(isNamed ? { host: target } : {}) };
}

/** What the instances of a host wait for while its reserved host is not ready. */
function preparingOf(hosts: readonly Candidates[]): ReadonlyMap<ServerId, string> {
  const waits = new Map<ServerId, string>();
  for (const { judged, reserve } of hosts) {
    if (reserve.kind !== 'preparing') continue;
    for (const { server, outcome } of judged)
      if (outcome.kind === 'ready') waits.set(server.id, reserve.text);
  }
  return waits;
}

/**
 * Whether no look at a host has come out for so long that the others do not wait for it: it need not be Nova that does not answer, but
 * one server of this host.
 */
function isUnseenForLong({ observation, policy }: Draft, { view }: Candidates): boolean {
  const { troubleSince } = view;
  return troubleSince !== null && observation.mono - troubleSince >= policy.timing.lookWaitMs;
}

/** What the instances of such a host wait for. */
function unseenOf(draft: Draft, hosts: readonly Candidates[]): ReadonlyMap<ServerId, string> {
  const waits = new Map<ServerId, string>();
  for (const host of hosts) {
    if (!isUnseenForLong(draft, host)) continue;
    const { judged, view } = host;
    for (const { server, outcome } of judged)
      if (outcome.kind === 'ready')
        waits.set(server.id, `what is on ${view.host} is to be seen first, and can't be: ${view.trouble}`);
  }
  return waits;
}

/** Whether an evacuation of it may be unfinished. */
export function isUnderWay({ live, outcome }: Judged): boolean {
  return live.length > 0 || outcome.kind === 'moving' || outcome.kind === 'unanswered';
}

/** How many requests the pause between two of them allows in this step. */
function requestsNow(draft: Draft): number {
  const { staggerMs } = draft.policy.pace;
  if (staggerMs === 0) return Number.POSITIVE_INFINITY;
  const { requests, mono } = draft.observation;
  const last = Math.max(...[...requests.values()].map((request) => request.sentAt), -Infinity);
  const waitMs = last + staggerMs - mono;
  wakeWithin(draft, waitMs > 0 ? waitMs : staggerMs);
  return waitMs > 0 ? 0 : 1;
}

function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}

function membersOf({ observation }: Draft, hosts: readonly Candidates[]): readonly Member[] {
  return hosts.flatMap(({ view, judged }) => {
    const novaNow = novaNowBy(view, observation.mono);
    return judged.map(
      (each): Member => ({
        server: each.server,
        host: view.host,
        state: stateInOrder(each, view.novaNow),
        arrivedAt: each.arrivedAt,
        novaNow,
      }),
    );
  });
}

/**
 * Where an instance stands for those that come after it: none of them waits for one that is queued for long. One that has
 * been asked for again since the last look is under way anew.
 */
export function stateInOrder(judged: Judged, lookedNova: number): Member['state'] {
  if (judged.outcome.kind === 'ready') return 'ready';
  if (judged.outcome.kind === 'moved') return 'arrived';
  if (isUnderWay(judged)) {
    const { live, outcome, request } = judged;
    const isOnItsWay = outcome.kind === 'unanswered' || request?.state === 'pending';
    if (isOnItsWay || unseenRequest(judged) !== null) return 'in-flight';
    return live.length > 0 && live.every((e) => isQueuedForLong(e, lookedNova)) ? 'ended' : 'in-flight';
  }
  return isEnd(judged) ? 'ended' : 'waiting';
}
