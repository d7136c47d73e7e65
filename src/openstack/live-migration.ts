import * as v from 'valibot';
import { createNova } from './nova.ts';
import { type Result, success } from './result.ts';
import { openServiceReader } from './service-channel.ts';
import type { Session } from './session.ts';

/**
 * Asks Nova to move a running server to a host of the scheduler's choice. Success means queued: from 2.34 on the
 * checks are made afterwards (nova/api/openstack/compute/migrate_server.py `_migrate_live`), and what fails leaves the
 * server where it was.
 */
export async function liveMigrate(session: Session, serverId: string): Promise<Result<void>> {
  const versions = await createNova(session).microversions();
  if (!versions.ok) return versions;
  const answer = await session.request('compute', {
    method: 'POST',
    path: `/servers/${encodeURIComponent(serverId)}/action`,
    body: { 'os-migrateLive': { host: null, block_migration: 'auto' } },
    microversion: versions.value.used,
  });
  return answer.ok ? success(undefined) : answer;
}

const MigrationsSchema = v.object({ migrations: v.array(v.looseObject({})) });
/** From here on a server's live migrations can be asked for (nova/api/openstack/compute/server_migrations.py). */
const FIRST_MINOR = 23;

/**
 * Whether a live migration of the server is still going on. It is for a while after the server is active on the other
 * host: the source cleans up behind it (nova/compute/manager.py `_post_live_migration`). An older Nova can't be asked,
 * and nothing is then known to go on.
 */
export async function isLiveMigrating(session: Session, serverId: string): Promise<Result<boolean>> {
  const versions = await createNova(session).microversions();
  if (!versions.ok) return versions;
  const { used } = versions.value;
  if (Number(used.split('.')[1] ?? 0) < FIRST_MINOR) return success(false);
  const read = openServiceReader(session, 'compute', used);
  const path = `/servers/${encodeURIComponent(serverId)}/migrations`;
  const answer = await read({ path }, MigrationsSchema);
  return answer.ok ? success(answer.value.migrations.length > 0) : answer;
}
