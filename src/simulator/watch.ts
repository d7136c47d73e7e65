import type { TickReport } from '../evacuator/ports.ts';
import type { Fact } from '../world/facts.ts';
import type { World } from '../world/model.ts';
import type { Cast } from './cast.ts';
import type { Checker, Line, Scene } from './checkers/checker.ts';
import type { EvacuatorWatch } from './evacuators.ts';
import type { Process } from './process.ts';
import type { TrapSide, Traps } from './traps.ts';

/** A command for the cluster has none. */
const NO_QUERY = new URLSearchParams();

/** Listeners of a run: the story is written from these. */
export interface Audience {
  fact?(atMs: number, fact: Fact, world: World): void;
  line?(atMs: number, process: Process, line: Line): void;
  /** A request to an API, when it leaves; named as `callOf` (wire.ts) does. */
  request?(atMs: number, process: Process, call: string, path: string): void;
}

/** What the evacuators have been told, and have told: the part of a scene that is heard. */
export type Heard = Pick<Scene, 'lastReport' | 'sawQuorum' | 'sawClusterAt'>;

/**
 * Hears all that the evacuators of a run send, are answered and say, and passes it on: to the audience, to the checkers, and to the
 * traps, which end a process in the middle of it.
 */
export function watchOf({
  world,
  cast,
  traps,
  checkers,
  audience,
}: {
  readonly world: World;
  readonly cast: Cast;
  readonly traps: Traps;
  readonly checkers: readonly Checker[];
  readonly audience: Audience;
}): { readonly watch: EvacuatorWatch; readonly heard: Heard } {
  const quorum = new Map<number, boolean>();
  const clusterAt = new Map<number, number>();
  let report: TickReport | null = null;
  const now = (): number => world.agenda.now;
  const spring = (process: Process, call: string, side: TrapSide): void => {
    if (!traps.springs(call, side)) return;
    cast.kill(process, `killed ${side === 'during' ? 'in the middle of' : side} ${call}`);
  };
  const watch: EvacuatorWatch = {
    wire: {
      sending(process, request) {
        spring(process, request.call, 'before');
        if (!process.alive) return;
        audience.request?.(now(), process, request.call, request.path);
        for (const checker of checkers) checker.sending?.(process, request);
      },
      sent: (process, { call }) => spring(process, call, 'during'),
      answered(process, request, status) {
        cast.sign(process);
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
        cast.sign(process);
        spring(process, call, 'after');
      },
      sawCluster(process, { haveQuorum, isCurrent }) {
        quorum.set(process.id, haveQuorum);
        if (isCurrent) clusterAt.set(process.id, now());
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
  };
  return {
    watch,
    heard: {
      lastReport: () => report,
      sawQuorum: ({ id }) => quorum.get(id) ?? null,
      sawClusterAt: ({ id }) => clusterAt.get(id) ?? -1,
    },
  };
}
