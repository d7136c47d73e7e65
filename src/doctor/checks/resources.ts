import { computesOf, evacuatorOf } from '../facts.ts';
import { type Check, fault, type Problem, warning } from '../finding.ts';

/** OCF's codes that say that an agent is not there or not usable (ocf-returncodes). */
const NOT_INSTALLED = 5;
const NOT_CONFIGURED = 6;

export const resources: Check = {
  id: 'resources',
  needs: ['configuration', 'status'],
  title: 'what belongs to instance HA runs where it should, and no operation of it has failed',
  looksAt: 'nova-evacuate, the compute chain, and the failed operations in the cluster',
  run: ({ configuration, status }) => {
    if (!configuration.known) return [];
    if (!status.known) return [];
    const evacuator = evacuatorOf(configuration.value);
    const runs = status.value.resources.some(({ id, role }) => id === evacuator?.id && role === 'Started');
    const held = configuration.value.cluster.nodes
      .filter(({ permanent }) => permanent.has('instance-ha-incident'))
      .map(({ name }) => name as string);
    const online = computesOf(configuration.value).filter((name) =>
      status.value.nodes.some(
        (node) => node.name === name && node.online && !node.maintenance && !node.standby,
      ),
    );
    const chain = configuration.value.resources.filter(
      ({ id, clone, agent }) =>
        clone !== null && (agent === 'ocf:openstack:nova-compute-wait' || /nova-compute/.test(id)),
    );
    const missing = chain.flatMap((resource) => {
      const nodes = status.value.resources
        .filter(({ id, role }) => id === resource.id && role === 'Started')
        .flatMap((each) => each.nodes);
      return online
        .filter((node) => !nodes.includes(node) && !held.includes(node))
        .map((node) =>
          fault(
            `${resource.id} does not run on ${node}`,
            `crm_mon -1 says why; pcs resource refresh ${resource.id}`,
            node,
          ),
        );
    });
    return [
      ...(evacuator === null || runs
        ? []
        : [
            fault(
              `${evacuator.id} does not run: nothing is evacuated, and no compute is let go`,
              `crm_mon -1 says why; pcs resource refresh ${evacuator.id}`,
            ),
          ]),
      ...missing,
      ...status.value.failures
        .filter(({ resource }) =>
          isOurs(
            resource,
            configuration.value.resources.map(({ id }) => id),
          ),
        )
        .map(failure),
    ];
  },
};

function isOurs(resource: string, known: readonly string[]): boolean {
  return known.includes(resource.replace(/:\d+$/, ''));
}

function failure({
  resource,
  task,
  node,
  code,
  words,
  reason,
}: {
  readonly resource: string;
  readonly task: string;
  readonly node: string;
  readonly code: number;
  readonly words: string;
  readonly reason: string;
}): Problem {
  const says = `${task} of ${resource} failed on ${node}: ${words || code}${reason === '' ? '' : ` (${reason})`}`;
  const clear = `then crm_resource --refresh --resource ${resource}`;
  if (code === NOT_INSTALLED)
    return fault(
      `${says}: the agent, or something that it needs, is missing there`,
      `install instance-ha and Node.js on ${node}, ${clear}`,
      node,
    );
  if (code === NOT_CONFIGURED)
    return fault(says, `repair the configuration that the reason names, on every controller, ${clear}`, node);
  return warning(says, `repair what the reason names (pacemaker.log on ${node} says more), ${clear}`, node);
}
