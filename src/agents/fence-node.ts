import { isNodeName } from '../core/names.ts';
import type { Result as AnyResult } from '../core/result.ts';
import { type ClusterNode, type ClusterView, findNode } from '../pacemaker/cib.ts';
import { oneLine } from '../pacemaker/errors.ts';
import type { FenceRequest } from '../pacemaker/fence-agent.ts';
import type { FenceOptions } from '../pacemaker/fence-options.ts';

const MAX_NAMES_SHOWN = 20;
const MAX_NAME_CHARS = 80;

/**
 * What the parameters alone can say against the nodes, or null. Asked before the cluster is: where that gives no
 * answer, `off` and `on` wait for one, and no waiting makes a name appear.
 */
export function nodeProblem(request: FenceRequest, options: Pick<FenceOptions, 'plugs'>): string | null {
  const named = request.values.get('nodename') ?? '';
  if (named !== '') return null;
  if (options.plugs.length === 0) return 'no node given: name it with plug (-n)';
  const impossible = options.plugs.filter((plug) => !isNodeName(plug)).map(shown);
  return impossible.length === 0 ? null : `plug is no name that a node can have: ${impossible.join(', ')}`;
}

/**
 * The nodes that are meant: those of `plug`, or `nodename` (Pacemaker's name, which it always gives) where
 * `plug` is missing or is a name from pcmk_host_map that the cluster doesn't know. Two different nodes are an
 * error: to record the fencing of the wrong one would evacuate a living host.
 */
export function chooseNodes(
  request: FenceRequest,
  options: Pick<FenceOptions, 'plugs'>,
  cluster: ClusterView,
): AnyResult<readonly ClusterNode[], string> {
  const named = request.values.get('nodename') ?? '';
  const byName = findNode(cluster, named);
  const { plugs } = options;
  if (plugs.length <= 1) return chooseNode(plugs[0] ?? '', named, byName, cluster);
  const found = plugs.map((plug) => findNode(cluster, plug));
  const missing = plugs.filter((_, index) => found[index] === null);
  if (missing.length > 0) return { ok: false, error: unknownNode(missing.join(', '), cluster) };
  if (byName !== null && !found.includes(byName)) return { ok: false, error: contradiction(plugs, named) };
  return { ok: true, value: [...new Set(found.filter((node) => node !== null))] };
}

function chooseNode(
  plug: string,
  named: string,
  byName: ClusterNode | null,
  cluster: ClusterView,
): AnyResult<readonly ClusterNode[], string> {
  const byPlug = findNode(cluster, plug);
  if (byPlug !== null && byName !== null && byPlug !== byName) {
    return { ok: false, error: contradiction([plug], named) };
  }
  const node = byPlug ?? byName;
  if (node !== null) return { ok: true, value: [node] };
  return { ok: false, error: unknownNode(plug || named, cluster) };
}

function contradiction(plugs: readonly string[], named: string): string {
  return `plug is ${plugs.join(', ')}, but Pacemaker fences ${named}: correct pcmk_host_map of this device`;
}

function unknownNode(asked: string, cluster: ClusterView): string {
  return `${shown(asked)} is no node of this cluster; it could be ${nodeList(cluster.nodes)}`;
}

function shown(name: string): string {
  return oneLine(name).slice(0, MAX_NAME_CHARS);
}

function nodeList(nodes: readonly ClusterNode[]): string {
  const names = nodes.slice(0, MAX_NAMES_SHOWN).map((node) => node.name);
  const more = nodes.length - names.length;
  return names.length === 0
    ? 'none: the cluster has no nodes'
    : `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
