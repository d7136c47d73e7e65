import { instanceOf } from './database.ts';
import { answer, fault, type HttpAnswer, type HttpRequest } from './http.ts';
import { liveMigrate } from './live-migration.ts';
import {
  hypervisorOf,
  type Instance,
  type LiveMigration,
  type Migration,
  machineOf,
  novaNow,
  type Service,
  uuidOf,
  type World,
  zoneOf,
} from './model.ts';
import { evacuate, isUp, rebootServer, type ServiceUpdate, stopServer, updateService } from './nova.ts';
import { novaFactsApi } from './nova-facts-api.ts';

const PREFIX = '/compute/v2.1';

/** Nova's API as an admin sees it; each part cites what it follows. */
export function novaApi(world: World, request: HttpRequest): HttpAnswer {
  const path = request.path.slice(PREFIX.length);
  if (path === '' || path === '/') return versionDocument(world);
  const asked = request.headers['openstack-api-version'];
  const version = microversionOf(asked);
  if (version === null) return fault(400, malformed(asked ?? ''));
  const { headers, ...given } = answerIn(world, request, path, version);
  return {
    headers: {
      'openstack-api-version': `compute ${version}`,
      'x-openstack-nova-api-version': version,
      vary: 'OpenStack-API-Version, X-OpenStack-Nova-API-Version',
      ...headers,
    },
    ...given,
  };
}

function answerIn(world: World, request: HttpRequest, path: string, version: string): HttpAnswer {
  const max = world.spec.nova.maxMicroversion;
  if (compareVersions(version, max) > 0) {
    return fault(
      406,
      `Version ${version} is not supported by the API. Minimum is 2.1 and maximum is ${max}.`,
    );
  }
  if (path === '/servers/detail') return listServers(world, request, version);
  if (path === '/os-migrations') return listMigrations(world, request, version);
  if (path === '/os-services') return listServices(world, request, version);
  if (path === '/os-hypervisors/detail') return listHypervisors(world, request, version);
  const facts = novaFactsApi(world, request, path, Number(version.split('.')[1]));
  if (facts !== null) return facts;
  const service = /^\/os-services\/([^/]+)$/.exec(path)?.[1];
  if (service !== undefined && request.method === 'PUT') return putService(world, request, service, version);
  const moving = /^\/servers\/([^/]+)\/migrations$/.exec(path)?.[1];
  if (moving !== undefined && atLeast(version, '2.23')) return liveMigrationsOf(world, moving);
  const done = /^\/servers\/([^/]+)\/os-instance-actions$/.exec(path)?.[1];
  if (done !== undefined) return listActions(world, done, version);
  const [, of, asked] = /^\/servers\/([^/]+)\/os-instance-actions\/([^/]+)$/.exec(path) ?? [];
  if (of !== undefined && asked !== undefined) return getAction(world, of, asked, version);
  const [, server, action] = /^\/servers\/([^/]+)(\/action)?$/.exec(path) ?? [];
  if (server === undefined) return fault(404, `no ${path}`);
  return action === undefined ? getServer(world, server, version) : act(world, request, server, version);
}

/** nova/api/openstack/compute/server_migrations.py index: what is going on, and nothing of the past. */
function liveMigrationsOf(world: World, server: string): HttpAnswer {
  const instance = world.nova.instances.get(server);
  if (instance === undefined || instance.deleted) return fault(404, `Instance ${server} could not be found.`);
  const isMoving = instance.taskState === 'migrating';
  return answer(200, { migrations: isMoving ? [{ server_uuid: server, status: 'running' }] : [] });
}

/** The microversion asked for; null: the header makes no sense (nova/api/openstack/wsgi.py set_api_version_request). */
function microversionOf(header: string | undefined): string | null {
  if (header === undefined || !header.startsWith('compute ')) return '2.1';
  return /^compute (\d+\.\d+)$/.exec(header)?.[1] ?? null;
}

/** nova/exception.py InvalidAPIVersionString */
const malformed = (header: string): string =>
  `API Version String ${header.replace(/^compute /, '')} is of invalid format. Must be of format MajorNum.MinorNum.`;

/** Below, at or above 0 as `a` is below, at or above `b`. By the minor alone: all are of major 2. */
function compareVersions(a: string, b: string): number {
  const minor = (text: string): number => Number(text.split('.')[1] ?? 0);
  return minor(a) - minor(b);
}

const atLeast = (version: string, wanted: string): boolean => compareVersions(version, wanted) >= 0;

/** nova/api/openstack/compute/views/versions.py build_version. */
function versionDocument(world: World): HttpAnswer {
  return answer(200, {
    version: { id: 'v2.1', status: 'CURRENT', version: world.spec.nova.maxMicroversion, min_version: '2.1' },
  });
}

/** A naive datetime, as nova/api/openstack/compute/{services,migrations}.py print it; the columns hold whole seconds. */
function naive(ms: number | null): string | null {
  return ms === null ? null : `${wholeSeconds(ms)}.000000`;
}

const wholeSeconds = (ms: number): string =>
  new Date(Math.floor(ms / 1000) * 1000).toISOString().slice(0, 19);

function serviceRecord(world: World, service: Service, version: string): unknown {
  // A service of a cell that is down: services.py _get_service_detail, from 2.69 on.
  if (world.nova.cellDown) return { binary: 'nova-compute', host: service.host, status: 'UNKNOWN' };
  return {
    // A number below 2.53, unique within a cell only.
    id: atLeast(version, '2.53') ? service.id : world.spec.controllers.length * 2 + numberOf(world, service),
    binary: 'nova-compute',
    host: service.host,
    status: service.status,
    state: isUp(world, service) ? 'up' : 'down',
    zone: zoneOf(world, service.host),
    updated_at: naive(service.updatedAt),
    disabled_reason: service.disabledReason,
    ...(atLeast(version, '2.11') ? { forced_down: service.forcedDown } : {}),
  };
}

const numberOf = (world: World, { host }: Service): number =>
  [...world.nova.services.keys()].indexOf(host) + 1;

/** Conductor and scheduler of a controller: they live as their machine does, and stay `up` for a while after it. */
function controlRecords(world: World, host: string, index: number): unknown[] {
  const machine = machineOf(world, host);
  const isSeen = machine.os === 'up' && !machine.isolated && world.nova.conductorUp;
  return ['nova-conductor', 'nova-scheduler'].map((binary, kind) => ({
    id: uuidOf(0xb0 + kind, index),
    binary,
    host,
    status: 'enabled',
    state: isSeen ? 'up' : 'down',
    zone: 'internal',
    updated_at: naive(novaNow(world)),
    disabled_reason: null,
    forced_down: false,
  }));
}

function listServices(world: World, request: HttpRequest, version: string): HttpAnswer {
  const binary = request.query.get('binary');
  const host = request.query.get('host');
  // Below 2.69 those of a cell that is down are left out, in silence: nova/compute/api.py HostAPI.service_get_all, cell_down_support.
  const listed = world.nova.cellDown && !atLeast(version, '2.69') ? [] : [...world.nova.services.values()];
  const compute = listed.map((service) => serviceRecord(world, service, version));
  const all = [
    ...world.spec.controllers.flatMap((name, index) => controlRecords(world, name, index)),
    ...compute,
  ];
  const services = (all as { binary: string; host: string }[]).filter(
    (each) => (binary === undefined || each.binary === binary) && (host === undefined || each.host === host),
  );
  return answer(200, { services });
}

/** nova/api/openstack/compute/hypervisors.py detail, in pages from 2.33 on; those of a cell that is down are left out in silence. */
function listHypervisors(world: World, request: HttpRequest, version: string): HttpAnswer {
  const all = [...world.nova.services.values()].map((service, index) => ({
    // The id of the compute node is that of its provider in Placement.
    id: atLeast(version, '2.53') ? uuidOf(0xa0, index) : index + 1,
    hypervisor_hostname: hypervisorOf(world, service.host),
    state: isUp(world, service) ? 'up' : 'down',
    status: service.status,
    hypervisor_type: 'QEMU',
    hypervisor_version: 7_002_000,
    host_ip: '192.0.2.1',
    service: {
      id: atLeast(version, '2.53') ? service.id : numberOf(world, service),
      host: service.host,
      disabled_reason: service.disabledReason,
    },
  }));
  const shown = world.nova.cellDown ? [] : all;
  if (!atLeast(version, '2.33')) return answer(200, { hypervisors: shown });
  const one = page(request, shown, world.spec.nova.maxLimit, ({ id }) => String(id));
  if (one === null) return fault(400, `marker [${request.query.get('marker')}] not found`);
  const links =
    one.next === null ? {} : { hypervisors_links: [{ rel: 'next', href: nextLink(request, one.next) }] };
  return answer(200, { hypervisors: one.items, ...links });
}

/** nova/api/openstack/compute/schemas/services.py service_update_v2_53 */
const SERVICE_MEMBERS = ['status', 'disabled_reason', 'forced_down'];

/** Why a body is no change of a service (services.py `update`), in Nova's order; null: it is one. */
function whyNoChange(body: Readonly<Record<string, unknown>>): string | null {
  const { status, disabled_reason: reason, forced_down: forced } = body;
  const extra = unexpected(body, SERVICE_MEMBERS);
  if (extra !== null) return extra;
  if (status !== undefined && status !== 'enabled' && status !== 'disabled')
    return `Invalid input for field/attribute status. Value: ${status}. '${status}' is not one of ['enabled', 'disabled']`;
  if (status === undefined && forced === undefined)
    return "No updates were requested. Fields 'status' or 'forced_down' should be specified.";
  if (status === 'enabled' && reason !== undefined)
    return "Specifying 'disabled_reason' when status is 'enabled' is invalid.";
  return null;
}

/** The words of jsonschema for members that a body may not have. */
function unexpected(body: object, allowed: readonly string[]): string | null {
  const extra = Object.keys(body).filter((name) => !allowed.includes(name));
  if (extra.length === 0) return null;
  const names = extra.map((name) => `'${name}'`).join(', ');
  return `Additional properties are not allowed (${names} ${extra.length === 1 ? 'was' : 'were'} unexpected)`;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function putService(world: World, request: HttpRequest, id: string, version: string): HttpAnswer {
  if (!UUID.test(id)) return fault(400, `Invalid uuid ${id}`);
  const service = [...world.nova.services.values()].find((each) => each.id === id);
  if (service === undefined) return fault(404, `Service ${id} could not be found.`);
  if (world.nova.cellDown) return fault(500, 'Unexpected API Error.');
  const body = (request.body ?? {}) as Readonly<Record<string, unknown>>;
  const refused = whyNoChange(body);
  if (refused !== null) return fault(400, refused);
  const { status, disabled_reason: reason, forced_down: forced } = body;
  const update: ServiceUpdate = {
    ...(status === 'enabled' || status === 'disabled' ? { status } : {}),
    ...(typeof reason === 'string' ? { disabledReason: reason } : {}),
    ...(typeof forced === 'boolean' ? { forcedDown: forced } : {}),
  };
  const { refusal, extraMs } = updateService(world, service, update, request.by);
  if (refusal !== null) return fault(refusal.status, refusal.message);
  return { ...answer(200, { service: serviceRecord(world, service, version) }), extraMs };
}

/** nova/api/openstack/common.py: at most `[api] max_limit` a page. */
function page<T>(
  request: HttpRequest,
  items: readonly T[],
  maxLimit: number,
  idOf: (item: T) => string,
): { readonly items: readonly T[]; readonly next: string | null } | null {
  const asked = Number(request.query.get('limit') ?? maxLimit);
  const limit = Math.min(Number.isSafeInteger(asked) && asked > 0 ? asked : maxLimit, maxLimit);
  const marker = request.query.get('marker');
  const at = marker === undefined ? 0 : items.findIndex((item) => idOf(item) === marker) + 1;
  if (marker !== undefined && at === 0) return null;
  const shown = items.slice(at, at + limit);
  const last = shown.at(-1);
  return { items: shown, next: shown.length === limit && last !== undefined ? idOf(last) : null };
}

function nextLink(request: HttpRequest, marker: string): string {
  const query = [...request.query]
    .filter(([key]) => key !== 'marker')
    .map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return `http://cloud.example${request.path}?${[...query, `marker=${marker}`].join('&')}`;
}

const byAge = <T extends { readonly createdAt: number; readonly id: string | number }>(a: T, b: T): number =>
  b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1);

/**
 * nova/api/openstack/compute/servers.py `_get_servers`: deleted ones only with changes-since or deleted=True;
 * `changes-since` compares updated_at with >=. With Neutron or the cell away the whole list is an error.
 */
function listServers(world: World, request: HttpRequest, version: string): HttpAnswer {
  const { query } = request;
  const host = query.get('host');
  const limit = query.get('limit');
  if (limit !== undefined && !/^\d*$/.test(limit))
    return fault(
      400,
      `Invalid input for query parameters limit. Value: ${limit}. '${limit}' does not match '^[0-9]*$'`,
    );
  const since = query.get('changes-since');
  const sinceMs = since === undefined ? null : Date.parse(since);
  const withDeleted = since !== undefined || query.get('deleted')?.toLowerCase() === 'true';
  const found = [...world.nova.instances.values()].filter((instance) => {
    if (instance.deleted && !withDeleted) return false;
    if (host !== undefined && instance.host !== host) return false;
    return sinceMs === null || Math.floor(instance.updatedAt / 1000) * 1000 >= sinceMs;
  });
  if (world.nova.cellDown) {
    // With a filter a down cell's servers are left out in silence (`_is_cell_down_supported`).
    const isFiltered = host !== undefined || since !== undefined || query.has('limit');
    const partial = isFiltered || !atLeast(version, '2.69') ? [] : found.map(partialRecord);
    return answer(200, { servers: partial });
  }
  const one = page(request, found.sort(byAge), world.spec.nova.maxLimit, (instance) => instance.id);
  if (one === null) return fault(400, `marker [${query.get('marker')}] not found`);
  const servers = one.items.map((instance) => serverRecord(world, instance, version));
  const links =
    one.next === null ? {} : { servers_links: [{ rel: 'next', href: nextLink(request, one.next) }] };
  return answer(200, { servers, ...links });
}

function partialRecord(instance: Instance): unknown {
  return {
    id: instance.id,
    status: 'UNKNOWN',
    tenant_id: instance.spec.projectId,
    created: `${wholeSeconds(instance.createdAt)}Z`,
  };
}

/** nova/api/openstack/common.py _STATE_MAP, as far as it matters here. */
function statusOf({ deleted, vmState, taskState }: Instance): string {
  if (deleted && vmState !== 'soft-delete') return 'DELETED';
  if (taskState?.startsWith('rebuil') && vmState !== 'error') return 'REBUILD';
  if (vmState === 'error' && taskState?.startsWith('rebuil')) return 'REBUILD';
  if (taskState === 'migrating') return 'MIGRATING';
  const names: Readonly<Record<string, string>> = {
    stopped: 'SHUTOFF',
    rescued: 'RESCUE',
    shelved_offloaded: 'SHELVED_OFFLOADED',
    'soft-delete': 'SOFT_DELETED',
  };
  return names[vmState] ?? vmState.toUpperCase();
}

/** nova/compute/power_state.py */
function powerStateOf(vmState: string): number {
  return vmState === 'active' || vmState === 'rescued'
    ? 1
    : vmState === 'paused'
      ? 3
      : vmState === 'stopped'
        ? 4
        : 0;
}

/** The fixed address of a server: made of its id, so it stays. */
export function addressOf(id: string): string {
  const index = Number.parseInt(id.slice(0, 8), 16);
  return `10.0.${(index >> 8) & 255}.${index & 255}`;
}

function serverRecord(world: World, instance: Instance, version: string): unknown {
  const { spec } = instance;
  return {
    id: instance.id,
    name: instance.name,
    status: statusOf(instance),
    'OS-EXT-SRV-ATTR:host': instance.host,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': instance.host === null ? null : hypervisorOf(world, instance.host),
    'OS-EXT-STS:vm_state': instance.vmState,
    'OS-EXT-STS:task_state': instance.taskState,
    'OS-EXT-STS:power_state': powerStateOf(instance.vmState),
    'OS-EXT-AZ:availability_zone': instance.host === null ? '' : zoneOf(world, instance.host),
    ...(atLeast(version, '2.9') ? { locked: instance.locked } : {}),
    flavor: flavorRecord(world, spec.flavor, version),
    image: spec.storage === 'volume' ? '' : { id: spec.image ?? world.spec.nova.images[0]?.id },
    tenant_id: spec.projectId,
    addresses: {
      net: [{ addr: addressOf(instance.id), version: 4, 'OS-EXT-IPS:type': 'fixed' }],
    },
    'os-extended-volumes:volumes_attached':
      spec.storage === 'volume' ? [{ id: instance.id.replace(/^.{8}/, '70000000') }] : [],
    metadata: instance.metadata,
    ...(atLeast(version, '2.26') ? { tags: spec.tags } : {}),
    ...(instance.fault !== null && instance.vmState === 'error'
      ? { fault: { message: instance.fault, code: 500, created: `${wholeSeconds(instance.updatedAt)}Z` } }
      : {}),
    created: `${wholeSeconds(instance.createdAt)}Z`,
    updated: `${wholeSeconds(instance.updatedAt)}Z`,
  };
}

/** From 2.47 on the flavor as it was when the server was made, before that its id (views/servers.py `_get_flavor`). */
function flavorRecord(world: World, name: string, version: string): unknown {
  const flavor = world.spec.nova.flavors.find((each) => each.name === name);
  if (!atLeast(version, '2.47')) return { id: flavor?.id ?? name, links: [] };
  return { original_name: name, vcpus: 1, ram: 512, disk: 1, extra_specs: flavor?.extraSpecs ?? {} };
}

function getServer(world: World, id: string, version: string): HttpAnswer {
  const instance = world.nova.instances.get(id);
  if (instance === undefined || instance.deleted) return fault(404, `Instance ${id} could not be found.`);
  if (world.nova.cellDown) {
    return atLeast(version, '2.69')
      ? answer(200, { server: partialRecord(instance) })
      : fault(500, 'Unexpected API Error.');
  }
  const groups = instance.spec.group === null ? [] : [instance.spec.group];
  return answer(200, {
    server: {
      ...(serverRecord(world, instance, version) as object),
      ...(atLeast(version, '2.71') ? { server_groups: groups } : {}),
    },
  });
}

const sayFailed = (failed: boolean | undefined): string | null => (failed ? 'Error' : null);

const requestId = (index: number): string => `req-${uuidOf(0xa0, index)}`;

/** nova/api/openstack/compute/instance_actions.py show, for an admin. */
function getAction(world: World, id: string, request: string, version: string): HttpAnswer {
  const instance = world.nova.instances.get(id);
  if (instance === undefined || (instance.deleted && !atLeast(version, '2.21')))
    return fault(404, `Instance ${id} could not be found.`);
  if (world.nova.cellDown) return fault(500, 'Unexpected API Error.');
  const found = instance.actions.find((_action, index) => requestId(index) === request);
  if (found === undefined) return fault(404, `Action ${request} not found`);
  const events = (found.events ?? []).map(({ event, host, startedAt, finishedAt, result }) => ({
    event,
    start_time: naive(startedAt),
    finish_time: naive(finishedAt),
    result,
    traceback: null,
    ...(atLeast(version, '2.62') ? { host, hostId: '' } : {}),
  }));
  const { action, at, failed } = found;
  return answer(200, {
    instanceAction: {
      action,
      instance_uuid: id,
      request_id: request,
      start_time: naive(at),
      message: sayFailed(failed),
      events,
    },
  });
}

/** nova/api/openstack/compute/instance_actions.py index, newest first; of deleted ones from 2.21 on. */
function listActions(world: World, id: string, version: string): HttpAnswer {
  const instance = world.nova.instances.get(id);
  if (instance === undefined || (instance.deleted && !atLeast(version, '2.21')))
    return fault(404, `Instance ${id} could not be found.`);
  if (world.nova.cellDown) return fault(500, 'Unexpected API Error.');
  const actions = instance.actions.map(({ action, at, failed }, index) => ({
    action,
    instance_uuid: id,
    request_id: requestId(index),
    user_id: 'admin',
    project_id: instance.spec.projectId,
    start_time: naive(at),
    message: sayFailed(failed),
    ...(atLeast(version, '2.58') ? { updated_at: naive(at) } : {}),
  }));
  return answer(200, { instanceActions: actions.reverse() });
}

/** nova/api/openstack/compute/migrations.py, from 2.59 on newest first with paging; changes-since compares updated_at, which is NULL at first. */
function listMigrations(world: World, request: HttpRequest, version: string): HttpAnswer {
  const { query } = request;
  const source = query.get('source_compute');
  const type = query.get('migration_type');
  const since = atLeast(version, '2.59') ? query.get('changes-since') : undefined;
  const sinceMs = since === undefined ? null : Date.parse(since);
  const server = query.get('instance_uuid');
  const status = query.get('status');
  const found = allMigrations(world, type).filter((migration) => {
    if (source !== undefined && migration.source !== source) return false;
    if (server !== undefined && migration.server !== server) return false;
    if (status !== undefined && migration.status !== status) return false;
    return sinceMs === null || (migration.updatedAt !== null && migration.updatedAt >= sinceMs);
  });
  const sorted = found.sort((a, b) => b.createdAt - a.createdAt || b.id - a.id);
  const one = page(request, sorted, world.spec.nova.maxLimit, (migration) => migration.uuid);
  if (one === null) return fault(400, `Marker ${query.get('marker')} could not be found.`);
  const links =
    one.next === null ? {} : { migrations_links: [{ rel: 'next', href: nextLink(request, one.next) }] };
  return answer(200, { migrations: one.items.map((each) => migrationRecord(world, each)), ...links });
}

/** What Nova lists: nothing of a cell that is down, nor of an instance that is deleted. */
function allMigrations(world: World, type: string | undefined): (Migration | LiveMigration)[] {
  const { cellDown, migrations, liveMigrations } = world.nova;
  if (cellDown) return [];
  return [
    ...(type === undefined || type === 'evacuation' ? migrations.filter(({ deleted }) => !deleted) : []),
    ...(type === undefined || type === 'live-migration'
      ? liveMigrations.filter(({ server }) => instanceOf(world, server) !== null)
      : []),
  ];
}

function migrationRecord(world: World, migration: Migration | LiveMigration): unknown {
  return {
    id: migration.id,
    uuid: migration.uuid,
    instance_uuid: migration.server,
    source_compute: migration.source,
    source_node: hypervisorOf(world, migration.source),
    dest_compute: migration.dest,
    dest_node: migration.dest === null ? null : hypervisorOf(world, migration.dest),
    dest_host: null,
    status: migration.status,
    migration_type: 'flight' in migration ? 'evacuation' : 'live-migration',
    created_at: naive(migration.createdAt),
    updated_at: naive(migration.updatedAt),
  };
}

function act(world: World, request: HttpRequest, server: string, version: string): HttpAnswer {
  const body = (request.body ?? {}) as Readonly<Record<string, unknown>>;
  if (world.nova.cellDown) return fault(500, 'Unexpected API Error.');
  if ('evacuate' in body) {
    const options = (body.evacuate ?? {}) as Readonly<Record<string, unknown>>;
    const isOld = !atLeast(version, '2.14');
    const wrong =
      isOld && options.onSharedStorage === undefined
        ? "'onSharedStorage' is a required property"
        : unexpected(options, ['host', 'adminPass', ...(isOld ? ['onSharedStorage'] : [])]);
    if (wrong !== null)
      return fault(
        400,
        `Invalid input for field/attribute evacuate. Value: ${JSON.stringify(options)}. ${wrong}`,
      );
    const host = typeof options.host === 'string' ? options.host : null;
    const refusal = evacuate(world, server, { host, by: request.by });
    return refusal === null ? answer(200, null) : fault(refusal.status, refusal.message);
  }
  if ('os-migrateLive' in body) {
    const { host } = (body['os-migrateLive'] ?? {}) as Readonly<Record<string, unknown>>;
    const refusal = liveMigrate(world, server, typeof host === 'string' ? host : null);
    return refusal === null ? answer(202, null) : fault(refusal.status, refusal.message);
  }
  if ('os-stop' in body) {
    const refusal = stopServer(world, server);
    return refusal === null ? answer(202, null) : fault(refusal.status, refusal.message);
  }
  if ('reboot' in body) {
    const { type } = (body.reboot ?? {}) as Readonly<Record<string, unknown>>;
    if (type !== 'HARD') return fault(400, 'in the model only a HARD reboot');
    const refusal = rebootServer(world, server);
    return refusal === null ? answer(202, null) : fault(refusal.status, refusal.message);
  }
  return fault(400, `There is no such action: ${Object.keys(body)[0] ?? ''}`);
}
