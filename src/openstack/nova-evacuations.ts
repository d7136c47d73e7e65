import { has } from './microversion.ts';
import { latest, type NovaChannel } from './nova-channel.ts';
import {
  type Evacuation,
  isEvacuation,
  MigrationPageSchema,
  type MigrationRecord,
  toEvacuation,
} from './nova-schemas.ts';
import { type Result, success } from './result.ts';
import type { ServiceRequest } from './session.ts';

/** Records in a page of the newest evacuations of a host, which seldom has more instances. */
const RECENT_PAGE_LIMIT = 250;

export interface EvacuationQuery {
  readonly sourceHost?: string;
  /** Epoch ms: records made before it may be missing. */
  readonly createdSince?: number;
}

export interface EvacuationList {
  readonly migrations: readonly Evacuation[];
  /** The server's clock when the first page was read, epoch ms. */
  readonly date: number | null;
}

export interface EvacuateOptions {
  /**
   * Where to; left out, the scheduler chooses. From 2.29 on the scheduler still has a say (it must fit), below
   * that Nova takes the host as given: nova/compute/api.py evacuate, nova/conductor/manager.py rebuild_instance.
   */
  readonly host?: string;
  /**
   * Heard below 2.14 only. The destination refuses the instance when it finds the disks otherwise
   * (nova/compute/manager.py rebuild_instance, InvalidSharedStorage), so a wrong word fails and loses nothing.
   */
  readonly onSharedStorage?: boolean;
}

/** Nova took the order; nothing is done yet. `date` is its clock then, epoch ms. */
export interface Accepted {
  readonly date: number | null;
}

/** See {@link Nova} for what each promises. */
export interface NovaEvacuations {
  listEvacuations(query?: EvacuationQuery): Promise<Result<EvacuationList>>;
  lastLiveMigration(serverId: string, newer?: number): Promise<Result<Evacuation | null>>;
  listMovesAway(sourceHost: string, createdSince: number): Promise<Result<readonly Evacuation[]>>;
  evacuate(serverId: string, options?: EvacuateOptions): Promise<Result<Accepted>>;
  stopServer(serverId: string): Promise<Result<Accepted>>;
}

/** Over a channel, without a state of its own. A Nova that does not know a filter yet drops it in silence: it is applied here once more. */
export function createNovaEvacuations(channel: NovaChannel): NovaEvacuations {
  async function listEvacuations(query: EvacuationQuery = {}): Promise<Result<EvacuationList>> {
    const versions = await channel.microversions();
    if (!versions.ok) return versions;
    const since = query.createdSince ?? Number.NEGATIVE_INFINITY;
    const inPages = has(versions.value, 'migrationPages');
    const limit =
      query.createdSince === undefined
        ? channel.pageLimit
        : // A host may have a long history; what is new stands on the first page.
          Math.min(channel.pageLimit, RECENT_PAGE_LIMIT);
    const request: ServiceRequest = {
      method: 'GET',
      path: '/os-migrations',
      query: {
        migration_type: 'evacuation',
        source_compute: query.sourceHost,
        ...(inPages ? { limit } : {}),
      },
    };
    const listed = await channel.readPages(request, MigrationPageSchema, (page) =>
      page.some((record) => record.created_at < since),
    );
    if (!listed.ok) return listed;
    const asked = latest(listed.value.items, (record) => record.uuid ?? String(record.id))
      // A Nova too old for one of the filters drops it in silence.
      .filter((record) => isEvacuation(record))
      .filter((record) => query.sourceHost === undefined || record.source_compute === query.sourceHost)
      .filter((record) => record.created_at >= since);
    const migrations = asked.map(toEvacuation).sort((a, b) => b.createdAt - a.createdAt || b.id - a.id);
    return success({ migrations, date: listed.value.date });
  }

  /** Live migrations that fit, newest first: so many, or all; no page beyond one that `isLast`. */
  async function listLive(
    query: Readonly<Record<string, string>>,
    fits: (record: MigrationRecord) => boolean,
    { most = Number.POSITIVE_INFINITY, isLast = () => false }: LiveBounds = {},
  ): Promise<Result<readonly Evacuation[]>> {
    const versions = await channel.microversions();
    if (!versions.ok) return versions;
    const limit = Math.min(most, channel.pageLimit);
    const pages = has(versions.value, 'migrationPages') ? { limit } : {};
    const request: ServiceRequest = {
      method: 'GET',
      path: '/os-migrations',
      query: { migration_type: 'live-migration', ...query, ...pages },
    };
    // As above; below 2.23 the record does not say of which type it is.
    const isLiveMigration = (record: MigrationRecord): boolean =>
      !isEvacuation(record) && (record.migration_type ?? 'live-migration') === 'live-migration';
    const isMeant = (record: MigrationRecord): boolean => isLiveMigration(record) && fits(record);
    let found = 0;
    const listed = await channel.readPages(request, MigrationPageSchema, (page) => {
      found += page.filter(isMeant).length;
      return found >= most || page.some(isLast);
    });
    if (!listed.ok) return listed;
    const records = latest(listed.value.items, (record) => record.uuid ?? String(record.id)).filter(isMeant);
    return success(records.map(toEvacuation).sort((a, b) => b.createdAt - a.createdAt || b.id - a.id));
  }

  async function lastLiveMigration(serverId: string, newer = 0): Promise<Result<Evacuation | null>> {
    const isOfServer = (record: MigrationRecord): boolean => record.instance_uuid === serverId;
    const listed = await listLive({ instance_uuid: serverId }, isOfServer, { most: newer + 1 });
    return listed.ok ? success(listed.value[newer] ?? null) : listed;
  }

  async function listMovesAway(
    sourceHost: string,
    createdSince: number,
  ): Promise<Result<readonly Evacuation[]>> {
    const source = { source_compute: sourceHost };
    const isAway = (record: MigrationRecord): boolean => record.source_compute === sourceHost;
    const isNew = (record: MigrationRecord): boolean => record.created_at >= createdSince;
    const [broken, recent] = await Promise.all([
      listLive({ ...source, status: 'error' }, (record) => isAway(record) && record.status === 'error'),
      listLive(source, (record) => isAway(record) && isNew(record), { isLast: (record) => !isNew(record) }),
    ]);
    if (!broken.ok) return broken;
    if (!recent.ok) return recent;
    const known = new Set(recent.value.map(({ id }) => id));
    return success([...recent.value, ...broken.value.filter(({ id }) => !known.has(id))]);
  }

  async function act(serverId: string, body: unknown): Promise<Result<Accepted>> {
    const path = `/servers/${encodeURIComponent(serverId)}/action`;
    const answer = await channel.send({ method: 'POST', path, body });
    return answer.ok ? success({ date: answer.value.date }) : answer;
  }

  return {
    listEvacuations,
    lastLiveMigration,
    listMovesAway,
    async evacuate(serverId, options = {}) {
      const versions = await channel.microversions();
      if (!versions.ok) return versions;
      // `force` (2.29 to 2.67) is never sent: it would take the scheduler out.
      const evacuate = {
        ...(options.host === undefined ? {} : { host: options.host }),
        ...(has(versions.value, 'storageFound')
          ? {}
          : { onSharedStorage: options.onSharedStorage ?? DEFAULT_ON_SHARED_STORAGE }),
      };
      return act(serverId, { evacuate });
    },
    stopServer: (serverId) => act(serverId, { 'os-stop': null }),
  };
}

interface LiveBounds {
  readonly most?: number;
  readonly isLast?: (record: MigrationRecord) => boolean;
}

/** The stock agent's: `no_shared_storage` is false. */
const DEFAULT_ON_SHARED_STORAGE = true;
