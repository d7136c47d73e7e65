import { compareArrival } from './arrival.ts';
import type { InFlight } from './claims.ts';
import type { InstanceVerdict } from './decision.ts';
import { unusedReserves } from './destinations.ts';
import { type Draft, issueWithReport, lookAt, wakeWithin } from './draft.ts';
import { needs } from './instance.ts';
import { type Candidates, isEnd, type Judged, mayArriveAlive } from './judged.ts';
import { followPauseMs, type Purpose } from './looks.ts';
import type { NodeName } from './names.ts';
import type { EvacuationRecord } from './records.ts';
import { ask, type Besides, lookAtEvacuations, type Round } from './requests.ts';
import { hasFailed } from './status.ts';
import { leftNotStopped, stopRestoring } from './stop-again.ts';
import { instanceVerdict } from './verdicts.ts';

/** What holds for all hosts under evacuation in this step. */
export interface Evacuation extends Besides {
  /** Nodes whose record says that they are being evacuated, those whose view is not complete yet included. */
  readonly evacuating: readonly NodeName[];
}

/** Asks for instances, follows the ones under way, and releases the hosts that are done. */
export function decideInstances(
  draft: Draft,
  hosts: readonly Candidates[],
  { evacuating, ...besides }: Evacuation,
): void {
  const round = ask(draft, hosts, besides);
  for (const host of hosts) {
    const unseen = evacuating.filter(
      (name) => name !== host.node.name && !hasLookedSince(hosts, name, host.view.firstLookAt),
    );
    concludeHost(draft, host, round, unseen);
    if (unseen.length > 0)
      lookAtEvacuations(
        draft,
        hosts.filter(({ node }) => unseen.includes(node.name)),
        false,
      );
  }
}

/** Whether the evacuations of a host were looked at since `mono`, and what was lost of them written down. */
function hasLookedSince(hosts: readonly Candidates[], name: NodeName, mono: number): boolean {
  return hosts.some((host) => host.node.name === name && host.view.followedAt >= mono);
}

/** `unseen`: other hosts under evacuation whose evacuations have not been looked at since this one died. */
function concludeHost(draft: Draft, host: Candidates, round: Round, unseen: readonly NodeName[]): void {
  const { node, view, judged, service, record, reserve } = host;
  stopRestoring(draft, view.host, judged);
  const left = judged.filter((each) => !isEnd(each));
  const over = left.length === 0 && judged.every((each) => each.live.length === 0);
  const instances = judged.map((each) =>
    instanceVerdict(each, {
      storage: draft.policy.storage,
      isAsked: round.asked.has(each.server.id),
      turn: round.turn(each.server.id),
      note: round.note(each.server.id),
      arrival: each.outcome.kind === 'moved' ? compareArrival(view, each.server) : null,
    }),
  );
  const text =
    over && unseen.length > 0
      ? `evacuation complete; before the release, looking at what ${unseen.join(', ')} had under way to it`
      : over && isListedAfterAll(draft, host)
        ? release(draft, host, instances)
        : follow(draft, host, round, left);
  const asides: string[] = [];
  if (left.length > 0 && reserve.text !== null) asides.push(reserve.text);
  if (view.trouble) asides.push(`Nova does not answer: ${view.trouble}`);
  draft.verdicts.push({
    node: node.name,
    host: service.host,
    incident: record.incident,
    phase: over ? 'releasing' : 'evacuating',
    text: [text, ...asides].join('; '),
    instances,
  });
}

/**
 * Whether the host was listed completely after everything was over, and just now: only then can nobody have been
 * forgotten. The first list does not do, though nobody on it is to be moved: until Nova has taken the host as down
 * minutes may pass, in which live migrations to it end.
 * A list by host leaves out a cell that is down in silence (`nova/api/openstack/compute/servers.py`); that the
 * cell was there is seen from the list of services, read after it.
 */
function isListedAfterAll({ observation }: Draft, { view, judged }: Candidates): boolean {
  const { begunAt, servicesAt, requests } = observation;
  const lastAnswer = Math.max(-1, ...judged.map((j) => requests.get(j.server.id)?.at ?? -1));
  return (
    view.listedAt >= Math.max(begunAt, view.followedAt) &&
    view.listedAt > lastAnswer &&
    servicesAt >= view.listedAt
  );
}

function release(
  draft: Draft,
  { node, view, judged, record }: Candidates,
  instances: readonly InstanceVerdict[],
): string {
  const text = `evacuation complete: ${summary(judged)}`;
  const released: EvacuationRecord = {
    ...record,
    phase: 'returning',
    releasedAt: view.novaNow,
    stopped: [],
    stoppedInError: leftNotStopped([...record.stopped, ...record.stoppedInError], view),
    lost: [],
    reserves: unusedReserves(record, view),
  };
  const why = issueWithReport(
    draft,
    { kind: 'write-evacuation', node: node.name, record: released },
    { node, record: released, view, state: 'released', text, instances },
  );
  return why ? `${text}; the release can't be written to the cluster: ${why}` : text;
}

/** How it went, in numbers. */
function summary(judged: readonly Judged[]): string {
  const count = (...kinds: Judged['outcome']['kind'][]): number =>
    judged.filter((each) => kinds.includes(each.outcome.kind)).length;
  const parts = [`${count('moved')} moved`];
  const named = count('cannot', 'failed');
  const excluded = count('excluded');
  if (named > 0) parts.push(`${named} not (each with its reason)`);
  if (excluded > 0) parts.push(`${excluded} not selected`);
  return parts.join(', ');
}

function follow(draft: Draft, host: Candidates, round: Round, left: readonly Judged[]): string {
  const { view, judged, record } = host;
  const { observation } = draft;
  const isOver = left.length === 0 && judged.every((each) => each.live.length === 0);
  const dueMs = isOver ? 0 : view.lookedAt + pauseMs(draft, host, round, left) - observation.mono;
  if (dueMs <= 0) {
    const { incident, since } = record;
    const settle = isSettling(round, left);
    lookAt(draft, view.host, {
      incident,
      since,
      evacuations: true,
      changes: wantsChanges(draft, host, round, left),
      settle,
      listing: isOver,
    });
  } else {
    wakeWithin(draft, dueMs);
  }
  if (left.length === 0 && !isOver) return 'waiting for the evacuations of deleted instances to end';
  return isOver
    ? `all ${judged.length} instances accounted for; listing the host once more`
    : `evacuating: ${progress(judged, left)}`;
}

function progress(judged: readonly Judged[], left: readonly Judged[]): string {
  const moved = judged.filter((each) => each.outcome.kind === 'moved').length;
  const arrived = left.filter((each) => each.outcome.kind === 'verifying').length;
  const unseen = arrived === 0 ? '' : `${arrived} more by Nova's records, `;
  return `${moved} of ${judged.length} instances moved, ${unseen}${left.length - arrived} to go`;
}

/** Whether nothing is left to ask for, so that one look may settle it all, and is worth coming sooner. */
function isSettling({ asked }: Round, left: readonly Judged[]): boolean {
  return (
    asked.size === 0 && left.every(({ outcome }) => outcome.kind === 'moving' || outcome.kind === 'verifying')
  );
}

/** Looks of all hosts together are this far apart on average, ms: a rack that dies is not to be a flood of questions. */
const LOOK_SHARE_MS = 250;

function pauseMs(draft: Draft, host: Candidates, round: Round, left: readonly Judged[]): number {
  const { policy } = draft;
  const { view } = host;
  // What waits for other instances, or for a person, Nova has nothing new to say about.
  const isIdle = left.every(
    ({ server, outcome }) =>
      needs(outcome, 'admission') || (outcome.kind === 'ready' && round.isHeld(server.id)),
  );
  if (isIdle && left.length > 0) return policy.timing.slowMs;
  const facts = round.inFlight.get(view.host);
  if (facts === undefined) throw new Error(`${view.host} is no host of this round`);
  // Before anything is seen of what was asked for, it counts from the first answer.
  const isBeginning = facts.evacuations.length === 0 && facts.unseenAgesMs.length > 0;
  const headStartMs = isBeginning
    ? draft.observation.mono - view.lookedAt - Math.max(...facts.unseenAgesMs)
    : 0;
  const pauseMs =
    headStartMs +
    followPauseMs(
      facts,
      purposeOf(round, left),
      round.hosts > 1 || isUrgent(draft, facts, left),
      policy.timing,
    );
  return Math.max(pauseMs, round.hosts * LOOK_SHARE_MS);
}

function purposeOf(round: Round, left: readonly Judged[]): Purpose {
  const waits = ({ server, outcome }: Judged): boolean =>
    needs(outcome, 'admission') ||
    outcome.kind === 'moving' ||
    outcome.kind === 'verifying' ||
    (outcome.kind === 'ready' && round.isHeld(server.id));
  if (round.asked.size === 0 && left.every(waits)) return 'last';
  return round.isFull ? 'ends' : 'room';
}

/** Whether somebody waits for what a look may tell: an instance to be asked for again, or one that comes after others. */
function isUrgent({ policy }: Draft, { evacuations, novaNow }: InFlight, left: readonly Judged[]): boolean {
  const isFresh = (ms: number): boolean => novaNow - ms <= policy.pace.troubleMemoryMs;
  return (
    evacuations.some((e) => hasFailed(e) && isFresh(e.updatedAt)) ||
    left.some(({ outcome }) => outcome.kind === 'unanswered' || outcome.kind === 'waiting')
  );
}

/**
 * Whether to read the servers that changed: because one is to be seen before it is asked for again, somebody waits for those that have
 * arrived by their records, nothing else is left to look at, it is long ago, or one may arrive that was being migrated alive.
 * Otherwise the last look reads them all at once.
 */
function wantsChanges(
  { observation, policy }: Draft,
  { view }: Candidates,
  { asked, isHeld }: Round,
  left: readonly Judged[],
): boolean {
  const rest = left.filter(({ server }) => !asked.has(server.id));
  const waitsForNova = rest.some(({ outcome }) => outcome.kind === 'moving' || outcome.kind === 'restoring');
  const seenAt = Math.max(view.changedAt, view.listedAt);
  if (rest.some(({ outcome }) => needs(outcome, 'look'))) return true;
  const seenForMs = observation.mono - seenAt;
  if (waitsForNova && seenForMs >= policy.timing.changesMs) return true;
  const mayArrive = rest.some(({ server, outcome }) => mayArriveAlive(server, outcome));
  if (mayArrive && seenForMs >= policy.timing.taskSettleMs) return true;
  if (!rest.some(({ outcome }) => outcome.kind === 'verifying')) return false;
  const waitsForArrival = rest.some(({ server, outcome }) => outcome.kind === 'ready' && isHeld(server.id));
  return waitsForArrival || (!waitsForNova && asked.size === 0);
}
