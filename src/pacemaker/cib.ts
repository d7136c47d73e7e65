import type { XmlElement } from '@rgrove/parse-xml';
import { isNodeName, type NodeName, nodeName } from '../core/names.ts';
import { failure, type Result, success } from './errors.ts';
import { type CallOptions, exitError, runTool, TOOL_TIMEOUT_MS } from './tool.ts';
import { attributeOf, childrenOf, descendantsOf, parseBoolean, parseDocument } from './xml.ts';

export interface ClusterNode {
  readonly name: NodeName;
  /** Pacemaker's id: corosync's number, or the name of a remote node. */
  readonly id: string;
  readonly kind: 'cluster' | 'remote';
  /** Permanent node attributes. */
  readonly permanent: ReadonlyMap<string, string>;
  /** As the CIB's status section has it; null: it does not say. */
  readonly online: boolean | null;
  /** Whether it has been fenced since it joined last; null: the status section does not say, as for all that is no remote node. */
  readonly fenced: boolean | null;
  /** The node attribute `maintenance` is true: Pacemaker keeps its hands off this node. */
  readonly maintenance: boolean;
  /**
   * What the operation history says of a nova-compute that Pacemaker manages here; `unstarted`: Pacemaker has not begun to start it
   * since the node joined; null: it manages none, or knows nothing yet.
   */
  readonly novaCompute: 'running' | 'stopped' | 'unstarted' | null;
}

/** What a fencing level is for, in the three forms that Pacemaker knows. */
export type FencingTarget =
  | { readonly kind: 'node'; readonly node: string }
  | { readonly kind: 'pattern'; readonly pattern: string }
  | { readonly kind: 'attribute'; readonly attribute: string; readonly value: string };

export interface FencingLevel {
  readonly target: FencingTarget;
  readonly index: number;
  /** Device ids in their order. */
  readonly devices: readonly string[];
}

export interface ClusterView {
  /** `have-quorum` of the CIB; where it is missing nobody has said so yet, and that counts as no quorum. */
  readonly haveQuorum: boolean;
  /** Node id of the designated controller; null during an election. */
  readonly dcId: string | null;
  readonly nodes: readonly ClusterNode[];
  readonly fencingLevels: readonly FencingLevel[];
  /** Default true, as in Pacemaker. */
  readonly stonithEnabled: boolean;
  /** Cluster-wide `maintenance-mode`. */
  readonly maintenanceMode: boolean;
  /** Cluster options as they are set; one that is not set is not in it. */
  readonly properties: ReadonlyMap<string, string>;
  /** Fencing device id → agent, such as `fence_ipmilan`. */
  readonly fencingAgents: ReadonlyMap<string, string>;
}

const MAX_CIB_CHARS = 32 * 1024 * 1024;
/** Corosync manages about 32 cluster nodes; remote nodes are counted in hundreds. */
const MAX_NODES = 5000;
const TOOL = 'cibadmin';

/** One look at the cluster: a single query of the local CIB. Not on a remote node. */
export async function readCluster(options: CallOptions = {}): Promise<Result<ClusterView>> {
  const run = options.run ?? runTool;
  // No --scope: have-quorum and dc-uuid are attributes of <cib> itself.
  const output = await run(TOOL, ['--query', '--local'], { timeoutMs: options.timeoutMs ?? TOOL_TIMEOUT_MS });
  if (!output.ok) return output;
  if (output.value.exitCode !== 0) return failure(exitError(TOOL, output.value));
  const xml = output.value.stdout;
  if (last?.xml !== xml) last = { xml, cluster: parseCib(xml) };
  return last.cluster;
}

/**
 * What was read last. Whoever waits for the cluster asks for the CIB every second or half second, and most answers are
 * the one before, letter for letter: with hundreds of nodes the parsing is what such a look costs.
 */
let last: { readonly xml: string; readonly cluster: Result<ClusterView> } | null = null;

/** The parts of a CIB that we look at. */
export function parseCib(xml: string): Result<ClusterView> {
  const root = parseDocument(TOOL, xml, MAX_CIB_CHARS);
  if (!root.ok) return root;
  const cib = root.value;
  const configuration = childrenOf(cib, 'configuration')[0];
  if (cib.name !== 'cib' || configuration === undefined) return bad('no <cib> with a <configuration>');
  const resources = sectionOf(configuration, 'resources');
  const primitives = resources.flatMap((part) => descendantsOf(part, 'primitive'));
  const states = statesOf(cib);
  const nodes = nodesOf(configuration, primitives, states);
  if (!nodes.ok) return nodes;
  const levels = levelsOf(configuration);
  if (!levels.ok) return levels;
  const properties = propertiesOf(configuration);
  return success({
    haveQuorum: parseBoolean(attributeOf(cib, 'have-quorum')) ?? false,
    dcId: attributeOf(cib, 'dc-uuid') || null,
    nodes: nodes.value,
    fencingLevels: levels.value,
    stonithEnabled: parseBoolean(properties.get('stonith-enabled') ?? null) ?? true,
    maintenanceMode: parseBoolean(properties.get('maintenance-mode') ?? null) ?? false,
    properties,
    fencingAgents: agentsOf(
      primitives,
      resources.flatMap((part) => descendantsOf(part, 'template')),
    ),
  });
}

/** The node of this name, or null. Names match exactly. */
export function findNode(cluster: ClusterView, name: string): ClusterNode | null {
  return cluster.nodes.find((node) => node.name === name) ?? null;
}

function bad(detail: string): Result<never> {
  return failure({ code: 'bad-answer', tool: TOOL, detail });
}

function sectionOf(configuration: XmlElement, name: string): XmlElement[] {
  return childrenOf(configuration, name);
}

/** name → value of the nvpairs in a list of attribute sets; the first of a name counts, as in Pacemaker. */
function pairsOf(sets: readonly XmlElement[]): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of sets.flatMap((set) => childrenOf(set, 'nvpair'))) {
    const name = attributeOf(pair, 'name');
    if (name !== null && !pairs.has(name)) pairs.set(name, attributeOf(pair, 'value') ?? '');
  }
  return pairs;
}

/** `cib-bootstrap-options` goes before all other sets (Pacemaker lib/pengine/rules.c, `first` of unpack_nvpair_blocks). */
function propertiesOf(configuration: XmlElement): Map<string, string> {
  const sets = sectionOf(configuration, 'crm_config').flatMap((part) =>
    childrenOf(part, 'cluster_property_set'),
  );
  const isFirst = (set: XmlElement): boolean => attributeOf(set, 'id') === 'cib-bootstrap-options';
  return pairsOf([...sets.filter(isFirst), ...sets.filter((set) => !isFirst(set))]);
}

function statesOf(cib: XmlElement): Map<string, XmlElement> {
  const states = new Map<string, XmlElement>();
  for (const state of childrenOf(cib, 'status').flatMap((part) => childrenOf(part, 'node_state'))) {
    const name = attributeOf(state, 'uname');
    if (name !== null) states.set(name, state);
  }
  return states;
}

function nodesOf(
  configuration: XmlElement,
  primitives: readonly XmlElement[],
  states: ReadonlyMap<string, XmlElement>,
): Result<ClusterNode[]> {
  const nodes = new Map<string, ClusterNode>();
  for (const element of sectionOf(configuration, 'nodes').flatMap((part) => childrenOf(part, 'node'))) {
    const name = attributeOf(element, 'uname');
    const type = attributeOf(element, 'type') ?? 'member';
    if (type === 'ping') continue;
    if (name === null || !isNodeName(name)) return bad('a <node> without a usable name');
    const kind = type === 'remote' ? 'remote' : 'cluster';
    const permanent = pairsOf(childrenOf(element, 'instance_attributes'));
    nodes.set(name, nodeOf(name, attributeOf(element, 'id') ?? name, kind, permanent, states));
  }
  // A remote node stands in <nodes> only once it has joined or got an attribute; its resource makes it one.
  for (const name of primitives.flatMap(remoteNodesOf)) {
    if (!nodes.has(name) && isNodeName(name))
      nodes.set(name, nodeOf(name, name, 'remote', new Map(), states));
  }
  if (nodes.size > MAX_NODES) return bad(`more than ${MAX_NODES} nodes`);
  return success([...nodes.values()]);
}

function nodeOf(
  name: string,
  id: string,
  kind: ClusterNode['kind'],
  permanent: ReadonlyMap<string, string>,
  states: ReadonlyMap<string, XmlElement>,
): ClusterNode {
  const state = states.get(name);
  return {
    name: nodeName(name),
    id,
    kind,
    permanent,
    online: state === undefined ? null : kind === 'remote' ? isRemoteOnline(state) : isClusterOnline(state),
    fenced: state === undefined ? null : isFenced(state),
    maintenance: parseBoolean(permanent.get('maintenance') ?? null) ?? false,
    novaCompute: state === undefined ? null : novaComputeOf(state),
  };
}

/** systemd units such as openstack-nova-compute, and the OCF agent NovaCompute of older clusters; not nova-compute-wait. */
const NOVA_COMPUTE = /nova[-_]compute(\.service)?$|^NovaCompute$/;

/**
 * Whether nova-compute runs, by its last operation (the highest call-id; one that is under way has op-status -1,
 * Pacemaker lib/pengine/unpack.c `unpack_rsc_op`). The history of a node is erased when it is lost and when it joins
 * (daemons/controld/controld_remote_ra.c `remote_node_up`, `remote_node_down`): what was begun there was begun since.
 */
function novaComputeOf(state: XmlElement): ClusterNode['novaCompute'] {
  const resource = descendantsOf(state, 'lrm_resource').find((each) =>
    NOVA_COMPUTE.test(attributeOf(each, 'type') ?? ''),
  );
  const operations = resource === undefined ? [] : childrenOf(resource, 'lrm_rsc_op');
  if (operations.length === 0) return null;
  const isBegun = operations.some(
    (each) => attributeOf(each, 'operation') !== 'monitor' || attributeOf(each, 'rc-code') === '0',
  );
  if (!isBegun) return 'unstarted';
  if (operations.some((operation) => attributeOf(operation, 'op-status') === '-1')) return 'stopped';
  const callId = (operation: XmlElement): number => Number(attributeOf(operation, 'call-id') ?? -1);
  const last = operations.reduce((a, b) => (callId(b) > callId(a) ? b : a));
  const runs = attributeOf(last, 'operation') !== 'stop' && attributeOf(last, 'rc-code') === '0';
  return runs ? 'running' : 'stopped';
}

/** `ocf:pacemaker:remote` resources, and guest nodes by the meta attribute `remote-node`. */
function remoteNodesOf(primitive: XmlElement): string[] {
  const id = attributeOf(primitive, 'id');
  const isRemote =
    attributeOf(primitive, 'provider') === 'pacemaker' && attributeOf(primitive, 'type') === 'remote';
  const guest = pairsOf(childrenOf(primitive, 'meta_attributes')).get('remote-node');
  return [...(isRemote && id !== null ? [id] : []), ...(guest === undefined ? [] : [guest])];
}

function isRemoteOnline(state: XmlElement): boolean | null {
  return truthOf(attributeOf(state, 'in_ccm'), null);
}

/**
 * `node_fenced` of a remote node: 0 from its join on (daemons/controld/controld_remote_ra.c `remote_node_up`), the time of its
 * fencing after that, a confirmation by hand included (daemons/controld/controld_fencing.c `send_stonith_update`).
 */
function isFenced(state: XmlElement): boolean | null {
  const text = attributeOf(state, 'node_fenced');
  return text !== null && /^\d+$/.test(text) ? Number(text) > 0 : null;
}

/** Part of corosync's membership, with a running controller that has joined (lib/pengine/unpack.c `determine_online_status_fencing`). */
function isClusterOnline(state: XmlElement): boolean | null {
  const member = truthOf(attributeOf(state, 'in_ccm'), null);
  if (member !== true) return member;
  const peer = truthOf(attributeOf(state, 'crmd'), 'online');
  if (peer !== true) return peer;
  const join = attributeOf(state, 'join');
  return join === null ? null : join === 'member';
}

/** true/false, or from Pacemaker 2.1.7 on since when (epoch seconds) with 0 for "not". */
function truthOf(text: string | null, word: 'online' | null): boolean | null {
  if (text === null) return null;
  if (/^\d{2,}$/.test(text)) return Number(text) > 0;
  if (word !== null && (text === word || text === 'offline')) return text === word;
  return parseBoolean(text);
}

function levelsOf(configuration: XmlElement): Result<FencingLevel[]> {
  const levels: FencingLevel[] = [];
  const elements = sectionOf(configuration, 'fencing-topology').flatMap((part) =>
    childrenOf(part, 'fencing-level'),
  );
  for (const element of elements) {
    const target = targetOf(element);
    const index = attributeOf(element, 'index') ?? '';
    if (target === null || !/^\d{1,9}$/.test(index)) return bad('a <fencing-level> without target or index');
    const devices = (attributeOf(element, 'devices') ?? '').split(',').map((device) => device.trim());
    levels.push({ target, index: Number(index), devices: devices.filter((device) => device !== '') });
  }
  return success(levels);
}

function targetOf(level: XmlElement): FencingTarget | null {
  const node = attributeOf(level, 'target');
  if (node !== null) return { kind: 'node', node };
  const pattern = attributeOf(level, 'target-pattern');
  if (pattern !== null) return { kind: 'pattern', pattern };
  const attribute = attributeOf(level, 'target-attribute');
  const value = attributeOf(level, 'target-value');
  return attribute !== null && value !== null ? { kind: 'attribute', attribute, value } : null;
}

/** A primitive made of a template has its agent there (lib/pengine/complex.c `unpack_template`). */
function agentsOf(primitives: readonly XmlElement[], templates: readonly XmlElement[]): Map<string, string> {
  const byId = new Map(templates.map((template) => [attributeOf(template, 'id'), template]));
  const agents = new Map<string, string>();
  for (const primitive of primitives) {
    const id = attributeOf(primitive, 'id');
    const source = byId.get(attributeOf(primitive, 'template') ?? '') ?? primitive;
    const type = attributeOf(source, 'type');
    if (attributeOf(source, 'class') === 'stonith' && id !== null && type !== null) agents.set(id, type);
  }
  return agents;
}
