/** One scenario from the clean rig to its report. */

import { expectedStates, hasToMove } from './cast.ts';
import { checksOf } from './checks.ts';
import type { Cloud } from './cloud.ts';
import { type Database, lastMigration } from './db.ts';
import { isLive } from './events.ts';
import type { Facts, Subject } from './facts.ts';
import { figuresOf } from './figures.ts';
import { createNarrator, type Narrator } from './narrate.ts';
import { beats, clusterTrouble, outstanding } from './observe.ts';
import { type How, limitOf, type Options } from './options.ts';
import { type Report, reportOf, terminalReport } from './report.ts';
import { clusterText, listGuests, power, type Rig, readProductLog, readStatusFiles, setKnob } from './rig.ts';
import { DrillError, sleep, waitOrThrow } from './run.ts';
import { noNotes, noteEnd, type Play, play, prepare, type Scenario } from './scenarios.ts';
import type { Screen } from './screen.ts';
import { type Stage, setStage, snapshots, tidyUp, wholeOf } from './stage.ts';
import { type Plan, timelineOf } from './timeline.ts';
import type { Check } from './verdict.ts';
import { startWatch, type Watch } from './watch.ts';

/** Every poller has looked once by then. */
const FIRST_LOOK_TIMEOUT_MS = 20_000;
const SETTLE_BEFORE_MS = 2_000;
const TICK_MS = 250;
/** How long all has to be quiet. Longer when instances were left behind: somebody may yet begin. */
const QUIET_MS = 3_000;
const QUIET_WITH_INSTANCES_LEFT_MS = 20_000;
/** Requests to nova-api are in its log when they are answered; the last ones may still be on their way. */
const LAST_LINES_MS = 1_000;

export interface DrillContext {
  readonly rig: Rig;
  readonly cloud: Cloud;
  readonly db: Database;
  readonly options: Options;
  readonly screen: Screen;
  readonly signal: AbortSignal;
}

export interface DrillResult {
  readonly report: Report;
  readonly facts: Facts | null;
}

function planOf(rig: Rig, scenario: Scenario, stage: Stage, t0: number, how: How): Plan {
  const controllers = new Set(
    [...rig.addresses].filter(([, node]) => rig.controllers.includes(node)).map(([address]) => address),
  );
  const moving = stage.subjects.flatMap(({ id, name, role, before }) =>
    role !== null && hasToMove(role)
      ? [{ id, name, from: before.host ?? '', expected: expectedStates(role).after }]
      : [],
  );
  const { victims } = scenario;
  return { victim: victims[0] ?? '', victims, t0, moving, controllers, offFromStart: how === 'off' };
}

/** The line at the bottom of a terminal. */
function progressText(watch: Watch, plan: Plan, narrator: Narrator, missing: readonly string[]): string {
  const { look, cluster } = watch.view();
  const seconds = (Date.now() / 1000 - plan.t0).toFixed(0);
  const live = look?.migrations.filter((m) => isLive(m.status)).length ?? 0;
  const parts = [
    `${seconds} s`,
    `${narrator.arrived()}/${plan.moving.length} elsewhere`,
    `${live} evacuations under way`,
    ...plan.victims.map((victim) => `${victim} ${cluster?.nodes.get(victim) ?? '?'}`),
    missing.length === 0 ? 'all quiet' : `waiting for: ${missing.slice(0, 3).join(', ')}`,
  ];
  return `   ${parts.join(' · ')}`;
}

/** Until the host is back and all is quiet, or until the limit. */
async function waitForEnd(
  context: DrillContext,
  watch: Watch,
  plan: Plan,
  narrator: Narrator,
  limitS: number,
  busy: () => boolean,
): Promise<boolean> {
  const { rig, screen, signal } = context;
  const whole = wholeOf(rig);
  let quietSince: number | null = null;
  while (Date.now() / 1000 - plan.t0 < limitS) {
    await sleep(TICK_MS, signal);
    signal.throwIfAborted();
    const missing = outstanding(watch.view(), watch.events(), plan.victims, rig.downTimeS, whole);
    if (busy()) missing.unshift('the second fault is under way');
    screen.progress(progressText(watch, plan, narrator, missing));
    quietSince = missing.length > 0 ? null : (quietSince ?? Date.now());
    const quiet = narrator.arrived() === plan.moving.length ? QUIET_MS : QUIET_WITH_INSTANCES_LEFT_MS;
    if (quietSince !== null && Date.now() - quietSince >= quiet) return true;
  }
  return false;
}

async function collect(
  context: DrillContext,
  scenario: Scenario,
  stage: Stage,
  watch: Watch,
  plan: Plan,
  played: Play,
  end: {
    readonly settled: boolean;
    readonly limitS: number;
    readonly spawnDelayS: number;
    readonly at: number;
  },
): Promise<Facts> {
  const { rig, cloud } = context;
  const all = await snapshots(cloud);
  const after = (subjects: readonly Subject[]): Subject[] =>
    subjects.map((subject) => ({ ...subject, after: all.get(subject.id) ?? null }));
  const view = watch.view();
  const services = view.look?.services ?? [];
  const beating = services.filter((s) => view.look !== null && beats(s, view.look.at, rig.downTimeS));
  return {
    scenario: scenario.name,
    plan,
    endedAt: end.at,
    settled: end.settled,
    limitS: end.limitS,
    spawnDelayS: end.spawnDelayS,
    subjects: after(stage.subjects),
    controls: after(stage.controls),
    operator: stage.operator,
    reserve: stage.reserve,
    services,
    beating: new Set(beating.map(({ host }) => host)),
    guests: await listGuests(rig),
    migrations: [...view.migrations.values()],
    events: watch.events(),
    attributes: view.attributes ?? new Map(),
    productLines: readProductLog(rig),
    statusTexts: await readStatusFiles(rig),
    clusterTrouble: clusterTrouble(view.cluster, wholeOf(rig)),
    addresses: rig.addresses,
    longestGapS: view.longestGapS,
    notes: played.notes,
  };
}

const HOW_TEXT = {
  kill: 'dies without a word (its BMC still says “on”, as after a kernel panic)',
  off: 'loses power (its BMC says “off”)',
  crash: 'dies (its connections are closed)',
  isolate: 'loses its network',
} as const;

/** Watches, lets the node die, waits for the end, collects. */
async function act(
  context: DrillContext,
  scenario: Scenario,
  stage: Stage,
  spawnDelayS: number,
): Promise<Facts> {
  const { rig, cloud, db, options, screen, signal } = context;
  let narrator: Narrator | null = null;
  let t0 = 0;
  const watch: Watch = startWatch({
    rig,
    db,
    sinceMigration: await lastMigration(db),
    onEvent: (event) => {
      if (event.kind === 'bmc' && event.node === scenario.victims[0] && event.action === 'off-begin')
        watch.hurry(true);
      if (event.kind === 'attribute' && event.name === 'evacuate' && event.value === 'yes')
        watch.hurry(false);
      if (narrator === null || event.at < t0) return;
      for (const line of narrator.tell(event)) screen.event(event.at - t0, line);
    },
  });
  // The second fault ends with the drill.
  const over = new AbortController();
  try {
    await waitOrThrow(
      'a first look at databases, attributes and cluster',
      () => (watch.view().look && watch.view().attributes && watch.view().cluster ? true : null),
      { timeoutMs: FIRST_LOOK_TIMEOUT_MS, intervalMs: 100, signal },
    );
    await sleep(SETTLE_BEFORE_MS, signal);
    signal.throwIfAborted();
    t0 = Date.now() / 1000;
    const plan = planOf(rig, scenario, stage, t0, options.how);
    const names = new Map([...stage.subjects, ...stage.controls].map(({ id, name }) => [id, name]));
    narrator = createNarrator({ plan, names, addresses: rig.addresses });
    const failing = scenario.failTogether ? plan.victims : [plan.victim];
    for (const victim of failing) watch.note(`FAULT: ${victim} ${HOW_TEXT[options.how]}`);
    await Promise.all(failing.map((victim) => power(rig, options.how, victim)));
    const limitS = options.limitS ?? limitOf(scenario, stage.subjects.length, spawnDelayS);
    const played: Play = {
      rig,
      cloud,
      watch,
      plan,
      signal: AbortSignal.any([signal, over.signal]),
      notes: noNotes(),
      takeBack: [],
    };
    let playing = true;
    const playDone = play(scenario, played)
      .catch((error: unknown) => {
        if (!over.signal.aborted && !signal.aborted)
          played.notes.trouble = `the second fault failed: ${String(error)}`;
      })
      .finally(() => {
        playing = false;
      });
    let settled = false;
    try {
      settled = await waitForEnd(context, watch, plan, narrator, limitS, () => playing);
    } finally {
      over.abort();
      await playDone;
      for (const takeBack of played.takeBack) await takeBack();
    }
    const at = Date.now() / 1000;
    if (!settled)
      screen.say(`the limit of ${limitS} s is reached; the cluster says:\n${(await clusterText(rig)) ?? ''}`);
    await noteEnd(played);
    await sleep(LAST_LINES_MS);
    await watch.stop();
    return await collect(context, scenario, stage, watch, plan, played, { settled, limitS, spawnDelayS, at });
  } finally {
    over.abort();
    await watch.stop();
  }
}

/** A scenario that could not be run has failed one check. */
export function notRun(scenario: Scenario, why: string): DrillResult {
  const check: Check = { id: 'run', title: 'the scenario could be run', ok: false, detail: why };
  return {
    report: {
      scenario: scenario.name,
      title: scenario.title,
      timeline: [],
      instances: [],
      figures: [],
      requests: {},
      checks: [check],
      remarks: [],
      passed: 0,
      failed: 1,
    },
    facts: null,
  };
}

/** Runs a scenario, prints its report, and tidies up. */
export async function runScenario(context: DrillContext, scenario: Scenario): Promise<DrillResult> {
  const { rig, cloud, options, screen, signal } = context;
  const spawnDelayS = options.spawnDelayS ?? scenario.spawnDelayS;
  const say = (text: string): void => screen.say(text);
  screen.print('');
  say(`== ${scenario.name}: ${scenario.title}`);
  say('tidying up what an earlier drill may have left');
  await tidyUp({ rig, cloud, signal, say });
  const stage = await setStage({
    rig,
    cloud,
    victims: scenario.victims,
    members: scenario.cast(options.instances ?? scenario.instances),
    controls: scenario.controls,
    disabled: scenario.disabled === 'operator' && !options.operator ? 'none' : scenario.disabled,
    signal,
    say,
  });
  const takeBack = await prepare(scenario, rig);
  try {
    if (spawnDelayS > 0) {
      say(`from now on the start of a guest takes ${spawnDelayS} s`);
      setKnob(rig, 'spawn_delay', String(spawnDelayS));
    }
    const facts = await act(context, scenario, stage, spawnDelayS);
    const timeline = timelineOf(facts.events, facts.plan);
    const report = reportOf(facts, scenario.title, timeline, figuresOf(facts), checksOf(facts));
    screen.print(terminalReport(report));
    return { report, facts };
  } finally {
    setKnob(rig, 'spawn_delay', null);
    await takeBack();
    if (!options.keep && !signal.aborted) {
      screen.print('');
      say('tidying up');
      await tidyUp({ rig, cloud, signal, say }).catch((error: unknown) => {
        // The report is worth more; the next drill begins with the same tidying up and says so if it fails again.
        if (error instanceof DrillError) say(`could not tidy up: ${error.message}`);
        else throw error;
      });
    }
  }
}
