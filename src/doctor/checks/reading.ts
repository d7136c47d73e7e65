import { type Check, unsure } from '../finding.ts';

export const reading: Check = {
  id: 'reading',
  needs: [],
  title: 'cluster and cloud could be read',
  looksAt: 'the CIB, crm_mon, attrd, Nova and Placement',
  run: ({ marks, cloud, usage, login }) => {
    const works = login.known && login.value.state === 'works';
    return [
      ...(marks.known
        ? []
        : [unsure(`the marks can't be read: ${marks.reason}`, 'attrd_updater -n evacuate -A')]),
      // Why the cloud can't be asked at all is the answer of the check of the credentials.
      ...(cloud.known || !works ? [] : [unsure(`Nova can't be read: ${cloud.reason}`, 'look at nova-api')]),
      ...(usage.known || !works
        ? []
        : [
            unsure(
              `what the hosts have given away can't be read: ${usage.reason}`,
              'look at placement-api, or at nova-api for the list of the hypervisors',
            ),
          ]),
    ];
  },
};
