/** The five stories, and how the second fault of each is brought about. */
import type { AlertEvent, DrillEvent } from './events.ts';
import type { ScenarioName, ScenarioNotes } from './facts.ts';
import {
  asker,
  lookAtAttributes,
  lookAtCluster,
  novaApi,
  onController,
  power,
  type Rig,
  readProductLog,
} from './rig.ts';
import { DrillError, sleep, waitFor } from './run.ts';
import { evacuateRequests, type Plan } from './timeline.ts';
import type { Watch } from './watch.ts';

export interface Scenario {
  readonly name: ScenarioName;
  readonly title: string;
  /** Seconds that a spawn takes, unless the user says otherwise. */
  readonly spawnDelayS: number;
  /** Seconds that this scenario may take longer than a plain power loss. */
  readonly extraS: number;
}

const NOVA_EVACUATE = 'nova-evacuate';
/** The second fault comes after so many requests to evacuate: in the middle. */
const REQUESTS_BEFORE_FAULT = 4;
const API_AWAY_MS = 60_000;
/** How long the second fault may wait for its moment. */
const MOMENT_TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 90_000;
const STOPPED_FOR_MS = 5_000;
const LOOK_INTERVAL_MS = 50;
const CLUSTER_INTERVAL_MS = 300;

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'power-loss',
    title: 'a compute node dies; its instances go on elsewhere; it comes back',
    spawnDelayS: 0,
    extraS: 0,
  },
  {
    name: 'controller-loss',
    title: 'in the middle of the evacuation the controller that does it dies as well',
    spawnDelayS: 3,
    extraS: 120,
  },
  {
    name: 'api-away',
    title: 'nova-api is away for 60 s from the moment the node is marked',
    spawnDelayS: 0,
    extraS: 120,
  },
  {
    name: 'fast-rejoin',
    title: 'the node is back in the cluster long before its evacuation is complete',
    spawnDelayS: 20,
    extraS: 0,
  },
  {
    name: 'clean-stop',
    title: 'in the middle of the evacuation nova-evacuate is stopped, and started on another controller',
    spawnDelayS: 3,
    extraS: 60,
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
  readonly watch: Watch;
  readonly plan: Plan;
  readonly signal: AbortSignal;
  readonly notes: Notes;
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
  const resource = `crm_resource --resource ${NOVA_EVACUATE}`;
  notes.faultAt = Date.now() / 1000;
  await onController(
    rig,
    'sh',
    '-c',
    `${resource} --meta --set-parameter target-role --parameter-value Stopped`,
  );
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
  await onController(rig, 'sh', '-c', `${resource} --ban --node ${before} --lifetime PT10M`);
  await onController(rig, 'sh', '-c', `${resource} --meta --delete-parameter target-role`);
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
export async function prepare(scenario: Scenario, rig: Rig, victim: string): Promise<() => Promise<void>> {
  if (scenario.name !== 'fast-rejoin') return async () => {};
  const parameter = `crm_resource --resource ${victim}`;
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
      return;
    case 'controller-loss':
      return killEvacuatorsController(context);
    case 'api-away':
      return takeApiAway(context);
    case 'fast-rejoin':
      return askWhyHeld(context);
    case 'clean-stop':
      return stopAndStartElsewhere(context);
    default:
      return scenario.name satisfies never;
  }
}

/** After the drill: where nova-evacuate runs. */
export async function noteEnd(context: Play): Promise<void> {
  context.notes.evacuatorAfter = await evacuatorNow(context.rig);
}
