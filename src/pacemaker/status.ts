import type { XmlElement } from '@rgrove/parse-xml';
import { failure, type Result, success } from './errors.ts';
import { type CallOptions, exitError, runTool, TOOL_TIMEOUT_MS } from './tool.ts';
import { attributeOf, childrenOf, descendantsOf, parseBoolean, parsePacemakerResult } from './xml.ts';

/** Where a resource stands, by Pacemaker's own reckoning. */
export interface ResourceStatus {
  readonly id: string;
  readonly agent: string;
  /** `Started`, `Stopped`, ... */
  readonly role: string;
  readonly managed: boolean;
  readonly failed: boolean;
  readonly blocked: boolean;
  /** Nodes that it runs on. */
  readonly nodes: readonly string[];
}

export interface NodeStatus {
  readonly name: string;
  readonly kind: 'cluster' | 'remote';
  readonly online: boolean;
  readonly unclean: boolean;
  readonly standby: boolean;
  readonly maintenance: boolean;
  /**
   * In the membership, but no resource may run there: it is joining, or its Pacemaker was stopped while corosync runs
   * on. It is shown as online then (lib/pengine/unpack.c determine_online_status_fencing).
   */
  readonly pending: boolean;
}

/** An operation that did not end as it should; it stays in the history until a cleanup. */
export interface FailedOperation {
  readonly resource: string;
  readonly task: string;
  readonly node: string;
  /** OCF's, such as 5 for "not installed". */
  readonly code: number;
  readonly words: string;
  readonly reason: string;
}

export interface ClusterStatus {
  readonly dc: string | null;
  readonly hasQuorum: boolean;
  readonly nodes: readonly NodeStatus[];
  readonly resources: readonly ResourceStatus[];
  readonly failures: readonly FailedOperation[];
}

const TOOL = 'crm_mon';
const MAX_ANSWER_CHARS = 32 * 1024 * 1024;

/** What the cluster is doing: one look by crm_mon. Not on a remote node. */
export async function readStatus(options: CallOptions = {}): Promise<Result<ClusterStatus>> {
  const run = options.run ?? runTool;
  const output = await run(TOOL, ['--one-shot', '--inactive', '--output-as=xml'], {
    timeoutMs: options.timeoutMs ?? TOOL_TIMEOUT_MS,
  });
  if (!output.ok) return output;
  if (output.value.exitCode !== 0) return failure(exitError(TOOL, output.value));
  return parseStatus(output.value.stdout);
}

/** Reads `crm_mon --output-as=xml` (/usr/share/pacemaker/api/crm_mon-2.*.rng). */
export function parseStatus(xml: string): Result<ClusterStatus> {
  const root = parsePacemakerResult(TOOL, xml, MAX_ANSWER_CHARS);
  if (!root.ok) return root;
  const dc = descendantsOf(root.value, 'current_dc')[0];
  const nodes = childrenOf(root.value, 'nodes').flatMap((list) => childrenOf(list, 'node'));
  const resources = childrenOf(root.value, 'resources').flatMap((list) => descendantsOf(list, 'resource'));
  const failures = childrenOf(root.value, 'failures').flatMap((list) => childrenOf(list, 'failure'));
  // What the schema promises and is not there was damaged on its way; a node of that answer is not offline.
  if (nodes.some((node) => !isNamed(node, 'name') || parseBoolean(attributeOf(node, 'online')) === null))
    return failure({ code: 'bad-answer', tool: TOOL, detail: 'a <node> without its name or online' });
  if (resources.some((resource) => !isNamed(resource, 'id')))
    return failure({ code: 'bad-answer', tool: TOOL, detail: 'a <resource> without its id' });
  return success({
    dc: dc === undefined ? null : attributeOf(dc, 'name'),
    hasQuorum: dc !== undefined && isTrue(dc, 'with_quorum'),
    nodes: nodes.map(nodeOf),
    resources: resources.map(resourceOf),
    failures: failures.map(failureOf),
  });
}

function isNamed(element: XmlElement, attribute: string): boolean {
  return (attributeOf(element, attribute) ?? '') !== '';
}

function isTrue(element: XmlElement, name: string): boolean {
  return parseBoolean(attributeOf(element, name)) ?? false;
}

function nodeOf(element: XmlElement): NodeStatus {
  return {
    name: attributeOf(element, 'name') ?? '',
    kind: attributeOf(element, 'type') === 'remote' ? 'remote' : 'cluster',
    online: isTrue(element, 'online'),
    unclean: isTrue(element, 'unclean'),
    standby: isTrue(element, 'standby'),
    maintenance: isTrue(element, 'maintenance'),
    pending: isTrue(element, 'pending'),
  };
}

function resourceOf(element: XmlElement): ResourceStatus {
  return {
    id: attributeOf(element, 'id') ?? '',
    agent: attributeOf(element, 'resource_agent') ?? '',
    role: attributeOf(element, 'role') ?? '',
    managed: isTrue(element, 'managed'),
    failed: isTrue(element, 'failed'),
    blocked: isTrue(element, 'blocked'),
    nodes: childrenOf(element, 'node').flatMap((node) => attributeOf(node, 'name') ?? []),
  };
}

/** The key is RESOURCE_TASK_INTERVAL; a resource's name may hold underscores itself. */
function failureOf(element: XmlElement): FailedOperation {
  const key = /^(.*)_([a-z-]+)_(\d+)$/.exec(attributeOf(element, 'op_key') ?? '');
  return {
    resource: key?.[1] ?? attributeOf(element, 'op_key') ?? '',
    task: key?.[2] ?? '',
    node: attributeOf(element, 'node') ?? '',
    code: exitCodeOf(attributeOf(element, 'exitcode')),
    words: attributeOf(element, 'exitstatus') ?? '',
    reason: attributeOf(element, 'exitreason') ?? '',
  };
}

/** -1, which OCF has not, where there is no number. */
function exitCodeOf(text: string | null): number {
  return text !== null && /^\d{1,9}$/.test(text) ? Number(text) : -1;
}
