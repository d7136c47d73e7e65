import type { Draft } from './draft.ts';
import type { HostName, NodeName } from './names.ts';

/** What changes a host in Nova: its compute service, or the aggregates that it is in. */
const CHANGES = ['force-down', 'clear-forced-down', 'enable', 'disable', 'join-aggregate', 'leave-aggregate'];

/**
 * Whether a request to change a host may take effect after `seenAt`, when it was last seen how the host is: one that has no
 * answer yet, or was given up without one. Of those of an evacuator before this one nothing is known but that it sends no more;
 * there are none where it left no record of `node`, for which they would be.
 */
export function mayStillChange(
  { observation, policy }: Draft,
  host: HostName,
  node: NodeName,
  seenAt: number,
): boolean {
  const { commands, inherited, ownerSince, unansweredChanges } = observation;
  const { takeoverSettleMs, requestSettleMs } = policy.timing;
  if (inherited.has(node) && seenAt < ownerSince + takeoverSettleMs) return true;
  if (CHANGES.some((kind) => commands.get(`${kind}:${host}`)?.state === 'pending')) return true;
  const at = unansweredChanges.get(host);
  return at !== undefined && seenAt < at + requestSettleMs;
}
