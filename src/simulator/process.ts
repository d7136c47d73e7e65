import { STILL_MS } from '../evacuator/ports.ts';
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
  /** When it last noticed that it had been, the world's ms; -1: never. */
  thawedAt: number;
}

/** The run's side of promises: whether somebody's promise was settled since the loop last looked. */
export interface Turn {
  dirty: boolean;
}

/** Begins a process on a machine; where that is down it is dead from the start. Throws for a machine that the world has not. */
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
    thawedAt: -1,
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

/** It stands still for so long. */
export function freeze(world: World, turn: Turn, process: Process, forMs: number): void {
  const waiting: (() => void)[] = [];
  process.frozen = waiting;
  after(world.agenda, forMs, () => {
    process.frozen = null;
    if (forMs > STILL_MS) process.thawedAt = world.agenda.now;
    for (const run of waiting) hear(turn, process, run);
  });
}

/** Ends after `ms` of the world's time; never for a process that has died. */
export function pause(world: World, turn: Turn, process: Process, ms: number): Promise<void> {
  return new Promise((resolve) => {
    after(world.agenda, ms, () => hear(turn, process, resolve));
  });
}
