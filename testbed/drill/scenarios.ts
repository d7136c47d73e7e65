/** The five stories, and how the second fault of each is brought about. */
import type { ScenarioName, ScenarioNotes } from './facts.ts';
import { lookAtCluster, novaApi, onController, power, type Rig } from './rig.ts';
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
  (await lookAtCluster(rig))?.started.get(NOVA_EVACUATE)?.[0] ?? null;

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
    notes.away = { from: Date.now() / 1000, to: Number.POSITIVE_INFINITY };
    await sleep(API_AWAY_MS, signal);
  } finally {
    if (notes.away !== null) notes.away = { from: notes.away.from, to: Date.now() / 1000 };
    const started = await novaApi(rig, 'start');
    watch.note(started.code === 0 ? 'nova-api is back' : 'nova-api could not be started again');
  }
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
  await onController(
    rig,
    'sh',
    '-c',
    `${resource} --meta --set-parameter target-role --parameter-value Stopped`,
  );
  const stopped = await waitFor(async () => ((await evacuatorNow(rig)) === null ? true : null), {
    timeoutMs: STOP_TIMEOUT_MS,
    intervalMs: CLUSTER_INTERVAL_MS,
    signal,
  });
  const from = Date.now() / 1000;
  if (stopped === null) notes.trouble = `nova-evacuate did not stop within ${STOP_TIMEOUT_MS / 1000} s`;
  else watch.note('nova-evacuate has stopped');
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
  const own = watch.view().attributes?.get(victim);
  const incident = own?.get('instance-ha-incident');
  if (incident !== undefined)
    notes.heldBecause.push(`node attribute instance-ha-incident of ${victim}: ${incident}`);
  const scores = await onController(
    rig,
    'sh',
    '-c',
    `crm_simulate -sL | grep -E 'nova-compute.* on ${victim}:'`,
  );
  for (const line of (scores ?? '').split('\n').filter((text) => text.includes('-INFINITY'))) {
    notes.heldBecause.push(`Pacemaker: ${line.trim()}`);
  }
  const answer = own?.get('instance-ha-release');
  if (answer !== undefined) notes.heldBecause.push(`the evacuator’s answer: ${answer}`);
  const { pending = [], failures = [] } = watch.view().cluster ?? {};
  for (const text of [...pending, ...failures]) {
    if (text.includes(victim)) notes.heldBecause.push(`crm_mon: ${text}`);
  }
  for (const because of notes.heldBecause) watch.note(`nova-compute is held. ${because}`);
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
