import type { HostUsage } from '../../openstack/usage.ts';
import { type Check, warning } from '../finding.ts';

export const placement: Check = {
  id: 'placement',
  needs: ['usage', 'cloud'],
  title: 'Placement has no leftovers of evacuated instances',
  looksAt: "every allocation in Placement against Nova's instances and their hosts",
  run: ({ usage, cloud }) => {
    if (!usage.known || !cloud.known) return [];
    const servers = new Map(cloud.value.servers.map((server) => [server.id, server]));
    const isElsewhere = (consumer: string, { name, host }: HostUsage): boolean => {
      const server = servers.get(consumer);
      if (server === undefined) return false;
      return server.hypervisorHostname === null ? server.host !== host : server.hypervisorHostname !== name;
    };
    const open = new Set(
      cloud.value.evacuations
        .filter(({ status }) => ['accepted', 'pre-migrating', 'done'].includes(status))
        .map(({ instanceId }) => instanceId),
    );
    return usage.value.flatMap((provider) => {
      const { name, host, allocations } = provider;
      const left = [...allocations]
        // Shared storage, and what is nested in a host (PCI, VGPU, bandwidth), give no memory, and are called otherwise.
        .filter(([, needs]) => needs.MEMORY_MB !== undefined)
        .map(([consumer]) => consumer)
        .filter((consumer) => isElsewhere(consumer, provider) && !open.has(consumer));
      if (left.length === 0) return [];
      return [
        warning(
          `${name} still holds the allocations of ${left.length} instances that run elsewhere: its room is counted twice`,
          `is its nova-compute running? then nova-manage placement heal_allocations, or openstack resource provider allocation delete (${left.slice(0, 3).join(', ')}${left.length > 3 ? ', ...' : ''})`,
          host ?? name,
        ),
      ];
    });
  },
};
