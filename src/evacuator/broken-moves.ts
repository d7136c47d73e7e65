import { movesSincePlaced } from '../core/actions.ts';
import { mayBeAway } from '../core/moving-away.ts';
import type { HostName, ServerId } from '../core/names.ts';
import type { LiveMigrationView, ServerView } from '../core/observation.ts';
import type { Answer, CloudPort } from './ports.ts';

/** Servers of which it is asked at a time. */
const MOVES_AT_ONCE = 8;

/**
 * How long ago a guest may have been left where Nova does not know of it, by an evacuation, or by a live migration that was not known to end
 * in error, ms: what rebalances a cloud leaves a long history, and each page of it takes Nova half a second. Whose guest is not where Nova
 * has it is missed before that.
 */
export const LEFT_GUEST_MS = 30 * 86_400_000;

/** Asks for the live migrations away from a host that {@link findBrokenMoves} looks at. `novaNow`: Nova's clock, epoch ms. */
export function listMovesAway(
  cloud: CloudPort,
  host: HostName,
  novaNow: number,
): Promise<Answer<readonly LiveMigrationView[]>> {
  return cloud.listMovesAway(host, novaNow - LEFT_GUEST_MS);
}

/**
 * The live migrations that may have left the guest of a server on a host elsewhere, in vain, newest first: where the guest of such a one is
 * nobody knows (core/moving-away.ts). `away`: the live migrations away from the host, also of servers that are elsewhere by now, that
 * are back, or that something has begun since.
 */
export async function findBrokenMoves(
  cloud: CloudPort,
  host: HostName,
  away: Answer<readonly LiveMigrationView[]>,
  there: readonly Pick<ServerView, 'id' | 'taskState'>[],
): Promise<Answer<ReadonlyMap<ServerId, readonly LiveMigrationView[]>>> {
  if (!away.ok) return away;
  const found = new Map<ServerId, readonly LiveMigrationView[]>();
  const moved = new Map<ServerId, Set<number>>();
  for (const { server, id } of away.value.filter(mayBeAway))
    moved.set(server, (moved.get(server) ?? new Set()).add(id));
  const queue = there.filter(({ id }) => moved.has(id));
  let trouble: Extract<Answer<unknown>, { ok: false }> | null = null;
  const workers = Array.from({ length: Math.min(MOVES_AT_ONCE, queue.length) }, async () => {
    for (let next = queue.shift(); next !== undefined && trouble === null; next = queue.shift()) {
      const moves = await movesOf(cloud, host, next, moved.get(next.id) ?? new Set());
      if (!moves.ok) trouble = moves;
      else if (moves.value.length > 0) found.set(next.id, moves.value);
    }
  });
  await Promise.all(workers);
  return trouble ?? { ok: true, value: found };
}

/**
 * Those of one server, which `open` names, back to the one that has brought it here, or to what has begun its guest since. One that was given
 * up has left the guest where it was, and that may be where the one before it had brought it: Nova knows it on this host all that time.
 */
async function movesOf(
  cloud: CloudPort,
  host: HostName,
  { id, taskState }: Pick<ServerView, 'id' | 'taskState'>,
  open: Set<number>,
): Promise<Answer<readonly LiveMigrationView[]>> {
  const last = await cloud.lastLiveMigration(id, 0);
  // Most are back by another one.
  if (!last.ok || last.value?.source !== host) return last.ok ? { ok: true, value: [] } : last;
  const actions = await cloud.listActions(id);
  if (!actions.ok && actions.effect !== 'refused') return actions;
  // Where Nova's policy forbids the question, nothing is known to have begun it since; nor that it has not been brought back otherwise.
  const since = actions.ok ? movesSincePlaced(actions.value ?? [], taskState !== null) : [0];
  const broken: LiveMigrationView[] = [];
  for (const newer of since) {
    if (open.size === 0) break;
    const move = newer === 0 ? last : await cloud.lastLiveMigration(id, newer);
    if (!move.ok) return move;
    if (move.value?.source !== host) break;
    open.delete(move.value.id);
    if (actions.ok ? mayBeAway(move.value) : move.value.status === 'error') broken.push(move.value);
  }
  return { ok: true, value: broken };
}
