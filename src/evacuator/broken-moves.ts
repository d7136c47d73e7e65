import { failedSinceMove } from '../core/actions.ts';
import type { HostName, ServerId } from '../core/names.ts';
import type { LiveMigrationView } from '../core/observation.ts';
import type { Answer, CloudPort } from './ports.ts';

/** Servers of which it is asked at a time. */
const MOVES_AT_ONCE = 8;

/**
 * Which servers on a host were last migrated alive, in vain: where the guest of such a one is nobody knows (core/moving-away.ts).
 * `broken`: all live migrations away from the host that ended in error, also of servers that are elsewhere by now, or that
 * something has begun since.
 */
export async function findBrokenMoves(
  cloud: CloudPort,
  host: HostName,
  broken: Answer<readonly LiveMigrationView[]>,
  isThere: (server: ServerId) => boolean,
): Promise<Answer<ReadonlyMap<ServerId, LiveMigrationView>>> {
  if (!broken.ok) return broken;
  const found = new Map<ServerId, LiveMigrationView>();
  const queue = [...new Set(broken.value.map(({ server }) => server))].filter(isThere);
  let trouble: Extract<Answer<unknown>, { ok: false }> | null = null;
  const workers = Array.from({ length: Math.min(MOVES_AT_ONCE, queue.length) }, async () => {
    for (let id = queue.shift(); id !== undefined && trouble === null; id = queue.shift()) {
      const move = await findBrokenMove(cloud, host, id);
      if (!move.ok) trouble = move;
      else if (move.value !== null) found.set(id, move.value);
    }
  });
  await Promise.all(workers);
  return trouble ?? { ok: true, value: found };
}

async function findBrokenMove(
  cloud: CloudPort,
  host: HostName,
  server: ServerId,
): Promise<Answer<LiveMigrationView | null>> {
  const actions = await cloud.listActions(server);
  if (!actions.ok && actions.effect !== 'refused') return actions;
  // Where Nova's policy forbids the question, nothing is known to have begun it since.
  const failed = actions.ok ? failedSinceMove(actions.value ?? []) : 0;
  return failed === null ? { ok: true, value: null } : lastBrokenMove(cloud, host, server, failed);
}

/**
 * The last live migration of a server that nothing has begun since, without the `failed` ones after it, if that was away from the
 * host and ended in error; null: it was not.
 */
export async function lastBrokenMove(
  cloud: CloudPort,
  host: HostName,
  server: ServerId,
  failed: number,
): Promise<Answer<LiveMigrationView | null>> {
  const last = await cloud.lastLiveMigration(server, failed);
  if (!last.ok) return last;
  return {
    ok: true,
    value: last.value?.source === host && last.value.status === 'error' ? last.value : null,
  };
}
