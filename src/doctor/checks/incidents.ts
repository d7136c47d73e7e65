import {
  EVACUATION_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  isOurMarker,
  parseEvacuation,
  parseIncident,
} from '../../core/records.ts';
import { backCommand, type ConfigurationFacts, type Facts, isTakenOut } from '../facts.ts';
import { type Check, fault, type Problem, warning } from '../finding.ts';

/** An evacuation that lasts longer is looked at by a person, ms. */
const LONG_INCIDENT_MS = 3_600_000;

export const incidents: Check = {
  id: 'incidents',
  needs: ['configuration', 'marks', 'cloud'],
  title: 'records in the cluster are readable, young, and fit what Nova says',
  looksAt: `${INCIDENT_ATTRIBUTE}, ${EVACUATION_ATTRIBUTE} and evacuate of every node; forced_down and disabled_reason of every host`,
  run: (facts) => {
    const { configuration, marks } = facts;
    if (!configuration.known) return [];
    const nodes = configuration.value.cluster.nodes;
    return [
      ...nodes.flatMap((node) => recordProblems(facts, configuration.value, node.name, node.permanent)),
      ...(marks.known
        ? [...marks.value]
            .filter(([, value]) => value === 'yes')
            .filter(
              ([name]) => !nodes.some((node) => node.name === name && node.permanent.has(INCIDENT_ATTRIBUTE)),
            )
            .map(([name]) =>
              warning(
                `${name} is marked evacuate=yes without an incident: a stock fence_compute or a person did it`,
                `instance-ha status; attrd_updater -p -n evacuate -D -N ${name} takes the mark away`,
                name,
              ),
            )
        : []),
      ...leftoverServices(facts),
    ];
  },
};

function recordProblems(
  facts: Facts,
  configuration: ConfigurationFacts,
  node: string,
  permanent: ReadonlyMap<string, string>,
): Problem[] {
  const incidentText = permanent.get(INCIDENT_ATTRIBUTE);
  const evacuationText = permanent.get(EVACUATION_ATTRIBUTE);
  const incident = incidentText === undefined ? null : parseIncident(incidentText);
  const evacuation = evacuationText === undefined ? null : parseEvacuation(evacuationText);
  const take = (name: string): string =>
    `look at it (crm_attribute --node ${node} --name ${name} --query), then delete it: the node stays held until then`;
  if (incidentText !== undefined && incident === null)
    return [fault(`the incident of ${node} can't be read`, take(INCIDENT_ATTRIBUTE), node)];
  if (evacuationText !== undefined && evacuation === null)
    return [fault(`the evacuation record of ${node} can't be read`, take(EVACUATION_ATTRIBUTE), node)];
  const problems: Problem[] = [];
  if (incident !== null && facts.now - incident.at > LONG_INCIDENT_MS) {
    const hours = ((facts.now - incident.at) / 3_600_000).toFixed(1);
    problems.push(
      warning(
        `the incident of ${node} stands for ${hours} h`,
        `instance-ha explain ${node} says what it waits for`,
        node,
      ),
    );
  }
  const isOut = isTakenOut(configuration, node);
  if (isOut && incident !== null) {
    problems.push(
      warning(
        `${node} is taken out of the cluster (maintenance), and has an incident`,
        `wait until the incident is over (instance-ha explain ${node}), then ${backCommand(node)}`,
        node,
      ),
    );
  }
  if (isOut && incident === null && evacuation !== null) {
    problems.push(
      warning(
        `${node} has the record of an evacuation, and is taken out of the cluster (maintenance): it can't come back by itself`,
        backCommand(node),
        node,
      ),
    );
  }
  if (
    !isOut &&
    incident === null &&
    evacuation?.phase === 'returning' &&
    evacuation.releasedAt !== null &&
    facts.now - evacuation.releasedAt > LONG_INCIDENT_MS
  ) {
    problems.push(
      warning(
        `${node} was released and has not come back`,
        `is nova-compute running there? instance-ha explain ${node}`,
        node,
      ),
    );
  }
  return problems;
}

/** Our marker on a host that no record speaks of: nobody will take it away. */
function leftoverServices({ configuration, cloud }: Facts): Problem[] {
  if (!configuration.known || !cloud.known) return [];
  const hasRecord = (host: string): boolean =>
    configuration.value.cluster.nodes.some(
      (node) =>
        (node.name === host || host.startsWith(`${node.name}.`)) &&
        (node.permanent.has(EVACUATION_ATTRIBUTE) || node.permanent.has(INCIDENT_ATTRIBUTE)),
    );
  return cloud.value.services
    .filter(({ disabledReason, host }) => isOurMarker(disabledReason) && !hasRecord(host))
    .map(({ host }) =>
      fault(
        `${host} is disabled with our marker, and no record of an evacuation is left: nobody will enable it`,
        `openstack compute service set --enable ${host} nova-compute, and --up where it is forced down`,
        host,
      ),
    );
}
