/** What only one of the scenarios is about. Pure over the collected facts; own-checks.test.ts shows how each fails. */
import { isSpread, rankOf } from './cast.ts';
import {
  diedSince,
  type FrontEvent,
  type FrontWhat,
  isLive,
  type RequestEvent,
  SECOND_S,
  serverOfPath,
} from './events.ts';
import { type Facts, READY_S, type Subject } from './facts.ts';
import type { MigrationTrack } from './observe.ts';
import { arrivals, evacuateRequests, timelineOf } from './timeline.ts';
import { type Check, list, verdict } from './verdict.ts';

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

/** Requests that are sent together may reach Nova, and its log, in any order. */
const TOGETHER_S = 2;

interface Asked {
  readonly subject: Subject;
  /** The first request for it, epoch seconds. */
  readonly at: number;
}

/** When each instance was first asked for; those never asked for are left out: other checks name them. */
function firstRequests(facts: Facts): readonly Asked[] {
  const requests = evacuateRequests(facts.events, facts.plan);
  return facts.subjects.flatMap((subject) => {
    const first = requests.find((request) => serverOfPath(request.path) === subject.id);
    return first === undefined ? [] : [{ subject, at: first.at }];
  });
}

function priorities(facts: Facts): Check {
  const asked = firstRequests(facts);
  const of = (rank: ReturnType<typeof rankOf>): readonly Asked[] =>
    asked.filter(({ subject }) => rankOf(subject.name) === rank);
  const others = of(null).filter(({ subject }) => subject.role !== 'unplaceable' && !isSpread(subject.name));
  const [begin, end] = [Math.min(...others.map(({ at }) => at)), Math.max(...others.map(({ at }) => at))];
  const against: string[] = [];
  if (of('first').length === 0 || of('last').length === 0 || !(end - begin > TOGETHER_S))
    against.push('all were asked for at once: not tested');
  for (const { subject, at } of of('first'))
    if (at > begin + TOGETHER_S)
      against.push(`${subject.name} came ${(at - begin).toFixed(1)} s after the first of the others`);
  for (const { subject, at } of of('last'))
    if (at < end - TOGETHER_S)
      against.push(`${subject.name} came ${(end - at).toFixed(1)} s before the last of the others`);
  return verdict(
    'priorities',
    'instances of high priority were asked for first, those of low priority last',
    against,
    `${of('first').length} first, ${others.length} others in ${(end - begin).toFixed(1)} s, ${of('last').length} last`,
  );
}

function dependency(facts: Facts): Check {
  const arrived = arrivals(facts.events, facts.plan);
  const base = facts.subjects.filter(({ name }) => rankOf(name) === 'base');
  const upon = firstRequests(facts).filter(({ subject }) => rankOf(subject.name) === 'upon');
  const there = base.flatMap(({ id }) => arrived.get(id) ?? []);
  const ready = facts.plan.t0 + Math.max(...there) + READY_S;
  const against: string[] = [];
  if (base.length === 0 || there.length < base.length)
    against.push('the group that is waited for did not arrive');
  if (upon.length === 0) against.push('nothing depended on it: not tested');
  // Nova's clock shows whole seconds, and the poller's look is later than what it sees.
  for (const { subject, at } of upon)
    if (at < ready - SECOND_S - SECOND_S / 2)
      against.push(`${subject.name} came ${(ready - at).toFixed(1)} s too early`);
  return verdict(
    'dependency',
    `what comes after a group was asked for when the group had been ACTIVE for ${READY_S} s`,
    against,
    `${upon.length} after ${base.length}`,
  );
}

function oneOfAGroup(facts: Facts): Check {
  const members = firstRequests(facts).filter(({ subject }) => isSpread(subject.name));
  const against = members.length < 2 ? ['fewer than two members were asked for: not tested'] : [];
  for (const { subject, at } of members) {
    for (const other of members) {
      const its = facts.migrations.find((m) => m.server === other.subject.id);
      if (other.at < at && at < (its?.lastLiveAt ?? 0))
        against.push(`${subject.name} was asked for while ${other.subject.name} was under way`);
    }
  }
  return verdict(
    'one-of-a-group',
    'members of an anti-affinity group were evacuated one at a time',
    against,
    `${members.length} members`,
  );
}

const enabledAt = ({ events, plan }: Facts, host: string): number | null =>
  events.find(
    (e) => e.kind === 'service' && e.host === host && e.fact === 'enabled' && e.value && e.at >= plan.t0,
  )?.at ?? null;
const cameTo = ({ subjects }: Facts, host: string): number =>
  subjects.filter(({ after }) => after?.host === host).length;

function reserveUsed(facts: Facts): Check {
  const { reserve } = facts;
  const title = 'the reserved host was enabled when it was needed, and kept because instances came to it';
  if (reserve === null) return verdict('reserve-used', title, ['no host was kept for failures: not tested']);
  const service = facts.services.find(({ host }) => host === reserve.host);
  const came = cameTo(facts, reserve.host);
  const against: string[] = [];
  if (enabledAt(facts, reserve.host) === null) against.push(`${reserve.host} was not enabled`);
  if (came === 0) against.push(`nothing came to ${reserve.host}`);
  if (service?.enabled !== true) against.push(`${reserve.host} is disabled, with ${came} instances on it`);
  return verdict('reserve-used', title, against, `${came} instances came to ${reserve.host}`);
}

function reserveGivenBack(facts: Facts): Check {
  const { reserve } = facts;
  const title = 'a reserved host to which nothing could come was enabled, and given back as it was';
  if (reserve === null) return verdict('reserve-back', title, ['no host was kept for failures: not tested']);
  const service = facts.services.find(({ host }) => host === reserve.host);
  const came = cameTo(facts, reserve.host);
  const against: string[] = [];
  if (enabledAt(facts, reserve.host) === null) against.push(`${reserve.host} was not enabled: not tested`);
  if (came > 0) against.push(`${came} instances came to it: not tested`);
  if (service?.enabled !== false) against.push(`${reserve.host} is still enabled`);
  else if (service.reason !== reserve.reason)
    against.push(`its reason is “${service.reason ?? ''}”, not “${reserve.reason}”`);
  return verdict('reserve-back', title, against, `${reserve.host}: “${reserve.reason}”`);
}

const ENDED_BADLY: ReadonlySet<string> = new Set(['error', 'failed']);

function leftUnplaced(facts: Facts): Check {
  const unplaceable = facts.subjects.filter(({ role }) => role === 'unplaceable');
  const against = unplaceable.flatMap(({ id, name, before, after }) => {
    const records = facts.migrations.filter((m) => m.server === id);
    const copies = facts.guests.filter((guest) => guest.server === id).map(({ host }) => host);
    if (after?.host !== before.host) return [`${name} is on ${after?.host ?? 'no host'}`];
    if (records.length === 0) return [`${name} was not tried`];
    if (!records.every((m) => ENDED_BADLY.has(m.status)))
      return [`${name}: ${list(records.map((m) => m.status))}`];
    return copies.length === 1 && copies[0] === before.host ? [] : [`${name}: guest on ${list(copies)}`];
  });
  return verdict(
    'unplaced',
    'the instance for which no host has room was tried, and is where it was; the others did not wait for it',
    unplaceable.length === 0 ? ['there was none: not tested'] : against,
    list(unplaceable.map(({ name }) => name)),
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
export function ownChecks(facts: Facts): Check[] {
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
      return [
        priorities(facts),
        dependency(facts),
        oneOfAGroup(facts),
        reserveUsed(facts),
        leftUnplaced(facts),
      ];
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
