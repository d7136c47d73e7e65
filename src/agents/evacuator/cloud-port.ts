import { hostName, type ServerId, serverId } from '../../core/names.ts';
import {
  type ControlServiceView,
  type EvacuationView,
  type ImageQuery,
  known,
  type Maybe,
  type PortView,
  type RequestTrail,
  type ServerGroupView,
  type ServiceView,
  unknown,
} from '../../core/observation.ts';
import type { Answer, CloudPort, Listed, SeenServer } from '../../evacuator/ports.ts';
import { type CloudError, explain } from '../../openstack/errors.ts';
import type { Glance, Image } from '../../openstack/glance.ts';
import { DEVICES_PER_REQUEST, type Neutron, type Port } from '../../openstack/neutron.ts';
import type { Nova } from '../../openstack/nova.ts';
import type { ServerGroup } from '../../openstack/nova-facts.ts';
import type { ComputeService, Evacuation, Server } from '../../openstack/nova-schemas.ts';
import type { ActionEvent } from '../../openstack/nova-servers.ts';
import type { Placement } from '../../openstack/placement.ts';
import type { Result } from '../../openstack/result.ts';
import { createProviderNames } from './provider-names.ts';

export interface CloudClients {
  readonly nova: Nova;
  readonly placement: Placement;
  readonly glance: Glance;
  readonly neutron: Neutron;
}

/** The real cloud. `now` gives this machine's clock, epoch ms, for an answer without a Date header. */
export function createCloudPort(clients: CloudClients, now: () => number): CloudPort {
  const { nova, placement, glance, neutron } = clients;
  /** Nova's clock at its last answer, as far as it differs from ours, ms: a list of services has no date of its own. */
  let skewMs = 0;
  const names = createProviderNames(nova, now);
  const clock = (date: number | null): number => {
    if (date !== null) skewMs = date - now();
    return date ?? now() + skewMs;
  };
  return {
    async listServices() {
      const answer = await nova.listServices();
      if (!answer.ok) return failed(answer.error);
      const { services, date } = answer.value;
      const items = services.filter((each) => each.binary === 'nova-compute').map(serviceView);
      const control = services.flatMap(controlServiceView);
      return { ok: true, value: { items, novaNow: clock(date), partial: false, control } };
    },
    async listEvacuations(source, createdSince) {
      const answer = await nova.listEvacuations({
        sourceHost: source,
        ...(createdSince === null ? {} : { createdSince }),
      });
      if (!answer.ok) return failed(answer.error);
      return listed(answer.value.migrations.map(evacuationView), clock(answer.value.date), false);
    },
    async listServersOn(host) {
      const answer = await nova.listServers({ host });
      if (!answer.ok) return failed(answer.error);
      return listed(answer.value.servers.map(seenServer), clock(answer.value.date), answer.value.partial);
    },
    async listServersChanged(changesSince) {
      const answer = await nova.listServers({ changesSince });
      if (!answer.ok) return failed(answer.error);
      return listed(answer.value.servers.map(seenServer), clock(answer.value.date), answer.value.partial);
    },
    async getServer(id) {
      const answer = await nova.getServer(id);
      if (!answer.ok) return failed(answer.error);
      switch (answer.value.kind) {
        case 'found':
          return { ok: true, value: seenServer(answer.value.server) };
        case 'missing':
          return { ok: true, value: null };
        case 'unreadable':
          return { ok: false, reason: `the cell of server ${id} does not answer Nova's API`, effect: 'none' };
        default:
          return answer.value satisfies never;
      }
    },
    async listActions(server) {
      const answer = await nova.listActions(server);
      return answer.ok ? { ok: true, value: answer.value } : failed(answer.error);
    },
    async listMovesAway(source, createdSince) {
      const answer = await nova.listMovesAway(source, createdSince);
      return answer.ok ? { ok: true, value: answer.value.map(evacuationView) } : failed(answer.error);
    },
    async lastLiveMigration(server, newer) {
      const answer = await nova.lastLiveMigration(server, newer);
      if (!answer.ok) return failed(answer.error);
      return { ok: true, value: answer.value === null ? null : evacuationView(answer.value) };
    },
    async trailOf({ server, createdAt }) {
      const listed = await nova.listActions(server);
      if (!listed.ok) return failed(listed.error);
      // The request is written down right before its record (nova/compute/api.py evacuate). Newest first.
      const [own, before] = (listed.value ?? []).filter(
        ({ action, startedAt }) =>
          action === 'evacuate' && startedAt !== null && startedAt <= createdAt + RECORD_MARGIN_MS,
      );
      if (own === undefined || own.requestId === null)
        return untold('Nova’s list of what was done with it has no request of that time');
      const events = await nova.listActionEvents(server, own.requestId);
      if (!events.ok) return failed(events.error);
      if (events.value === null) return untold('Nova shows this user no events');
      // Of two so close together the later may be that of another record: what the one has come to says nothing of the other then.
      const isSure = (before?.startedAt ?? Number.NEGATIVE_INFINITY) < createdAt - RECORD_LATE_MS;
      const view = trailView(events.value);
      return { ok: true, value: { ...view, gaveUp: view.gaveUp && isSure } };
    },
    async updateService(serviceId, change) {
      const answer = await nova.updateService(serviceId, change);
      if (!answer.ok) return failed(answer.error);
      const view = serviceView(answer.value);
      if (change.forcedDown === true && !view.forcedDown)
        return { ok: false, reason: STILL_UP, effect: 'none' };
      return { ok: true, value: view };
    },
    async evacuate(server, options) {
      const answer = await nova.evacuate(server, options);
      if (answer.ok) return { ok: true, value: null };
      return { ...failed(answer.error), failed: isNovasFailure(answer.error) };
    },
    stopServer: async (server) => done(await nova.stopServer(server)),
    async listAggregates() {
      const answer = await nova.listAggregates();
      if (!answer.ok) return failed(answer.error);
      const value = answer.value.map((each) => ({ ...each, hosts: each.hosts.map(hostName) }));
      return { ok: true, value };
    },
    addHostToAggregate: async (id, host) => done(await nova.addHostToAggregate(id, host)),
    removeHostFromAggregate: async (id, host) => done(await nova.removeHostFromAggregate(id, host)),
    async listServerGroups() {
      const answer = await nova.listServerGroups();
      return answer.ok ? { ok: true, value: answer.value.flatMap(serverGroupView) } : failed(answer.error);
    },
    async listFlavors() {
      const answer = await nova.listFlavors();
      return answer.ok ? { ok: true, value: answer.value } : failed(answer.error);
    },
    async findImages(query) {
      const answer = await glance.listImages((image) => isWanted(image, query));
      return answer.ok ? { ok: true, value: answer.value } : failed(answer.error);
    },
    async listPorts(servers) {
      const ports = new Map<ServerId, PortView[]>(servers.map((server) => [server, []]));
      for (let begin = 0; begin < servers.length; begin += DEVICES_PER_REQUEST) {
        const answer = await neutron.listPorts(servers.slice(begin, begin + DEVICES_PER_REQUEST));
        if (!answer.ok) return failed(answer.error);
        for (const port of answer.value) ports.get(serverId(port.deviceId))?.push(portView(port));
      }
      return { ok: true, value: ports };
    },
    async microversion() {
      const answer = await nova.microversions();
      if (!answer.ok) return failed(answer.error);
      return { ok: true, value: { max: answer.value.max, used: answer.value.used } };
    },
    async hostsOfConsumer(server) {
      const answer = await placement.providersOfConsumer(server);
      if (!answer.ok) return failed(answer.error);
      const hosts = await names.hostsOf(answer.value);
      if (!hosts.ok) return failed(hosts.error);
      const value = answer.value.map((provider, index) => ({ provider, host: hosts.value[index] ?? null }));
      return { ok: true, value };
    },
    async findPlacement() {
      const answer = await placement.ping();
      // Before Ocata Nova could do without it.
      if (answer.ok || answer.error.code === 'no-endpoint') return { ok: true, value: null };
      const failure = failed(answer.error);
      return failure.effect === 'refused' ? { ok: true, value: null } : failure;
    },
    async providerTraits(host) {
      const provider = await names.providerOf(host);
      if (!provider.ok) return failed(provider.error);
      if (provider.value === null)
        return { ok: false, reason: `Nova lists no hypervisor of ${host}`, effect: 'none' };
      const answer = await placement.providerTraits(provider.value);
      return answer.ok ? { ok: true, value: answer.value } : failed(answer.error);
    },
  };
}

/** The times of a request and its record have whole seconds, ms. */
const RECORD_MARGIN_MS = 1_000;
/** A record is written no later than this after its request, ms: between the two is nothing but Nova's database. */
const RECORD_LATE_MS = 28_000;

const untold = (reason: string): Extract<Answer<never>, { ok: false }> => ({
  ok: false,
  reason,
  effect: 'none',
});

/**
 * nova/conductor/manager.py rebuild_instance, and nova/compute/manager.py wrap_instance_event of it. What nova-conductor does not catch
 * stands in its event alone (nova/compute/utils.py EventReporter), and the message to the host is the last thing that it does.
 */
function trailView(events: readonly ActionEvent[]): RequestTrail {
  const sent = events.find(({ event }) => event === 'rebuild_server');
  const received = events.find(({ event }) => event === 'compute_rebuild_instance');
  return {
    sent: received !== undefined || sent?.result === 'Success',
    gaveUp: received === undefined && sent?.result === 'Error',
    receivedAt: received?.startedAt ?? null,
    receivedBy: received?.host ? hostName(received.host) : null,
  };
}

const STILL_UP =
  'this Nova (API below 2.11) goes by heartbeats alone, and the last one is not old enough yet (service_down_time)';

function listed<T>(items: readonly T[], novaNow: number, partial: boolean): Answer<Listed<T>> {
  return { ok: true, value: { items, novaNow, partial } };
}

function done(result: Result<unknown>): Answer<null> {
  return result.ok ? { ok: true, value: null } : failed(result.error);
}

/** Statuses in the 4xx that say nothing about the request itself: come back later. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([401, 408, 425, 429]);

/**
 * Nova's own exceptions are all 500 (nova/exception.py NovaException); 502 to 504 are those of a proxy before it, and its silence. One
 * from a proxy's own failure looks the same: so does an outage that is long over when it counts (core/failing.ts).
 */
function isNovasFailure(error: CloudError): boolean {
  return error.code === 'http' && error.status === 500;
}

function failed(error: CloudError): Extract<Answer<never>, { ok: false }> {
  const refused =
    (error.code === 'http' &&
      error.status >= 400 &&
      error.status < 500 &&
      !PASSING_STATUSES.has(error.status)) ||
    error.code === 'auth-forbidden';
  const effect = refused ? 'refused' : error.effect;
  return { ok: false, reason: explain(error), effect };
}

function serviceView(service: ComputeService): ServiceView {
  return {
    id: service.id ?? '',
    host: hostName(service.host),
    // Without an id the record is the stub that Nova gives for a cell that is down.
    state: service.id === null ? 'unknown' : service.state,
    status: service.status === 'disabled' ? 'disabled' : 'enabled',
    zone: service.zone,
    disabledReason: service.disabledReason,
    // Below 2.11 nothing can be forced down; what Nova takes for down is what it lets be evacuated.
    forcedDown: service.forcedDown ?? service.state === 'down',
    updatedAt: service.updatedAt,
  };
}

function evacuationView(evacuation: Evacuation): EvacuationView {
  return {
    id: evacuation.id,
    server: serverId(evacuation.instanceId),
    source: hostName(evacuation.sourceHost),
    dest: evacuation.destHost === null ? null : hostName(evacuation.destHost),
    status: evacuation.status,
    createdAt: evacuation.createdAt,
    updatedAt: evacuation.updatedAt ?? evacuation.createdAt,
  };
}

function seenServer(server: Server): SeenServer {
  return {
    id: serverId(server.id),
    name: server.name,
    host: server.host === null ? null : hostName(server.host),
    // One that Nova shows as null is none of those that it evacuates (nova/compute/api.py check_instance_state).
    vmState: server.vmState ?? 'none',
    taskState: server.taskState,
    fault: server.fault?.message ?? null,
    deleted: server.deleted,
    createdAt: server.created,
    projectId: server.projectId,
    flavor: {
      name: server.flavor.name ?? '',
      id: server.flavor.id,
      extraSpecs: orUnknown(
        server.flavor.extraSpecs,
        'Nova shows no extra specs with a server (API below 2.47, or this user may not see them)',
      ),
    },
    imageId: server.imageId,
    metadata: server.metadata,
    tags: orUnknown(server.tags, 'Nova shows no tags with a server (API below 2.26)'),
    addresses: {
      fixed: server.addresses.filter((each) => each.type === 'fixed').map((each) => each.address),
      floating: server.addresses.filter((each) => each.type === 'floating').map((each) => each.address),
    },
    volumes: server.volumes,
    locked: server.locked ?? false,
    powerState: server.powerState,
    availabilityZone: server.availabilityZone || null,
  };
}

function orUnknown<T>(value: T | null, reason: string): Maybe<T> {
  return value === null ? unknown(reason) : known(value);
}

function controlServiceView(service: ComputeService): ControlServiceView[] {
  const { binary, host, state, status, forcedDown } = service;
  if (binary !== 'nova-conductor' && binary !== 'nova-scheduler') return [];
  return [
    {
      binary,
      host,
      state,
      status: status === 'disabled' ? 'disabled' : 'enabled',
      forcedDown: forcedDown ?? false,
    },
  ];
}

const GROUP_POLICIES: ReadonlySet<string> = new Set([
  'affinity',
  'anti-affinity',
  'soft-affinity',
  'soft-anti-affinity',
] satisfies ServerGroupView['policy'][]);

/** A group whose policy means nothing to the scheduler we know is no group: it places nobody. */
function serverGroupView({ id, policy, members }: ServerGroup): ServerGroupView[] {
  const isKnown = (text: string | null): text is ServerGroupView['policy'] =>
    text !== null && GROUP_POLICIES.has(text);
  return isKnown(policy) ? [{ id, policy, members: members.map(serverId) }] : [];
}

function isWanted(image: Image, query: ImageQuery): boolean {
  return (
    query.tags.some((tag) => image.tags.includes(tag)) ||
    query.properties.some((property) => property in image.properties) ||
    query.names.includes(image.name) ||
    query.names.includes(image.id)
  );
}

function portView(port: Port): PortView {
  return {
    id: port.id,
    boundHost: port.boundHost === null ? null : hostName(port.boundHost),
    status: port.status,
    fixed: [...port.fixedIps].sort(),
  };
}
