import * as v from 'valibot';
import { type CloudError, configError } from './errors.ts';
import {
  type ComputeService,
  type Evacuation,
  EvacuationPageSchema,
  isPartial,
  type Server,
  ServerEnvelopeSchema,
  ServerPageSchema,
  type ServerRecord,
  ServiceEnvelopeSchema,
  ServiceListSchema,
  toEvacuation,
  toServer,
  toService,
  VersionDocumentSchema,
} from './nova-schemas.ts';
import { failure, type Result, success } from './result.ts';
import { type ServiceAnswer, type ServiceRequest, type Session, schemaIssues } from './session.ts';
import { formatChangesSince } from './time.ts';

const COMPUTE = 'compute';

/** What we speak and why: nova/api/openstack/compute/rest_api_version_history.rst has every step. */
export const MICROVERSION_LIMITS = {
  lowest: {
    version: '2.53',
    because: 'services are addressed by UUID from 2.53 on (changes-since on migrations: 2.59)',
  },
  migrationChanges: {
    version: '2.59',
    because: 'os-migrations knows paging, changes-since and the uuid from 2.59 on',
  },
  highest: { version: '2.94', because: 'from 2.95 on an evacuated instance is left stopped' },
} as const;

/** Records asked for in a page; Nova gives at most its own `[api] max_limit` (1000 by default). */
const PAGE_LIMIT = 1000;
/** The same for the newest evacuations of a host, which seldom has more instances. */
const RECENT_PAGE_LIMIT = 250;
/** Pages of one listing: 200 000 servers or migrations. */
const MAX_PAGES = 200;

export interface NovaOptions {
  readonly pageLimit?: number;
  readonly maxPages?: number;
}

export interface ServerQuery {
  /** Only servers whose `instance.host` is exactly this. An evacuated one leaves this list when it is done. */
  readonly host?: string;
  /** Epoch ms: only servers updated since, deleted ones among them unless `deleted` is false. */
  readonly changesSince?: number;
  readonly deleted?: boolean;
}

export interface ServerList {
  readonly servers: readonly Server[];
  /** True when `unreadable` has any: a cell is down. False proves nothing where a filter is used; see listServers. */
  readonly partial: boolean;
  /** Ids of servers in cells that are down; nothing else is known of them. */
  readonly unreadable: readonly string[];
  /** The server's clock before the first page was read, epoch ms: the next `changesSince`. */
  readonly date: number | null;
}

export interface ServiceList {
  readonly services: readonly ComputeService[];
  /** The server's clock when it answered, epoch ms. */
  readonly date: number | null;
}

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

/** Unknown is not missing: a server whose cell is down is `unreadable`. */
export type ServerLookup =
  | { readonly kind: 'found'; readonly server: Server }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable' };

export interface ServiceChange {
  readonly status?: 'enabled' | 'disabled';
  /** 1 to 255 characters, only together with `status: 'disabled'`. */
  readonly disabledReason?: string;
  readonly forcedDown?: boolean;
}

/** Nova took the order; nothing is done yet. `date` is its clock then, epoch ms. */
export interface Accepted {
  readonly date: number | null;
}

export interface Microversions {
  readonly min: string;
  readonly max: string;
  /** What this client asks for. */
  readonly used: string;
}

export interface Nova {
  /** Asks the version document once; a failure is not remembered. Below 2.53 a `config` error. */
  microversions(): Promise<Result<Microversions>>;
  /** `listServices('nova-compute')`. */
  listComputeServices(): Promise<Result<ServiceList>>;
  /**
   * All services, or those of one binary (`nova-conductor`, `nova-scheduler`). Services in a cell that is
   * down have `state` and `status` `unknown` and no id (from 2.69 on, whatever the filter: services.py
   * `_get_service_detail`): this is the one listing by which a down cell shows for certain.
   */
  listServices(binary?: string): Promise<Result<ServiceList>>;
  /**
   * One `PUT /os-services/{id}` for status, reason and forced_down: nova/api/openstack/compute/services.py
   * sets all of them and saves once. `forcedDown: false` is refused with 400 before anything is saved
   * while a `done` evacuation names the host as source. Values that already hold are accepted again.
   * After a change of status Nova calls the compute (`set_host_enabled`, up to rpc_response_timeout = 60 s
   * and more) if it thinks that it is up (nova/compute/api.py `_update_compute_provider_status`): a dead
   * host whose heartbeat is still young holds the request up so long, though the change is saved at the
   * start. With `forcedDown: true` in the same PUT the service counts as down at once and no call is made;
   * so disable and force down together, never one after the other.
   * Enabling a service that is down skips the call: COMPUTE_STATUS_DISABLED stays until its next periodic
   * task. Clear forced_down, wait for `up`, then enable.
   */
  updateService(id: string, change: ServiceChange): Promise<Result<ComputeService>>;
  /**
   * All servers of all projects, or those a query selects, to the last page. Deleted ones (status DELETED)
   * come only with `changesSince` or `deleted: true`. With any filter, and on every page after the first,
   * Nova leaves servers of down cells out in silence (servers.py `_is_cell_down_supported`; 500 with
   * `list_records_by_skipping_down_cells = false`), so an empty list for a host whose service is `unknown`
   * in `listServices` says nothing. Without a filter the first page is asked for without `limit`, because
   * only then the partial records of such cells are given.
   */
  listServers(query?: ServerQuery): Promise<Result<ServerList>>;
  /** One server, with its server groups (`GET /servers/{id}` alone has them, from 2.71 on). */
  getServer(id: string): Promise<Result<ServerLookup>>;
  /**
   * Evacuations, newest first, as Nova sorts them (nova/api/openstack/compute/migrations.py, created_at and id
   * descending from 2.59 on); with `createdSince` no page is read beyond it, so one request follows a host.
   * Nova's own `changes-since` is of no use for that: it compares `updated_at`, which is NULL until a record
   * is first changed (oslo_db TimestampMixin), and so hides the evacuation just asked for.
   * Migrations of down cells are left out in silence.
   */
  listEvacuations(query?: EvacuationQuery): Promise<Result<EvacuationList>>;
  /**
   * Asks Nova to evacuate a server to a host of the scheduler's choice. Success means queued. The error's
   * `effect` says whether it may have been queued all the same: if `unknown`, look for the migration first.
   */
  evacuate(serverId: string): Promise<Result<Accepted>>;
  /** Asks Nova to stop a server (`os-stop`); 202 means queued. */
  stopServer(serverId: string): Promise<Result<Accepted>>;
}

/** Makes the Nova client of a session. */
export function createNova(session: Session, options: NovaOptions = {}): Nova {
  const pageLimit = options.pageLimit ?? PAGE_LIMIT;
  const maxPages = options.maxPages ?? MAX_PAGES;
  let negotiation: Promise<Result<Microversions>> | null = null;

  async function microversions(): Promise<Result<Microversions>> {
    negotiation ??= negotiate(session);
    const asked = negotiation;
    const answer = await asked;
    if (!answer.ok && negotiation === asked) negotiation = null;
    return answer;
  }

  async function send(request: ServiceRequest): Promise<Result<ServiceAnswer>> {
    const versions = await microversions();
    if (!versions.ok) return versions;
    const answer = await session.request(COMPUTE, { ...request, microversion: versions.value.used });
    // 406: Nova was downgraded under us. The next request negotiates anew.
    if (!answer.ok && answer.error.code === 'http' && answer.error.status === 406) negotiation = null;
    return answer;
  }

  function bad(request: ServiceRequest, message: string): { readonly ok: false; readonly error: CloudError } {
    const effect = request.method === 'GET' ? 'none' : 'unknown';
    const where = session.where(COMPUTE, request);
    return failure({ code: 'bad-answer', certainty: 'passing', effect, ...where, message });
  }

  /** Sends a request whose body must fit the schema. */
  async function ask<T>(
    request: ServiceRequest,
    schema: v.GenericSchema<unknown, T>,
  ): Promise<Result<{ readonly body: T; readonly date: number | null }>> {
    const answer = await send(request);
    if (!answer.ok) return answer;
    const body = v.safeParse(schema, answer.value.body);
    if (!body.success) return bad(request, schemaIssues(body.issues));
    return success({ body: body.output, date: answer.value.date });
  }

  /**
   * Follows a listing to its end. The marker is taken from the `next` link, but the link itself is not
   * followed: behind a proxy it may name a host or scheme that only Nova can reach. Records come newest
   * first and the marker is found by its creation time, so what is created or moves meanwhile shifts nothing.
   */
  async function readPages<Item>(
    request: ServiceRequest,
    schema: v.GenericSchema<unknown, Page<Item>>,
    isEnough: (page: readonly Item[]) => boolean = () => false,
  ): Promise<Result<{ readonly items: readonly Item[]; readonly date: number | null }>> {
    const items: Item[] = [];
    const markers = new Set<string>();
    let query = request.query;
    let date: number | null = null;
    for (let page = 0; page < maxPages; page += 1) {
      const answer = await ask({ ...request, query: query ?? {} }, schema);
      if (!answer.ok) return answer;
      if (page === 0) date = answer.value.date;
      items.push(...answer.value.body.items);
      const next = answer.value.body.next;
      if (next === null || isEnough(answer.value.body.items)) return success({ items, date });
      const marker = markerOf(next);
      if (marker === null || markers.has(marker))
        return bad(request, 'the link to the next page leads nowhere new');
      markers.add(marker);
      query = { ...request.query, limit: request.query?.limit ?? pageLimit, marker };
    }
    return bad(request, `the listing has more than ${maxPages} pages`);
  }

  async function listServices(binary?: string): Promise<Result<ServiceList>> {
    const request: ServiceRequest = { method: 'GET', path: '/os-services', query: { binary } };
    const answer = await ask(request, ServiceListSchema);
    if (!answer.ok) return answer;
    return success({ services: answer.value.body.services.map(toService), date: answer.value.date });
  }

  async function updateService(id: string, change: ServiceChange): Promise<Result<ComputeService>> {
    const body = {
      ...(change.status === undefined ? {} : { status: change.status }),
      ...(change.disabledReason === undefined ? {} : { disabled_reason: change.disabledReason }),
      ...(change.forcedDown === undefined ? {} : { forced_down: change.forcedDown }),
    };
    const path = `/os-services/${encodeURIComponent(id)}`;
    const answer = await ask({ method: 'PUT', path, body }, ServiceEnvelopeSchema);
    return answer.ok ? success(toService(answer.value.body.service)) : answer;
  }

  async function listServers(query: ServerQuery = {}): Promise<Result<ServerList>> {
    const filters = {
      host: query.host,
      'changes-since': query.changesSince === undefined ? undefined : formatChangesSince(query.changesSince),
      deleted: query.deleted === undefined ? undefined : String(query.deleted),
    };
    const filtered = Object.values(filters).some((value) => value !== undefined);
    const request: ServiceRequest = {
      method: 'GET',
      path: '/servers/detail',
      query: { all_tenants: 1, ...filters, ...(filtered ? { limit: pageLimit } : {}) },
    };
    const listing = await readPages(request, ServerPageSchema);
    if (!listing.ok) return listing;
    const records = latest(listing.value.items, (record) => record.id);
    const servers: Server[] = [];
    for (const record of records.filter((each) => !isPartial(each))) {
      const server = readServer(request, record);
      if (!server.ok) return server;
      // A user without the right to filter by host has the filter dropped in silence
      // (nova/api/openstack/compute/servers.py remove_invalid_options), and MySQL compares without case.
      if (query.host !== undefined && server.value.host !== query.host) {
        return bad(
          request,
          `asked for host ${query.host}, got a server on ${server.value.host ?? 'no host'}`,
        );
      }
      servers.push(server.value);
    }
    const unreadable = records.filter(isPartial).map((record) => record.id);
    return success({ servers, partial: unreadable.length > 0, unreadable, date: listing.value.date });
  }

  /** Without `OS-EXT-SRV-ATTR:host` the user is no admin; taking that for "on no host" would be wrong. */
  function readServer(request: ServiceRequest, record: ServerRecord): Result<Server> {
    if (record['OS-EXT-SRV-ATTR:host'] !== undefined) return success(toServer(record));
    return failure({
      code: 'auth-forbidden',
      certainty: 'definite',
      effect: 'none',
      ...session.where(COMPUTE, request),
      login: session.login,
      message: 'servers are shown without their host',
    });
  }

  async function getServer(id: string): Promise<Result<ServerLookup>> {
    const request: ServiceRequest = { method: 'GET', path: `/servers/${encodeURIComponent(id)}` };
    const answer = await ask(request, ServerEnvelopeSchema);
    if (!answer.ok) {
      const missing = answer.error.code === 'http' && answer.error.status === 404;
      return missing ? success({ kind: 'missing' }) : answer;
    }
    const record = answer.value.body.server;
    if (isPartial(record)) return success({ kind: 'unreadable' });
    const server = readServer(request, record);
    return server.ok ? success({ kind: 'found', server: server.value }) : server;
  }

  async function listEvacuations(query: EvacuationQuery = {}): Promise<Result<EvacuationList>> {
    const versions = await microversions();
    if (!versions.ok) return versions;
    if (compareVersions(versions.value.used, MICROVERSION_LIMITS.migrationChanges.version) < 0) {
      return failure(tooOld(versions.value.max, MICROVERSION_LIMITS.migrationChanges));
    }
    const since = query.createdSince ?? Number.NEGATIVE_INFINITY;
    const listed = await readPages(
      {
        method: 'GET',
        path: '/os-migrations',
        query: {
          migration_type: 'evacuation',
          source_compute: query.sourceHost,
          // A host may have a long history; what is new stands on the first page.
          limit: query.createdSince === undefined ? pageLimit : Math.min(pageLimit, RECENT_PAGE_LIMIT),
        },
      },
      EvacuationPageSchema,
      (page) => page.some((record) => record.created_at < since),
    );
    if (!listed.ok) return listed;
    const records = listed.value.items.map(toEvacuation).filter((record) => record.createdAt >= since);
    return success(evacuationList(records, listed.value.date));
  }

  async function act(serverId: string, body: unknown): Promise<Result<Accepted>> {
    const path = `/servers/${encodeURIComponent(serverId)}/action`;
    const answer = await send({ method: 'POST', path, body });
    return answer.ok ? success({ date: answer.value.date }) : answer;
  }

  return {
    microversions,
    listComputeServices: () => listServices('nova-compute'),
    listServices,
    updateService,
    listServers,
    getServer,
    listEvacuations,
    evacuate: (serverId) => act(serverId, { evacuate: {} }),
    stopServer: (serverId) => act(serverId, { 'os-stop': null }),
  };
}

interface Page<Item> {
  readonly items: readonly Item[];
  /** The link to the next page. */
  readonly next: string | null;
}

function evacuationList(records: readonly Evacuation[], date: number | null): EvacuationList {
  const migrations = latest(records, (record) => record.uuid).sort(
    (a, b) => b.createdAt - a.createdAt || b.id - a.id,
  );
  return { migrations, date };
}

/** One record an id: the one read last, where reading took several pages and the record changed meanwhile. */
function latest<T>(records: readonly T[], idOf: (record: T) => string): T[] {
  return [...new Map(records.map((record) => [idOf(record), record])).values()];
}

function markerOf(link: string): string | null {
  const url = URL.canParse(link, 'http://nova/') ? new URL(link, 'http://nova/') : null;
  return url?.searchParams.get('marker') ?? null;
}

async function negotiate(session: Session): Promise<Result<Microversions>> {
  const request: ServiceRequest = { method: 'GET', at: 'version', path: '/' };
  const answer = await session.request(COMPUTE, request);
  if (!answer.ok) return answer;
  const document = v.safeParse(VersionDocumentSchema, answer.value.body);
  if (!document.success) {
    const where = session.where(COMPUTE, request);
    const message = `no version document of Nova: ${schemaIssues(document.issues)}`;
    return failure({ code: 'bad-answer', certainty: 'passing', effect: 'none', ...where, message });
  }
  return chooseMicroversion(document.output.version.min_version, document.output.version.version);
}

/** The highest microversion that both sides want: at most 2.94, at least 2.53; an empty maximum is API v2.0. */
export function chooseMicroversion(min: string, max: string): Result<Microversions> {
  const { lowest, highest } = MICROVERSION_LIMITS;
  if (max === '' || compareVersions(max, lowest.version) < 0) return failure(tooOld(max, lowest));
  const used = compareVersions(max, highest.version) < 0 ? max : highest.version;
  if (min !== '' && compareVersions(min, used) > 0) {
    return failure(
      configError(
        `Nova speaks microversions from ${min} on, ${used} is the highest used here: ${highest.because}`,
      ),
    );
  }
  return success({ min, max, used });
}

function tooOld(max: string, limit: { readonly version: string; readonly because: string }): CloudError {
  const speaks = max === '' ? 'no microversions' : `microversions up to ${max}`;
  return configError(`Nova speaks ${speaks}, ${limit.version} is needed: ${limit.because}`);
}

function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}
