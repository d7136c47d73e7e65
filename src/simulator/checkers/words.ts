import { INCIDENT_ATTRIBUTE } from '../../core/records.ts';
import { type CheckerKind, isOurs } from './checker.ts';

/** What all secrets of the simulated cloud have in them. */
const SECRET = 'of-the-cloud';
/** No secret stands in a log line, a status, an attribute of the cluster. */
export const secrets: CheckerKind = {
  name: 'secrets stand nowhere',
  invariants: [19],
  make: (scene) => ({
    fact(fact) {
      if (fact.kind === 'attribute' && fact.value?.includes(SECRET))
        scene.violate(`the attribute ${fact.name} of ${fact.node} holds a secret`);
    },
    line(_process, line) {
      if (JSON.stringify(line).includes(SECRET))
        scene.violate(`a secret in the log: ${line.msg.slice(0, 40)}...`);
    },
    report(_process, report) {
      if (report.cloudTrouble?.includes(SECRET)) scene.violate('a secret in the status');
    },
  }),
};

/** Every node with an incident has a verdict in words, and every request its line in the log. */
export const reasons: CheckerKind = {
  name: 'every decision is recorded with its reason',
  invariants: [20],
  make(scene) {
    const asked = new Set<string>();
    const since = new Map<string, number>();
    return {
      line(process, line) {
        if (line.server !== undefined) asked.add(`${process.id} ${line.server}`);
      },
      fact(fact) {
        if (fact.kind === 'attribute' && fact.name === INCIDENT_ATTRIBUTE) {
          if (fact.value === null) since.delete(fact.node);
          else if (!since.has(fact.node)) since.set(fact.node, scene.world.agenda.now);
        }
        if (fact.kind !== 'migration' || fact.status !== 'accepted' || !isOurs(fact.by)) return;
        const id = fact.by?.slice('evacuator:'.length);
        if (!asked.has(`${id} ${fact.server}`))
          scene.violate(`evacuation ${fact.id} was asked for without a line in the log`);
      },
      // Whatever its process has seen in the cluster it speaks of, however long Nova has kept it waiting since.
      report(process, report) {
        if (report.gates.length > 0) return;
        for (const [node, at] of since) {
          // Two things of one millisecond may have come in either order.
          if (at >= scene.sawClusterAt(process)) continue;
          const verdict = report.verdicts.find((each) => each.node === node);
          if (verdict === undefined || verdict.text === '')
            scene.violate(`${node} has an incident, and nothing is said about it`);
        }
      },
    };
  },
};
