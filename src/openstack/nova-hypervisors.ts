import * as v from 'valibot';
import type { NovaChannel } from './nova-channel.ts';
import { LinksSchema, nextLink } from './nova-schemas.ts';
import { type Result, success } from './result.ts';
import type { ServiceRequest } from './session.ts';

/**
 * From 2.88 on the details have the uptime of each hypervisor, for which Nova calls every nova-compute that it thinks is up
 * (nova/api/openstack/compute/hypervisors.py _view_hypervisor): one that has just died holds the list up.
 */
const WITHOUT_UPTIME = '2.87';

/** nova/api/openstack/compute/hypervisors.py _view_hypervisor; in pages from 2.33 on. */
const HypervisorPageSchema = v.pipe(
  v.object({
    hypervisors: v.array(
      v.object({ hypervisor_hostname: v.string(), service: v.object({ host: v.string() }) }),
    ),
    hypervisors_links: LinksSchema,
  }),
  v.transform((body) => ({ items: body.hypervisors, next: nextLink(body.hypervisors_links) })),
);

/**
 * A compute node of Nova: what the hypervisor calls itself, and the host of the nova-compute that drives it. Its resource
 * provider in Placement is named by its hostname (nova/compute/resource_tracker.py _update_to_placement).
 */
export interface Hypervisor {
  readonly hostname: string;
  readonly host: string;
}

/** The host whose resource provider in Placement has this name; null: it is no listed hypervisor's. */
export function hostOfProvider(hypervisors: readonly Hypervisor[], provider: string): string | null {
  return hypervisors.find(({ hostname }) => hostname === provider)?.host ?? null;
}

/** See {@link Nova} for what it promises. */
export interface NovaHypervisors {
  listHypervisors(): Promise<Result<readonly Hypervisor[]>>;
}

/** Over a channel, without a state of its own; asks with {@link WITHOUT_UPTIME} at most. */
export function createNovaHypervisors(channel: NovaChannel): NovaHypervisors {
  return {
    async listHypervisors() {
      const request: ServiceRequest = {
        method: 'GET',
        path: '/os-hypervisors/detail',
        microversion: WITHOUT_UPTIME,
      };
      const listed = await channel.readPages(request, HypervisorPageSchema);
      if (!listed.ok) return listed;
      const found = listed.value.items.map((each) => ({
        hostname: each.hypervisor_hostname,
        host: each.service.host,
      }));
      return success(found);
    },
  };
}
