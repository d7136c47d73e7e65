import { failedSinceMove } from '../core/actions.ts';
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
 * Which of the servers on a host were last migrated alive, in vain: where the guest of such a one is nobody knows (core/moving-away.ts).
 * `away`: the live migrations away from the host, also of servers that are elsewhere by now, that are back, or that something has
 * begun since.
 */
export async function findBrokenMoves(
  cloud: CloudPort,
  host: HostName,
  away: Answer<readonly LiveMigrationView[]>,
  there: readonly Pick<ServerView, 'id' | 'taskState'>[],
): Promise<Answer<ReadonlyMap<ServerId, LiveMigrationView>>> {
  if (!away.ok) return away;
  const found = new Map<ServerId, LiveMigrationView>();
  const moved = new Set(away.value.filter(mayBeAway).map(({ server }) => server));
  const queue = there.filter(({ id }) => moved.has(id));
  let trouble: Extract<Answer<unknown>, { ok: false }> | null = null;
  const workers = Array.from({ length: Math.min(MOVES_AT_ONCE, queue.length) }, async () => {
    for (let next = queue.shift(); next !== undefined && trouble === null; next = queue.shift()) {
      const move = await findBrokenMove(cloud, host, next);
      if (!move.ok) trouble = move;
      else if (move.value !== null) found.set(next.id, move.value);
    }
  });
  await Promise.all(workers);
  return trouble ?? { ok: true, value: found };
}

/** The last live migration of a server that nothing has begun since, if that was away from the host, and its guest may be there; null: it was not. */
async function findBrokenMove(
  cloud: CloudPort,
  host: HostName,
  { id, taskState }: Pick<ServerView, 'id' | 'taskState'>,
): Promise<Answer<LiveMigrationView | null>> {
  const last = await cloud.lastLiveMigration(id, 0);
  // Most are back by another one.
  if (!last.ok || last.value?.source !== host) return last.ok ? { ok: true, value: null } : last;
  const actions = await cloud.listActions(id);
  if (!actions.ok && actions.effect !== 'refused') return actions;
  // Where Nova's policy forbids the question, nothing is known to have begun it since; nor that it has not been brought back otherwise.
  const failed = actions.ok ? failedSinceMove(actions.value ?? [], taskState !== null) : 0;
  if (failed === null) return { ok: true, value: null };
  const meant = failed === 0 ? last : await cloud.lastLiveMigration(id, failed);
  if (!meant.ok) return meant;
  const isBroken =
    meant.value !== null && (actions.ok ? mayBeAway(meant.value) : meant.value.status === 'error');
  return { ok: true, value: isBroken && meant.value?.source === host ? meant.value : null };
}
