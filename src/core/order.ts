import type { Member } from './member.ts';
import type { ServerId } from './names.ts';
import type { Maybe, ServerGroupView } from './observation.ts';
import type { OrderPolicy } from './policy.ts';
import { type RestartGroups, restartGroups } from './restart-groups.ts';
import { busyServerGroups } from './server-groups.ts';
import { compareText } from './words.ts';

export interface Plan {
  /** Those that may be asked for, first to last. */
  readonly order: readonly Member[];
  /** Those that are ready by themselves, but have to wait for others: why. */
  readonly held: ReadonlyMap<ServerId, string>;
  /** What is to be known about an instance's place in the order. */
  readonly notes: ReadonlyMap<ServerId, string>;
}

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
  const held = new Map<ServerId, string>();
  const notes = new Map<ServerId, string>();
  // Most steps only wait for what is under way.
  if (!members.some(({ state }) => state === 'ready')) return { order: [], held, notes };
  const restart = restartGroups(members, policy);
  const ranked = rank(members, restart);
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

function rank(members: readonly Member[], restart: RestartGroups): readonly Ranked[] {
  const ranked = members.map((member) => ({ member, rank: restart.rankOf(member.server) }));
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

function compareMembers(a: Member, b: Member): number {
  return compareText(a.server.name, b.server.name) || compareText(a.server.id, b.server.id);
}
