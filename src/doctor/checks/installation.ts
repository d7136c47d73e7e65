import { type Check, fault } from '../finding.ts';

export const installation: Check = {
  id: 'installation',
  needs: [],
  title: 'this controller has all agents',
  looksAt: 'the files of the agents and of the evacuator on this controller',
  run: ({ local }) =>
    [...local.files]
      .filter(([, isThere]) => !isThere)
      .map(([path]) =>
        fault(
          `${path} is missing on ${local.node}`,
          'install the same release of instance-ha on every node',
          local.node,
        ),
      ),
};
