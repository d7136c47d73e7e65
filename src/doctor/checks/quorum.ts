import type { NodeStatus } from '../../pacemaker/status.ts';
import { type Check, fault, type Problem, warning } from '../finding.ts';

export const quorum: Check = {
  id: 'quorum',
  needs: ['configuration', 'status'],
  title: 'the cluster has quorum, and does nothing without it',
  looksAt: 'have-quorum, no-quorum-policy, maintenance-mode, the number and state of the controllers',
  run: ({ configuration, status }) => {
    if (!configuration.known) return [];
    const { cluster } = configuration.value;
    const controllers = cluster.nodes.filter(({ kind }) => kind === 'cluster');
    const problems: Problem[] = [];
    if (!cluster.haveQuorum)
      problems.push(
        fault(
          'this partition has no quorum: nothing is fenced or evacuated from here',
          'corosync-quorumtool -s; bring a majority of the controllers back',
        ),
      );
    if (cluster.properties.get('no-quorum-policy') === 'ignore')
      problems.push(
        fault(
          'no-quorum-policy is ignore: two halves of a split cluster would fence each other and evacuate both',
          'pcs property set no-quorum-policy=stop',
        ),
      );
    if (cluster.maintenanceMode)
      problems.push(
        warning(
          'the cluster is in maintenance mode: nothing is fenced',
          'pcs property set maintenance-mode=false, when the work is done',
        ),
      );
    if (cluster.dcId === null)
      problems.push(warning('there is no DC: an election is going on', 'wait a moment; crm_mon -1'));
    if (controllers.length < 3)
      problems.push(
        warning(
          `the cluster has ${controllers.length} controllers: with fewer than three the loss of one takes the quorum, or leaves a tie`,
          'a third one, or a quorum device (pcs quorum device)',
        ),
      );
    if (status.known) {
      for (const { name, online } of status.value.nodes.filter(isAway))
        problems.push(
          warning(
            online
              ? `the controller ${name} is in the membership, but its Pacemaker does not take part`
              : `the controller ${name} is offline`,
            `systemctl status pacemaker on ${name}`,
            name,
          ),
        );
    }
    return problems;
  },
};

function isAway({ kind, online, pending }: NodeStatus): boolean {
  return kind === 'cluster' && (!online || pending);
}
