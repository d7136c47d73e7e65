import { after } from '../world/agenda.ts';
import type { Agents, World } from '../world/model.ts';
import { healthOfEvacuator, type Running } from './evacuators.ts';
import { freeze, hear, type Process, type Turn } from './process.ts';

/** Whoever has told an evacuator to stop looks so often whether it has, ms. */
const STOP_POLL_MS = 200;

/** The evacuators of a run, one process after another. */
export interface Cast {
  /** All that live, oldest first. */
  living(): readonly Running[];
  /** A process has had an answer. */
  sign(process: Process): void;
  /** Ends a process on the spot, and says `what` has become of it. */
  kill(process: Process, what: string): void;
  /** The newest that lives, if one does. */
  killCurrent(): void;
  freezeCurrent(forMs: number): void;
  /** The run is over. */
  endAll(): void;
  /** What Pacemaker's agent does with them. */
  readonly agents: Pick<Agents, 'startEvacuator' | 'stopEvacuator' | 'monitorEvacuator' | 'killEvacuator'>;
}

/** `start`: begins the process of this number on a machine. */
export function newCast(world: World, turn: Turn, start: (id: number, machine: string) => Running): Cast {
  const all: Running[] = [];
  const lives = ({ process, ended }: Running): boolean => process.alive && !ended;
  const current = (): Running | null => all.findLast(lives) ?? null;
  const on = (machine: string): Running | null =>
    all.findLast((each) => each.process.machine === machine && lives(each)) ?? null;
  const kill = (process: Process, what: string): void => {
    if (!process.alive) return;
    process.kill();
    world.emit({ kind: 'fault', what: `the evacuator on ${process.machine} is ${what}` });
  };
  return {
    living: () => all.filter(lives),
    sign(process) {
      const running = all[process.id - 1];
      if (running !== undefined) running.signAt = world.agenda.now;
    },
    kill,
    killCurrent() {
      const running = current();
      if (running !== null) kill(running.process, 'killed');
    },
    freezeCurrent(forMs) {
      const process = current()?.process;
      if (process === undefined || process.frozen !== null) return;
      freeze(world, turn, process, forMs);
      world.emit({
        kind: 'fault',
        what: `the evacuator on ${process.machine} is frozen for ${forMs / 1000} s`,
      });
    },
    endAll() {
      for (const { process } of all) process.kill();
    },
    agents: {
      startEvacuator(machine, reply) {
        all.push(start(all.length + 1, machine));
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
          if (lives(running)) after(world.agenda, STOP_POLL_MS, poll);
          else reply();
        };
        poll();
      },
      monitorEvacuator: (machine) => healthOfEvacuator(world, on(machine)),
      killEvacuator: (machine) => on(machine)?.process.kill(),
    },
  };
}
