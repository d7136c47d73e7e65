/** A node as Pacemaker names it (`crm_node -l`). Never to be mixed with a {@link HostName}. */
export type NodeName = string & { readonly __brand: 'NodeName' };
/** A compute host as Nova names it (`OS-EXT-SRV-ATTR:host`, `os-services` host). */
export type HostName = string & { readonly __brand: 'HostName' };
/** The UUID of a server. */
export type ServerId = string & { readonly __brand: 'ServerId' };

/** Takes text for a node's name, as it is; {@link isNodeName} looks at what comes from outside. */
export const nodeName = (text: string): NodeName => text as NodeName;
/** Takes text for a host's name, as it is: it has to be Nova's, which may differ from the node's ({@link hostOfNode}). */
export const hostName = (text: string): HostName => text as HostName;
/** Takes text for the UUID of a server, as it is. */
export const serverId = (text: string): ServerId => text as ServerId;

/**
 * The Nova host that a Pacemaker node is, or null when none or more than one fits.
 *
 * A name matches exactly, or, with `domain` set (the stock parameter for clusters that use short names
 * while Nova uses FQDNs), as `NODE.domain`. Nothing is guessed: a wrong pair would evacuate a living host.
 */
export function hostOfNode(
  node: NodeName,
  hosts: readonly HostName[],
  domain: string | null,
): HostName | null {
  const [fit, another] = hostsFor(node, hosts, domain);
  return another === undefined ? (fit ?? null) : null;
}

/** All Nova hosts whose name fits that of a Pacemaker node. */
export function hostsFor(node: NodeName, hosts: readonly HostName[], domain: string | null): HostName[] {
  return hosts.filter((host) => isHostOf(host, node, domain));
}

/** Whether the name of a Nova host fits that of a Pacemaker node. */
export function isHostOf(host: HostName, node: NodeName, domain: string | null): boolean {
  return (host as string) === node || (domain !== null && host === `${node}.${domain}`);
}

/** {@link hostOfNode} for many nodes: the hosts are gone through once. */
export function hostFinder(
  hosts: readonly HostName[],
  domain: string | null,
): (node: NodeName) => HostName | null {
  // null: more than one of this name.
  const byName = new Map<string, HostName | null>();
  for (const host of hosts) byName.set(host, byName.has(host) ? null : host);
  return (node) => {
    const short = byName.get(node);
    const long = domain === null ? undefined : byName.get(`${node}.${domain}`);
    return short === undefined ? (long ?? null) : long === undefined ? short : null;
  };
}

const NODE_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}$/;

/** Whether text can be a node's name at all (what Pacemaker and DNS allow; no white space, quotes or leading dash). */
export function isNodeName(text: string): boolean {
  return NODE_NAME.test(text);
}
