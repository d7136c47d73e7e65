import type { Facts } from '../facts.ts';
import { type Check, fault, type Problem, unsure, warning } from '../finding.ts';

export const installation: Check = {
  id: 'installation',
  needs: [],
  title: 'every node that was looked at has all agents, of one release',
  looksAt:
    'the files of the agents and of the evacuator on this controller; with --ssh those and the release of every node',
  run: (facts) => [
    ...[...facts.local.files]
      .filter(([, isThere]) => !isThere)
      .map(([path]) => missing(path, facts.local.node)),
    ...onNodes(facts),
  ],
};

const FIX = 'install the same release of instance-ha on every node';

function missing(path: string, node: string): Problem {
  return fault(`${path} is missing on ${node}`, FIX, node);
}

function onNodes({ nodes, local }: Facts): Problem[] {
  return [...nodes].flatMap(([node, answer]): Problem[] => {
    if (!answer.known)
      return [unsure(`${node} could not be asked by ssh: ${answer.reason}`, `ssh ${node} true`, node)];
    const { version, missing: files } = answer.value;
    const lacking = files.map((path) => missing(path, node));
    if (version === null) return [...lacking, fault(`instance-ha is not installed on ${node}`, FIX, node)];
    return version === local.version
      ? lacking
      : [
          ...lacking,
          warning(`${node} has release ${version}, ${local.node} has ${local.version}`, FIX, node),
        ];
  });
}
