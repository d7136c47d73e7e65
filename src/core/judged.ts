import { abandoned } from './deaths.ts';
import { stopKey } from './decision.ts';
import type { Reserve } from './destinations.ts';
import { type Draft, lookAtServices, wakeWithin } from './draft.ts';
import { isEverybodys } from './failing.ts';
import {
  type InstanceFacts,
  judge,
  lacksServices,
  liveEvacuations,
  needs,
  type Outcome,
  SINCE_MARGIN_MS,
  shortId,
} from './instance.ts';
import { isMigratedAlive, liveMigrationOf, lookAtLiveMigration } from './moving-away.ts';
import type { HostName, ServerId } from './names.ts';
import type {
  EvacuationView,
  HostView,
  NodeView,
  Observation,
  RequestView,
  ServerView,
  ServiceView,
} from './observation.ts';
import { lookAtPlacement, placementAfter } from './placement.ts';
import type { EvacuationRecord } from './records.ts';
import { seenIn } from './seen.ts';
import type { Admission } from './selection.ts';
import { hasSucceeded, isLive } from './status.ts';
import type { Unclaimed } from './unclaimed.ts';

/** An instance with what was decided about it. */
export interface Judged {
  readonly server: ServerView;
  readonly outcome: Outcome;
  /** Our last request for it, as far as it counts here (`requestAt`). */
  readonly request: RequestView | null;
  readonly attempts: number;
  /** Its evacuations from this host that can still do something, oldest first. Nova may carry a request out by an older record than its own (deaths.ts, abandoned). */
  readonly live: readonly EvacuationView[];
  readonly records: number;
  /** Nova's clock when its evacuation was over; null: it did not arrive by one. */
  readonly arrivedAt: number | null;
}

/** A host whose instances may be asked for. */
export interface Candidates {
  readonly node: NodeView;
  readonly service: ServiceView;
  readonly view: HostView;
  readonly record: EvacuationRecord;
  readonly judged: readonly Judged[];
  readonly reserve: Reserve;
}

const ENDS: ReadonlySet<Outcome['kind']> = new Set(['moved', 'cannot', 'excluded', 'failed', 'gone']);

/** Whether an instance is accounted for: the host does not wait for it. */
export function isEnd({ outcome }: Judged): boolean {
  return ENDS.has(outcome.kind);
}

export interface Judging {
  readonly record: EvacuationRecord;
  readonly view: HostView;
  readonly unclaimed: ReadonlyMap<number, Unclaimed>;
  /** Before this `mono` no request is sent. */
  readonly quietUntil: number;
  readonly wasOff: (evacuation: EvacuationView) => boolean;
  readonly admit: (server: ServerView) => Admission;
}

const NONE: readonly EvacuationView[] = [];

/** Where each instance of a host stands; sorted by name, so that the order is the same each time. */
export function judgeAll(draft: Draft, judging: Judging): readonly Judged[] {
  const { observation, policy } = draft;
  const { record, view, unclaimed, quietUntil, wasOff, admit } = judging;
  const seen = seenIn(view);
  const stopped = new Set([...record.stopped, ...record.stoppedInError]);
  const inError = new Set(record.stoppedInError);
  const whyUnclaimed = ({ id }: EvacuationView): string | null => {
    const fate = unclaimed.get(id);
    return fate !== undefined && 'reason' in fate ? fate.reason : null;
  };
  const answered = placementAfter(draft, view);
  return seen.servers.map((server) => {
    const evacuations = seen.evacuations.get(server.id) ?? NONE;
    const over = abandoned(evacuations, record.lost);
    const isAway = server.host !== view.host;
    const request = requestAt(observation, view.host, server.id);
    const facts: InstanceFacts = {
      server,
      source: view.host,
      evacuations,
      since: record.since,
      request,
      isEverybodysFailure: request !== null && isEverybodys(observation.requests, request),
      wasStopped: stopped.size > 0 && stopped.has(shortId(server.id)),
      wasInError: inError.size > 0 && inError.has(shortId(server.id)),
      stopSent: isAway && (isStopSent(draft, server) || isStarted(observation, server)),
      // Of a node that has been let go nothing is held back any more.
      startUnheard: () => record.phase === 'evacuating' && startUnheard(draft, server, record.since),
      stopFailed: isAway ? stopFailed(observation, server) : null,
      mono: observation.mono,
      novaNow: view.novaNow,
      quietUntil,
      followedAt: view.followedAt,
      seenAt: Math.max(view.changedAt, view.listedAt),
      servicesAt: observation.servicesAt,
      isLost: ({ id }) => over.has(id),
      wasOff,
      whyUnclaimed,
      isLeftBehind: ({ id }) => unclaimed.get(id)?.kind === 'left-behind',
      placementAfter: answered,
      liveMigration: liveMigrationOf(draft, view, server),
      brokenMoves: view.brokenMoves.get(server.id) ?? [],
      admit: () => admit(server),
    };
    if (lacksServices(facts, policy)) lookAtServices(draft, observation.mono - view.followedAt);
    const live = liveEvacuations(facts, policy);
    const outcome = judge(facts, policy, live);
    if (mayArriveAlive(server, outcome)) lookAtLiveMigration(draft, view, server);
    if (needs(outcome, 'placement')) lookAtPlacement(draft);
    return {
      server,
      outcome,
      request: facts.request,
      attempts: evacuations.filter((e) => e.createdAt >= record.since).length,
      live,
      records: evacuations.length,
      arrivedAt: evacuations.findLast(hasSucceeded)?.updatedAt ?? null,
    };
  });
}

/**
 * The last request for an instance, as far as it counts at `host`: not one for a host that it was on before, when Nova has refused it or
 * never heard of it, or when a look at that host shows its record, and all of them over. Until then it may become an evacuation from
 * this one, for Nova takes the host that the instance is on when it works the request off (nova/compute/api.py evacuate).
 */
export function requestAt(
  { requests, hosts }: Observation,
  host: HostName,
  server: ServerId,
): RequestView | null {
  const request = requests.get(server) ?? null;
  if (request === null || request.source === host) return request;
  if (request.state === 'refused' || request.state === 'unsent') return null;
  // The record of one without an answer may be somebody else's, who has evacuated it by hand.
  if (request.state !== 'accepted') return request;
  const source = hosts.get(request.source);
  const records = (source && seenIn(source).evacuations.get(server)) ?? NONE;
  return records.length > request.recordsBefore && !records.some(isLive) ? null : request;
}

/** Whether it waits for the end of a live migration, and nobody has to be asked about it first. */
export function mayArriveAlive(server: ServerView, outcome: Outcome): boolean {
  return outcome.kind === 'waiting' && !needs(outcome, 'admission') && isMigratedAlive(server);
}

/** Whether a server has been told to stop where it is now: whoever starts it after that means it. */
export function isStopSent({ observation }: Draft, { id, host }: ServerView): boolean {
  return host !== null && observation.commands.get(stopKey(id, host))?.state === 'done';
}

/** ... and that after `mono`. */
export function isStopSentSince({ observation }: Draft, { id, host }: ServerView, mono: number): boolean {
  const command = host === null ? undefined : observation.commands.get(stopKey(id, host));
  return command?.state === 'done' && command.at > mono;
}

function stopFailed({ commands }: Observation, { id, host }: ServerView): InstanceFacts['stopFailed'] {
  const command = host === null ? undefined : commands.get(stopKey(id, host));
  return command?.state === 'failed' ? { times: command.failures, message: command.message } : null;
}

/** Whether somebody has started it where it is now. */
function isStarted({ starts }: Observation, { id }: ServerView): boolean {
  const fact = starts.get(id);
  return fact?.value.known === true && fact.value.value.since;
}

/** See {@link InstanceFacts}; asks for what is not known. One that went unheard when an earlier host of it died was over with that. */
function startUnheard(draft: Draft, { id }: ServerView, since: number): boolean | null {
  const { observation, policy } = draft;
  const fact = observation.starts.get(id);
  if (fact?.value.known === true) {
    const { unheardAt } = fact.value.value;
    return unheardAt !== null && unheardAt >= since - SINCE_MARGIN_MS;
  }
  // An API that is down is not helped by questions.
  const waitMs = fact === undefined ? 0 : fact.mono + policy.timing.lookRetryMs - observation.mono;
  if (waitMs <= 0) draft.starts.add(id);
  wakeWithin(draft, waitMs);
  return null;
}
