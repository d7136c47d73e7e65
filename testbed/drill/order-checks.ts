/** Who was evacuated when, and where to: order, groups, reserved hosts, room. Pure; own-checks.test.ts shows how each fails. */
import { isSpread, rankOf } from './cast.ts';
import { SECOND_S, serverOfPath } from './events.ts';
import { type Facts, READY_S, type Subject } from './facts.ts';
import { arrivals, evacuateRequests } from './timeline.ts';
import { type Check, list, verdict } from './verdict.ts';

export const orderChecks = (facts: Facts): readonly Check[] => [
  priorities(facts),
  dependency(facts),
  oneOfAGroup(facts),
  reserveUsed(facts),
  leftUnplaced(facts),
];

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

export function reserveGivenBack(facts: Facts): Check {
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
