import type { NovaChannel } from './nova-channel.ts';
import { latest } from './nova-channel.ts';
import {
  ActionEnvelopeSchema,
  ActionListSchema,
  isPartial,
  type Server,
  ServerEnvelopeSchema,
  ServerPageSchema,
  type ServerRecord,
  toServer,
} from './nova-schemas.ts';
import { failure, type Result, success } from './result.ts';
import type { ServiceRequest } from './session.ts';
import { formatChangesSince } from './time.ts';

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

/** Unknown is not missing: a server whose cell is down is `unreadable`. */
export type ServerLookup =
  | { readonly kind: 'found'; readonly server: Server }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable' };

/** One line of `os-instance-actions`. */
export interface ServerAction {
  readonly action: string;
  readonly hasFailed: boolean;
  /** By which its events are asked for. */
  readonly requestId: string | null;
  /** When nova-api took it, epoch ms; whole seconds. */
  readonly startedAt: number | null;
}

/** What a service has written down of its part in an action. */
export interface ActionEvent {
  /** `rebuild_server` of nova-conductor, `compute_rebuild_instance` of a nova-compute, ... */
  readonly event: string;
  readonly startedAt: number | null;
  readonly finishedAt: number | null;
  readonly result: string | null;
  /** Null below 2.62. */
  readonly host: string | null;
}

/** See {@link Nova} for what each promises. */
export interface NovaServers {
  listServers(query?: ServerQuery): Promise<Result<ServerList>>;
  getServer(id: string): Promise<Result<ServerLookup>>;
  listActions(id: string): Promise<Result<readonly ServerAction[] | null>>;
  listActionEvents(id: string, requestId: string): Promise<Result<readonly ActionEvent[] | null>>;
}

/**
 * Over a channel, without a state of its own. Servers that are shown without what only an admin sees are an error (`auth-forbidden`),
 * since what is hidden would look like what is not there.
 */
export function createNovaServers(channel: NovaChannel): NovaServers {
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
      query: { all_tenants: 1, ...filters, ...(filtered ? { limit: channel.pageLimit } : {}) },
    };
    const listing = await channel.readPages(request, ServerPageSchema);
    if (!listing.ok) return listing;
    const records = latest(listing.value.items, (record) => record.id);
    const servers: Server[] = [];
    for (const record of records.filter((each) => !isPartial(each))) {
      const server = readServer(request, record);
      if (!server.ok) return server;
      // A user without the right to filter by host has the filter dropped in silence
      // (nova/api/openstack/compute/servers.py remove_invalid_options), and MySQL compares without case.
      if (query.host !== undefined && server.value.host !== query.host) {
        return channel.bad(
          request,
          `asked for host ${query.host}, got a server on ${server.value.host ?? 'no host'}`,
        );
      }
      servers.push(server.value);
    }
    const unreadable = records.filter(isPartial).map((record) => record.id);
    return success({ servers, partial: unreadable.length > 0, unreadable, date: listing.value.date });
  }

  function readServer(request: ServiceRequest, record: ServerRecord): Result<Server> {
    const hidden = hiddenField(record);
    if (hidden === null) return success(toServer(record));
    return failure({
      code: 'auth-forbidden',
      certainty: 'definite',
      effect: 'none',
      ...channel.where(request),
      login: channel.login,
      message: `servers are shown without their ${hidden}`,
    });
  }

  async function getServer(id: string): Promise<Result<ServerLookup>> {
    const request: ServiceRequest = { method: 'GET', path: `/servers/${encodeURIComponent(id)}` };
    const answer = await channel.ask(request, ServerEnvelopeSchema);
    if (!answer.ok) {
      const missing = answer.error.code === 'http' && answer.error.status === 404;
      return missing ? success({ kind: 'missing' }) : answer;
    }
    const record = answer.value.body.server;
    if (isPartial(record)) return success({ kind: 'unreadable' });
    const server = readServer(request, record);
    return server.ok ? success({ kind: 'found', server: server.value }) : server;
  }

  async function listActions(id: string): Promise<Result<readonly ServerAction[] | null>> {
    const path = `/servers/${encodeURIComponent(id)}/os-instance-actions`;
    const answer = await channel.ask({ method: 'GET', path }, ActionListSchema);
    if (!answer.ok) {
      const missing = answer.error.code === 'http' && answer.error.status === 404;
      return missing ? success(null) : answer;
    }
    // 'Error' is all that Nova ever writes there (nova/db/main/api.py action_event_finish).
    const actions = answer.value.body.instanceActions;
    return success(
      actions.map((each) => ({
        action: each.action,
        hasFailed: each.message === 'Error',
        requestId: each.request_id,
        startedAt: each.start_time,
      })),
    );
  }

  async function listActionEvents(
    id: string,
    requestId: string,
  ): Promise<Result<readonly ActionEvent[] | null>> {
    const path = `/servers/${encodeURIComponent(id)}/os-instance-actions/${encodeURIComponent(requestId)}`;
    const answer = await channel.ask({ method: 'GET', path }, ActionEnvelopeSchema);
    if (!answer.ok) return answer;
    const { events } = answer.value.body.instanceAction;
    if (events === undefined) return success(null);
    return success(
      events.map(({ event, start_time: startedAt, finish_time: finishedAt, result, host }) => ({
        ...{ event, startedAt, finishedAt, result, host },
      })),
    );
  }

  return { listServers, getServer, listActions, listActionEvents };
}

/**
 * What a policy of Nova hides of a server, and which one it is. Without `OS-EXT-SRV-ATTR:host` the user is no admin, and taking
 * that for "on no host" would be wrong; without `OS-EXT-STS:vm_state` (a policy that Nova had until Rocky) nobody can tell
 * whether it can be evacuated.
 */
function hiddenField(record: ServerRecord): string | null {
  if (record['OS-EXT-SRV-ATTR:host'] === undefined)
    return 'host (OS-EXT-SRV-ATTR:host, policy os_compute_api:os-extended-server-attributes)';
  if (record['OS-EXT-STS:vm_state'] === undefined)
    return 'state (OS-EXT-STS:vm_state, policy os_compute_api:os-extended-status)';
  return null;
}
