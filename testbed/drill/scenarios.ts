/** The stories, and how the second fault of each is brought about. */
import { castInOrder, castOf, castOnTwo, castWithNeighbour, type Member } from './cast.ts';
import type { Cloud } from './cloud.ts';
import { type AlertEvent, type DrillEvent, isLive } from './events.ts';
import { NOVA_EVACUATE, READY_S, type ScenarioName, type ScenarioNotes } from './facts.ts';
import { openFront } from './front.ts';
import type { MigrationTrack } from './observe.ts';
import {
  asker,
  lookAtAttributes,
  lookAtCluster,
  novaApi,
  onController,
  power,
  type Rig,
  readProductLog,
  setPolicy,
  setStopped,
} from './rig.ts';
import { DrillError, sleep, waitFor } from './run.ts';
import { backInService, type Disabled } from './stage.ts';
import { evacuateRequests, type Plan } from './timeline.ts';
import type { Watch } from './watch.ts';

export interface Scenario {
  readonly name: ScenarioName;
  readonly title: string;
  /** Servers on the hosts that fail, unless the user says otherwise. */
  readonly instances: number;
  readonly cast: (count: number) => readonly Member[];
  /** The hosts that fail: all at once, or the first one at the beginning and the others by the second fault. */
  readonly victims: readonly string[];
  readonly failTogether: boolean;
  readonly disabled: Disabled;
  /** Servers on each host that does not fail. */
  readonly controls: number;
  /** The evacuator's policy file; null: it has none. */
  readonly policy: string | null;
  /** Seconds that a spawn takes, unless the user says otherwise. */
  readonly spawnDelayS: number;
  /** Seconds that this scenario may take longer than a plain power loss. */
  readonly extraS: number;
}

/** The second fault comes after so many requests to evacuate: in the middle. */
const REQUESTS_BEFORE_FAULT = 4;
const API_AWAY_MS = 60_000;
/** The number of the accepted evacuation whose answer is lost. */
const LOST_ANSWER = 2;
const REFUSING_S = 30;
/** So many evacuations to the destination are under way when it dies. */
const UNDER_WAY_BEFORE_FAULT = 2;
/** How long the second fault may wait for its moment. */
const MOMENT_TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 90_000;
const STOPPED_FOR_MS = 5_000;
const LOOK_INTERVAL_MS = 50;
const CLUSTER_INTERVAL_MS = 300;

const VICTIM = 'compute-1';
/** Dies as well, or later: a destination. */
const SECOND = 'compute-2';

/** What most of them have in common. */
const usual = {
  instances: 12,
  cast: castOf,
  victims: [VICTIM],
  failTogether: true,
  disabled: 'operator',
  controls: 1,
  policy: null,
  spawnDelayS: 0,
  extraS: 0,
} as const;

export const SCENARIOS: readonly Scenario[] = [
  {
    ...usual,
    name: 'power-loss',
    title: 'a compute node dies; its instances go on elsewhere; it comes back',
  },
  {
    ...usual,
    name: 'controller-loss',
    title: 'in the middle of the evacuation the controller that does it dies as well',
    spawnDelayS: 3,
    extraS: 120,
  },
  {
    ...usual,
    name: 'api-away',
    title: 'nova-api is away for 60 s from the moment the node is marked',
    extraS: 120,
  },
  {
    ...usual,
    name: 'fast-rejoin',
    title: 'the node is back in the cluster long before its evacuation is complete',
    spawnDelayS: 20,
  },
  {
    ...usual,
    name: 'clean-stop',
    title: 'in the middle of the evacuation nova-evacuate is stopped, and started on another controller',
    spawnDelayS: 3,
    extraS: 60,
  },
  {
    ...usual,
    name: 'order-and-room',
    title: 'priorities, a dependency, server groups, a reserved host, and one instance that fits nowhere',
    instances: 50,
    cast: castInOrder,
    disabled: 'reserve',
    policy: `order: {ready: ${READY_S}s}\ndestinations: {reserved_hosts: true}`,
    extraS: 120,
  },
  {
    ...usual,
    name: 'bad-api',
    title:
      'an answer of nova-api is lost, then it answers 503 for 30 s, then the token is not valid any more',
    disabled: 'useless-reserve',
    policy: 'destinations: {reserved_hosts: true}',
    extraS: 120,
  },
  {
    ...usual,
    name: 'two-hosts',
    title: 'two of the three compute nodes die together',
    cast: castOnTwo,
    victims: [VICTIM, SECOND],
    disabled: 'none',
    extraS: 60,
  },
  {
    ...usual,
    name: 'destination-loss',
    title: 'in the middle of the evacuation one of its destinations dies as well',
    cast: castWithNeighbour,
    victims: [VICTIM, SECOND],
    failTogether: false,
    // The scheduler has to choose the one that will die.
    disabled: 'at-first',
    spawnDelayS: 6,
    extraS: 240,
  },
];

export function scenarioOf(name: string): Scenario {
  const found = SCENARIOS.find((scenario) => scenario.name === name);
  if (!found) {
    const names = SCENARIOS.map((scenario) => scenario.name).join(', ');
    throw new DrillError(`there is no scenario "${name}"; there are: ${names}`);
  }
  return found;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
export type Notes = Mutable<ScenarioNotes> & { heldBecause: string[] };

export const noNotes = (): Notes => ({
  faultAt: null,
  killedController: null,
  evacuatorBefore: null,
  evacuatorAfter: null,
  away: null,
  heldBecause: [],
  trouble: null,
});

export interface Play {
  readonly rig: Rig;
  readonly cloud: Cloud;
  readonly watch: Watch;
  readonly plan: Plan;
  readonly signal: AbortSignal;
  readonly notes: Notes;
  /** What is to be taken back when the drill is over. */
  readonly takeBack: (() => Promise<void>)[];
}

const evacuatorNow = async (rig: Rig): Promise<string | null> =>
  (await lookAtCluster(asker(rig)))?.started.get(NOVA_EVACUATE)?.[0] ?? null;

/** Waits for a moment of the drill; a moment that does not come is trouble, not an error: the checks go on. */
async function moment<T>(
  play: Play,
  what: string,
  look: () => T | null | Promise<T | null>,
): Promise<T | null> {
  const found = await waitFor(look, {
    timeoutMs: MOMENT_TIMEOUT_MS,
    intervalMs: LOOK_INTERVAL_MS,
    signal: play.signal,
  });
  if (found === null)
    play.notes.trouble = `the second fault did not come: no ${what} within ${MOMENT_TIMEOUT_MS / 1000} s`;
  return found;
}

const inTheMiddle = (play: Play): Promise<true | null> => {
  const wanted = Math.min(REQUESTS_BEFORE_FAULT, Math.max(1, Math.floor(play.plan.moving.length / 3)));
  return moment(play, `evacuate request number ${wanted}`, () => {
    const accepted = evacuateRequests(play.watch.events(), play.plan).filter(
      (request) => request.status < 300,
    );
    return accepted.length >= wanted ? true : null;
  });
};

async function killEvacuatorsController(play: Play): Promise<void> {
  const { rig, watch, notes } = play;
  if ((await inTheMiddle(play)) === null) return;
  const controller = watch.view().cluster?.started.get(NOVA_EVACUATE)?.[0] ?? (await evacuatorNow(rig));
  if (controller === null) {
    notes.trouble = 'the second fault did not come: nova-evacuate runs nowhere';
    return;
  }
  notes.evacuatorBefore = controller;
  notes.killedController = controller;
  watch.note(`FAULT: ${controller}, which runs nova-evacuate, loses power`);
  await power(rig, 'kill', controller);
  notes.faultAt = Date.now() / 1000;
}

async function takeApiAway(play: Play): Promise<void> {
  const { rig, watch, notes, signal, plan } = play;
  const marked = await moment(play, 'mark', () =>
    watch.view().attributes?.get(plan.victim)?.get('evacuate') === 'yes' ? true : null,
  );
  if (marked === null) return;
  watch.note(`FAULT: nova-api is stopped for ${API_AWAY_MS / 1000} s`);
  try {
    await novaApi(rig, 'stop');
    notes.faultAt = Date.now() / 1000;
    notes.away = { from: notes.faultAt, to: Number.POSITIVE_INFINITY };
    await sleep(API_AWAY_MS, signal);
  } finally {
    if (notes.away !== null) notes.away = { from: notes.away.from, to: Date.now() / 1000 };
    const started = await novaApi(rig, 'start');
    watch.note(started.code === 0 ? 'nova-api is back' : 'nova-api could not be started again');
  }
}

/**
 * The front before nova-api: the answer to an accepted request is lost, some requests later every one is answered
 * 503 for a while, and what was a valid token before that is none after it.
 */
async function spoilApi(play: Play): Promise<void> {
  const { rig, watch, notes } = play;
  const front = await openFront(rig, (event) => {
    watch.record(event);
    if (event.what === 'closed') front.tell('spoil');
  });
  play.takeBack.push(() => front.close());
  front.tell(`lose ${LOST_ANSWER}`);
  front.tell(`refuse ${REQUESTS_BEFORE_FAULT} ${REFUSING_S}`);
  const closed = await moment(play, 'evacuation that Nova accepted', () => frontDid(watch, 'closed'));
  if (closed === null) return;
  notes.faultAt = closed;
  notes.away = { from: closed, to: Number.POSITIVE_INFINITY };
  const open = await moment(play, 'end of the 503', () => frontDid(watch, 'open'));
  if (open !== null) notes.away = { from: closed, to: open };
}

const frontDid = (watch: Watch, what: 'closed' | 'open'): number | null =>
  watch.events().find((e) => e.kind === 'front' && e.what === what)?.at ?? null;

async function killDestination(play: Play): Promise<void> {
  const { rig, cloud, watch, notes, plan } = play;
  const second = plan.victims[1] ?? '';
  const third = rig.computes.find((node) => !plan.victims.includes(node)) ?? '';
  const live = (): MigrationTrack[] =>
    [...watch.view().migrations.values()].filter(({ status }) => isLive(status));
  const underWay = (): number => live().filter(({ dest }) => dest === second).length;
  // Not while one has no destination yet. Lost before its claim it is asked for again, but Nova then works on the
  // old record (nova/conductor/manager.py rebuild_instance takes an `accepted` one), both turn `done` or stay, and
  // the source needs a second start of nova-compute, for which the evacuator's verdict asks an operator.
  const met = await moment(play, `${UNDER_WAY_BEFORE_FAULT} evacuations under way to ${second}`, () =>
    underWay() >= UNDER_WAY_BEFORE_FAULT && live().every(({ dest }) => dest !== null) ? true : null,
  );
  // Also where the moment was missed: somewhere they have to go.
  await backInService(cloud, third);
  watch.note(`${third} is in service again`);
  if (met === null) return;
  notes.faultAt = Date.now() / 1000;
  watch.note(`FAULT: ${second}, to which ${underWay()} instances are on their way, dies`);
  await power(rig, 'kill', second);
}

/** The alert about the end of nova-evacuate's stop. */
function stopOf(events: readonly DrillEvent[], since: number): AlertEvent | null {
  const found = events.find(
    (e): e is AlertEvent =>
      e.kind === 'alert' &&
      e.alert === 'resource' &&
      e.resource === NOVA_EVACUATE &&
      e.task === 'stop' &&
      e.at >= since,
  );
  return found ?? null;
}

async function stopAndStartElsewhere(play: Play): Promise<void> {
  const { rig, watch, notes, signal } = play;
  if ((await inTheMiddle(play)) === null) return;
  const before = await evacuatorNow(rig);
  if (before === null) {
    notes.trouble = 'the second fault did not come: nova-evacuate runs nowhere';
    return;
  }
  notes.evacuatorBefore = before;
  watch.note(`FAULT: an operator stops nova-evacuate on ${before} (target-role=Stopped)`);
  notes.faultAt = Date.now() / 1000;
  await setStopped(rig, [NOVA_EVACUATE], true);
  // The end of the stop operation, by its alert: in crm_mon a resource that is being stopped is not "Started" either.
  const stopped = await waitFor(() => stopOf(watch.events(), notes.faultAt ?? 0), {
    timeoutMs: STOP_TIMEOUT_MS,
    intervalMs: CLUSTER_INTERVAL_MS,
    signal,
  });
  if (stopped === null) notes.trouble = `nova-evacuate did not stop within ${STOP_TIMEOUT_MS / 1000} s`;
  else if (stopped.rc !== '0') notes.trouble = `the stop of nova-evacuate failed: ${stopped.text}`;
  else watch.note('nova-evacuate has stopped');
  const from = stopped?.at ?? Date.now() / 1000;
  await sleep(STOPPED_FOR_MS, signal);
  notes.away = { from, to: Date.now() / 1000 };
  watch.note(`nova-evacuate is started again, but not on ${before}`);
  const ban = `crm_resource --resource ${NOVA_EVACUATE} --ban --node ${before} --lifetime PT10M`;
  await onController(rig, 'sh', '-c', ban);
  await setStopped(rig, [NOVA_EVACUATE], false);
}

const RECONNECT_S = 5;

/** Once the node is back while evacuations are under way: what holds nova-compute, in Pacemaker's words and the product's. */
async function askWhyHeld(play: Play): Promise<void> {
  const { rig, watch, plan, notes } = play;
  const { victim } = plan;
  const back = await moment(play, 'return of the node', () =>
    watch
      .events()
      .some((e) => e.kind === 'cluster' && e.subject === 'node' && e.name === victim && e.value === 'online')
      ? true
      : null,
  );
  if (back === null) return;
  // Pacemaker has looked at its return by then, and the product may have been asked.
  await sleep(2_000, play.signal);
  notes.heldBecause.push(
    ...(await pacemakersReasons(rig, watch, victim)),
    ...(await productsReasons(rig, plan)),
  );
  for (const because of notes.heldBecause) watch.note(`nova-compute is held. ${because}`);
}

/** The location rule, the scores that come of it, and operations of the compute chain that wait or have failed. */
async function pacemakersReasons(rig: Rig, watch: Watch, victim: string): Promise<string[]> {
  const reasons: string[] = [];
  const incident = watch.view().attributes?.get(victim)?.get('instance-ha-incident');
  if (incident !== undefined) reasons.push(`Pacemaker: node attribute instance-ha-incident=${incident}`);
  const scores = await onController(rig, 'sh', '-c', 'crm_simulate -sL');
  for (const line of (scores ?? '').split('\n')) {
    const match = /(nova-compute\S*-clone) allocation score on (\S+): (-INFINITY)/.exec(line);
    if (match?.[2] === victim) reasons.push(`Pacemaker: score of ${match[1]} on ${victim} is ${match[3]}`);
  }
  const { pending = [], failures = [] } = watch.view().cluster ?? {};
  for (const text of [...pending, ...failures]) {
    if (text.includes('nova-compute') && text.includes(victim)) reasons.push(`Pacemaker: ${text}`);
  }
  return reasons;
}

/** The evacuator's answer to nova-compute-wait, and its latest word on the node. */
async function productsReasons(rig: Rig, plan: Plan): Promise<string[]> {
  const reasons: string[] = [];
  const answer = (await lookAtAttributes(asker(rig)))?.get(plan.victim)?.get('instance-ha-release');
  if (answer !== undefined) reasons.push(`evacuator’s answer: ${answer}`);
  const said = readProductLog(rig).filter(
    (l) => l.node === plan.victim && l.server === null && l.at >= plan.t0,
  );
  const last = said.at(-1);
  if (last) reasons.push(`evacuator: ${last.text}`);
  return reasons;
}

/** Before the power loss; the answer takes it back. */
export async function prepare(scenario: Scenario, rig: Rig): Promise<() => Promise<void>> {
  if (scenario.policy !== null) {
    await setPolicy(rig, scenario.policy);
    return () => setPolicy(rig, null);
  }
  if (scenario.name !== 'fast-rejoin') return async () => {};
  const parameter = `crm_resource --resource ${VICTIM}`;
  const was = await onController(rig, 'sh', '-c', `${parameter} --get-parameter reconnect_interval`);
  const set = (value: string): Promise<string | null> =>
    onController(
      rig,
      'sh',
      '-c',
      `${parameter} --set-parameter reconnect_interval --parameter-value ${value}`,
    );
  if (was?.trim() === `${RECONNECT_S}s`) return async () => {};
  await set(`${RECONNECT_S}s`);
  return async () => {
    if (was !== null && was.trim() !== '') await set(was.trim());
  };
}

/** What happens beside the power loss. Ends early when the drill is over. */
export async function play(scenario: Scenario, context: Play): Promise<void> {
  switch (scenario.name) {
    case 'power-loss':
    case 'order-and-room':
    case 'two-hosts':
      return;
    case 'controller-loss':
      return killEvacuatorsController(context);
    case 'api-away':
      return takeApiAway(context);
    case 'fast-rejoin':
      return askWhyHeld(context);
    case 'clean-stop':
      return stopAndStartElsewhere(context);
    case 'bad-api':
      return spoilApi(context);
    case 'destination-loss':
      return killDestination(context);
    default:
      return scenario.name satisfies never;
  }
}

/** After the drill: where nova-evacuate runs. */
export async function noteEnd(context: Play): Promise<void> {
  context.notes.evacuatorAfter = await evacuatorNow(context.rig);
}
