import type { Policy } from '../../core/policy.ts';
import type { JournalPort, TickReport } from '../../evacuator/ports.ts';
import type { Fact } from '../../world/facts.ts';
import { type Instance, type Migration, novaNow, type World } from '../../world/model.ts';
import type { Plan } from '../plan.ts';
import type { Process } from '../process.ts';

/** A line of a process's log. */
export type Line = Parameters<JournalPort['event']>[0];

/** Something that a process of ours is about to send. */
export interface Sending {
  /** As faults name it: `POST action`, `PUT os-services`, `writePermanent`. */
  readonly call: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

/** What a checker sees: the truth of the world, and what our processes say and send. */
export interface Scene {
  readonly world: World;
  readonly plan: Plan;
  violate(text: string): void;
  /** The policies by which somebody can have acted within the last `windowMs`; the last is in force now. */
  policies(windowMs: number): readonly Policy[];
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
  /** A request over HTTP has ended for a process: with an answer of this status, or (null) without one. */
  answered?(process: Process, sending: Sending, status: number | null): void;
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

/** In what operators have touched: what records of the evacuator alone knew is lost; with a host behind it: what its own did. */
export const UNRECORDED = 'unrecorded ';

/** Whether a fact or request is of one of our evacuators. */
export const isOurs = (actor: string | null): boolean => actor?.startsWith('evacuator:') ?? false;

/** The lists that processes have asked for, and when they had them: one shows what was before it was asked for. */
export interface Lists {
  sending(process: Process, sending: Sending): void;
  answered(sending: Sending, status: number | null): void;
  /** Whether a process had a list of `of` at `to` that it had asked for after `from`, the world's ms. */
  hasSeen(by: string, of: string, from: number, to: number): boolean;
  /** When a process has asked for its first; null: it has not. */
  firstAt(by: string, of: string): number | null;
}

/** `listOf`: what a request lists; null: it is no list that is meant. */
export function newLists(world: World, listOf: (sending: Sending) => string | null): Lists {
  interface List {
    readonly sentAt: number;
    /** Null: not yet, or never. */
    shownAt: number | null;
  }
  const all = new Map<string, List[]>();
  const open = new Map<Sending, List>();
  return {
    sending({ id }, sending) {
      const of = listOf(sending);
      if (of === null) return;
      const list: List = { sentAt: world.agenda.now, shownAt: null };
      const key = `evacuator:${id} ${of}`;
      const before = all.get(key);
      if (before === undefined) all.set(key, [list]);
      else before.push(list);
      open.set(sending, list);
    },
    answered(sending, status) {
      const list = open.get(sending);
      if (list !== undefined && status === 200) list.shownAt = world.agenda.now;
      open.delete(sending);
    },
    hasSeen: (by, of, from, to) =>
      all
        .get(`${by} ${of}`)
        ?.some(({ sentAt, shownAt }) => sentAt >= from && shownAt !== null && shownAt <= to) ?? false,
    firstAt: (by, of) => all.get(`${by} ${of}`)?.[0]?.sentAt ?? null,
  };
}

/** Who has been shown the server groups: a process whose answer was lost has not, whatever Nova says that it told. */
export interface GroupReaders {
  answered(process: Process, sending: Sending, status: number | null): void;
  /** `by`: as a fact names it. */
  has(by: string | null): boolean;
}

export function newGroupReaders(): GroupReaders {
  const readers = new Set<string>();
  return {
    answered({ id }, { path }, status) {
      if (status === 200 && path.endsWith('/os-server-groups')) readers.add(`evacuator:${id}`);
    },
    has: (by) => by !== null && readers.has(by),
  };
}

/** Whether an evacuation has been begun by hand after `at`, the world's ms. */
export function isByHandSince(world: World, { askedBy, createdAt }: Migration, at: number): boolean {
  return !isOurs(askedBy) && world.agenda.now - (novaNow(world) - createdAt) > at;
}

/** A request takes effect within this time, ms: it may be one by the policy before. */
export const EFFECT_MS = 30_000;
/** A step of the evacuator acts by the policy with which it began, ms. */
export const STEP_MS = 100;
/** A write comes out at most so long after it was decided on, ms (cluster-port.ts). */
export const WRITE_MS = 100;

/** Calls that change something in the cluster or the cloud. */
export function isChange(call: string): boolean {
  return /^(PUT|POST action|DELETE|write|delete)/.test(call);
}

/** The instance whose evacuation is about to be asked for; null: it is no such request. */
export function evacuatedBy(world: World, { call, path, body }: Sending): Instance | null {
  if (call !== 'POST action' || body === null || typeof body !== 'object' || !('evacuate' in body))
    return null;
  const server = /\/servers\/([^/]+)\/action$/.exec(path)?.[1] ?? '';
  return world.nova.instances.get(server) ?? null;
}

/** The instances that a process has begun to ask for in its last step, by what it says itself; for the report of that step. */
export function listenForAsked(): Required<Pick<Checker, 'line'>> & {
  take(process: Process): ReadonlySet<string>;
} {
  const asked = new Map<number, Set<string>>();
  return {
    line(process, { msg, server }) {
      if (server === undefined || !msg.startsWith('asking Nova to evacuate ')) return;
      const its = asked.get(process.id) ?? new Set<string>();
      asked.set(process.id, its.add(server));
    },
    take(process) {
      const its = asked.get(process.id) ?? new Set<string>();
      asked.delete(process.id);
      return its;
    },
  };
}

/** How long a request that nobody claims counts for those that wait for it, ms: after that its host is taken for gone (core/status.ts). */
const QUEUED_LIMIT_MS = 100_000;
/** How soon a look shows that a host which is back has taken up what had waited for it for so long, ms. */
const TAKEN_UP_MS = 6_000;

/**
 * Evacuations that are under way and that an evacuator can know of: not those of deleted instances, nor those that wait
 * for the return of a host, or were taken up right then, nor those that their
 * host has called completed, for it was let go in the middle (hold.ts), nor those that an
 * operator has begun by hand: of a host that waits nobody looks what is under way.
 */
export function underWay(world: World): readonly Migration[] {
  return world.nova.migrations.filter((migration) => {
    const { flight, deleted, wasCompleted, status, sentTo, createdAt, updatedAt, askedBy } = migration;
    if (flight === 'over' || deleted || wasCompleted) return false;
    const isDead = sentTo !== null && world.nova.computes.get(sentTo)?.state !== 'running';
    const isOld = status === 'accepted' && novaNow(world) - createdAt > QUEUED_LIMIT_MS;
    const waitedMs = (updatedAt ?? createdAt) - createdAt;
    const isJustTakenUp =
      status === 'pre-migrating' &&
      waitedMs > QUEUED_LIMIT_MS &&
      novaNow(world) - createdAt - waitedMs < TAKEN_UP_MS;
    return !isDead && !isOld && !isJustTakenUp && isOurs(askedBy);
  });
}

/** Whether a `disabled_reason` has the word by which operators keep a host for failures. */
export function isReservedBy(reason = ''): boolean {
  if (reason.startsWith('instance-ha: quarantine')) return false;
  return reason
    .toLowerCase()
    .split(/[^a-z]+/)
    .includes('reserved');
}
