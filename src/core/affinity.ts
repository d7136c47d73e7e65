import { type Draft, wakeWithin } from './draft.ts';
import type { HostName, ServerId } from './names.ts';
import type { ClusterView, Maybe, Observation, ServerGroupView, ServerView } from './observation.ts';
import { ADMITTED, type Admission } from './selection.ts';
import { failedHosts } from './thresholds.ts';
import { listNames } from './words.ts';

/**
 * Whether Nova could place an instance anywhere, as far as a server group with the policy `affinity` decides that.
 *
 * The scheduler admits only hosts on which members of the group are (nova/scheduler/filters/affinity_filter.py
 * _GroupAffinityFilter), the instance's own among them (nova/scheduler/utils.py _get_group_details), and an evacuation
 * leaves that one out (nova/conductor/manager.py rebuild_instance, ignore_hosts). So where no member is on another host
 * that can be chosen, each request ends without a valid host, and the instance in ERROR (nova/tests/functional/
 * test_server_group.py test_evacuate_with_affinity_no_valid_host). `soft-affinity` only weighs. Groups that can't be
 * read are no groups here.
 */
export function affinityRule(
  draft: Draft,
  cluster: ClusterView,
): (server: ServerView, source: HostName) => Admission {
  const groups = strictGroups(draft.observation.facts.serverGroups.value);
  if (groups.size === 0) return () => ADMITTED;
  const places = placesSeen(draft.observation);
  const choosable = choosableHosts(draft, cluster);
  return ({ id }, source) => {
    const group = groups.get(id);
    if (group === undefined) return ADMITTED;
    const others = group.members.filter((member) => member !== id);
    const { elsewhere, before, unlisted, unknown } = placesOf(draft, places, others, source);
    // Who is elsewhere may be deleted, or move, meanwhile.
    lookFor(draft, unlisted);
    const isJoinable = (hosts: ReadonlySet<HostName>): boolean =>
      [...hosts].some((host) => choosable.has(host));
    if (isJoinable(elsewhere)) return ADMITTED;
    if (unknown !== null) return { kind: 'held', reason: unknown };
    if (isJoinable(before)) return { kind: 'held', reason: sayUnknown(undefined) };
    return { kind: 'cannot', reason: sayWhy(group, id, source, new Set([...elsewhere, ...before])) };
  };
}

/** Whether an instance may go only where members of its server group are: naming another host would be in vain. */
export function isBound(groups: Maybe<readonly ServerGroupView[]>, server: ServerId): boolean {
  return strictGroups(groups).has(server);
}

/** The groups whose policy is `affinity`, by their members: Nova has a server in one group at most. */
export function strictGroups(
  groups: Maybe<readonly ServerGroupView[]>,
): ReadonlyMap<ServerId, ServerGroupView> {
  const found = new Map<ServerId, ServerGroupView>();
  for (const group of groups.known ? groups.value : [])
    if (group.policy === 'affinity') for (const member of group.members) found.set(member, group);
  return found;
}

/** Where servers are, by what was listed of the hosts that are evacuated: one that has moved from one to another is in both lists. */
function placesSeen({ hosts }: Observation): ReadonlyMap<ServerId, readonly HostName[]> {
  const places = new Map<ServerId, HostName[]>();
  for (const { servers } of hosts.values())
    for (const { id, host, deleted } of servers) {
      const its = places.get(id) ?? [];
      if (host !== null && !deleted) its.push(host);
      places.set(id, its);
    }
  return places;
}

/** Hosts that the scheduler can choose. One whose cell does not answer is unknown, and unknown is not down. */
function choosableHosts(draft: Draft, cluster: ClusterView): ReadonlySet<HostName> {
  const { services } = draft.observation;
  if (!services.known) return new Set();
  const failed = failedHosts(draft, cluster, services.value);
  const choosable = services.value.filter(
    ({ host, state, status, forcedDown }) =>
      state !== 'down' && status === 'enabled' && !forcedDown && !failed.has(host),
  );
  return new Set(choosable.map(({ host }) => host));
}

interface Places {
  /** Hosts beside the source. */
  readonly elsewhere: ReadonlySet<HostName>;
  /** Those where one was that nobody has asked after for long: nobody is asked for by that. */
  readonly before: ReadonlySet<HostName>;
  /** Those of which no list tells. */
  readonly unlisted: readonly ServerId[];
  /** Why it is not known where one of them is; null: it is of all. */
  readonly unknown: string | null;
}

/**
 * Where members of a group are, by the lists and by what was asked besides: that is asked anew from time to time while no list
 * has them, and what was heard before one had them is old.
 */
function placesOf(
  { observation: { whereabouts, mono }, policy: { timing } }: Draft,
  listed: ReadonlyMap<ServerId, readonly HostName[]>,
  members: readonly ServerId[],
  source: HostName,
): Places {
  const elsewhere = new Set<HostName>();
  const before = new Set<HostName>();
  const unlisted: ServerId[] = [];
  let unknown: string | null = null;
  for (const member of members) {
    const hosts = listed.get(member);
    for (const host of hosts ?? []) elsewhere.add(host);
    if (hosts !== undefined) continue;
    unlisted.push(member);
    const fact = whereabouts.get(member);
    if (fact?.value.known !== true) unknown ??= sayUnknown(fact?.value.reason);
    else if (fact.value.value !== null)
      (mono - fact.mono > 2 * timing.slowMs ? before : elsewhere).add(fact.value.value);
  }
  for (const hosts of [elsewhere, before]) hosts.delete(source);
  return { elsewhere, before, unlisted, unknown };
}

/** Members of which it is asked in one step where they are: one that can be joined will do. */
const MEMBERS_PER_LOOK = 20;

/** Asks where servers are: those of which it is not known, after a pause where that has failed, and the others from time to time. */
function lookFor(draft: Draft, servers: readonly ServerId[]): void {
  const { mono, whereabouts } = draft.observation;
  const { slowMs, lookRetryMs } = draft.policy.timing;
  for (const server of servers) {
    const fact = whereabouts.get(server);
    const waitMs = fact === undefined ? 0 : fact.mono + (fact.value.known ? slowMs : lookRetryMs) - mono;
    const isDue = waitMs <= 0 && draft.whereabouts.size < MEMBERS_PER_LOOK;
    if (isDue) draft.whereabouts.add(server);
    wakeWithin(draft, Math.max(0, waitMs));
  }
}

function sayUnknown(reason: string | undefined): string {
  const what = 'where the other members of its server group are';
  return reason === undefined
    ? `looking ${what}: its policy affinity lets it go there alone`
    : `${what} can’t be read, and its policy affinity lets it go there alone: ${reason}`;
}

/**
 * A group can't be changed, nor a server taken out of it; one that is deleted restricts nobody any more (nova/objects/request_spec.py
 * _from_db_object, "Instance group may have been deleted").
 */
function sayWhy(
  { id: group }: ServerGroupView,
  server: ServerId,
  source: HostName,
  elsewhere: ReadonlySet<HostName>,
): string {
  const others =
    elsewhere.size === 0
      ? `no member of it is on another host than ${source}`
      : `its other members are on ${listNames([...elsewhere].sort())}, which Nova can’t choose now (down, or disabled)`;
  return `its server group ${group} has the policy affinity, and ${others}: Nova would find no valid host for it and leave it in ERROR. It comes back with its host. To have it elsewhere before that the group has to go, and with it this rule for all its members: openstack server group delete ${group}, then openstack server evacuate ${server}`;
}
