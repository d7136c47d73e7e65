import type { Draft } from './draft.ts';
import type { HostName } from './names.ts';

/** What changes a host in Nova: its compute service, or the aggregates that it is in. */
const CHANGES = ['force-down', 'clear-forced-down', 'enable', 'disable', 'join-aggregate', 'leave-aggregate'];

/**
 * Whether a request to change a host may take effect after `seenAt`, when it was last seen how the host is: one that has no
 * answer yet, or was given up without one. `isHeir`: an evacuator before this one may have asked as well, and of its requests
 * nothing is known but that it sends no more.
 */
export function mayStillChange(
  { observation, policy }: Draft,
  host: HostName,
  seenAt: number,
  isHeir: boolean,
): boolean {
  const { commands, ownerSince, unansweredChanges } = observation;
  const { takeoverSettleMs, requestSettleMs } = policy.timing;
  if (isHeir && seenAt < ownerSince + takeoverSettleMs) return true;
  if (CHANGES.some((kind) => commands.get(`${kind}:${host}`)?.state === 'pending')) return true;
  const at = unansweredChanges.get(host);
  return at !== undefined && seenAt < at + requestSettleMs;
}
