/** The verdicts on a scenario. Pure over the collected facts; each one can fail, and checks.test.ts shows how. */
import { expectedStates, hasToMove, isLocked } from './cast.ts';
import { type DrillEvent, diedSince, isEvacuateRequest, isLive, SECOND_S, serverOfPath } from './events.ts';
import type { Facts, ScenarioName, Subject } from './facts.ts';
import type { MigrationTrack } from './observe.ts';
import { ownChecks } from './own-checks.ts';
import { reasonFor } from './reason.ts';
import { evacuateRequests, type Timeline, timelineOf } from './timeline.ts';
import { type Check, type Finding, list, nothingTested, verdict } from './verdict.ts';

const moving = (facts: Facts): Subject[] =>
  facts.subjects.filter((s) => s.role !== null && hasToMove(s.role));
const staying = (facts: Facts): Subject[] =>
  facts.subjects.filter((s) => s.role !== null && !hasToMove(s.role));
const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && [...a].sort().join() === [...b].sort().join();

/** What is found against each host that failed, named where there are several. */
const eachVictim = ({ plan }: Facts, against: (victim: string) => Finding): Finding =>
  plan.victims.flatMap((victim) =>
    against(victim).map((found) => (plan.victims.length > 1 ? `${victim}: ${found}` : found)),
  );
const timelineFor = ({ events, plan }: Facts, victim: string): Timeline =>
  timelineOf(events, { ...plan, victim });
const victimsOf = ({ plan }: Facts): string => plan.victims.join(' and ');

/** One property of every moving server. */
function each(
  subjects: readonly Subject[],
  against: (subject: Subject, after: NonNullable<Subject['after']>) => string | null,
): Finding {
  return subjects.flatMap((subject) => {
    if (subject.after === null) return [`${subject.name} is gone`];
    const found = against(subject, subject.after);
    return found === null ? [] : [`${subject.name}: ${found}`];
  });
}

function settled(facts: Facts): Check {
  return verdict(
    'settled',
    `the host is back in service and all is quiet within ${facts.limitS} s`,
    facts.settled ? [] : [`not after ${Math.round(facts.endedAt - facts.plan.t0)} s`],
  );
}

function neverTwice(facts: Facts): Check {
  const dual = facts.events.filter((event) => event.kind === 'guest' && event.what === 'DUAL');
  const names = new Map(facts.subjects.map((subject) => [subject.id, subject.name]));
  return verdict(
    'never-twice',
    'no guest ever ran on two hosts (DUAL in the hypervisors’ journal)',
    dual.flatMap((e) =>
      e.kind === 'guest' ? [`${names.get(e.server) ?? e.server} on ${e.host} ${e.text}`] : [],
    ),
  );
}

function moved(facts: Facts): Check {
  const subjects = moving(facts);
  // Where a destination fails as well, an instance may have come back to where it began.
  const cameBack = ({ id, before }: Subject): boolean =>
    facts.migrations.some((m) => m.server === id && m.source !== before.host && m.dest === before.host);
  return verdict(
    'moved',
    `every instance that can move runs on another host than before (${victimsOf(facts)})`,
    each(subjects, (subject, after) =>
      after.host === null || (after.host === subject.before.host && !cameBack(subject))
        ? `on ${after.host ?? 'no host'}`
        : null,
    ),
    `${subjects.length} of ${subjects.length}`,
  );
}

function states(facts: Facts): Check {
  return verdict(
    'state',
    'each is in the state that it had (ACTIVE, SHUTOFF; ERROR becomes ACTIVE, by Nova)',
    each(moving(facts), (subject, after) => {
      if (subject.role === null) return null;
      const { after: expected } = expectedStates(subject.role);
      if (after.vmState !== expected) return `${after.vmState}, not ${expected}`;
      return after.taskState === null ? null : `still in task ${after.taskState}`;
    }),
  );
}

function locks(facts: Facts): Check {
  return verdict(
    'lock',
    'locked stays locked, unlocked stays unlocked',
    each(facts.subjects, (subject, after) => {
      const wanted = subject.role !== null && isLocked(subject.role);
      return after.locked === wanted ? null : after.locked ? 'locked now' : 'not locked any more';
    }),
  );
}

function fixedAddresses(facts: Facts): Check {
  return verdict(
    'fixed-address',
    'fixed addresses stay, and the port is bound to the new host',
    each(moving(facts), (subject, after) => {
      if (subject.before.fixed.length === 0) return 'had no fixed address: nothing was tested';
      if (!same(subject.before.fixed, after.fixed))
        return `${list(subject.before.fixed)} → ${list(after.fixed)}`;
      return after.boundTo === after.host
        ? null
        : `port bound to ${after.boundTo ?? 'no host'}, not ${after.host}`;
    }),
  );
}

function floatingAddresses(facts: Facts): Check {
  const having = facts.subjects.filter((subject) => subject.before.floating.length > 0);
  const against = each(facts.subjects, (subject, after) =>
    same(subject.before.floating, after.floating)
      ? null
      : `${list(subject.before.floating)} → ${list(after.floating)}`,
  );
  return verdict(
    'floating-address',
    'floating addresses stay',
    having.length === 0 ? ['no server had one: nothing was tested'] : against,
    `${having.length} of ${having.length}`,
  );
}

function flavors(facts: Facts): Check {
  return verdict(
    'flavor',
    'flavor stays',
    each(facts.subjects, (subject, after) =>
      subject.before.flavor === after.flavor ? null : `${subject.before.flavor} → ${after.flavor}`,
    ),
  );
}

const GUEST_STATES: Readonly<Record<string, string>> = {
  active: 'running',
  stopped: 'shutdown',
  paused: 'paused',
};

function guests(facts: Facts): Check {
  return verdict(
    'guest',
    'the hypervisors agree: each moved guest is on exactly one host with power, in the right state',
    each(moving(facts), (subject, after) => {
      const found = facts.guests.filter((guest) => guest.server === subject.id && guest.powered);
      if (found.length !== 1) return `on ${found.length} hosts: ${list(found.map((guest) => guest.host))}`;
      const [guest] = found;
      if (guest?.host !== after.host) return `the guest is on ${guest?.host}, Nova says ${after.host}`;
      const wanted = GUEST_STATES[subject.role === null ? 'active' : expectedStates(subject.role).after];
      return guest.state === wanted ? null : `the guest is ${guest.state}, not ${wanted}`;
    }),
  );
}

/** A paused guest died with its host; once nova-compute runs again, its power sync may call it stopped. */
const LEFT_STATES: ReadonlySet<string> = new Set(['paused', 'stopped']);

function leftInPlace(facts: Facts): Check {
  const subjects = staying(facts).filter(({ role }) => role === 'paused');
  return verdict(
    'left-in-place',
    'what Nova can’t evacuate (paused) is still there and was left alone',
    subjects.length === 0
      ? []
      : each(subjects, (subject, after) => {
          const { host } = subject.before;
          if (after.host !== host) return `on ${after.host ?? 'no host'}`;
          if (!LEFT_STATES.has(after.vmState)) return `in state ${after.vmState}`;
          if (facts.migrations.some((m) => m.server === subject.id)) return 'has an evacuation record';
          const accepted = evacuateRequests(facts.events, facts.plan).filter(
            (r) => serverOfPath(r.path) === subject.id,
          );
          if (accepted.some((request) => request.status < 300)) return 'an evacuation was asked for';
          const copies = facts.guests
            .filter((guest) => guest.server === subject.id)
            .map((guest) => guest.host);
          return copies.length === 1 && copies[0] === host ? null : `guest on ${list(copies)}`;
        }),
    list(subjects.map((subject) => subject.name)),
  );
}

function leftAndNamed(facts: Facts): Check {
  const subjects = staying(facts);
  return verdict(
    'left-and-named',
    'what was left behind is named by the evacuator, with a reason',
    subjects
      .filter((subject) => reasonFor(facts, subject.id) === null)
      .map((subject) => `${subject.name}: not a word`),
    subjects.map((subject) => `${subject.name}: “${reasonFor(facts, subject.id)}”`).join('; '),
  );
}

function controls(facts: Facts): Check {
  return verdict(
    'control',
    'servers on other hosts were not touched',
    each(facts.controls, (subject, after) => {
      if (after.host !== subject.before.host) return `${subject.before.host} → ${after.host ?? 'no host'}`;
      if (after.vmState !== subject.before.vmState) return `${subject.before.vmState} → ${after.vmState}`;
      if (!same(subject.before.fixed, after.fixed)) return 'its address changed';
      if (facts.migrations.some((m) => m.server === subject.id)) return 'has an evacuation record';
      const asked = evacuateRequests(facts.events, facts.plan).some(
        (r) => serverOfPath(r.path) === subject.id,
      );
      return asked ? 'an evacuation was asked for' : null;
    }),
    list(facts.controls.map((subject) => subject.name)),
  );
}

/** Whether a record was at work when its destination died: nobody ends it any more. */
const isLost = ({ events }: Facts, m: MigrationTrack): boolean =>
  isLive(m.status) && diedSince(events, m.dest, m.createdAt);

/** Whether two records of one server were at work at the same time. */
function overlap(facts: Facts, a: MigrationTrack, b: MigrationTrack): boolean {
  const [older, newer] = a.id < b.id ? [a, b] : [b, a];
  if (isLost(facts, older) && !facts.events.some((e) => diesLater(e, older, newer))) return false;
  if (a.liveWith.includes(b.id) || b.liveWith.includes(a.id)) return true;
  return older.lastLiveAt !== null && newer.createdAt + SECOND_S < older.lastLiveAt;
}

/** Whether the destination of the older record lost its power only after the newer one was made. */
const diesLater = (event: DrillEvent, older: MigrationTrack, newer: MigrationTrack): boolean =>
  event.kind === 'bmc' &&
  event.node === older.dest &&
  event.action === 'off' &&
  event.at >= older.createdAt - SECOND_S &&
  event.at > newer.createdAt + SECOND_S;

function oneAtATime(facts: Facts): Check {
  const against = nothingTested(facts);
  for (const a of facts.migrations) {
    for (const b of facts.migrations) {
      if (a.id < b.id && a.server === b.server && overlap(facts, a, b))
        against.push(`${a.server}: records ${a.id} and ${b.id}`);
    }
  }
  return verdict('one-at-a-time', 'never more than one evacuation of an instance at work', against);
}

/** Scenarios in which nothing can go wrong with an evacuation, so that a second one is a mistake. */
const NO_SECOND: ReadonlySet<ScenarioName> = new Set([
  'power-loss',
  'fast-rejoin',
  'clean-stop',
  'order-and-room',
  'bad-api',
  'two-hosts',
]);

function onlyOne(facts: Facts): Check {
  const counts = new Map<string, number>();
  const ids = new Set(moving(facts).map(({ id }) => id));
  for (const m of facts.migrations)
    if (ids.has(m.server)) counts.set(m.server, (counts.get(m.server) ?? 0) + 1);
  return verdict(
    'only-one',
    'one evacuation an instance was enough',
    [
      ...nothingTested(facts),
      ...[...counts].filter(([, count]) => count > 1).map(([server, count]) => `${server}: ${count}`),
    ],
    `${counts.size} evacuations`,
  );
}

function allEnded(facts: Facts): Check {
  const open = facts.migrations.filter((m) => (isLive(m.status) && !isLost(facts, m)) || m.status === 'done');
  return verdict(
    'all-ended',
    'every evacuation record has come to its end (completed, or failed)',
    [...nothingTested(facts), ...open.map((m) => `${m.server}: ${m.status}`)],
    `${facts.migrations.length} records`,
  );
}

function serviceBack(facts: Facts): Check {
  return verdict(
    'service-back',
    `nova-compute of ${victimsOf(facts)} is up, enabled and not forced down`,
    eachVictim(facts, (victim) => {
      const service = facts.services.find((row) => row.host === victim);
      if (!service) return ['no such service'];
      const against: string[] = [];
      if (!facts.beating.has(victim)) against.push('it does not report');
      if (!service.enabled) against.push(`disabled (${service.reason ?? 'no reason'})`);
      if (service.forcedDown) against.push('forced down');
      return against;
    }),
  );
}

function schedulable(facts: Facts): Check {
  return verdict(
    'schedulable',
    `${victimsOf(facts)}: new instances may come (no trait COMPUTE_STATUS_DISABLED in Placement)`,
    eachVictim(facts, (victim) =>
      facts.services.find((row) => row.host === victim)?.schedulable ? [] : ['the trait is still there'],
    ),
  );
}

function reasonEmpty(facts: Facts): Check {
  return verdict(
    'reason-empty',
    'disabled_reason is empty again',
    eachVictim(facts, (victim) => {
      const reason = facts.services.find((row) => row.host === victim)?.reason ?? null;
      return reason === null ? [] : [`“${reason}”`];
    }),
  );
}

function operatorKept(facts: Facts): Check {
  const { operator } = facts;
  if (operator === null) return verdict('operator-kept', 'operator’s settings untouched (none was made)', []);
  const service = facts.services.find((row) => row.host === operator.host);
  const against: string[] = [];
  if (service?.enabled !== false) against.push(`${operator.host} is enabled`);
  if (service?.reason !== operator.reason) against.push(`its reason is “${service?.reason ?? ''}”`);
  if (service?.forcedDown) against.push(`${operator.host} is forced down`);
  const touched = facts.events.filter(
    (e) => e.kind === 'service' && e.host === operator.host && e.fact === 'enabled',
  );
  if (touched.length > 0) against.push('it was changed in between');
  return verdict(
    'operator-kept',
    `what an operator had set stays: ${operator.host} disabled, “${operator.reason}”`,
    against,
  );
}

function fencingFirst(facts: Facts): Check {
  return verdict(
    'fencing-first',
    'no evacuation was asked for before the BMC had confirmed the power off',
    eachVictim(facts, (victim) => fencedBefore(facts, victim)),
  );
}

/** What speaks against that a host was fenced before the first request for an instance that was on it. */
function fencedBefore(facts: Facts, victim: string): Finding {
  const hosts = new Map(facts.subjects.map(({ id, before }) => [id, before.host]));
  const hostOf = (path: string): string => hosts.get(serverOfPath(path) ?? '') ?? facts.plan.victim;
  // The log is in the order of the answers; those before the power loss count as well.
  const begun = facts.events
    .filter((event) => isEvacuateRequest(event, facts.plan.controllers))
    .filter((event) => hostOf(event.path) === victim)
    .map((event) => event.at);
  const first = begun.length === 0 ? null : Math.min(...begun);
  const { poweredOff, detected } = Object.fromEntries(timelineFor(facts, victim));
  const against = first === null ? ['no evacuation was asked for: not tested'] : [];
  if (poweredOff === undefined) against.push('no power off by the BMC was seen');
  else if (first !== null && first < facts.plan.t0 + poweredOff) {
    against.push(
      `request at ${(first - facts.plan.t0).toFixed(2)} s, power off at ${poweredOff.toFixed(2)} s`,
    );
  }
  // A host that lost its power was off before anybody knew: to know it takes the fencing all the same.
  const known = facts.plan.t0 + (detected ?? Number.POSITIVE_INFINITY);
  if (first !== null && first < known)
    against.push('a request came before Pacemaker had noticed that the host is lost');
  return against;
}

function computeHeld(facts: Facts): Check {
  const { victims, t0 } = facts.plan;
  const starts = victims.map((victim) => [victim, firstStart(facts, victim)] as const);
  return verdict(
    'compute-held',
    'nova-compute did not start on a failed host before every evacuation from it had ended',
    [...nothingTested(facts), ...eachVictim(facts, (victim) => atWorkAtStart(facts, victim))],
    starts
      .map(([victim, at]) =>
        at === null ? `${victim}: not started` : `${victim}: started at ${(at - t0).toFixed(1)} s`,
      )
      .join('; '),
  );
}

const firstStart = ({ events, plan }: Facts, victim: string): number | null =>
  events.find((e) => e.kind === 'node' && e.node === victim && e.what === 'EXEC' && e.at >= plan.t0)?.at ??
  null;

function atWorkAtStart(facts: Facts, victim: string): Finding {
  const first = firstStart(facts, victim);
  const against: string[] = [];
  for (const m of facts.migrations) {
    if (m.source !== victim || first === null || isLost(facts, m)) continue;
    const lateS = (m.lastLiveAt ?? 0) - first;
    if (lateS > 0) against.push(`record ${m.id} (${m.server}) was at work ${lateS.toFixed(1)} s later`);
    else if (m.createdAt > first) against.push(`record ${m.id} (${m.server}) was made after it`);
  }
  return against;
}

function recordsGone(facts: Facts): Check {
  return verdict(
    'records-gone',
    'the mark was set, and in the end mark and records are gone',
    eachVictim(facts, (victim) => {
      const own = facts.attributes.get(victim);
      const against: string[] = [];
      for (const name of ['instance-ha-incident', 'instance-ha-evacuation']) {
        const value = own?.get(name);
        if (value !== undefined) against.push(`${name}=${value}`);
      }
      if (own?.get('evacuate') === 'yes') against.push('evacuate=yes');
      if (!timelineFor(facts, victim).has('mark')) against.push('the mark evacuate=yes was never seen');
      return against;
    }),
  );
}

function nobodyElseFenced(facts: Facts): Check {
  const allowed = new Set<string>(facts.plan.victims);
  if (facts.scenario === 'controller-loss' && facts.notes.killedController !== null) {
    allowed.add(facts.notes.killedController);
  }
  const others = facts.events.filter(
    (e) => e.kind === 'bmc' && e.action === 'off' && e.at >= facts.plan.t0 && !allowed.has(e.node),
  );
  return verdict(
    'nobody-else-fenced',
    'no other machine was fenced',
    others.flatMap((e) => (e.kind === 'bmc' ? [`${e.node} at ${(e.at - facts.plan.t0).toFixed(1)} s`] : [])),
  );
}

function clusterWhole(facts: Facts): Check {
  return verdict(
    'cluster-whole',
    'in the end all nodes are online and every resource is started',
    facts.clusterTrouble,
  );
}

/** All checks of a scenario, in the order of the report. */
export function checksOf(facts: Facts): readonly Check[] {
  return [
    settled(facts),
    neverTwice(facts),
    moved(facts),
    states(facts),
    locks(facts),
    fixedAddresses(facts),
    floatingAddresses(facts),
    flavors(facts),
    guests(facts),
    leftInPlace(facts),
    leftAndNamed(facts),
    controls(facts),
    fencingFirst(facts),
    oneAtATime(facts),
    ...(NO_SECOND.has(facts.scenario) ? [onlyOne(facts)] : []),
    allEnded(facts),
    computeHeld(facts),
    serviceBack(facts),
    schedulable(facts),
    reasonEmpty(facts),
    operatorKept(facts),
    recordsGone(facts),
    nobodyElseFenced(facts),
    clusterWhole(facts),
    ...ownChecks(facts),
  ];
}
