import { nodeName } from '../core/names.ts';
import { known, type NodeView, type Stored, unknown } from '../core/observation.ts';
import {
  EVACUATE_ATTRIBUTE,
  HOLD_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  PAUSE_PROPERTY,
  parsePause,
  RELEASE_ATTRIBUTE,
} from '../core/records.ts';
import { type Reader, storedOf } from '../core/stored.ts';
import type { Answer, ClusterPort } from '../evacuator/ports.ts';
import { after } from '../world/agenda.ts';
import { deletePermanentIf, setPermanent, setTransient } from '../world/attributes.ts';
import { canWrite, seenFrom } from '../world/membership.ts';
import type { Remote, World } from '../world/model.ts';
import { hear, type Process, type Turn } from './process.ts';

/** How long a command of Pacemaker is waited for (src/pacemaker/tool.ts). */
const TOOL_LIMIT_MS = 10_000;

/** What the faults do to the cluster's commands. */
export interface ClusterTrouble {
  /** Writes fail; `effect`: they are carried out all the same. */
  writes: { readonly effect: boolean } | null;
}

export interface ClusterWatch {
  sending(process: Process, call: string): void;
  sent(process: Process, call: string): void;
  answered(process: Process, call: string): void;
  /** What a process has been told about quorum; `isCurrent`: it sees the cluster as it is, not as it was when it was cut off. */
  sawCluster(process: Process, seen: { readonly haveQuorum: boolean; readonly isCurrent: boolean }): void;
}

/** Pacemaker as the evacuator sees it, without the text of its commands: the agents go through that. */
export function createSimulatedCluster(
  world: World,
  turn: Turn,
  process: Process,
  trouble: ClusterTrouble,
  watch: ClusterWatch,
): ClusterPort {
  const by = `evacuator:${process.id}`;
  const on = process.machine;
  const read = newReader();

  /** One command: it takes its time, hangs with the tools, and is answered only to the living. */
  function call<T>(name: string, minMs: number, run: () => T | 'hangs', hung: T): Promise<T> {
    watch.sending(process, name);
    return new Promise((resolve) => {
      if (!process.alive) return;
      const answer = (value: T): void => {
        if (!process.alive) return;
        watch.answered(process, name);
        hear(turn, process, () => resolve(value));
      };
      const takesMs = minMs + Math.round(world.dice('tool', name, world.counter++) * 60);
      after(world.agenda, takesMs, () => {
        // A command that was begun is carried out though its caller has died.
        const value = world.cluster.members.get(on)?.toolsHang ? 'hangs' : run();
        if (value === 'hangs') after(world.agenda, TOOL_LIMIT_MS - takesMs, () => answer(hung));
        else answer(value);
      });
      watch.sent(process, name);
    });
  }

  const failed: Answer<null> = {
    ok: false,
    reason: 'the command failed with exit status 1',
    effect: 'unknown',
  };
  const hung: Answer<null> = {
    ok: false,
    reason: 'the command gave no answer within 10000 ms',
    effect: 'unknown',
  };
  const write = (name: string, run: () => boolean): Promise<Answer<null>> =>
    call<Answer<null>>(
      name,
      20,
      () => {
        if (trouble.writes !== null) {
          if (trouble.writes.effect) run();
          return failed;
        }
        return run() ? { ok: true, value: null } : 'hangs';
      },
      hung,
    );

  return {
    readNodes: () =>
      call(
        'readNodes',
        30,
        () => {
          const seen = seenFrom(world, on);
          if (seen === null) return unknown('the cluster is not running here');
          watch.sawCluster(process, {
            haveQuorum: seen.haveQuorum,
            isCurrent: world.cluster.members.get(on)?.snapshot === null,
          });
          const pause = read(world.cluster.properties.get(PAUSE_PROPERTY), parsePause);
          return known({ haveQuorum: seen.haveQuorum, nodes: nodesOf(world, seen, read), pause });
        },
        unknown('cibadmin gave no answer within 10000 ms'),
      ),
    readHistory: (node) =>
      call(
        'readHistory',
        20,
        () => {
          if (seenFrom(world, on) === null) return unknown('the cluster is not running here');
          return known(
            (world.cluster.history.get(node) ?? []).map(({ action, status, completedAt }) => ({
              action,
              status,
              completedAt,
            })),
          );
        },
        unknown('stonith_admin gave no answer within 10000 ms'),
      ),
    writePermanent: (node, name, value) =>
      write('writePermanent', () => setPermanent(world, on, node, name, value, by)),
    deletePermanent: (node, name, incident) =>
      write('deletePermanent', () =>
        deletePermanentIf(
          world,
          on,
          node,
          name,
          `${name === INCIDENT_ATTRIBUTE ? 'id' : 'incident'}=${incident},`,
          by,
        ),
      ),
    writeTransient: (node, name, value) =>
      write('writeTransient', () => {
        // attrd says yes to everything; in a lost partition nobody else hears of it.
        if (canWrite(world, on)) setTransient(world, node, name, value, by);
        return true;
      }),
  };
}

/** By the operation history: one that is starting does not run yet. */
const NOVA_COMPUTE = {
  unstarted: 'unstarted',
  stopped: 'stopped',
  starting: 'stopped',
  started: 'running',
} as const;

function nodesOf(world: World, seen: NonNullable<ReturnType<typeof seenFrom>>, read: Reader): NodeView[] {
  const transient = (name: string, node: string): string | null =>
    seen.transient.get(name)?.get(node) || null;
  const view = (node: string, kind: NodeView['kind'], online: boolean, remote: Remote | null): NodeView => {
    const permanent = seen.permanent.get(node);
    return {
      name: nodeName(node),
      kind,
      online,
      fenced: remote?.fenced ?? null,
      novaCompute: remote === null || !remote.online ? null : NOVA_COMPUTE[remote.novaCompute],
      ...storedOf(permanent, read),
      mark: transient(EVACUATE_ATTRIBUTE, node),
      holdToken: transient(HOLD_ATTRIBUTE, node),
      holdAnswer: transient(RELEASE_ATTRIBUTE, node),
      powerFencedFirst: kind === 'remote' && world.cluster.powerFirst,
    };
  };
  return [
    ...world.spec.controllers.map((name) => view(name, 'cluster', world.cluster.agreed.has(name), null)),
    ...[...world.cluster.remotes.values()].map((remote) =>
      view(remote.node, 'remote', remote.online, remote),
    ),
  ];
}

/** Reads stored records; each text once, for the same ones come in every look. */
function newReader(): Reader {
  const known = new Map<unknown, Map<string, unknown>>();
  return <T>(text: string | undefined, parse: (text: string) => T | null): Stored<T> => {
    if (text === undefined) return null;
    const held = known.get(parse) ?? new Map<string, unknown>();
    known.set(parse, held);
    if (!held.has(text)) held.set(text, parse(text) ?? 'unreadable');
    return held.get(text) as Stored<T>;
  };
}
