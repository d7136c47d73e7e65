import { type Draft, viewOfIncident } from './draft.ts';
import type { EvacuationRecord } from './records.ts';
import { isLive } from './status.ts';
import { listNames } from './words.ts';

/**
 * What a host that is back is not to forget: evacuations from it that have ended for everybody but Nova, for they died with their
 * destination, and others came after them; null: there are none.
 *
 * At each start nova-compute completes one record an instance, the newest (nova/compute/manager.py _destroy_evacuated_instances, by a dict),
 * and destroys what there is of that instance, without a look whether it is this host's again. So the next start does that for one of these,
 * and where the instance has come back by then, it destroys a guest that runs. What has changed since the release somebody works on.
 */
export function sayLeftLive(draft: Draft, { incident, since, releasedAt }: EvacuationRecord): string | null {
  const view = viewOfIncident(draft, incident);
  if (view === null) return null;
  const deleted = new Set(view.servers.filter((server) => server.deleted).map(({ id }) => id));
  const live = view.evacuations.filter(
    (each) =>
      isLive(each) &&
      each.createdAt >= since &&
      each.updatedAt < (releasedAt ?? 0) &&
      !deleted.has(each.server),
  );
  if (live.length === 0) return null;
  const names = new Map(view.servers.map(({ id, name }) => [id, name]));
  const servers = listNames([...new Set(live.map(({ server }) => names.get(server) ?? server))]);
  return `Nova has ${live.length} evacuations from here as live that died with their destination (of ${servers}): before one of these servers comes back here, restart nova-compute here once more, for its next start destroys what then runs of it`;
}
