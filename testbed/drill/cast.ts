/** Which servers a drill makes on the host that is going to fail. Pure. */

export type Role = 'active' | 'shutoff' | 'locked' | 'locked-shutoff' | 'error' | 'paused';

export interface Member {
  readonly name: string;
  readonly role: Role;
  readonly floating: boolean;
}

/** Servers with a floating address. */
const FLOATING = 2;
/** From this size on every role is taken. */
const FULL_CAST = 6;
/** Of so many servers one is stopped. */
const ONE_SHUTOFF_OF = 6;

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
    return { name: `drill-${role}-${number}`, role, floating: index < FLOATING };
  });
}

/** Nova refuses to evacuate a paused instance (409): the only role that has to stay. */
export const isEvacuable = (role: Role): boolean => role !== 'paused';

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
    default:
      return role satisfies never;
  }
}

export const isLocked = (role: Role): boolean => role === 'locked' || role === 'locked-shutoff';
