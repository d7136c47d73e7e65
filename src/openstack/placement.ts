import * as v from 'valibot';
import { type Result, success } from './result.ts';
import { openServiceReader } from './service-channel.ts';
import type { Session } from './session.ts';

const PLACEMENT = 'placement';
/** Traits came with 1.6 (Pike). */
const MICROVERSION = '1.6';
/** The resource class that only the provider of a compute node itself gives, and to every guest. */
const HOST_RESOURCE = 'MEMORY_MB';

/** The name of a provider that no cloud has. */
const NOBODY = 'instance-ha-is-placement-there';

const ProvidersSchema = v.object({
  resource_providers: v.array(v.object({ uuid: v.pipe(v.string(), v.uuid()), name: v.string() })),
});
const ProviderSchema = v.object({ name: v.string() });
/** What a provider gives to a consumer, by resource class; the shape of every microversion up to ours (1.12 adds to it). */
const AllocationsSchema = v.object({
  allocations: v.record(
    v.pipe(v.string(), v.uuid()),
    v.object({ resources: v.record(v.string(), v.number()) }),
  ),
});
const TraitsSchema = v.object({ traits: v.array(v.string()) });

export interface Placement {
  /** Asks for what is answered at once, and needs its database and Keystone as any other question does. */
  ping(): Promise<Result<null>>;
  /**
   * Traits of the resource provider with exactly this name; null when there is none. A compute node's
   * provider is named by its hypervisor hostname, which may differ from the service's host (see Nova.listHypervisors).
   * `COMPUTE_STATUS_DISABLED` among them keeps the scheduler away.
   */
  providerTraits(provider: string): Promise<Result<readonly string[] | null>>;
  /**
   * Names of the compute nodes' providers (their hypervisors' hostnames) that give resources to this instance. While it is evacuated these are its
   * old host's and that of the host that the scheduler has chosen, from before the conductor tells that host
   * (nova/scheduler/client/report.py claim_resources doubles up what is there).
   */
  providersOfConsumer(instanceId: string): Promise<Result<readonly string[]>>;
}

/** Makes the Placement client of a session. */
export function createPlacement(session: Session): Placement {
  const read = openServiceReader(session, PLACEMENT, MICROVERSION);
  return {
    async ping() {
      const answer = await read({ path: '/resource_providers', query: { name: NOBODY } }, ProvidersSchema);
      return answer.ok ? success(null) : answer;
    },
    async providerTraits(name) {
      const query = { name };
      const found = await read({ path: '/resource_providers', query }, ProvidersSchema);
      if (!found.ok) return found;
      const provider = found.value.resource_providers.find((each) => each.name === name);
      if (provider === undefined) return success(null);
      const path = `/resource_providers/${provider.uuid}/traits`;
      const traits = await read({ path }, TraitsSchema);
      if (traits.ok) return success(traits.value.traits);
      // Deleted between the two requests.
      const gone = traits.error.code === 'http' && traits.error.status === 404;
      return gone ? success(null) : traits;
    },
    async providersOfConsumer(instanceId) {
      const found = await read({ path: `/allocations/${encodeURIComponent(instanceId)}` }, AllocationsSchema);
      if (!found.ok) return found;
      const names: string[] = [];
      for (const [uuid, { resources }] of Object.entries(found.value.allocations)) {
        // Shared storage, and what is nested in a host (PCI, VGPU, bandwidth), has providers of its own.
        if (!(HOST_RESOURCE in resources)) continue;
        const provider = await read({ path: `/resource_providers/${uuid}` }, ProviderSchema);
        if (!provider.ok) return provider;
        names.push(provider.value.name);
      }
      return success(names.sort());
    },
  };
}
