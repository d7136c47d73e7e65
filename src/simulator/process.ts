import { after } from '../world/agenda.ts';
import { machineOf, type World } from '../world/model.ts';

/** A process of ours in the world: it dies with its machine, or alone; one that is frozen hears nothing for a while. */
export interface Process {
  readonly id: number;
  readonly machine: string;
  readonly alive: boolean;
  kill(): void;
  /** What it would have heard while frozen; null: it is not. */
  frozen: (() => void)[] | null;
}

/** The run's side of promises: whether somebody's promise was settled since the loop last looked. */
export interface Turn {
  dirty: boolean;
}

export function newProcess(world: World, id: number, name: string): Process {
  const machine = machineOf(world, name);
  const { life } = machine;
  // Nothing begins on a machine that is down, nor goes on there after its next boot.
  let isKilled = machine.os !== 'up';
  return {
    id,
    machine: name,
    get alive() {
      return !isKilled && machine.life === life;
    },
    kill() {
      isKilled = true;
    },
    frozen: null,
  };
}

/** Lets a process hear something, if it lives. */
export function hear(turn: Turn, process: Process, run: () => void): void {
  if (!process.alive) return;
  if (process.frozen !== null) {
    process.frozen.push(run);
    return;
  }
  turn.dirty = true;
  run();
}

export function thaw(turn: Turn, process: Process): void {
  const waiting = process.frozen ?? [];
  process.frozen = null;
  for (const run of waiting) hear(turn, process, run);
}

/** Ends after `ms` of the world's time; never for a process that has died. */
export function pause(world: World, turn: Turn, process: Process, ms: number): Promise<void> {
  return new Promise((resolve) => {
    after(world.agenda, ms, () => hear(turn, process, resolve));
  });
}
