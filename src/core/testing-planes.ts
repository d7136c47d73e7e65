/** Modelled control planes: how long evacuations take, by what else is in flight. For tests of the pace. */
import { serverId } from './names.ts';
import type { EvacuationView } from './observation.ts';
import { ELSEWHERE, SOURCE } from './testing.ts';

export interface Job {
  readonly asked: number;
  /** Work of the control plane that is left, ms. */
  left: number;
  claimed: number | null;
  ended: number | null;
}

/** A control plane in front of destinations whose spawns cost it nothing. Nova's times have whole seconds. */
export abstract class Plane {
  time = 0;
  readonly jobs: Job[] = [];
  readonly workMs: number;
  protected readonly spawnMs: number;

  constructor(workMs: number, spawnMs: number) {
    this.workMs = workMs;
    this.spawnMs = spawnMs;
  }

  abstract advance(ms: number): void;

  ask(): Job {
    const job = { asked: this.time, left: this.workMs, claimed: null, ended: null };
    this.jobs.push(job);
    return job;
  }

  get asked(): number {
    return this.jobs.length;
  }

  get unfinished(): number {
    return this.jobs.filter(({ ended }) => ended === null || ended > this.time).length;
  }

  get lastEnd(): number {
    return Math.max(...this.jobs.map(({ ended }) => ended ?? Number.POSITIVE_INFINITY));
  }

  records(): EvacuationView[] {
    const second = (ms: number): number => Math.floor(ms / 1_000) * 1_000;
    return this.jobs.map(({ asked, claimed, ended }, id) => {
      const isOver = ended !== null && ended <= this.time;
      const isClaimed = claimed !== null && claimed <= this.time;
      return {
        id,
        server: serverId('11111111-0000-4000-8000-000000000000'),
        source: SOURCE,
        dest: ELSEWHERE,
        status: isOver ? 'done' : isClaimed ? 'pre-migrating' : 'accepted',
        createdAt: second(asked),
        updatedAt: second(isOver ? ended : isClaimed ? claimed : asked),
      };
    });
  }
}

/** As the one that was measured: it works off one claim after the other, and each takes the longer the more are in flight. */
export class ControlPlane extends Plane {
  #busyUntil = 0;

  advance(ms: number): void {
    this.time += ms;
    while (this.#busyUntil <= this.time) {
      const waiting = this.jobs.filter(({ claimed }) => claimed === null);
      const next = waiting[0];
      if (next === undefined) break;
      const from = Math.max(this.#busyUntil, next.asked);
      this.#busyUntil = from + this.workMs * (1 + 0.012 * waiting.length);
      next.claimed = this.#busyUntil;
      next.ended = next.claimed + this.spawnMs;
    }
  }
}

/** One that works on all at once, before the claim and after it (the networks): all of them take the longer the more there are. */
export class SharedPlane extends Plane {
  advance(ms: number): void {
    this.time += ms;
    const working = this.jobs.filter(({ left }) => left > 0);
    const shareMs = ms / Math.max(1, working.length) / (1 + 0.01 * working.length);
    for (const job of working) {
      job.left -= shareMs;
      if (job.left <= this.workMs / 2) job.claimed ??= this.time;
      if (job.left <= 0) job.ended = this.time + this.spawnMs;
    }
  }
}

/** A large cloud's: so many claims side by side, none of which slows another one. */
export class WidePlane extends Plane {
  readonly #sideBySide: number;

  constructor(workMs: number, spawnMs: number, sideBySide: number) {
    super(workMs, spawnMs);
    this.#sideBySide = sideBySide;
  }

  advance(ms: number): void {
    this.time += ms;
    for (const job of this.jobs.filter(({ left }) => left > 0).slice(0, this.#sideBySide)) {
      job.left -= ms;
      if (job.left > 0) continue;
      job.claimed = this.time;
      job.ended = this.time + this.spawnMs;
    }
  }
}

/** Destinations that the instances of a dead host come to. */
const DESTINATIONS = 2;
/** Each guest that is there already makes the next one's claim and networks this much slower: a part of its work. */
const GUEST_SHARE = 0.005;

/**
 * One whose claims come one after the other, in front of destinations that have the most work with an evacuation. Each works
 * on all it has at once, so those that come together end together, and more of them there bring nothing.
 */
export class CrowdedPlane extends Plane {
  readonly #destinationMs: number;
  readonly #there = new Map<Job, { readonly destination: number; left: number }>();
  #busyUntil = 0;

  constructor(workMs: number, destinationMs: number, spawnMs: number) {
    super(workMs, spawnMs);
    this.#destinationMs = destinationMs;
  }

  advance(ms: number): void {
    this.time += ms;
    for (let next = this.#next(); next !== undefined && this.#busyUntil <= this.time; next = this.#next()) {
      this.#busyUntil = Math.max(this.#busyUntil, next.asked) + this.workMs;
      next.claimed = this.#busyUntil;
      const guests = this.#there.size / DESTINATIONS;
      this.#there.set(next, {
        destination: this.#there.size % DESTINATIONS,
        left: this.#destinationMs * (1 + GUEST_SHARE * guests),
      });
    }
    for (let destination = 0; destination < DESTINATIONS; destination++) {
      const working = [...this.#there].filter(
        ([job, each]) => each.destination === destination && each.left > 0 && (job.claimed ?? 0) <= this.time,
      );
      for (const [job, each] of working) {
        each.left -= ms / working.length;
        if (each.left <= 0) job.ended = this.time + this.spawnMs;
      }
    }
  }

  #next(): Job | undefined {
    return this.jobs.find(({ claimed }) => claimed === null);
  }
}
