import { type HostName, hostOfNode, type NodeName } from './names.ts';
import type { ClusterView, NodeView, Observation } from './observation.ts';

/** What tells whether two names are those of one host. */
export interface Naming {
  /** The compute hosts that Nova names; null: it has not told yet. */
  readonly hosts: readonly HostName[] | null;
  readonly domain: string | null;
}

interface Named {
  readonly name: NodeName;
}

/**
 * Another node of the cluster that is the same host of Nova; null: there is none. With `domain` set `NODE` and `NODE.domain`
 * are both its host, as when a compute was renamed and the <node> of its old name has stayed in the CIB. Two names that Nova
 * does not tell apart count as one host.
 */
export function twinOf(name: NodeName, nodes: readonly Named[], { hosts, domain }: Naming): NodeName | null {
  if (domain === null) return null;
  const long = `${name}.${domain}`;
  const short = name.endsWith(`.${domain}`) ? name.slice(0, -domain.length - 1) : null;
  const twin = nodes.find((other) => other.name === long || other.name === short)?.name ?? null;
  if (twin === null || hosts === null) return twin;
  return hostOfNode(twin, hosts, domain) === hostOfNode(name, hosts, domain) ? twin : null;
}

/**
 * Why nothing is done for a node that has a twin: what the one has begun, the other would go on with, or release. null: it has
 * none, or nothing is going on with either. `cluster` is enough to tell: a boot is answered while Nova is down.
 */
export function whyBothBlocked(
  { services, domain }: Observation,
  { nodes }: ClusterView,
  node: NodeView,
): string | null {
  // Mostly there is none: Nova's hosts are gone through only where two names say so.
  if (twinOf(node.name, nodes, { hosts: null, domain }) === null) return null;
  const hosts = services.known ? services.value.map(({ host }) => host) : null;
  const twin = twinOf(node.name, nodes, { hosts, domain });
  if (twin === null || !nodes.some((each) => [node.name, twin].includes(each.name) && isUnderWay(each)))
    return null;
  return `${node.name} and ${twin} are one host of Nova, and only one of them can be: nothing is done for either, and neither is let go. When no evacuation from that host is under way, remove the one that is no more (crm_node --force --remove NODE, on a controller)`;
}

function isUnderWay({ incident, evacuation, mark }: NodeView): boolean {
  return incident !== null || evacuation !== null || mark === 'yes';
}
