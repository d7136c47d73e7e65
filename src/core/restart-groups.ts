import type { Member } from './member.ts';
import type { ServerView } from './observation.ts';
import type { OrderPolicy } from './policy.ts';
import { ownRank } from './priority.ts';
import { compareText } from './words.ts';

const GROUP_KEYS = ['instance-ha:group', 'instanceha:restart_group'];
const AFTER_KEY = 'instance-ha:after';

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
    rankOf(server) {
      const group = groupOf(server);
      return Math.max(ownRank(server, policy), group === null ? 0 : (ranks.get(group) ?? 0));
    },
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
