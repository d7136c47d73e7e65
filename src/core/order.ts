import type { Member } from './member.ts';
import type { HostName, ServerId } from './names.ts';
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
 * whatever comes after a group lends it its own. Instances of one rank do not wait for each other. `elsewhere`: what is in
 * flight besides the members.
 */
export function plan(
  members: readonly Member[],
  groups: Maybe<readonly ServerGroupView[]>,
  policy: OrderPolicy,
  elsewhere: readonly ServerId[] = [],
): Plan {
  const held = new Map<ServerId, string>();
  const notes = new Map<ServerId, string>();
  // Most steps only wait for what is under way.
  if (!members.some(({ state }) => state === 'ready')) return { order: [], held, notes };
  const restart = restartGroups(members, policy);
  const { ready, highestOpen } = rank(members, restart);
  const busy = busyServerGroups(members, groups, elsewhere);
  const order: Member[] = [];
  for (const { member, rank } of ready) {
    const { id } = member.server;
    const note = restart.noteOf(member.server);
    if (note !== null) notes.set(id, note);
    const higher = policy.waitForHigherRanks && highestOpen > rank;
    const wait =
      restart.waitOf(member.server) ??
      (higher ? 'waiting for instances of higher priority' : null) ??
      busy.claim(id);
    if (wait === null) order.push(member);
    else held.set(id, wait);
  }
  return { order, held, notes };
}

/** The notes of a plan alone, for a step in which nobody is asked for whatever the order. */
export function notesOf(members: readonly Member[], policy: OrderPolicy): ReadonlyMap<ServerId, string> {
  const notes = new Map<ServerId, string>();
  if (!members.some(({ state }) => state === 'ready')) return notes;
  const restart = restartGroups(members, policy);
  for (const { server, state } of members) {
    const note = state === 'ready' ? restart.noteOf(server) : null;
    if (note !== null) notes.set(server.id, note);
  }
  return notes;
}

interface Ranked {
  readonly member: Member;
  readonly rank: number;
  /** Which of its host's it is, among those of its rank. */
  readonly turn: number;
}

/** Those that are ready, in their order, and the highest rank of which anybody is still to arrive. */
function rank(
  members: readonly Member[],
  restart: RestartGroups,
): { readonly ready: readonly Ranked[]; readonly highestOpen: number } {
  const ready: Ranked[] = [];
  let highestOpen = Number.NEGATIVE_INFINITY;
  // Among equals each host's first goes before any host's second.
  const turns = new Map<HostName, Map<number, number>>();
  for (const member of [...members].sort(compareMembers)) {
    const rank = restart.rankOf(member.server);
    const its = turns.get(member.host) ?? new Map<number, number>();
    const turn = its.get(rank) ?? 0;
    turns.set(member.host, its.set(rank, turn + 1));
    if (member.state !== 'arrived' && member.state !== 'ended') highestOpen = Math.max(highestOpen, rank);
    if (member.state === 'ready') ready.push({ member, rank, turn });
  }
  ready.sort((a, b) => b.rank - a.rank || a.turn - b.turn || compareText(a.member.host, b.member.host));
  return { ready, highestOpen };
}

function compareMembers(a: Member, b: Member): number {
  return compareText(a.server.name, b.server.name) || compareText(a.server.id, b.server.id);
}
