import type { NodeName } from '../core/names.ts';
import { INCIDENT_ATTRIBUTE, parseIncident } from '../core/records.ts';
import { failure, type Result, success } from '../core/result.ts';
import { type ClusterNode, type ClusterView, readCluster } from '../pacemaker/cib.ts';
import { explain } from '../pacemaker/errors.ts';
import type { FenceRequest } from '../pacemaker/fence-agent.ts';
import { type FenceOptions, fenceOptions } from '../pacemaker/fence-options.ts';
import { type FencingAction, requestFencing } from '../pacemaker/fencing.ts';
import { whyNoPowerFirst } from '../pacemaker/topology.ts';
import { answerGeneral, unknownAction } from './fence-general.ts';
import { chooseNodes } from './fence-node.ts';
import { type FenceExit, type FencePorts, fail, isCalledByFencer } from './fence-ports.ts';
import { callOptions, list, monitor, status, validateAll } from './fence-queries.ts';
import { FENCE_EVACUATE } from './fence-tables.ts';

/** How long the cluster may take to fence a node that is dead already. */
export const FENCING_LIMIT_MS = 120_000;

/** Does what was asked and gives the exit code. */
export async function fenceEvacuate(request: FenceRequest, ports: FencePorts): Promise<FenceExit> {
  const options = fenceOptions(request, isCalledByFencer(ports));
  const answered = answerGeneral(FENCE_EVACUATE, request, options, ports);
  if (answered !== null) return answered;
  switch (request.action) {
    case 'off':
    case 'reboot':
      return evacuate(request.action, request, options, ports);
    case 'on':
      return fail(ports, 'on is not supported: an evacuation is not taken back');
    case 'status':
      return status(request, options, ports);
    case 'list':
    case 'list-status':
      return list(request, options, ports);
    case 'monitor':
      return monitor(request, options, ports);
    case 'validate-all':
      return validateAll(FENCE_EVACUATE, request, options, ports);
    default:
      return unknownAction(FENCE_EVACUATE, request, ports);
  }
}

/**
 * The stock agent asks Nova for every evacuation itself, of a host that Nova shows as down and disabled. Here
 * one actor alone talks to Nova, and Nova's word is no proof that a host is off. So the cluster is asked to
 * fence the node: its power device confirms the power off, and fence_compute, the next device of the level,
 * records the incident. A node that is online is left alone, as the stock agent leaves a host that is up.
 */
async function evacuate(
  action: FencingAction,
  request: FenceRequest,
  options: FenceOptions,
  ports: FencePorts,
): Promise<FenceExit> {
  if (options.delayMs > 0) await ports.clock.sleep(options.delayMs);
  const call = callOptions(options, ports.run);
  const cluster = await readCluster(call);
  if (!cluster.ok) return fail(ports, explain(cluster.error));
  const nodes = chooseNodes(request, options, cluster.value);
  if (!nodes.ok) return fail(ports, nodes.error);
  for (const node of nodes.value) {
    const refusal = whyNot(node, cluster.value);
    if (refusal !== null) return fail(ports, refusal);
  }
  for (const node of nodes.value) {
    const done = await evacuateNode(action, node, options, ports);
    if (!done.ok) return fail(ports, done.error);
    ports.log.info(done.value);
  }
  await ports.clock.sleep(options.powerWaitMs);
  return 0;
}

/** Why a node is not fenced now; null when it may be. */
function whyNot(node: ClusterNode, cluster: ClusterView): string | null {
  if (!cluster.haveQuorum) return 'this part of the cluster has no quorum: nothing is fenced from here';
  const noPower = whyNoPowerFirst(cluster, node.name);
  if (noPower !== null) {
    return `the fencing topology has no power device before fence_compute for ${node.name} (${noPower}): configure a level DEVICE,fence-nova`;
  }
  if (incidentOf(node) !== null) return null;
  if (node.online === false) return null;
  const state = node.online === true ? 'is online' : 'has no state in the cluster';
  return `${node.name} ${state}: the instances of a host that may be alive are not evacuated. Move them (openstack server migrate --live-migration), or fence the node (stonith_admin --reboot ${node.name})`;
}

async function evacuateNode(
  action: FencingAction,
  node: ClusterNode,
  options: FenceOptions,
  ports: FencePorts,
): Promise<Result<string, string>> {
  const standing = incidentOf(node);
  if (standing !== null) return success(`${node.name} is under evacuation already (incident ${standing})`);
  const timeoutMs = options.powerTimeoutMs ?? FENCING_LIMIT_MS;
  ports.log.info(`asking the cluster to fence ${node.name} (${action})`);
  const fenced = await requestFencing(node.name, action, FENCE_EVACUATE.name, { run: ports.run, timeoutMs });
  if (!fenced.ok) {
    return failure(`${node.name} could not be fenced, so nothing is evacuated: ${explain(fenced.error)}`);
  }
  return recorded(node.name, options, ports);
}

/** Whether fence_compute has written the incident: the fencing alone evacuates nothing. */
async function recorded(
  name: NodeName,
  options: FenceOptions,
  ports: FencePorts,
): Promise<Result<string, string>> {
  const after = await readCluster(callOptions(options, ports.run));
  if (!after.ok) return failure(`${name} is fenced, but its incident can't be read: ${explain(after.error)}`);
  const node = after.value.nodes.find((each) => each.name === name);
  const incident = node === undefined ? null : incidentOf(node);
  return incident === null
    ? failure(`${name} is fenced, but fence_compute recorded no incident: is it in the level that was used?`)
    : success(`${name} is fenced and recorded (incident ${incident}); nova-evacuate evacuates it`);
}

function incidentOf(node: ClusterNode): string | null {
  const text = node.permanent.get(INCIDENT_ATTRIBUTE);
  return text === undefined ? null : (parseIncident(text)?.id ?? 'unreadable');
}
