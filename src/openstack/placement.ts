import * as v from 'valibot';
import { type Result, success } from './result.ts';
import { openServiceReader } from './service-channel.ts';
import type { Session } from './session.ts';

const PLACEMENT = 'placement';
/** Traits came with 1.6 (Pike). */
const MICROVERSION = '1.6';

const ProvidersSchema = v.object({
  resource_providers: v.array(v.object({ uuid: v.pipe(v.string(), v.uuid()), name: v.string() })),
});
const TraitsSchema = v.object({ traits: v.array(v.string()) });

export interface Placement {
  /**
   * Traits of the resource provider with exactly this name; null when there is none. A compute node's
   * provider is named by its hypervisor hostname, which may differ from the service's host.
   * `COMPUTE_STATUS_DISABLED` among them keeps the scheduler away.
   */
  providerTraits(hostName: string): Promise<Result<readonly string[] | null>>;
}

/** Makes the Placement client of a session. */
export function createPlacement(session: Session): Placement {
  const read = openServiceReader(session, PLACEMENT, MICROVERSION);
  return {
    async providerTraits(hostName) {
      const query = { name: hostName };
      const found = await read({ path: '/resource_providers', query }, ProvidersSchema);
      if (!found.ok) return found;
      const provider = found.value.resource_providers.find((each) => each.name === hostName);
      if (provider === undefined) return success(null);
      const path = `/resource_providers/${provider.uuid}/traits`;
      const traits = await read({ path }, TraitsSchema);
      if (traits.ok) return success(traits.value.traits);
      // Deleted between the two requests.
      const gone = traits.error.code === 'http' && traits.error.status === 404;
      return gone ? success(null) : traits;
    },
  };
}
