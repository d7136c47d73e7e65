import type { HostName, ServerId } from './names.ts';
import type { Maybe, ServerGroupView, ServerView } from './observation.ts';
import type { OrderPolicy } from './policy.ts';
import { hasHaEnabled } from './selection.ts';

/** An instance as the order sees it. */
export interface Member {
  readonly server: ServerView;
  /** The host that it is evacuated from. */
  readonly host: HostName;
  readonly state: /** May be asked for now. */
    | 'ready'
    /** Asked for, and not known to be over. */
    | 'in-flight'
    /** Neither: it waits for something of its own. */
    | 'waiting'
    | 'arrived'
    /** It ended otherwise: failed, not selected, deleted, ... */
    | 'ended';
  /** Nova's clock when it arrived; null: not known, or not by an evacuation. */
  readonly arrivedAt: number | null;
  /** What Nova's clock shows now, as far as this host's looks tell. */
  readonly novaNow: number;
}

export interface Plan {
  /** Those that may be asked for, first to last. */
  readonly order: readonly Member[];
  /** Those that are ready by themselves, but have to wait for others: why. */
  readonly held: ReadonlyMap<ServerId, string>;
  /** What is to be known about an instance's place in the order. */
  readonly notes: ReadonlyMap<ServerId, string>;
}

const PRIORITY_KEYS = ['instance-ha:priority', 'instanceha:restart_priority'];
const GROUP_KEYS = ['instance-ha:group', 'instanceha:restart_group'];
const AFTER_KEY = 'instance-ha:after';
const MIN_PRIORITY = 1;
const MAX_PRIORITY = 1000;

/** The priority that an instance names, within 1 to 1000; the default where it names none, or no number. */
export function priorityOf(server: ServerView, policy: OrderPolicy): number {
  const text = PRIORITY_KEYS.map((key) => server.metadata[key]).find((each) => each !== undefined);
  if (text === undefined || !/^\s*\d{1,9}\s*$/.test(text)) return policy.defaultPriority;
  return Math.min(MAX_PRIORITY, Math.max(MIN_PRIORITY, Number(text)));
}

/** A restart group is one of a project: another project's group of the same name is another group. */
function groupOf(server: ServerView): string | null {
  const name = GROUP_KEYS.map((key) => server.metadata[key]).find(
    (each) => each !== undefined && each !== '',
  );
  return name === undefined ? null : groupKey(server, name);
}

function afterOf(server: ServerView): readonly string[] {
  const names = (server.metadata[AFTER_KEY] ?? '').split(',').map((name) => name.trim());
  return names.filter((name) => name !== '').map((name) => groupKey(server, name));
}

const groupKey = (server: ServerView, name: string): string => `${server.projectId}/${name.trim()}`;
const groupName = (key: string): string => key.slice(key.indexOf('/') + 1);

/**
 * Who is asked for in which order, and who has to wait for whom.
 *
 * The order is total: `HA_Enabled` (if the policy says so), priority, then hosts in turn, so that a large one
 * does not keep the others waiting, then name and id. A restart group has the highest priority in it, and
 * whatever comes after a group lends it its own. Instances of one rank do not wait for each other.
 */
export function plan(
  members: readonly Member[],
  groups: Maybe<readonly ServerGroupView[]>,
  policy: OrderPolicy,
): Plan {
  const restart = restartGroups(members, policy);
  const ranked = rank(members, restart, policy);
  const held = new Map<ServerId, string>();
  const notes = new Map<ServerId, string>();
  const busy = busyServerGroups(members, groups);
  const order: Member[] = [];
  const highestOpen = ranked.find(({ member }) => member.state !== 'arrived' && member.state !== 'ended');
  for (const { member, rank } of ranked) {
    if (member.state !== 'ready') continue;
    const { id } = member.server;
    const note = restart.noteOf(member.server);
    if (note !== null) notes.set(id, note);
    const higher = policy.waitForHigherRanks && highestOpen !== undefined && highestOpen.rank > rank;
    const wait =
      restart.waitOf(member.server) ??
      (higher ? 'waiting for instances of higher priority' : null) ??
      busy.claim(id);
    if (wait === null) order.push(member);
    else held.set(id, wait);
  }
  return { order, held, notes };
}

interface Ranked {
  readonly member: Member;
  readonly rank: number;
}

function rank(members: readonly Member[], restart: RestartGroups, policy: OrderPolicy): readonly Ranked[] {
  const ranked = members.map((member) => ({ member, rank: rankOf(member.server, restart, policy) }));
  ranked.sort((a, b) => b.rank - a.rank || compareMembers(a.member, b.member));
  // Among equals each host's first goes before any host's second.
  const turns = new Map<string, number>();
  const withTurns = ranked.map((each) => {
    const key = `${each.rank} ${each.member.host}`;
    const turn = turns.get(key) ?? 0;
    turns.set(key, turn + 1);
    return { ...each, turn };
  });
  return withTurns.sort(
    (a, b) =>
      b.rank - a.rank ||
      a.turn - b.turn ||
      compareText(a.member.host, b.member.host) ||
      compareMembers(a.member, b.member),
  );
}

/** One number for what counts first: `HA_Enabled`, then the priority. */
function rankOf(server: ServerView, restart: RestartGroups, policy: OrderPolicy): number {
  const group = groupOf(server);
  const own = ownRank(server, policy);
  return group === null ? own : Math.max(own, restart.rankOf(group));
}

function ownRank(server: ServerView, policy: OrderPolicy): number {
  const first = policy.haEnabledFirst && hasHaEnabled(server) ? MAX_PRIORITY + 1 : 0;
  return first + priorityOf(server, policy);
}

function compareMembers(a: Member, b: Member): number {
  return compareText(a.server.name, b.server.name) || compareText(a.server.id, b.server.id);
}

/** Order by code unit, the same under every locale. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

interface RestartGroups {
  rankOf(group: string): number;
  /** Why an instance has to wait for a group; null: it has not. */
  waitOf(server: ServerView): string | null;
  noteOf(server: ServerView): string | null;
}

/**
 * The restart groups among the instances at hand. A group none of whose instances is here is not waited for: its
 * instances run elsewhere, as before.
 */
function restartGroups(members: readonly Member[], policy: OrderPolicy): RestartGroups {
  const byGroup = new Map<string, Member[]>();
  for (const member of members) {
    const group = groupOf(member.server);
    if (group !== null) byGroup.set(group, [...(byGroup.get(group) ?? []), member]);
  }
  const { after, cycles } = withoutCycles(dependencies(byGroup));
  const dependsOn = (server: ServerView): readonly string[] => {
    const group = groupOf(server);
    const named = afterOf(server).filter((each) => byGroup.has(each));
    return group === null ? named : named.filter((each) => after.get(group)?.has(each));
  };
  const ranks = groupRanks(members, byGroup, dependsOn, policy);
  return {
    rankOf: (group) => ranks.get(group) ?? 0,
    waitOf(server) {
      for (const group of dependsOn(server)) {
        const wait = whyNotReady(group, byGroup.get(group) ?? [], policy);
        if (wait !== null) return wait;
      }
      return null;
    },
    noteOf(server) {
      const group = groupOf(server);
      const cycle = group === null ? undefined : cycles.get(group);
      if (cycle !== undefined) return cycle;
      for (const each of dependsOn(server)) {
        const lost = byGroup.get(each)?.find(({ state }) => state === 'ended');
        if (lost !== undefined)
          return `goes on without ${lost.server.name} of group ${groupName(each)}, which did not arrive`;
      }
      return null;
    },
  };
}

function dependencies(byGroup: ReadonlyMap<string, readonly Member[]>): Map<string, Set<string>> {
  const after = new Map<string, Set<string>>();
  for (const [group, members] of byGroup) {
    after.set(
      group,
      new Set(members.flatMap(({ server }) => afterOf(server)).filter((each) => byGroup.has(each))),
    );
  }
  return after;
}

/**
 * Takes out the dependencies that close a cycle. Groups and dependencies are walked in the order of their names,
 * so that the same one is taken out each time, whoever decides.
 */
function withoutCycles(graph: ReadonlyMap<string, ReadonlySet<string>>): {
  readonly after: ReadonlyMap<string, ReadonlySet<string>>;
  readonly cycles: ReadonlyMap<string, string>;
} {
  const after = new Map([...graph.keys()].map((group) => [group, new Set<string>()]));
  const cycles = new Map<string, string>();
  const done = new Set<string>();
  const visit = (group: string, path: readonly string[]): void => {
    for (const next of [...(graph.get(group) ?? [])].sort(compareText)) {
      const start = path.indexOf(next);
      if (start >= 0) {
        const circle = [...path.slice(start), next].map(groupName).join(' after ');
        cycles.set(
          group,
          `its group does not wait for ${groupName(next)}: the dependencies go in a circle (${circle})`,
        );
        continue;
      }
      after.get(group)?.add(next);
      if (!done.has(next)) visit(next, [...path, next]);
    }
    done.add(group);
  };
  for (const group of [...graph.keys()].sort(compareText)) if (!done.has(group)) visit(group, [group]);
  return { after, cycles };
}

/** What waits for a group lends it its rank: otherwise the low would hold up the high. */
function groupRanks(
  members: readonly Member[],
  byGroup: ReadonlyMap<string, readonly Member[]>,
  dependsOn: (server: ServerView) => readonly string[],
  policy: OrderPolicy,
): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>();
  for (const [group, its] of byGroup)
    ranks.set(group, Math.max(...its.map((m) => ownRank(m.server, policy))));
  // Each round carries ranks one dependency further; without cycles there are fewer of them than groups.
  for (let round = 0, changed = true; changed && round < byGroup.size; round++) {
    changed = false;
    for (const { server } of members) {
      const group = groupOf(server);
      const own = Math.max(ownRank(server, policy), group === null ? 0 : (ranks.get(group) ?? 0));
      for (const needed of dependsOn(server)) {
        if ((ranks.get(needed) ?? 0) >= own) continue;
        ranks.set(needed, own);
        changed = true;
      }
    }
  }
  return ranks;
}

/**
 * Why what comes after a group may not begin yet. Members that ended without arriving are not waited for. The text
 * has no numbers: it is logged when it changes, once for each instance that waits.
 */
function whyNotReady(group: string, members: readonly Member[], policy: OrderPolicy): string | null {
  const name = groupName(group);
  if (members.some(({ state }) => state !== 'arrived' && state !== 'ended')) {
    return `waiting for group ${name} to arrive`;
  }
  const isYoung = ({ server, arrivedAt, novaNow, state }: Member): boolean =>
    state === 'arrived' &&
    server.vmState === 'active' &&
    arrivedAt !== null &&
    novaNow - arrivedAt < policy.readyMs;
  return members.some(isYoung)
    ? `waiting for group ${name} to be ACTIVE for ${policy.readyMs / 1000} s`
    : null;
}

interface BusyServerGroups {
  /** Takes an instance's turn in its server groups; why it can't have it now, or null. */
  claim(server: ServerId): string | null;
}

/**
 * At most one member of a server group is in flight. Nova checks the hard policies late, on the destination
 * (`nova/compute/manager.py` _validate_instance_group_policy), and does not reschedule an evacuation that fails
 * there. The soft ones only weigh: nothing fails by them. While the groups can't be read, any two instances may
 * be of one group.
 */
function busyServerGroups(
  members: readonly Member[],
  groups: Maybe<readonly ServerGroupView[]>,
): BusyServerGroups {
  const groupsOf = new Map<ServerId, string[]>();
  const hard = groups.known ? groups.value.filter(({ policy }) => !policy.startsWith('soft-')) : [];
  for (const group of hard) {
    for (const id of group.members) groupsOf.set(id, [...(groupsOf.get(id) ?? []), group.id]);
  }
  const of = (id: ServerId): readonly string[] => (groups.known ? (groupsOf.get(id) ?? []) : ['any']);
  const taken = new Set<string>();
  const take = (id: ServerId): void => {
    for (const group of of(id)) taken.add(group);
  };
  for (const { server, state } of members) if (state === 'in-flight') take(server.id);
  return {
    claim(id) {
      if (of(id).some((group) => taken.has(group))) {
        return groups.known
          ? 'waiting for another member of its server group: one at a time'
          : `one instance at a time, because the server groups can't be read: ${groups.reason}`;
      }
      take(id);
      return null;
    },
  };
}
