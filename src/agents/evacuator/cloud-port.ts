import { hostName, serverId } from '../../core/names.ts';
import { type EvacuationView, type ServiceView, unknown } from '../../core/observation.ts';
import type { Answer, CloudPort, Listed, SeenServer } from '../../evacuator/ports.ts';
import { type CloudError, explain } from '../../openstack/errors.ts';
import type { Nova } from '../../openstack/nova.ts';
import type { ComputeService, Evacuation, Server } from '../../openstack/nova-schemas.ts';
import type { Placement } from '../../openstack/placement.ts';
import type { Result } from '../../openstack/result.ts';

/** The real cloud. `now` gives this machine's clock, epoch ms, for an answer without a Date header. */
export function createCloudPort(nova: Nova, placement: Placement, now: () => number): CloudPort {
  /** Nova's clock at its last answer, as far as it differs from ours, ms: a list of services has no date of its own. */
  let skewMs = 0;
  const clock = (date: number | null): number => {
    if (date !== null) skewMs = date - now();
    return date ?? now() + skewMs;
  };
  return {
    async listServices() {
      const answer = await nova.listComputeServices();
      if (!answer.ok) return failed(answer.error);
      const list = { items: answer.value.services.map(serviceView), novaNow: clock(answer.value.date) };
      return { ok: true, value: { ...list, partial: false, control: [] } };
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
    async updateService(serviceId, change) {
      const answer = await nova.updateService(serviceId, change);
      return answer.ok ? { ok: true, value: serviceView(answer.value) } : failed(answer.error);
    },
    evacuate: async (server) => done(await nova.evacuate(server)),
    stopServer: async (server) => done(await nova.stopServer(server)),
    listAggregates: notAsked,
    addHostToAggregate: notAsked,
    removeHostFromAggregate: notAsked,
    listServerGroups: notAsked,
    listFlavors: notAsked,
    findImages: notAsked,
    listPorts: notAsked,
    microversion: notAsked,
    async providerTraits(host) {
      const answer = await placement.providerTraits(host);
      return answer.ok ? { ok: true, value: answer.value } : failed(answer.error);
    },
  };
}

/** A question that this port has no service to put to. */
async function notAsked(): Promise<Extract<Answer<never>, { ok: false }>> {
  return { ok: false, reason: 'not asked', effect: 'none' };
}

function listed<T>(items: readonly T[], novaNow: number, partial: boolean): Answer<Listed<T>> {
  return { ok: true, value: { items, novaNow, partial } };
}

function done(result: Result<unknown>): Answer<null> {
  return result.ok ? { ok: true, value: null } : failed(result.error);
}

/** Statuses in the 4xx that say nothing about the request itself: come back later. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([401, 408, 425, 429]);

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
    forcedDown: service.forcedDown,
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
    vmState: server.vmState ?? 'unknown',
    taskState: server.taskState,
    fault: server.fault?.message ?? null,
    deleted: server.deleted,
    createdAt: server.created,
    projectId: server.projectId,
    flavor: { name: server.flavor ?? '', id: null, extraSpecs: unknown('not asked') },
    imageId: server.imageId,
    metadata: server.metadata,
    tags: unknown('not asked'),
    addresses: {
      fixed: server.addresses.filter((each) => each.type === 'fixed').map((each) => each.address),
      floating: server.addresses.filter((each) => each.type === 'floating').map((each) => each.address),
    },
    volumes: server.volumes,
    locked: server.locked,
    powerState: server.powerState,
    availabilityZone: null,
  };
}
