import { isOurMarker } from '../../core/records.ts';
import { type Check, fault, warning } from '../finding.ts';

export const services: Check = {
  id: 'services',
  needs: ['cloud'],
  title: 'every compute service is up and may get instances',
  looksAt:
    "Nova's compute services, and evacuation records in `done`, which keep forced_down from being cleared",
  run: ({ cloud }) => {
    if (!cloud.known) return [];
    const { services: all, evacuations } = cloud.value;
    return all
      .filter(({ binary }) => binary === 'nova-compute')
      .flatMap((service) => {
        const { host } = service;
        if (service.state === 'unknown')
          return [
            fault(
              `the cell of ${host} does not answer: its instances can't be listed, so they can't be evacuated`,
              "look at that cell's database and message bus",
              host,
            ),
          ];
        const open = evacuations.filter(
          ({ sourceHost, status }) => sourceHost === host && status === 'done',
        ).length;
        if (
          service.forcedDown &&
          service.state === 'down' &&
          open > 0 &&
          !isOurMarker(service.disabledReason)
        ) {
          return [
            fault(
              `${host} is forced down and ${open} evacuation records of it are still \`done\`: Nova refuses to clear it until its nova-compute has started and completed them`,
              `start nova-compute on ${host}; then openstack compute service set --up ${host} nova-compute`,
              host,
            ),
          ];
        }
        if (service.forcedDown && !isOurMarker(service.disabledReason))
          return [
            warning(
              `${host} is forced down by an operator`,
              `openstack compute service set --up ${host} nova-compute, when it is repaired`,
              host,
            ),
          ];
        if (service.state === 'down' && !service.forcedDown)
          return [
            warning(
              `nova-compute of ${host} does not report`,
              `systemctl status nova-compute on ${host}`,
              host,
            ),
          ];
        if (service.status === 'disabled' && !isOurMarker(service.disabledReason))
          return [
            warning(
              `${host} is disabled by an operator${service.disabledReason ? ` (${service.disabledReason})` : ''}: it takes no instances of others`,
              `openstack compute service set --enable ${host} nova-compute, when it may`,
              host,
            ),
          ];
        return [];
      });
  },
};
