/** Which servers a drill makes on the hosts that are going to fail. Pure. */

export type Role = 'active' | 'shutoff' | 'locked' | 'locked-shutoff' | 'error' | 'paused' | 'unplaceable';

/** A server group that a drill makes; its members are on the hosts that fail, or controls. */
export interface Group {
  readonly name: string;
  readonly policy: 'anti-affinity';
  /** Without it Nova lets one member be on a host. */
  readonly membersAHost: number;
}

export interface Member {
  readonly name: string;
  readonly role: Role;
  readonly floating: boolean;
  /** Which of the failing hosts it is on. */
  readonly on: number;
  readonly metadata: Readonly<Record<string, string>>;
  readonly group: Group | null;
}

/** Servers with a floating address. */
const FLOATING = 2;
/** From this size on every role is taken. */
const FULL_CAST = 6;
/** Of so many servers one is stopped. */
const ONE_SHUTOFF_OF = 6;

const plain = { on: 0, floating: false, metadata: {}, group: null } as const;

/** The servers of a drill with `count` of them: 12 gives 6 active, 2 stopped, 2 locked, 1 in ERROR, 1 paused. */
export function castOf(count: number): readonly Member[] {
  const roles: Role[] = [];
  if (count >= FULL_CAST) {
    roles.push('locked', 'locked-shutoff', 'error', 'paused');
    const shutoff = Math.max(1, Math.floor(count / ONE_SHUTOFF_OF));
    for (let n = 0; n < shutoff; n += 1) roles.push('shutoff');
  } else if (count > 2) {
    roles.push(...(['shutoff', 'paused', 'locked'] as const).slice(0, count - 2));
  }
  const active = Array.from({ length: count - roles.length }, (): Role => 'active');
  const numbers = new Map<Role, number>();
  return [...active, ...roles].map((role, index) => {
    const number = (numbers.get(role) ?? 0) + 1;
    numbers.set(role, number);
    return { ...plain, name: `drill-${role}-${number}`, role, floating: index < FLOATING };
  });
}

/** Of so many servers one is on the second host, when two hosts fail together. */
const ONE_ON_SECOND_OF = 3;

/** The same cast on two hosts that fail. */
export const castOnTwo = (count: number): readonly Member[] =>
  castOf(count).map((member, index) => ({
    ...member,
    on: index % ONE_ON_SECOND_OF === ONE_ON_SECOND_OF - 1 ? 1 : 0,
  }));

/** The same cast, and one that is already where the others may go. */
export const castWithNeighbour = (count: number): readonly Member[] => [
  ...castOf(count),
  { ...plain, name: 'drill-neighbour', role: 'active', on: 1 },
];

/** Members of one group on one host: to evacuate two at a time would break its policy in the end, or be refused. */
export const SPREAD: Group = { name: 'drill-spread', policy: 'anti-affinity', membersAHost: 4 };
/** A group with a member on each host: there is no place for the one whose host has failed. */
export const APART: Group = { name: 'drill-apart', policy: 'anti-affinity', membersAHost: 1 };

/** What an instance has by its metadata in the scenario about the order: names begin with `drill-NAME-`. */
export const ORDERED = {
  first: { 'instance-ha:priority': '900' },
  last: { 'instance-ha:priority': '100' },
  base: { 'instance-ha:group': 'base' },
  upon: { 'instance-ha:after': 'base' },
} as const;
export type Rank = keyof typeof ORDERED;
const RANK_SIZES: Readonly<Record<Rank, number>> = { first: 4, last: 4, base: 2, upon: 3 };
/** The fewest servers with which all of it can be seen, and some that are nothing special. */
export const MIN_ORDERED = 24;

/** The rank that a server's name tells, or null. */
export const rankOf = (name: string): Rank | null =>
  (Object.keys(ORDERED) as Rank[]).find((rank) => name.startsWith(`drill-${rank}-`)) ?? null;
export const isSpread = (name: string): boolean => name.startsWith(`${SPREAD.name}-`);

/** Priorities, a dependency, a server group, one that can't be placed; the others are the usual cast. */
export function castInOrder(count: number): readonly Member[] {
  const named = (prefix: string, size: number, more: Partial<Member>): Member[] =>
    Array.from({ length: size }, (_, n) => ({
      ...plain,
      name: `${prefix}-${n + 1}`,
      role: 'active' as const,
      ...more,
    }));
  // Nova's own order, and the alphabet's, is another one: it must not help.
  const special = [
    ...named('drill-last', RANK_SIZES.last, { metadata: ORDERED.last }),
    ...named('drill-upon', RANK_SIZES.upon, { metadata: ORDERED.upon }),
    ...named(SPREAD.name, SPREAD.membersAHost, { group: SPREAD }),
    ...named('drill-unplaceable', 1, { role: 'unplaceable', group: APART }),
    ...named('drill-base', RANK_SIZES.base, { metadata: ORDERED.base }),
    ...named('drill-first', RANK_SIZES.first, { metadata: ORDERED.first }),
  ];
  const usual = castOf(Math.max(MIN_ORDERED, count) - special.length);
  const half = Math.floor(special.length / 2);
  return [...special.slice(0, half), ...usual, ...special.slice(half)];
}

/** Whether it has to be on another host in the end. Nova refuses a paused instance (409), and has no place for an unplaceable one. */
export const hasToMove = (role: Role): boolean => role !== 'paused' && role !== 'unplaceable';

/** `vm_state` that a server of this role has before the failure, and after it. Nova makes ERROR to ACTIVE. */
export function expectedStates(role: Role): { readonly before: string; readonly after: string } {
  switch (role) {
    case 'active':
    case 'locked':
      return { before: 'active', after: 'active' };
    case 'shutoff':
    case 'locked-shutoff':
      return { before: 'stopped', after: 'stopped' };
    case 'error':
      return { before: 'error', after: 'active' };
    case 'paused':
      return { before: 'paused', after: 'paused' };
    case 'unplaceable':
      return { before: 'active', after: 'error' };
    default:
      return role satisfies never;
  }
}

export const isLocked = (role: Role): boolean => role === 'locked' || role === 'locked-shutoff';
