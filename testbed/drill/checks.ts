/** The verdicts on a scenario. Pure over the collected facts; each one can fail, and checks.test.ts shows how. */
import { expectedStates, isEvacuable, isLocked } from './cast.ts';
import { isEvacuateRequest, isLive, type RequestEvent, serverOfPath } from './events.ts';
import type { Facts, ScenarioName, Subject } from './facts.ts';
import type { MigrationTrack } from './observe.ts';
import { evacuateRequests, timelineOf } from './timeline.ts';

export interface Check {
  readonly id: string;
  readonly title: string;
  readonly ok: boolean;
  /** What was found; for a failure: which one, and how. */
  readonly detail: string;
}

/** How many offenders a detail names. */
const NAMED = 5;
/** How far apart a database's whole second and a poller's clock may say the same moment. */
const SECOND_S = 1;

type Finding = readonly string[];

/** ok when nothing was found against it. */
function verdict(id: string, title: string, against: Finding, whenOk = ''): Check {
  const more = against.length > NAMED ? ` and ${against.length - NAMED} more` : '';
  const detail = against.length === 0 ? whenOk : against.slice(0, NAMED).join('; ') + more;
  return { id, title, ok: against.length === 0, detail };
}

/** What says nothing about a drill in which nothing was evacuated. */
const nothingTested = (facts: Facts): string[] =>
  facts.migrations.length === 0 ? ['nothing was evacuated: not tested'] : [];

const moving = (facts: Facts): Subject[] =>
  facts.subjects.filter((s) => s.role !== null && isEvacuable(s.role));
const staying = (facts: Facts): Subject[] =>
  facts.subjects.filter((s) => s.role !== null && !isEvacuable(s.role));
const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && [...a].sort().join() === [...b].sort().join();
const list = (values: readonly string[]): string => (values.length === 0 ? 'none' : values.join(', '));

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
  const { victim } = facts.plan;
  const subjects = moving(facts);
  return verdict(
    'moved',
    `every instance that can move runs on another host than ${victim}`,
    each(subjects, (_, after) =>
      after.host === null || after.host === victim ? `on ${after.host ?? 'no host'}` : null,
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
  const { victim } = facts.plan;
  const subjects = staying(facts);
  return verdict(
    'left-in-place',
    'what Nova can’t evacuate (paused) is still there and was left alone',
    subjects.length === 0
      ? []
      : each(subjects, (subject, after) => {
          if (after.host !== victim) return `on ${after.host ?? 'no host'}`;
          if (!LEFT_STATES.has(after.vmState)) return `in state ${after.vmState}`;
          if (facts.migrations.some((m) => m.server === subject.id)) return 'has an evacuation record';
          const accepted = evacuateRequests(facts.events, facts.plan).filter(
            (r) => serverOfPath(r.path) === subject.id,
          );
          if (accepted.some((request) => request.status < 300)) return 'an evacuation was asked for';
          const copies = facts.guests
            .filter((guest) => guest.server === subject.id)
            .map((guest) => guest.host);
          return copies.length === 1 && copies[0] === victim ? null : `guest on ${list(copies)}`;
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

/** What the product said last of a server since the power loss; null: nothing. */
export function reasonFor(facts: Facts, server: string): string | null {
  const lines = facts.productLines.filter((line) => line.server === server && line.at >= facts.plan.t0);
  const line = lines.at(-1);
  if (line) return line.text;
  for (const text of facts.statusTexts) {
    const reason = reasonInStatus(text, server);
    if (reason !== null) return reason;
  }
  return null;
}

/** The text beside a server's id, wherever in the status it stands. */
function reasonInStatus(text: string, server: string): string | null {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch {
    return null;
  }
  const visit = (value: unknown): string | null => {
    if (typeof value !== 'object' || value === null) return null;
    const record = value as Record<string, unknown>;
    if (record.id === server || record.server === server) {
      const found = [record.text, record.reason, record.msg].find(
        (part) => typeof part === 'string' && part !== '',
      );
      if (typeof found === 'string') return found;
    }
    for (const part of Object.values(record)) {
      const found = visit(part);
      if (found !== null) return found;
    }
    return null;
  };
  return visit(root);
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

/** Whether two records of one server were at work at the same time. */
function overlap(a: MigrationTrack, b: MigrationTrack): boolean {
  if (a.liveWith.includes(b.id) || b.liveWith.includes(a.id)) return true;
  const [first, second] = a.id < b.id ? [a, b] : [b, a];
  return first.lastLiveAt !== null && second.createdAt + SECOND_S < first.lastLiveAt;
}

function oneAtATime(facts: Facts): Check {
  const against = nothingTested(facts);
  for (const a of facts.migrations) {
    for (const b of facts.migrations) {
      if (a.id < b.id && a.server === b.server && overlap(a, b))
        against.push(`${a.server}: records ${a.id} and ${b.id}`);
    }
  }
  return verdict('one-at-a-time', 'never more than one evacuation of an instance at work', against);
}

/** Scenarios in which nothing can go wrong with an evacuation, so that a second one is a mistake. */
const NO_SECOND: ReadonlySet<ScenarioName> = new Set(['power-loss', 'fast-rejoin', 'clean-stop']);

function onlyOne(facts: Facts): Check {
  const counts = new Map<string, number>();
  for (const m of facts.migrations) counts.set(m.server, (counts.get(m.server) ?? 0) + 1);
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
  const open = facts.migrations.filter(
    (m) => m.source === facts.plan.victim && (isLive(m.status) || m.status === 'done'),
  );
  return verdict(
    'all-ended',
    'every evacuation record has come to its end (completed, or failed)',
    [...nothingTested(facts), ...open.map((m) => `${m.server}: ${m.status}`)],
    `${facts.migrations.length} records`,
  );
}

function serviceBack(facts: Facts): Check {
  const service = facts.services.find((row) => row.host === facts.plan.victim);
  const against: string[] = [];
  if (!service) against.push('no such service');
  else {
    if (!facts.victimBeats) against.push('it does not report');
    if (!service.enabled) against.push(`disabled (${service.reason ?? 'no reason'})`);
    if (service.forcedDown) against.push('forced down');
  }
  return verdict(
    'service-back',
    `nova-compute of ${facts.plan.victim} is up, enabled and not forced down`,
    against,
  );
}

function schedulable(facts: Facts): Check {
  const service = facts.services.find((row) => row.host === facts.plan.victim);
  return verdict(
    'schedulable',
    `${facts.plan.victim} gets new instances (no trait COMPUTE_STATUS_DISABLED in Placement)`,
    service?.schedulable === true ? [] : ['the trait is still there'],
  );
}

function reasonEmpty(facts: Facts): Check {
  const reason = facts.services.find((row) => row.host === facts.plan.victim)?.reason ?? null;
  return verdict('reason-empty', 'disabled_reason is empty again', reason === null ? [] : [`“${reason}”`]);
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
  // The log is in the order of the answers; those before the power loss count as well.
  const begun = facts.events
    .filter((event) => isEvacuateRequest(event, facts.plan.controllers))
    .map((e) => e.at);
  const first = begun.length === 0 ? null : Math.min(...begun);
  const { poweredOff, detected } = Object.fromEntries(timelineOf(facts.events, facts.plan));
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
  return verdict(
    'fencing-first',
    'no evacuation was asked for before the BMC had confirmed the power off',
    against,
  );
}

function computeHeld(facts: Facts): Check {
  const { victim, t0 } = facts.plan;
  const execs = facts.events.filter(
    (e) => e.kind === 'node' && e.node === victim && e.what === 'EXEC' && e.at >= t0,
  );
  const first = execs[0]?.at;
  const against = nothingTested(facts);
  for (const m of facts.migrations) {
    if (m.source !== victim || first === undefined) continue;
    const lateS = (m.lastLiveAt ?? 0) - first;
    if (lateS > 0) against.push(`record ${m.id} (${m.server}) was at work ${lateS.toFixed(1)} s later`);
    else if (m.createdAt > first) against.push(`record ${m.id} (${m.server}) was made after it`);
  }
  return verdict(
    'compute-held',
    'nova-compute did not start on the failed host before every evacuation had ended',
    against,
    first === undefined ? 'it was not started' : `started at ${(first - t0).toFixed(1)} s`,
  );
}

function recordsGone(facts: Facts): Check {
  const against: string[] = [];
  for (const name of ['instance-ha-incident', 'instance-ha-evacuation']) {
    const value = facts.attributes.get(name);
    if (value !== undefined) against.push(`${name}=${value}`);
  }
  if (facts.attributes.get('evacuate') === 'yes') against.push('evacuate=yes');
  const marked = timelineOf(facts.events, facts.plan).has('mark');
  if (!marked) against.push('the mark evacuate=yes was never seen');
  return verdict('records-gone', 'the mark was set, and in the end mark and records are gone', against);
}

/** Controllers that a scenario lets die. */
const DYING_CONTROLLERS: Readonly<Partial<Record<ScenarioName, number>>> = { 'controller-loss': 1 };

function nobodyElseFenced(facts: Facts): Check {
  const allowed = new Set<string>([facts.plan.victim]);
  if (DYING_CONTROLLERS[facts.scenario] !== undefined && facts.notes.killedController !== null) {
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

/** What only this scenario is about. */
function ownChecks(facts: Facts): Check[] {
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
    default:
      return facts.scenario satisfies never;
  }
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
