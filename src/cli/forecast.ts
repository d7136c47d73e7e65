import { whyNotEvacuable } from '../core/instance.ts';
import type { CloudFacts } from '../doctor/facts.ts';
import { type Loss, worstLoss } from '../doctor/room.ts';
import type { Evacuation, Server } from '../openstack/nova-schemas.ts';
import type { HostUsage } from '../openstack/usage.ts';

/** What would become of one instance if its host died now. */
export interface InstanceForecast {
  readonly id: string;
  readonly name: string;
  readonly host: string;
  readonly verdict: 'moves' | 'cannot' | 'no-room';
  /** Why not; empty where it moves. */
  readonly reason: string;
  /** `kept`: booted from a volume. `depends`: kept on shared storage, else built anew from its image. */
  readonly disk: 'kept' | 'depends';
  readonly state: 'running' | 'stopped';
}

export interface Forecast {
  readonly hosts: readonly string[];
  readonly instances: readonly InstanceForecast[];
  /** Hosts that may take them. */
  readonly destinations: readonly string[];
  /** From earlier evacuations; null: there were none. `atMost`: their sources are back, and only that is known. */
  readonly estimate: { readonly seconds: number; readonly atMost: boolean } | null;
}

/** Evacuations unfinished at a time, at least (core/policy.ts minInFlight). */
const WINDOW = 10;

/** Pure: what Nova and Placement said goes in, words come out. */
export function forecast(cloud: CloudFacts, usage: readonly HostUsage[], hosts: readonly string[]): Forecast {
  const usable = cloud.services
    .filter(
      ({ binary, state, status, forcedDown }) =>
        binary === 'nova-compute' && state === 'up' && status === 'enabled' && !forcedDown,
    )
    .map(({ host }) => host)
    .filter((host) => !hosts.includes(host));
  const affected = cloud.servers.filter(
    (server) => server.host !== null && hosts.includes(server.host) && !server.deleted,
  );
  const loss = worstLoss(
    usage.filter(({ name }) => [...usable, ...hosts].some((host) => isSame(name, host))),
    usage.map(({ name }) => name).filter((name) => hosts.some((host) => isSame(name, host))),
  );
  const instances = affected.map((server) => forecastOf(server, loss));
  const moving = instances.filter(({ verdict }) => verdict === 'moves').length;
  const usual = usualTime(cloud.evacuations);
  return {
    hosts,
    instances: instances.sort((a, b) => (a.name < b.name ? -1 : 1)),
    destinations: usable,
    estimate: usual === null ? null : { ...usual, seconds: Math.ceil(moving / WINDOW) * usual.seconds },
  };
}

/** A provider is named by the hypervisor's hostname, which may be an FQDN where the host is not. */
function isSame(provider: string, host: string): boolean {
  return provider === host || provider.split('.')[0] === host || host.split('.')[0] === provider;
}

function forecastOf(server: Server, loss: Loss): InstanceForecast {
  const why = whyNotEvacuable(server.vmState ?? 'unknown');
  const hasNoRoom = loss.left.some(({ id }) => id === server.id);
  const common = {
    id: server.id,
    name: server.name,
    host: server.host ?? '',
    disk: server.imageId === null ? ('kept' as const) : ('depends' as const),
    state: server.vmState === 'stopped' ? ('stopped' as const) : ('running' as const),
  };
  if (why !== null) return { ...common, verdict: 'cannot', reason: why };
  if (hasNoRoom) return { ...common, verdict: 'no-room', reason: 'no other host has room for it as a whole' };
  return { ...common, verdict: 'moves', reason: '' };
}

/** The median of what evacuations took. A `completed` record was changed last when its source came back. */
function usualTime(
  evacuations: readonly Evacuation[],
): { readonly seconds: number; readonly atMost: boolean } | null {
  const took = (wanted: string): number | undefined => {
    const all = evacuations
      .filter(({ status }) => status === wanted)
      .map(({ createdAt, updatedAt }) => ((updatedAt ?? createdAt) - createdAt) / 1000)
      .sort((a, b) => a - b);
    return all[Math.floor(all.length / 2)];
  };
  const done = took('done');
  const seconds = done ?? took('completed');
  return seconds === undefined
    ? null
    : { seconds: Math.max(1, Math.round(seconds)), atMost: done === undefined };
}
