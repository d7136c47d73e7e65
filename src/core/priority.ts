import type { ServerView } from './observation.ts';
import type { OrderPolicy } from './policy.ts';
import { hasHaEnabled } from './selection.ts';

const PRIORITY_KEYS = ['instance-ha:priority', 'instanceha:restart_priority'];
const MIN_PRIORITY = 1;
const MAX_PRIORITY = 1000;

/** The priority that an instance names, within 1 to 1000; the default where it names none, or no number. */
export function priorityOf(server: ServerView, policy: OrderPolicy): number {
  const key = PRIORITY_KEYS.find((each) => server.metadata[each] !== undefined);
  const text = key === undefined ? undefined : server.metadata[key];
  if (text === undefined || !/^\s*\d{1,9}\s*$/.test(text)) return policy.defaultPriority;
  return Math.min(MAX_PRIORITY, Math.max(MIN_PRIORITY, Number(text)));
}

/** One number for what counts first of an instance by itself: `HA_Enabled`, then the priority. */
export function ownRank(server: ServerView, policy: OrderPolicy): number {
  const first = policy.haEnabledFirst && hasHaEnabled(server) ? MAX_PRIORITY + 1 : 0;
  return first + priorityOf(server, policy);
}
