import type { Server } from '../openstack/nova-schemas.ts';

/** Live migrations at a time: each takes the network of both hosts. */
export const MAX_DRAINING = 2;
/** A request that shows no effect for so long has had none, ms. */
const NO_EFFECT_MS = 30_000;

/** What is known of a request to move one server. */
export interface Asked {
  readonly at: number;
  /** Nova was seen to be at it. */
  readonly wasMoving: boolean;
  /** Why it is over without success; null while it may still move. */
  readonly failed: string | null;
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

/** One step of emptying a host, from what is on it now. Pure. */
export function drainStep(
  onHost: readonly Server[],
  before: ReadonlyMap<string, Asked>,
  now: number,
): DrainStep {
  const asked = new Map(before);
  const movable = onHost.filter(isMovable);
  for (const server of movable) {
    const request = asked.get(server.id);
    if (request === undefined || request.failed !== null) continue;
    const isMoving = server.taskState === 'migrating';
    if (isMoving) asked.set(server.id, { ...request, wasMoving: true });
    else if (request.wasMoving)
      asked.set(server.id, {
        ...request,
        failed: server.fault?.message ?? 'Nova began and left it where it was',
      });
    else if (now - request.at > NO_EFFECT_MS)
      asked.set(server.id, {
        ...request,
        failed: 'Nova took the request and did nothing: see the log of nova-conductor',
      });
  }
  const open = movable.filter(({ id }) => asked.has(id) && asked.get(id)?.failed === null);
  const waiting = movable.filter(({ id }) => !asked.has(id));
  const ask = waiting
    .filter(({ taskState }) => taskState === null)
    .slice(0, Math.max(0, MAX_DRAINING - open.length));
  for (const { id } of ask) asked.set(id, { at: now, wasMoving: false, failed: null });
  return { ask, asked, isOver: open.length === 0 && waiting.length === 0 };
}
