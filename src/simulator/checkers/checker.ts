import type { JournalPort, TickReport } from '../../evacuator/ports.ts';
import type { Fact } from '../../world/facts.ts';
import type { World } from '../../world/model.ts';
import type { Plan } from '../plan.ts';
import type { Process } from '../process.ts';

/** A line of a process's log. */
export type Line = Parameters<JournalPort['event']>[0];

/** Something that a process of ours is about to send. */
export interface Sending {
  /** As faults name it: `POST action`, `PUT os-services`, `writePermanent`. */
  readonly call: string;
  readonly path: string;
  readonly body: unknown;
}

/** What a checker sees: the truth of the world, and what our processes say and send. */
export interface Scene {
  readonly world: World;
  readonly plan: Plan;
  violate(text: string): void;
  /** The newest report of the process that made one last; null before the first. */
  lastReport(): TickReport | null;
  /** Processes of the evacuator that live, oldest first. */
  living(): readonly Process[];
  /** What a process was last told about quorum; null before it has asked. */
  sawQuorum(process: Process): boolean | null;
  /** When it last read the cluster as it is, the world's ms; -1: not yet. */
  sawClusterAt(process: Process): number;
  /** Whether an operator has touched this node or host in a way that takes a rule back. */
  touched(what: string): boolean;
}

/** One invariant, told of every step. It keeps its own memory of the world, and knows nothing of the faults. */
export interface Checker {
  fact?(fact: Fact): void;
  sending?(process: Process, sending: Sending): void;
  line?(process: Process, line: Line): void;
  report?(process: Process, report: TickReport): void;
  /** The faults are over and everything is calm. */
  end?(): void;
}

export interface CheckerKind {
  readonly name: string;
  /** Numbers of the invariants in docs/simulator.md. */
  readonly invariants: readonly number[];
  make(scene: Scene): Checker;
}

/** Whether a fact or request is of one of our evacuators. */
export const isOurs = (actor: string | null): boolean => actor?.startsWith('evacuator:') ?? false;

/** Calls that change something in the cluster or the cloud. */
export function isChange(call: string): boolean {
  return /^(PUT|POST action|DELETE|write|delete)/.test(call);
}
