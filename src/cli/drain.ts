import type { Server } from '../openstack/nova-schemas.ts';

/** Live migrations at a time: each takes the network of both hosts. */
export const MAX_DRAINING = 2;
/** A request that shows no effect for so long has had none, ms. */
const NO_EFFECT_MS = 30_000;

/** What is known of a request to move one server. */
export interface Asked {
  readonly name: string;
  readonly at: number;
  /** Nova was seen to be at it. */
  readonly wasMoving: boolean;
  /** Seen on another host, whole, and its migration over; or deleted meanwhile. */
  readonly isGone: boolean;
  /** Why it is over without success; null while it may still move. */
  readonly failed: string | null;
}

/** A server that was asked to move and is not on the host any more, as Nova has it now. */
export type Elsewhere =
  | { readonly kind: 'found'; readonly server: Server; readonly isMigrating: boolean }
  | { readonly kind: 'deleted' }
  | { readonly kind: 'unknown' };

/** One look at a host that is emptied. */
export interface DrainSight {
  readonly onHost: readonly Server[];
  /** What {@link leftOpen} names. */
  readonly elsewhere: ReadonlyMap<string, Elsewhere>;
}

export interface DrainStep {
  /** Servers to ask for now. */
  readonly ask: readonly Server[];
  readonly asked: ReadonlyMap<string, Asked>;
  /** Nothing is left that could still move. */
  readonly isOver: boolean;
}

/** Only what runs is moved alive; what is stopped does not miss its host. */
export function isMovable(server: Server): boolean {
  return !server.deleted && (server.vmState === 'active' || server.vmState === 'paused');
}

/** What was asked to move, has left the host, and was not yet seen to arrive: to be looked for by its id. */
export function leftOpen(onHost: readonly Server[], asked: ReadonlyMap<string, Asked>): readonly string[] {
  return [...asked]
    .filter(
      ([id, { isGone, failed }]) => !isGone && failed === null && !onHost.some((each) => each.id === id),
    )
    .map(([id]) => id);
}

/**
 * One step of emptying a host, from what Nova shows now. Pure. Having left the host is not having arrived: Nova names
 * the other host before the source has cleaned up, and after a move that failed half-way as well.
 */
export function drainStep(
  { onHost, elsewhere }: DrainSight,
  before: ReadonlyMap<string, Asked>,
  now: number,
): DrainStep {
  const asked = new Map(before);
  for (const [id, request] of before) {
    if (request.isGone || request.failed !== null) continue;
    const server = onHost.find((each) => each.id === id);
    const found = elsewhere.get(id);
    if (server !== undefined) asked.set(id, stillHere(server, request, now));
    else if (found !== undefined) asked.set(id, afterLeaving(found, request));
  }
  const movable = onHost.filter(isMovable);
  const open = [...asked.values()].filter(({ isGone, failed }) => !isGone && failed === null);
  const waiting = movable.filter(({ id }) => !asked.has(id));
  const ask = waiting
    .filter(({ taskState }) => taskState === null)
    .slice(0, Math.max(0, MAX_DRAINING - open.length));
  for (const { id, name } of ask)
    asked.set(id, { name, at: now, wasMoving: false, isGone: false, failed: null });
  return { ask, asked, isOver: open.length === 0 && waiting.length === 0 };
}

function stillHere(server: Server, request: Asked, now: number): Asked {
  if (server.deleted) return { ...request, isGone: true };
  if (server.taskState === 'migrating') return { ...request, wasMoving: true };
  if (request.wasMoving || server.vmState === 'error')
    return { ...request, failed: server.fault?.message ?? 'Nova began and left it where it was' };
  return now - request.at > NO_EFFECT_MS
    ? { ...request, failed: 'Nova took the request and did nothing: see the log of nova-conductor' }
    : request;
}

function afterLeaving(found: Elsewhere, request: Asked): Asked {
  switch (found.kind) {
    case 'unknown':
      return request;
    case 'deleted':
      return { ...request, isGone: true };
    case 'found': {
      const { server, isMigrating } = found;
      if (server.vmState === 'error')
        return {
          ...request,
          failed: `its move to ${server.host ?? 'another host'} failed half-way (${server.fault?.message ?? 'Nova gives no reason'}): it may still run here`,
        };
      return isMigrating || server.taskState !== null ? request : { ...request, isGone: true };
    }
    default:
      return found satisfies never;
  }
}
