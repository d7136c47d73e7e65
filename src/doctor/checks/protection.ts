import { hostName, hostOfNode, nodeName } from '../../core/names.ts';
import { twinOf } from '../../core/twins.ts';
import type { ClusterView } from '../../pacemaker/cib.ts';
import { unrecordedLevels, usableLevels, whyNoPowerFirst } from '../../pacemaker/topology.ts';
import { computesOf, evacuatorOf, type Facts, isTakenOut } from '../facts.ts';
import { type Check, fault, type Problem, unsure } from '../finding.ts';

/** The one answer that matters: if this compute died now, would its instances come back? */
export const protection: Check = {
  id: 'protection',
  needs: ['configuration', 'status', 'cloud'],
  title: 'every compute is protected',
  looksAt:
    'for each compute: fencing enabled, its level, its power device, its name in Nova, maintenance of it or of the cluster, and a running nova-evacuate',
  run: (facts) => {
    if (!facts.configuration.known) return [];
    const nodes = computesOf(facts.configuration.value);
    if (nodes.length === 0)
      return [fault('the cluster knows no compute: nothing is protected', 'instance-ha configure apply')];
    return nodes.flatMap((node): Problem[] => {
      const { lacks, unknowns } = protectionOf(facts, node);
      if (lacks.length > 0)
        return [
          fault(`${node} is NOT PROTECTED: ${lacks.join('; ')}`, 'see the checks that name these', node),
        ];
      if (unknowns.length > 0)
        return [
          unsure(
            `whether ${node} is protected can't be told: ${unknowns.join('; ')}`,
            'see the checks that name these',
            node,
          ),
        ];
      return [];
    });
  },
};

export interface Protection {
  readonly lacks: readonly string[];
  readonly unknowns: readonly string[];
}

/** The others are tried only where the first fails. */
function isFirstUnrecorded(cluster: ClusterView, node: string): boolean {
  const first = usableLevels(cluster, node)[0]?.index;
  return unrecordedLevels(cluster, node).some(({ index }) => index === first);
}

/** Why a compute would not be recovered, and what could not be found out. */
export function protectionOf(facts: Facts, node: string): Protection {
  const lacks: string[] = [];
  const unknowns: string[] = [];
  const { configuration, status, cloud, power } = facts;
  if (!configuration.known) return { lacks, unknowns: [configuration.reason] };
  const { cluster } = configuration.value;
  if (!cluster.haveQuorum) lacks.push('this partition has no quorum');
  if (!cluster.stonithEnabled) lacks.push('fencing is disabled');
  if (cluster.maintenanceMode) lacks.push('the cluster is in maintenance mode');
  const own = cluster.nodes.find(({ name }) => name === node);
  if (own?.maintenance) lacks.push('the node is in maintenance');
  if (isTakenOut(configuration.value, node)) lacks.push('taken out of the cluster (maintenance)');
  const noPower = whyNoPowerFirst(cluster, node);
  if (noPower !== null) lacks.push(`its fencing proves nothing (${noPower})`);
  else if (isFirstUnrecorded(cluster, node))
    lacks.push('the first of its fencing levels has no fence_compute, so nothing records its death');
  for (const answer of power.filter((each) => each.node === node)) {
    if (answer.state === 'failed') lacks.push(`${answer.device} does not answer`);
  }
  const evacuator = evacuatorOf(configuration.value);
  if (evacuator === null) lacks.push('no nova-evacuate');
  else if (!status.known) unknowns.push("the cluster's status can't be read");
  else if (!status.value.resources.some(({ id, role }) => id === evacuator.id && role === 'Started'))
    lacks.push(`${evacuator.id} does not run`);
  if (!cloud.known) unknowns.push(`Nova could not be asked: ${cloud.reason}`);
  else {
    const hosts = cloud.value.services
      .filter(({ binary }) => binary === 'nova-compute')
      .map(({ host }) => hostName(host));
    const domain = evacuator?.parameters.get('domain') ?? null;
    if (hostOfNode(nodeName(node), hosts, domain) === null) lacks.push('Nova has no host of its name');
    const twin = twinOf(nodeName(node), cluster.nodes, { hosts, domain });
    if (twin !== null) lacks.push(`${twin} is the same host of Nova`);
  }
  return { lacks, unknowns };
}
