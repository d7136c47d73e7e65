import type { Member } from './member.ts';
import type { ServerId } from './names.ts';
import type { Maybe, ServerGroupView } from './observation.ts';

export interface BusyServerGroups {
  /** Takes an instance's turn in its server groups; why it can't have it now, or null. */
  claim(server: ServerId): string | null;
}

/**
 * At most one member of a server group is in flight. Nova checks the hard policies late, on the destination
 * (`nova/compute/manager.py` _validate_instance_group_policy), and does not reschedule an evacuation that fails
 * there. The soft ones only weigh: nothing fails by them. While the groups can't be read, any two instances may
 * be of one group. `elsewhere`: what is in flight besides the members.
 */
export function busyServerGroups(
  members: readonly Member[],
  groups: Maybe<readonly ServerGroupView[]>,
  elsewhere: readonly ServerId[],
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
  for (const id of elsewhere) take(id);
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
