import type { NodeName } from '../core/names.ts';
import { isNodeName } from '../core/names.ts';
import { EVACUATE_ATTRIBUTE, INCIDENT_ATTRIBUTE } from '../core/records.ts';
import { LOGIN_NAMES } from '../openstack/credential-parameters.ts';
import { readTransient } from '../pacemaker/attributes.ts';
import { type ClusterNode, readCluster } from '../pacemaker/cib.ts';
import { explain } from '../pacemaker/errors.ts';
import { type FenceAgent, type FenceRequest, fenceProblems } from '../pacemaker/fence-agent.ts';
import type { FenceOptions } from '../pacemaker/fence-options.ts';
import type { CallOptions } from '../pacemaker/tool.ts';
import { chooseNodes } from './fence-node.ts';
import { type FenceExit, type FencePorts, fail, print } from './fence-ports.ts';

/** The bound of one command of the cluster, ms. */
export const CALL_LIMIT_MS = 10_000;
/** What a Nova that doesn't answer may cost a monitor. */
export const MONITOR_CLOUD_LIMIT_MS = 5_000;
/** The same for validate-all, where the answer is what was asked for. */
export const VALIDATE_CLOUD_LIMIT_MS = 20_000;

/** How the cluster's commands are called for a request: bounded by its `shell_timeout`, else {@link CALL_LIMIT_MS}; no `run`: for real. */
export function callOptions(options: FenceOptions, run: CallOptions['run']): CallOptions {
  return { ...(run === undefined ? {} : { run }), timeoutMs: options.shellTimeoutMs ?? CALL_LIMIT_MS };
}

/** `status`: off when one of them is fenced and not released yet; exit code 2 says it too, as in fence-agents. */
export async function status(
  request: FenceRequest,
  options: FenceOptions,
  ports: FencePorts,
): Promise<FenceExit> {
  const call = callOptions(options, ports.run);
  const cluster = await readCluster(call);
  if (!cluster.ok) return fail(ports, explain(cluster.error));
  const nodes = chooseNodes(request, options, cluster.value);
  if (!nodes.ok) return fail(ports, nodes.error);
  const marks = await readTransient(EVACUATE_ATTRIBUTE, call);
  if (!marks.ok) return fail(ports, explain(marks.error));
  // Of several plugs one that is on makes them on (fencing.py get_multi_power_fn).
  const isOff = nodes.value.every((node) => isFenced(node, marks.value));
  ports.out(`Status: ${isOff ? 'OFF' : 'ON'}\n`);
  return isOff ? 2 : 0;
}

function isFenced(node: ClusterNode, marks: ReadonlyMap<NodeName, string>): boolean {
  return node.permanent.has(INCIDENT_ATTRIBUTE) || marks.get(node.name) === 'yes';
}

/** The nodes this device can fence. Pacemaker asks for them when the device has no pcmk_host_list. */
export async function list(
  request: FenceRequest,
  options: FenceOptions,
  ports: FencePorts,
): Promise<FenceExit> {
  const call = callOptions(options, ports.run);
  const cluster = await readCluster(call);
  if (!cluster.ok) return fail(ports, explain(cluster.error));
  const { separator } = options;
  const computes = cluster.value.nodes.filter(isCompute);
  if (request.action === 'list') {
    return print(ports, computes.map((node) => `${node.name}${separator}\n`).join(''));
  }
  const marks = await readTransient(EVACUATE_ATTRIBUTE, call);
  const word = (node: ClusterNode): string =>
    !marks.ok ? 'UNKNOWN' : isFenced(node, marks.value) ? 'OFF' : 'ON';
  return print(ports, computes.map((node) => `${node.name}${separator}${separator}${word(node)}\n`).join(''));
}

function isCompute(node: ClusterNode): boolean {
  return node.kind === 'remote' || node.permanent.get('osprole') === 'compute';
}

/**
 * `monitor`: whether `off` could do its work, which needs the CIB and attrd and nothing else. Nova is
 * looked at too when there are credentials, but only to warn: a failing monitor would make Pacemaker stop
 * the device, and an outage of Nova would disable fencing.
 */
export async function monitor(
  request: FenceRequest,
  options: FenceOptions,
  ports: FencePorts,
): Promise<FenceExit> {
  const call = callOptions(options, ports.run);
  const [cluster, marks] = await Promise.all([readCluster(call), readTransient(EVACUATE_ATTRIBUTE, call)]);
  if (!cluster.ok) return fail(ports, explain(cluster.error));
  if (!marks.ok) return fail(ports, explain(marks.error));
  if (!hasCredentials(request)) return 0;
  const cloud = await checkCloud(request, ports, options.loginTimeoutMs ?? MONITOR_CLOUD_LIMIT_MS);
  if (!cloud.ok) ports.log.info(`warning, fencing is not affected: ${cloud.problem}`);
  return 0;
}

/** `validate-all`: the parameters by themselves, and the credentials, where there are any, by a real call. */
export async function validateAll(
  agent: FenceAgent,
  request: FenceRequest,
  options: FenceOptions,
  ports: FencePorts,
): Promise<FenceExit> {
  const problems = fenceProblems(agent, request);
  if (options.plugs.some((plug) => !isNodeName(plug))) problems.push('plug is no name that a node can have');
  if (problems.length > 0) return fail(ports, problems.join('; '));
  if (!hasCredentials(request)) return 0;
  const cloud = await checkCloud(request, ports, options.loginTimeoutMs ?? VALIDATE_CLOUD_LIMIT_MS);
  return cloud.ok ? 0 : fail(ports, cloud.problem);
}

function hasCredentials(request: FenceRequest): boolean {
  return LOGIN_NAMES.some((name) => (request.values.get(name) ?? '') !== '');
}

async function checkCloud(
  request: FenceRequest,
  ports: FencePorts,
  limitMs: number,
): Promise<{ readonly ok: true } | { readonly ok: false; readonly problem: string }> {
  const late = async (): Promise<{ ok: false; problem: string }> => {
    await ports.clock.sleep(limitMs);
    return {
      ok: false,
      problem: `OpenStack gave no answer within ${limitMs / 1000} s: check auth_url and the API`,
    };
  };
  try {
    return await Promise.race([ports.cloudCheck(Object.fromEntries(request.values)), late()]);
  } catch (cause) {
    // A bug over there must not make a monitor fail, which would take the fencing device away. No message: it may quote a value.
    return {
      ok: false,
      problem: `internal error while asking OpenStack (${cause instanceof Error ? cause.name : 'unknown'})`,
    };
  }
}
