import { after, step } from '../world/agenda.ts';
import { beginReports } from '../world/compute.ts';
import { createWorld, type World } from '../world/model.ts';
import { manageAllChains, manageEvacuator } from '../world/resources.ts';
import { callComputeWait, callFenceCompute } from './agents.ts';
import { type Cast, newCast } from './cast.ts';
import { CHECKERS } from './checkers/all.ts';
import type { Checker } from './checkers/checker.ts';
import type { ClusterTrouble } from './cluster-port.ts';
import { diceOf } from './dice.ts';
import { startEvacuator, type WrapPorts } from './evacuators.ts';
import { happen, type Stage, touchWhatIsOut } from './faults.ts';
import { livenessBoundMs, whatIsLeft } from './liveness.ts';
import { endOf, type Plan, policyOf } from './plan.ts';
import { newPolicies } from './policies.ts';
import { hear, type Turn } from './process.ts';
import { helpOut, mendFeeds, repair, switchOn } from './remedies.ts';
import { newTraps } from './traps.ts';
import { type Audience, type Heard, watchOf } from './watch.ts';
import type { Losses } from './wire.ts';

/** The faults are over this long after the last one has ended. */
const CALM_AFTER_MS = 20_000;
/** Calm counts from so long after that, ms. */
const SETTLE_MS = 5_000;
const LOOK_MS = 1_000;
/** No run takes more steps: a loop without end in the world would be a bug of the simulator. */
const MAX_STEPS = 3_000_000;

export interface Violation {
  readonly checker: string;
  readonly text: string;
  readonly atMs: number;
}

export interface Result {
  readonly violation: Violation | null;
  readonly steps: number;
  readonly virtualMs: number;
  readonly evacuations: number;
  /** What operators had to do after the faults. */
  readonly remedies: readonly string[];
}

export interface RunOptions {
  readonly audience?: Audience;
  readonly wrap?: WrapPorts;
}

/** Runs a plan to its end: the faults, then the calm; ends at the first violation. */
export async function run(plan: Plan, options: RunOptions = {}): Promise<Result> {
  const play = begin(plan, options);
  const { world, turn, cast, checkers, violate } = play;
  const faultsEnd = CALM_AFTER_MS + Math.max(10_000, ...plan.faults.map(endOf));
  const remedies = schedule(plan, play, faultsEnd);
  const boundMs = livenessBoundMs(plan);
  let steps = 0;
  let lookedAt = 0;
  while (play.violation() === null && steps < MAX_STEPS && step(world.agenda, faultsEnd + boundMs)) {
    steps++;
    if (turn.dirty) {
      turn.dirty = false;
      await promises();
    }
    if (world.agenda.now < faultsEnd + SETTLE_MS || world.agenda.now - lookedAt < LOOK_MS) continue;
    lookedAt = world.agenda.now;
    if (whatIsLeft(world).length === 0) break;
  }
  const left = play.violation() === null ? whatIsLeft(world) : [];
  if (left.length > 0)
    violate('liveness', `after ${Math.round(boundMs / 60_000)} min without a fault: ${left.join('; ')}`);
  if (play.violation() === null) for (const checker of checkers) checker.end?.();
  cast.endAll();
  return {
    violation: play.violation(),
    steps,
    virtualMs: world.agenda.now,
    evacuations: world.nova.migrations.length,
    remedies,
  };
}

/** The world of a run and all who act in it and watch it. */
interface Play {
  readonly world: World;
  readonly turn: Turn;
  readonly cast: Cast;
  readonly stage: Stage;
  readonly checkers: readonly Checker[];
  readonly heard: Heard;
  /** The first violation; null: there is none yet. */
  violation(): Violation | null;
  violate(checker: string, text: string): void;
}

/** Sets everything up and begins it; nothing has happened yet, and no time has passed. */
function begin(plan: Plan, { audience = {}, wrap = (ports) => ports }: RunOptions): Play {
  const turn = { dirty: false };
  const touched = new Set<string>();
  const policies = newPolicies(policyOf(plan.policy));
  const traps = newTraps();
  const losses: Losses = { list: [] };
  const trouble: ClusterTrouble = { writes: null };
  const checkers: Checker[] = [];
  let violation: Violation | null = null;
  const world: World = createWorld(plan.world, {
    dice: diceOf(plan.seed),
    agents: {
      fence: (machine, action, node, reply) => callFenceCompute(world, turn, machine, action, node, reply),
      wait: (node, timeoutMs, reply) => callComputeWait(world, turn, node, timeoutMs, reply),
      startEvacuator: (machine, reply) => cast.agents.startEvacuator(machine, reply),
      stopEvacuator: (machine, reply) => cast.agents.stopEvacuator(machine, reply),
      monitorEvacuator: (machine) => cast.agents.monitorEvacuator(machine),
      killEvacuator: (machine) => cast.agents.killEvacuator(machine),
    },
    emit(fact) {
      touchWhatIsOut(world, fact, touched);
      audience.fact?.(world?.agenda.now ?? 0, fact, world);
      for (const checker of checkers) checker.fact?.(fact);
    },
  });
  const cast = newCast(world, turn, (id, machine) =>
    startEvacuator(
      {
        ...{ world, turn, losses, trouble, watch, wrap, domain: plan.domain },
        readPolicy: () => policies.file,
        startPolicy: () => policies.last,
      },
      id,
      machine,
    ),
  );
  const { watch, heard } = watchOf({ world, cast, traps, checkers, audience });
  const violate = (checker: string, text: string): void => {
    violation ??= { checker, text, atMs: world.agenda.now };
  };
  const scene = {
    ...{ world, plan, ...heard },
    policies: (windowMs: number) => policies.within(world.agenda.now - windowMs),
    living: () => cast.living().map(({ process }) => process),
    touched: (what: string) => touched.has(what),
  };
  for (const { name, make } of CHECKERS)
    checkers.push(make({ ...scene, violate: (text) => violate(name, text) }));
  const stage: Stage = {
    ...{ world, losses, trouble, touched, cast, traps, saved: null },
    writePolicy(change) {
      const readers = cast.living();
      const heardOf = policies.write(change === null ? null : policyOf({ ...plan.policy, ...change }), {
        at: world.agenda.now,
        readers: readers.length,
      });
      for (const { process, policy } of readers)
        hear(turn, process, () => {
          policy.readAgain();
          heardOf(world.agenda.now);
        });
    },
  };
  beginReports(world);
  manageAllChains(world);
  manageEvacuator(world);
  return { world, turn, cast, stage, checkers, heard, violate, violation: () => violation };
}

/** Puts the faults on the agenda, their end, and the visits of operators after that. Gives what those will have done. */
function schedule(plan: Plan, { world, stage, heard }: Play, faultsEnd: number): readonly string[] {
  const { touched, traps, losses, trouble } = stage;
  for (const fault of plan.faults) after(world.agenda, fault.at, () => happen(stage, fault));
  after(world.agenda, faultsEnd, () => {
    traps.clear();
    losses.list.length = 0;
    world.nova.conductorLoses.length = 0;
    world.nova.conductorGivesUp.length = 0;
    trouble.writes = null;
    world.emit({ kind: 'operator', what: 'the faults are over: everything is repaired and switched on' });
    repair(world, touched);
  });
  const remedies: string[] = [];
  const visit = (): void => {
    mendFeeds(world);
    switchOn(world, touched);
    const done = helpOut(world, heard.lastReport(), touched);
    remedies.push(...done);
    for (const what of done) world.emit({ kind: 'operator', what });
    after(world.agenda, plan.operatorMs, visit);
  };
  after(world.agenda, faultsEnd + plan.operatorMs, visit);
  return remedies;
}

/**
 * Lets all promises that can go on do so: Node takes up the next tick only when no microtask is left. Nothing else of
 * Node's event loop has its turn meanwhile, so no real timer ever comes into a run.
 */
function promises(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
