/** What only one of the scenarios is about. Pure over the collected facts; own-checks.test.ts shows how each fails. */
import {
  diedSince,
  type FrontEvent,
  type FrontWhat,
  isLive,
  type RequestEvent,
  SECOND_S,
  serverOfPath,
} from './events.ts';
import type { Facts } from './facts.ts';
import type { MigrationTrack } from './observe.ts';
import { orderChecks, reserveGivenBack } from './order-checks.ts';
import { evacuateRequests, timelineOf } from './timeline.ts';
import { type Check, verdict } from './verdict.ts';

/** The test is a test only when its fault came at the moment it is about. */
function faultInTheMiddle(facts: Facts, what: string): string[] {
  const at = facts.notes.faultAt;
  if (facts.notes.trouble !== null) return [facts.notes.trouble];
  if (at === null) return [`${what}: not done`];
  const live = facts.migrations.some(
    (m) => m.createdAt - SECOND_S <= at && (m.endedAt === null || m.endedAt >= at),
  );
  const later = evacuateRequests(facts.events, facts.plan).some((request) => request.at > at);
  return live || later ? [] : [`${what} came when all was over: raise --instances or --spawn-delay`];
}

const acceptedRequests = (facts: Facts): RequestEvent[] =>
  evacuateRequests(facts.events, facts.plan).filter((request) => request.status < 300);

/** Requests that began while nova-api, or nova-evacuate, was away. */
function whileAway(facts: Facts, requests: readonly RequestEvent[]): readonly RequestEvent[] {
  const { away } = facts.notes;
  return away === null ? [] : requests.filter((request) => request.at > away.from && request.at < away.to);
}

function takenOver(facts: Facts): Check {
  const { notes } = facts;
  const against = faultInTheMiddle(facts, 'the death of the controller');
  if (notes.evacuatorAfter === null) against.push('nova-evacuate runs nowhere at the end');
  const wentOn = acceptedRequests(facts).some((request) => request.at > (notes.faultAt ?? 0));
  if (!wentOn && facts.migrations.length < facts.plan.moving.length) against.push('nobody went on');
  return verdict(
    'taken-over',
    'another controller took over in the middle',
    against,
    `${notes.killedController} died; at the end nova-evacuate runs on ${notes.evacuatorAfter}`,
  );
}

function apiWasAway(facts: Facts): Check {
  const { away } = facts.notes;
  const against = faultInTheMiddle(facts, 'the stop of nova-api');
  const early = whileAway(facts, acceptedRequests(facts));
  if (early.length > 0) against.push(`${early.length} requests were answered while it was away`);
  if (acceptedRequests(facts).length === 0) against.push('nothing was evacuated after it');
  const seconds = away === null ? 0 : Math.round(away.to - away.from);
  return verdict(
    'api-was-away',
    `nova-api was away for ${seconds} s, and the work was done after it`,
    against,
  );
}

function backTooEarly(facts: Facts): Check {
  const { heldBecause } = facts.notes;
  const timeline = timelineOf(facts.events, facts.plan);
  const rejoined = timeline.get('rejoined');
  const ended = timeline.get('migrationsEnded');
  const against: string[] = [];
  if (rejoined === undefined) against.push('the node did not come back');
  else if (ended === undefined) against.push('no evacuation ended');
  else if (rejoined >= ended)
    against.push(`back at ${rejoined.toFixed(1)} s, after the last evacuation: not tested`);
  if (heldBecause.length === 0) against.push('nobody said why nova-compute is held');
  return verdict(
    'back-too-early',
    'the node was back in the cluster before its evacuation was complete, and was held',
    against,
    heldBecause.join(' | '),
  );
}

function stoppedAndResumed(facts: Facts): Check {
  const { notes } = facts;
  const against = faultInTheMiddle(facts, 'the stop of nova-evacuate');
  const between = whileAway(facts, evacuateRequests(facts.events, facts.plan));
  if (between.length > 0) against.push(`${between.length} requests were sent while it was stopped`);
  if (notes.evacuatorAfter === null) against.push('nova-evacuate runs nowhere at the end');
  if (notes.evacuatorAfter === notes.evacuatorBefore) against.push('it did not go to another controller');
  return verdict(
    'stopped-and-resumed',
    'nova-evacuate stopped cleanly in the middle, and went on elsewhere',
    against,
    `${notes.evacuatorBefore} → ${notes.evacuatorAfter}`,
  );
}

const frontDid = (facts: Facts, what: FrontWhat): readonly FrontEvent[] =>
  facts.events.filter((e): e is FrontEvent => e.kind === 'front' && e.what === what);

function lostAnswer(facts: Facts): Check {
  const lost = frontDid(facts, 'lost').map((event) => serverOfPath(event.path));
  const against = facts.notes.trouble === null ? [] : [facts.notes.trouble];
  if (lost.length === 0) against.push('no answer was lost: not tested');
  for (const server of lost) {
    const taken = acceptedRequests(facts).filter((request) => serverOfPath(request.path) === server).length;
    const records = facts.migrations.filter((m) => m.server === server).length;
    if (taken !== 1 || records !== 1)
      against.push(`${server}: Nova took ${taken} requests, ${records} records`);
  }
  return verdict(
    'lost-answer',
    'a request that Nova had taken was not repeated when its answer was lost',
    against,
    `${lost.length} answers lost`,
  );
}

function refusedForAWhile(facts: Facts): Check {
  const { away } = facts.notes;
  const refused = frontDid(facts, 'refused').length;
  const against: string[] = [];
  if (refused === 0) against.push('no request was answered 503: not tested');
  if (away === null || !acceptedRequests(facts).some((request) => request.at > away.to))
    against.push('nothing was evacuated after it');
  const seconds = away === null ? 0 : Math.round(away.to - away.from);
  return verdict(
    'refused',
    `nova-api answered 503 for ${seconds} s, and the work was done after it`,
    against,
    `${refused} requests were refused`,
  );
}

function tokenRenewed(facts: Facts): Check {
  const refused = frontDid(facts, 'unauthorized');
  const first = refused[0];
  const later = acceptedRequests(facts).some((request) => first !== undefined && request.at > first.at);
  const against: string[] = [];
  if (first === undefined) against.push('no request was answered 401: not tested');
  else if (!later) against.push('Nova took no request after it');
  return verdict(
    'token-renewed',
    'a token that had become invalid was renewed, and the work went on',
    against,
    `${refused.length} requests were answered 401`,
  );
}

function bothFailed(facts: Facts): Check {
  const against = facts.plan.victims.flatMap((victim) => {
    const timeline = timelineOf(facts.events, { ...facts.plan, victim });
    const its = facts.plan.moving.filter((mover) => mover.from === victim).length;
    if (!timeline.has('poweredOff') || !timeline.has('mark')) return [`${victim} was not fenced and marked`];
    return its === 0 ? [`no instance was on ${victim}: not tested`] : [];
  });
  if (facts.plan.victims.length < 2) against.push('only one host failed: not tested');
  return verdict(
    'both-failed',
    'both hosts were fenced and evacuated',
    against,
    facts.plan.victims.join(', '),
  );
}

function destinationDied(facts: Facts): Check {
  const second = facts.plan.victims[1] ?? '';
  const against = faultInTheMiddle(facts, 'the death of the destination');
  const at = facts.notes.faultAt ?? Number.POSITIVE_INFINITY;
  const lost = facts.migrations.filter(
    (m) => isLive(m.status) && m.dest === second && diedSince(facts.events, second, m.createdAt),
  );
  const onTheWay = facts.migrations.filter((m) => m.dest === second && wasLiveAt(m, at));
  if (onTheWay.length === 0) against.push(`nothing was on its way to ${second}: not tested`);
  if (!diedSince(facts.events, second, at)) against.push(`${second} was not fenced`);
  for (const m of lost) {
    const again = facts.migrations.some((other) => other.server === m.server && other.id > m.id);
    if (!again) against.push(`${m.server} was not asked for again`);
  }
  return verdict(
    'destination-died',
    `${second} died with evacuations on their way to it; it was fenced, and they were asked for again`,
    against,
    `${onTheWay.length} on their way, ${lost.length} lost`,
  );
}

const wasLiveAt = (m: MigrationTrack, at: number): boolean =>
  m.createdAt - SECOND_S <= at && m.lastLiveAt !== null && m.lastLiveAt >= at - SECOND_S;

/** What only this scenario is about. */
export function ownChecks(facts: Facts): readonly Check[] {
  switch (facts.scenario) {
    case 'power-loss':
      return [];
    case 'controller-loss':
      return [takenOver(facts)];
    case 'api-away':
      return [apiWasAway(facts)];
    case 'fast-rejoin':
      return [backTooEarly(facts)];
    case 'clean-stop':
      return [stoppedAndResumed(facts)];
    case 'order-and-room':
      return orderChecks(facts);
    case 'bad-api':
      return [lostAnswer(facts), refusedForAWhile(facts), tokenRenewed(facts), reserveGivenBack(facts)];
    case 'two-hosts':
      return [bothFailed(facts)];
    case 'destination-loss':
      return [destinationDied(facts)];
    default:
      return facts.scenario satisfies never;
  }
}
