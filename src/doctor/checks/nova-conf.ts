import { type Check, fault } from '../finding.ts';

export const novaConf: Check = {
  id: 'nova-conf',
  needs: [],
  title: 'nova.conf does not start guests at boot that may run elsewhere',
  looksAt:
    'resume_guests_state_on_host_boot in the nova.conf of this machine; the computes have the same in theirs',
  run: ({ local }) => {
    if (local.novaConf === null) return [];
    const { lines, path } = local.novaConf;
    const value = lines
      .map((line) => /^\s*resume_guests_state_on_host_boot\s*=\s*(\S+)/i.exec(line)?.[1])
      .findLast((each) => each !== undefined);
    if (value === undefined || !/^(true|1|yes|on)$/i.test(value)) return [];
    return [
      fault(
        `${path} has resume_guests_state_on_host_boot=${value}: a compute that comes back starts guests that were evacuated`,
        'set it to false on every compute and restart nova-compute',
        local.node,
      ),
    ];
  },
};
