import { type HostName, hostsFor, type NodeName } from './names.ts';
import type { Maybe, Microversion, Observation } from './observation.ts';

/**
 * Whether a list of the services has all of them: below 2.69 Nova leaves those of a cell that does not answer out, in silence
 * (nova/compute/api.py HostAPI.service_get_all, cell_down_support).
 */
export function listsAllServices(microversion: Maybe<Microversion>): boolean {
  if (!microversion.known) return false;
  const [major = 0, minor = 0] = microversion.value.used.split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 69);
}

/** What is said where no host of Nova is found for a node: `so` is why it matters, `ifGone` what to do where it is gone. */
interface Words {
  readonly so: string;
  readonly ifGone: string;
}

/**
 * Why it is not known that Nova has no host for a node, though a list of the services shows none for it: of two that fit its name either
 * may be its host, and the list may be short. null: it is known.
 */
export function whyHostUnknown(
  { services, domain, facts }: Pick<Observation, 'services' | 'domain' | 'facts'>,
  node: NodeName,
  { so, ifGone }: Words,
): string | null {
  const hosts: readonly HostName[] = services.known ? services.value.map(({ host }) => host) : [];
  const fit = hostsFor(node, hosts, domain);
  if (fit.length > 1)
    return `Nova has more than one compute host of this node's name (${fit.join(', ')}), so ${so}: set the parameter domain anew, or delete the compute service of the one that is no more`;
  if (listsAllServices(facts.microversion)) return null;
  return `Nova lists no compute host of this node's name, so ${so}. If nova-manage cell_v2 list_hosts names it, its cell does not answer, and this goes on when it does: below microversion 2.69 Nova leaves the hosts of such a cell out, in silence. If it does not, ${ifGone}`;
}
