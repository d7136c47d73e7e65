import { INCIDENT_ATTRIBUTE } from '../../core/records.ts';
import { evacuatorOf, recordersOf, waitsOf } from '../facts.ts';
import { type Check, fault, type Problem, warning } from '../finding.ts';

export const hold: Check = {
  id: 'hold',
  needs: ['configuration'],
  title: 'a compute that comes back is held until its evacuation is over',
  looksAt: `nova-compute-wait before nova-compute, or unfencing; the rule that keeps each clone off a node while ${INCIDENT_ATTRIBUTE} is defined; osprole`,
  run: ({ configuration }) => {
    if (!configuration.known) return [];
    const { resources, rules, cluster } = configuration.value;
    const waits = waitsOf(configuration.value);
    const unfences = recordersOf(configuration.value).some(
      ({ meta }) => meta.get('provides') === 'unfencing',
    );
    const problems: Problem[] = [];
    if (waits.length === 0 && !unfences) {
      problems.push(
        fault(
          'nothing holds a compute that comes back: nova-compute could start in the middle of its evacuation and destroy what moved',
          'instance-ha configure apply',
        ),
      );
    }
    const units = resources.filter(
      ({ agent, clone }) => clone !== null && /^systemd:.*nova-compute/.test(agent),
    );
    for (const { id, clone } of [...waits, ...units]) {
      const name = clone ?? id;
      const isKept = rules.some(
        (rule) =>
          rule.resource === name &&
          rule.attribute === INCIDENT_ATTRIBUTE &&
          rule.operation === 'defined' &&
          rule.score === '-INFINITY',
      );
      if (!isKept)
        problems.push(
          warning(
            `${name} has no rule that keeps it off a node while its incident stands: the first of the two locks is missing`,
            `pcs constraint location ${name} rule score=-INFINITY defined ${INCIDENT_ATTRIBUTE}`,
          ),
        );
    }
    const evacuator = evacuatorOf(configuration.value);
    if (
      evacuator !== null &&
      !cluster.nodes.some(
        ({ kind, permanent }) => kind === 'cluster' && permanent.get('osprole') === 'controller',
      )
    ) {
      problems.push(
        fault(
          'no node has osprole=controller: nova-evacuate has no place to run',
          'pcs node attribute CONTROLLER osprole=controller, for each',
        ),
      );
    }
    return problems;
  },
};
