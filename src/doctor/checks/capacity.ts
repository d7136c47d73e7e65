import { type Check, type Problem, warning } from '../finding.ts';
import { worstLoss } from '../room.ts';

export const capacity: Check = {
  id: 'capacity',
  needs: ['usage', 'cloud'],
  title: 'any one host can be lost',
  looksAt: 'Placement: what every instance takes, and whether it fits onto the other hosts, one by one',
  run: ({ usage, cloud }) => {
    if (!usage.known || !cloud.known) return [];
    const usable = usage.value.filter((provider) =>
      cloud.value.services.some(
        ({ host, state, status }) => host === provider.host && state === 'up' && status === 'enabled',
      ),
    );
    if (usable.length < 2)
      return usable.length === 0
        ? []
        : [warning('there is one usable host: nothing can be evacuated anywhere', 'enable more hosts')];
    return usable.flatMap((lost): Problem[] => {
      const { left } = worstLoss(usable, [lost.name]);
      const host = lost.host ?? lost.name;
      return left.length === 0
        ? []
        : [
            warning(
              `if ${host} died, ${left.length} of its ${lost.allocations.size} instances would find no room`,
              `instance-ha plan ${host} names them; add a host, or move something`,
              host,
            ),
          ];
    });
  },
};
