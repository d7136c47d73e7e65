import { hostName, hostOfNode, nodeName } from '../../core/names.ts';
import { twinOf } from '../../core/twins.ts';
import { computesOf, evacuatorOf } from '../facts.ts';
import { type Check, fault, type Problem, warning } from '../finding.ts';

export const names: Check = {
  id: 'names',
  needs: ['configuration', 'cloud'],
  title: "every compute's name is the one that Nova has",
  looksAt: "the cluster's compute nodes, Nova's compute services, and the parameter domain of nova-evacuate",
  run: ({ configuration, cloud }) => {
    if (!configuration.known || !cloud.known) return [];
    const hosts = cloud.value.services
      .filter(({ binary }) => binary === 'nova-compute')
      .map(({ host }) => hostName(host));
    const domain = evacuatorOf(configuration.value)?.parameters.get('domain') ?? null;
    const nodes = computesOf(configuration.value);
    const found = new Map(nodes.map((node) => [node, hostOfNode(nodeName(node), hosts, domain)]));
    const covered = new Set<string | null>(found.values());
    const all = configuration.value.cluster.nodes;
    return [
      ...all.flatMap(({ name }) => {
        const twin = twinOf(name, all, { hosts, domain });
        return twin === null || twin < name ? [] : [twins(name, twin)];
      }),
      ...nodes.filter((node) => found.get(node) === null).map((node) => mismatch(node, hosts)),
      ...hosts
        .filter(
          (host) =>
            !covered.has(host) && !nodes.some((node) => found.get(node) === null && sameShort(node, host)),
        )
        .map((host) =>
          warning(
            `Nova's host ${host} is no node of this cluster: its instances are not protected`,
            'add it to the input of instance-ha configure, if it should be',
            host,
          ),
        ),
    ];
  },
};

function twins(node: string, twin: string): Problem {
  return fault(
    `the nodes ${node} and ${twin} are one host of Nova: if it dies nothing is evacuated, and neither is let go`,
    'remove the one that is no more: crm_node --force --remove NODE',
    node,
  );
}

function mismatch(node: string, hosts: readonly string[]): Problem {
  const near = hosts.find((host) => sameShort(node, host));
  if (near === undefined)
    return fault(
      `Nova has no compute host ${node}`,
      'name the node as Nova does (openstack compute service list), or set domain',
      node,
    );
  const suffix = near.startsWith(`${node}.`) ? near.slice(node.length + 1) : null;
  return fault(
    `the node is ${node}, Nova's host is ${near}: names are matched exactly, so nothing of it is evacuated`,
    suffix === null
      ? `name the node ${near} in the cluster, as Nova does`
      : `set domain=${suffix} on nova-evacuate (domain: in the input of instance-ha configure)`,
    node,
  );
}

const sameShort = (a: string, b: string): boolean =>
  a.split('.')[0]?.toLowerCase() === b.split('.')[0]?.toLowerCase();
