import { createNova } from './nova.ts';
import { type Result, success } from './result.ts';
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
