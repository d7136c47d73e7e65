import type { Member } from './member.ts';
import type { ServerView } from './observation.ts';
import type { OrderPolicy } from './policy.ts';
import { ownRank } from './priority.ts';
import { compareText } from './words.ts';

const GROUP_KEYS = ['instance-ha:group', 'instanceha:restart_group'];
const AFTER_KEY = 'instance-ha:after';
const NONE: readonly string[] = [];

/** A restart group is one of a project: another project's group of the same name is another group. */
function groupOf(server: ServerView): string | null {
  for (const key of GROUP_KEYS) {
    const name = server.metadata[key];
    if (name !== undefined && name !== '') return groupKey(server, name);
  }
  return null;
}

function afterOf(server: ServerView): readonly string[] {
  const text = server.metadata[AFTER_KEY];
  if (text === undefined) return NONE;
  const names = text.split(',').map((name) => name.trim());
  return names.filter((name) => name !== '').map((name) => groupKey(server, name));
}

const groupKey = (server: ServerView, name: string): string => `${server.projectId}/${name.trim()}`;
const groupName = (key: string): string => key.slice(key.indexOf('/') + 1);

/** What an instance says of its place in the order. */
interface Place {
  readonly own: number;
  readonly group: string | null;
  /** The groups after which it comes. */
  after: readonly string[];
}

export interface RestartGroups {
  /** What counts first: of the instance, of its group, and of all that waits for that. */
  rankOf(server: ServerView): number;
  /** Why an instance has to wait for a group; null: it has not. */
  waitOf(server: ServerView): string | null;
  noteOf(server: ServerView): string | null;
}

/**
 * The restart groups among the instances at hand. A group none of whose instances is here is not waited for: its
 * instances run elsewhere, as before.
 */
export function restartGroups(members: readonly Member[], policy: OrderPolicy): RestartGroups {
  const byGroup = new Map<string, Member[]>();
  const groups = members.map((member) => {
    const group = groupOf(member.server);
    if (group === null) return group;
    const its = byGroup.get(group);
    if (its) its.push(member);
    else byGroup.set(group, [member]);
    return group;
  });
  // What comes after a group waits for one that is here, so without any there is nothing to be worked out.
  if (byGroup.size === 0)
    return { rankOf: (server) => ownRank(server, policy), waitOf: () => null, noteOf: () => null };
  const places = new Map<ServerView, Place>();
  for (const [index, { server }] of members.entries()) {
    const group = groups[index] ?? null;
    places.set(server, { own: ownRank(server, policy), group, after: afterOf(server) });
  }
  const { after, cycles } = withoutCycles(dependencies([...places.values()], byGroup));
  for (const place of places.values()) {
    const allowed = place.group === null ? byGroup : after.get(place.group);
    place.after = place.after.filter((each) => allowed?.has(each));
  }
  const ranks = groupRanks([...places.values()], byGroup.size);
  const placeOf = (server: ServerView): Place => places.get(server) ?? { own: 0, group: null, after: NONE };
  return {
    rankOf(server) {
      const { own, group } = placeOf(server);
      return Math.max(own, group === null ? 0 : (ranks.get(group) ?? 0));
    },
    waitOf(server) {
      for (const group of placeOf(server).after) {
        const wait = whyNotReady(group, byGroup.get(group) ?? [], policy);
        if (wait !== null) return wait;
      }
      return null;
    },
    noteOf(server) {
      const { group, after } = placeOf(server);
      const cycle = group === null ? undefined : cycles.get(group);
      if (cycle !== undefined) return cycle;
      for (const each of after) {
        const lost = byGroup.get(each)?.find(({ state }) => state === 'ended');
        if (lost !== undefined)
          return `goes on without ${lost.server.name} of group ${groupName(each)}, which did not arrive`;
      }
      return null;
    },
  };
}

/** After which of the groups at hand each of them comes. */
function dependencies(
  places: readonly Place[],
  byGroup: ReadonlyMap<string, unknown>,
): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>([...byGroup.keys()].map((group) => [group, new Set()]));
  for (const { group, after } of places) {
    if (group === null) continue;
    for (const each of after) if (byGroup.has(each)) graph.get(group)?.add(each);
  }
  return graph;
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
function groupRanks(places: readonly Place[], groups: number): ReadonlyMap<string, number> {
  const ranks = new Map<string, number>();
  for (const { group, own } of places)
    if (group !== null) ranks.set(group, Math.max(own, ranks.get(group) ?? 0));
  // Each round carries ranks one dependency further; without cycles there are fewer of them than groups.
  const waiting = places.filter(({ after }) => after.length > 0);
  for (let round = 0, changed = true; changed && round < groups; round++) {
    changed = false;
    for (const { own, group, after } of waiting) {
      const rank = Math.max(own, group === null ? 0 : (ranks.get(group) ?? 0));
      for (const needed of after) {
        if ((ranks.get(needed) ?? 0) >= rank) continue;
        ranks.set(needed, rank);
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
