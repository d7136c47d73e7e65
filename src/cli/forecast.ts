import type { DiskFate } from '../core/decision.ts';
import type { Doomed } from '../core/foresee.ts';
import { diskFate } from '../core/storage.ts';
import type { CloudFacts } from '../doctor/facts.ts';
import { type Loss, worstLoss } from '../doctor/room.ts';
import type { Evacuation } from '../openstack/nova-schemas.ts';
import type { HostUsage } from '../openstack/usage.ts';
import type { Foresight } from './foreseen.ts';

/** What would become of one instance if its host died now. */
export interface InstanceForecast {
  readonly id: string;
  readonly name: string;
  readonly host: string;
  /** `excluded`: the policy or its owner says no. `held`: a person is asked, or something can't be read. */
  readonly verdict: 'moves' | 'cannot' | 'excluded' | 'held' | 'no-room';
  /** Why not; empty where it moves. */
  readonly reason: string;
  /** Its place in the order, from 1 on; null: it is not asked for. */
  readonly place: number | null;
  /** What has to arrive before it; null: nothing. */
  readonly after: string | null;
  /** What is to be known about its place in the order; null: nothing. */
  readonly note: string | null;
  readonly disk: DiskFate;
  readonly state: 'running' | 'stopped';
}

export interface Forecast {
  readonly hosts: readonly string[];
  readonly instances: readonly InstanceForecast[];
  /** Hosts that may take them, those of them that are kept for failures with it. */
  readonly destinations: readonly string[];
  readonly reserves: readonly string[];
  /** From earlier evacuations; null: there were none. `atMost`: their sources are back, and only that is known. */
  readonly estimate: { readonly seconds: number; readonly atMost: boolean } | null;
}

/** Pure: what Nova and Placement said goes in, with what the evacuator's rules make of it; words come out. */
export function forecast(
  cloud: CloudFacts,
  usage: readonly HostUsage[],
  hosts: readonly string[],
  foresight: Foresight,
): Forecast {
  const usable = cloud.services
    .filter(
      ({ binary, state, status, forcedDown }) =>
        binary === 'nova-compute' && state === 'up' && status === 'enabled' && !forcedDown,
    )
    .map(({ host }) => host)
    .filter((host) => !hosts.includes(host))
    .concat(foresight.reserves)
    .sort();
  const loss = worstLoss(
    usageOn(usage, [...usable, ...hosts]),
    usageOn(usage, hosts).map(({ name }) => name),
  );
  const noRoom =
    usable.length === 0 ? 'no other host is up and enabled' : 'no other host has room for it as a whole';
  const instances = foresight.doomed.map((doomed) => forecastOf(doomed, foresight, loss, noRoom));
  const moving = instances.filter(({ verdict }) => verdict === 'moves').length;
  const usual = usualTime(cloud.evacuations);
  const { startInFlight } = foresight.policy.pace;
  return {
    hosts,
    instances: instances.sort(byPlace),
    destinations: usable,
    reserves: foresight.reserves,
    // The window grows while nothing speaks against it, so it takes no longer than by the first one.
    estimate:
      usual === null ? null : { ...usual, seconds: Math.ceil(moving / startInFlight) * usual.seconds },
  };
}

/** In the order in which they are asked for; what is not comes last, by name. */
function byPlace(a: InstanceForecast, b: InstanceForecast): number {
  const last = Number.POSITIVE_INFINITY;
  if (a.place !== b.place) return (a.place ?? last) - (b.place ?? last);
  return a.name < b.name ? -1 : 1;
}

/** What Placement knows of these hosts of Nova. */
export function usageOn(usage: readonly HostUsage[], hosts: readonly string[]): readonly HostUsage[] {
  return usage.filter(({ host }) => host !== null && hosts.includes(host));
}

function forecastOf(
  { server, host }: Doomed,
  { foreseen, policy }: Foresight,
  loss: Loss,
  noRoom: string,
): InstanceForecast {
  const found = foreseen.get(server.id);
  const common = {
    id: server.id,
    name: server.name,
    host,
    place: null,
    after: null,
    note: null,
    disk: diskFate(server, policy.storage),
    state: server.vmState === 'stopped' ? ('stopped' as const) : ('running' as const),
  };
  if (found === undefined) return { ...common, verdict: 'held', reason: 'nothing is known of it' };
  if (found.kind !== 'asked') return { ...common, verdict: found.kind, reason: found.reason };
  const { place, after, note } = found;
  return loss.left.some(({ id }) => id === server.id)
    ? { ...common, place, after, note, verdict: 'no-room', reason: noRoom }
    : { ...common, place, after, note, verdict: 'moves', reason: '' };
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
