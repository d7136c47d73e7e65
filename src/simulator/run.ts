import { DEFAULT_POLICY } from '../core/policy.ts';
import type { TickReport } from '../evacuator/ports.ts';
import { after, step } from '../world/agenda.ts';
import { beginReports } from '../world/compute.ts';
import type { Fact } from '../world/facts.ts';
import { type Agents, createWorld, type World } from '../world/model.ts';
import { manageAllChains, manageEvacuator } from '../world/resources.ts';
import { callComputeWait, callFenceCompute } from './agents.ts';
import { CHECKERS } from './checkers/all.ts';
import type { Checker, Line, Scene } from './checkers/checker.ts';
import { diceOf } from './dice.ts';
import {
  type EvacuatorMeans,
  healthOfEvacuator,
  type Running,
  startEvacuator,
  type WrapPorts,
} from './evacuators.ts';
import { happen, type Stage } from './faults.ts';
import { whatIsLeft } from './liveness.ts';
import { endOf, type Plan, policyOf } from './plan.ts';
import { newPolicies } from './policies.ts';
import { freeze, hear, type Process } from './process.ts';
import { helpOut, mendFeeds, repair, switchOn } from './remedies.ts';

/** After the faults everything has to be as it should be within this time, ms: the bound of the liveness phase. */
export const LIVENESS_MS = 3_600_000;
/**
 * How far the controllers' clocks may be apart, ms. When a host died is written down by one of them and read by
 * another: one that is behind waits for so much longer until a message to that host counts as gone (core/unclaimed.ts).
 */
function clocksApartMs({ faults }: Plan): number {
  return faults.reduce((sum, fault) => sum + (fault.do === 'clock-jump' ? Math.abs(fault.ms) : 0), 0);
}

/**
 * How long the largest server group takes, of which one is evacuated at a time, ms: each as long as the slowest destination, and the
 * look that shows it.
 */
function oneByOneMs({ world }: Plan): number {
  const sizes = new Map<string, number>();
  for (const { group } of world.instances) if (group !== null) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const eachMs = world.nova.spawnMs[1] + world.nova.finishMs[1] + DEFAULT_POLICY.timing.maxFollowMs;
  return Math.max(0, ...sizes.values()) * eachMs;
}

/** The faults are over this long after the last one has ended. */
const CALM_AFTER_MS = 20_000;
/** Calm counts from so long after that, ms. */
const SETTLE_MS = 5_000;
const LOOK_MS = 1_000;
/** A command for the cluster has none. */
const NO_QUERY = new URLSearchParams();
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

/** Listeners of a run: the story is written from these. */
export interface Audience {
  fact?(atMs: number, fact: Fact, world: World): void;
  line?(atMs: number, process: Process, line: Line): void;
  /** A request to an API, when it leaves; named as {@link callOf} does. */
  request?(atMs: number, process: Process, call: string, path: string): void;
}

export interface RunOptions {
  readonly audience?: Audience;
  readonly wrap?: WrapPorts;
}

/** Runs a plan to its end: the faults, then the calm; ends at the first violation. */
export async function run(plan: Plan, options: RunOptions = {}): Promise<Result> {
  const turn = { dirty: false };
  const processes: Running[] = [];
  const quorumSeen = new Map<number, boolean>();
  const clusterSeen = new Map<number, number>();
  const traps: { call: string; left: number; side: 'before' | 'during' | 'after' }[] = [];
  const touched = new Set<string>();
  const policies = newPolicies(policyOf(plan.policy));
  let report: TickReport | null = null;
  let violation: Violation | null = null;
  const audience = options.audience ?? {};

  const now = (): number => world.agenda.now;
  const current = (): Running | null =>
    processes.findLast((each) => each.process.alive && !each.ended) ?? null;
  const on = (machine: string): Running | null =>
    processes.findLast((each) => each.process.machine === machine && each.process.alive && !each.ended) ??
    null;
  const spring = (process: Process, call: string, side: 'before' | 'during' | 'after'): void => {
    const trap = traps.find((each) => each.side === side && each.call === call && each.left > 0);
    if (trap === undefined || --trap.left > 0) return;
    kill(process, `killed ${side === 'during' ? 'in the middle of' : side} ${call}`);
  };
  const kill = (process: Process, what: string): void => {
    if (!process.alive) return;
    process.kill();
    world.emit({ kind: 'fault', what: `the evacuator on ${process.machine} is ${what}` });
  };

  const agents: Agents = {
    fence: (machine, action, node, reply) => callFenceCompute(world, turn, machine, action, node, reply),
    wait: (node, timeoutMs, reply) => callComputeWait(world, turn, node, timeoutMs, reply),
    startEvacuator(machine, reply) {
      processes.push(startEvacuator(means, processes.length + 1, machine));
      reply(true);
    },
    stopEvacuator(machine, reply) {
      const running = on(machine);
      if (running === null) {
        reply();
        return;
      }
      // Heard as any other: it wakes the loop.
      hear(turn, running.process, () => running.evacuator.stop());
      const poll = (): void => {
        if (running.ended || !running.process.alive) reply();
        else after(world.agenda, 200, poll);
      };
      poll();
    },
    monitorEvacuator: (machine) => healthOfEvacuator(world, on(machine)),
    killEvacuator: (machine) => on(machine)?.process.kill(),
  };
  const world = createWorld(plan.world, {
    dice: diceOf(plan.seed),
    agents,
    emit(fact) {
      audience.fact?.(world?.agenda.now ?? 0, fact, world);
      for (const checker of checkers) checker.fact?.(fact);
    },
  });
  const scene = (name: string): Scene => ({
    world,
    plan,
    violate(text) {
      violation ??= { checker: name, text, atMs: now() };
    },
    policies: (windowMs) => policies.within(now() - windowMs),
    lastReport: () => report,
    living: () => processes.filter((each) => each.process.alive && !each.ended).map((each) => each.process),
    touched: (what) => touched.has(what),
    sawQuorum: (process) => quorumSeen.get(process.id) ?? null,
    sawClusterAt: (process) => clusterSeen.get(process.id) ?? -1,
  });
  const checkers: Checker[] = CHECKERS.map((kind) => kind.make(scene(kind.name)));
  const sign = (process: Process): void => {
    const running = processes[process.id - 1];
    if (running !== undefined) running.signAt = now();
  };
  const means: EvacuatorMeans = {
    world,
    turn,
    domain: plan.domain,
    readPolicy: () => policies.file,
    startPolicy: () => policies.last,
    losses: { list: [] },
    trouble: { writes: null },
    wrap: options.wrap ?? ((ports) => ports),
    watch: {
      wire: {
        sending(process, request) {
          spring(process, request.call, 'before');
          if (!process.alive) return;
          audience.request?.(now(), process, request.call, request.path);
          for (const checker of checkers) checker.sending?.(process, request);
        },
        sent: (process, { call }) => spring(process, call, 'during'),
        answered(process, request, status) {
          sign(process);
          for (const checker of checkers) checker.answered?.(process, request, status);
          spring(process, request.call, 'after');
        },
      },
      cluster: {
        sending(process, call) {
          spring(process, call, 'before');
          if (!process.alive) return;
          for (const checker of checkers)
            checker.sending?.(process, { call, path: '', query: NO_QUERY, body: null });
        },
        sent: (process, call) => spring(process, call, 'during'),
        answered(process, call) {
          sign(process);
          spring(process, call, 'after');
        },
        sawCluster(process, { haveQuorum, isCurrent }) {
          quorumSeen.set(process.id, haveQuorum);
          if (isCurrent) clusterSeen.set(process.id, now());
        },
      },
      journal: (process) => ({
        event(line) {
          audience.line?.(now(), process, line);
          for (const checker of checkers) checker.line?.(process, line);
        },
        report: () => {},
        tick(next) {
          report = next;
          for (const checker of checkers) checker.report?.(process, next);
        },
      }),
    },
  };
  const stage: Stage = {
    world,
    losses: means.losses,
    trouble: means.trouble,
    touched,
    killEvacuator() {
      const running = current();
      if (running !== null) kill(running.process, 'killed');
    },
    freezeEvacuator(forMs) {
      const process = current()?.process;
      if (process === undefined || process.frozen !== null) return;
      freeze(world, turn, process, forMs);
      world.emit({
        kind: 'fault',
        what: `the evacuator on ${process.machine} is frozen for ${forMs / 1000} s`,
      });
    },
    writePolicy(change) {
      const readers = processes.filter(({ process, ended }) => process.alive && !ended);
      const heard = policies.write(change === null ? null : policyOf({ ...plan.policy, ...change }), {
        at: now(),
        readers: readers.length,
      });
      for (const { process, policy } of readers)
        hear(turn, process, () => {
          policy.readAgain();
          heard(now());
        });
    },
    killAtCall: (call, nth, side) => void traps.push({ call, left: nth, side }),
  };

  beginReports(world);
  manageAllChains(world);
  manageEvacuator(world);
  for (const fault of plan.faults) after(world.agenda, fault.at, () => happen(stage, fault));
  const faultsEnd = CALM_AFTER_MS + Math.max(10_000, ...plan.faults.map(endOf));
  const remedies: string[] = [];
  after(world.agenda, faultsEnd, () => {
    traps.length = 0;
    means.losses.list.length = 0;
    world.nova.conductorLoses.length = 0;
    means.trouble.writes = null;
    world.emit({ kind: 'operator', what: 'the faults are over: everything is repaired and switched on' });
    repair(world, touched);
  });
  const visit = (): void => {
    mendFeeds(world);
    switchOn(world, touched);
    const done = helpOut(world, report, touched);
    remedies.push(...done);
    for (const what of done) world.emit({ kind: 'operator', what });
    after(world.agenda, plan.operatorMs, visit);
  };
  after(world.agenda, faultsEnd + plan.operatorMs, visit);

  let steps = 0;
  let lookedAt = 0;
  const boundMs = LIVENESS_MS + clocksApartMs(plan) + oneByOneMs(plan);
  const end = faultsEnd + boundMs;
  while (violation === null && steps < MAX_STEPS && step(world.agenda, end)) {
    steps++;
    if (turn.dirty) {
      turn.dirty = false;
      await promises();
    }
    if (now() < faultsEnd + SETTLE_MS || now() - lookedAt < LOOK_MS) continue;
    lookedAt = now();
    if (whatIsLeft(world).length === 0) break;
  }
  const left = violation === null ? whatIsLeft(world) : [];
  if (left.length > 0)
    scene('liveness').violate(
      `after ${Math.round(boundMs / 60_000)} min without a fault: ${left.join('; ')}`,
    );
  if (violation === null) for (const checker of checkers) checker.end?.();
  for (const { process } of processes) process.kill();
  return { violation, steps, virtualMs: now(), evacuations: world.nova.migrations.length, remedies };
}

/**
 * Lets all promises that can go on do so: Node takes up the next tick only when no microtask is left. Nothing else of
 * Node's event loop has its turn meanwhile, so no real timer ever comes into a run.
 */
function promises(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
