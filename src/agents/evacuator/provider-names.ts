import { type HostName, hostName } from '../../core/names.ts';
import type { Nova } from '../../openstack/nova.ts';
import { type Hypervisor, hostOfProvider } from '../../openstack/nova-hypervisors.ts';
import { type Result, success } from '../../openstack/result.ts';

/** How old Nova's list of the hypervisors may be, ms: hosts come and go seldom. */
const LIST_AGE_MS = 600_000;

/** Which host of Nova a resource provider of Placement is, by Nova's list of the hypervisors; read when somebody asks. */
export interface ProviderNames {
  /** The hosts of these providers; null: Nova lists no hypervisor of that name. */
  hostsOf(providers: readonly string[]): Promise<Result<readonly (HostName | null)[]>>;
  /** The provider of a host; null: Nova lists no hypervisor of it. */
  providerOf(host: HostName): Promise<Result<string | null>>;
}

/**
 * `now`: this machine's clock, epoch ms. A name that an older list does not have may be new: then the list is read again, once a
 * question.
 */
export function createProviderNames(nova: Pick<Nova, 'listHypervisors'>, now: () => number): ProviderNames {
  let held: { readonly list: readonly Hypervisor[]; readonly at: number } | null = null;

  async function look(
    knowsAll: (list: readonly Hypervisor[]) => boolean,
  ): Promise<Result<readonly Hypervisor[]>> {
    const at = now();
    // A clock that was put back makes no list younger.
    if (held !== null && at >= held.at && at - held.at < LIST_AGE_MS && knowsAll(held.list))
      return success(held.list);
    const answer = await nova.listHypervisors();
    if (answer.ok) held = { list: answer.value, at };
    return answer;
  }

  return {
    async hostsOf(providers) {
      const found = await look((list) => providers.every((name) => hostOfProvider(list, name) !== null));
      if (!found.ok) return found;
      const hosts = providers.map((name) => hostOfProvider(found.value, name));
      return success(hosts.map((host) => (host === null ? null : hostName(host))));
    },
    async providerOf(host) {
      const nameOf = (list: readonly Hypervisor[]): string | null =>
        list.find((each) => each.host === host)?.hostname ?? null;
      const found = await look((list) => nameOf(list) !== null);
      return found.ok ? success(nameOf(found.value)) : found;
    },
  };
}
