import type { Microversions } from './microversion.ts';
import { type NovaOptions, openNovaChannel } from './nova-channel.ts';
import {
  type Accepted,
  createNovaEvacuations,
  type EvacuateOptions,
  type EvacuationList,
  type EvacuationQuery,
} from './nova-evacuations.ts';
import { type Aggregate, createNovaFacts, type Flavor, type ServerGroup } from './nova-facts.ts';
import { createNovaHypervisors, type Hypervisor } from './nova-hypervisors.ts';
import type { ComputeService, Evacuation } from './nova-schemas.ts';
import {
  type ActionEvent,
  createNovaServers,
  type ServerAction,
  type ServerList,
  type ServerLookup,
  type ServerQuery,
} from './nova-servers.ts';
import { createNovaServices, type ServiceChange, type ServiceList } from './nova-services.ts';
import type { Result } from './result.ts';
import type { Session } from './session.ts';

/** Nova from API v2.1 on; what it can do is judged by the microversion that was negotiated (microversion.ts). */
export interface Nova {
  /** Asks the version document once; a failure is not remembered. */
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
   * Changes status, reason and forced_down of a service, named by its id as a listing shows it. From 2.53 on in
   * one PUT: nova/api/openstack/compute/services.py sets all of them and saves once; before, in one for each.
   * `forcedDown: false` is refused with 400 before anything is saved
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
   * What was done with a server, newest first, at most Nova's page of it (1000 from 2.58 on); null: there is no such
   * server (nova/db/main/api.py actions_get sorts by created_at and id, descending).
   */
  listActions(serverId: string): Promise<Result<readonly ServerAction[] | null>>;
  /**
   * What the services have written down of one of these. Each does so when it begins and when it ends (nova/compute/utils.py
   * EventReporter): nova-conductor of an evacuation until it has sent it to a nova-compute, and that from its receipt on, before
   * it claims. Null: Nova shows the user no events.
   */
  listActionEvents(serverId: string, requestId: string): Promise<Result<readonly ActionEvent[] | null>>;
  /**
   * Evacuations, newest first, as Nova sorts them (nova/api/openstack/compute/migrations.py, created_at and id
   * descending from 2.59 on); with `createdSince` no page is read beyond it, so one request follows a host.
   * Nova's own `changes-since` is of no use for that: it compares `updated_at`, which is NULL until a record
   * is first changed (oslo_db TimestampMixin), and so hides the evacuation just asked for.
   * Below 2.59 there are no pages: all records of the host come at once.
   * Migrations of down cells are left out in silence.
   */
  listEvacuations(query?: EvacuationQuery): Promise<Result<EvacuationList>>;
  /**
   * The live migrations away from a host that were begun since, newest first, and behind them all others with the status `error`, however
   * old: of what was completed a host may have a long history.
   */
  listMovesAway(sourceHost: string, createdSince: number): Promise<Result<readonly Evacuation[]>>;
  /**
   * The last live migration of a server, over or not, or the one before the `newer` last; null: none is listed. `GET /servers/{id}/migrations` has those that go on alone
   * (`queued`, `preparing`, `running`, `post-migrating`: nova/db/main/api.py migration_get_in_progress_by_instance), without `running
   * (post-copy)`. Of a cell that is down none is listed, in silence.
   */
  lastLiveMigration(serverId: string, newer?: number): Promise<Result<Evacuation | null>>;
  /**
   * Asks Nova to evacuate a server. Success means queued. The error's
   * `effect` says whether it may have been queued all the same: if `unknown`, look for the migration first.
   */
  evacuate(serverId: string, options?: EvacuateOptions): Promise<Result<Accepted>>;
  /** Asks Nova to stop a server (`os-stop`); 202 means queued. */
  stopServer(serverId: string): Promise<Result<Accepted>>;
  /** All host aggregates; Nova has no pages of them. */
  listAggregates(): Promise<Result<readonly Aggregate[]>>;
  /** Success also when the host is in the aggregate already. */
  addHostToAggregate(aggregateId: number, host: string): Promise<Result<Aggregate>>;
  /** Success also when the host is not in the aggregate. */
  removeHostFromAggregate(aggregateId: number, host: string): Promise<Result<Aggregate>>;
  /** The server groups of all projects, with the members that are not deleted, to the last page. */
  listServerGroups(): Promise<Result<readonly ServerGroup[]>>;
  /**
   * All hypervisors with the host of their nova-compute. Placement's providers are named by them, and libvirt calls itself by the
   * machine's FQDN where Nova's host (CONF.host) may be short. Those of a cell that is down are left out in silence, and so are
   * those whose service was deleted.
   */
  listHypervisors(): Promise<Result<readonly Hypervisor[]>>;
  /** All flavors, public or not, as they are now. Below 2.61 their extra specs take a request each. */
  listFlavors(): Promise<Result<readonly Flavor[]>>;
}

/** Makes the Nova client of a session. */
export function createNova(session: Session, options: NovaOptions = {}): Nova {
  const channel = openNovaChannel(session, options);
  const services = createNovaServices(channel);
  return {
    microversions: channel.microversions,
    ...services,
    listComputeServices: () => services.listServices('nova-compute'),
    ...createNovaServers(channel),
    ...createNovaEvacuations(channel),
    ...createNovaFacts(channel),
    ...createNovaHypervisors(channel),
  };
}
