import { failedSinceMove } from '../core/actions.ts';
import type { HostName, ServerId } from '../core/names.ts';
import type { LiveMigrationView, ServerView } from '../core/observation.ts';
import type { Answer, CloudPort } from './ports.ts';

/** Servers of which it is asked at a time. */
const MOVES_AT_ONCE = 8;

/**
 * Which of the servers on a host were last migrated alive, in vain: where the guest of such a one is nobody knows (core/moving-away.ts).
 * `broken`: all live migrations away from the host that ended in error, also of servers that are elsewhere by now, or that
 * something has begun since.
 */
export async function findBrokenMoves(
  cloud: CloudPort,
  host: HostName,
  broken: Answer<readonly LiveMigrationView[]>,
  there: readonly Pick<ServerView, 'id' | 'taskState'>[],
): Promise<Answer<ReadonlyMap<ServerId, LiveMigrationView>>> {
  if (!broken.ok) return broken;
  const found = new Map<ServerId, LiveMigrationView>();
  const moved = new Set(broken.value.map(({ server }) => server));
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

/** The last live migration of a server that nothing has begun since, if that was away from the host and ended in error; null: it was not. */
async function findBrokenMove(
  cloud: CloudPort,
  host: HostName,
  { id, taskState }: Pick<ServerView, 'id' | 'taskState'>,
): Promise<Answer<LiveMigrationView | null>> {
  const actions = await cloud.listActions(id);
  if (!actions.ok && actions.effect !== 'refused') return actions;
  // Where Nova's policy forbids the question, nothing is known to have begun it since.
  const failed = actions.ok ? failedSinceMove(actions.value ?? [], taskState !== null) : 0;
  if (failed === null) return { ok: true, value: null };
  const last = await cloud.lastLiveMigration(id, failed);
  if (!last.ok) return last;
  return {
    ok: true,
    value: last.value?.source === host && last.value.status === 'error' ? last.value : null,
  };
}
