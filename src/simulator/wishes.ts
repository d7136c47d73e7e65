import { DEFAULT_POLICY } from '../core/policy.ts';
import type { InstanceSpec } from '../world/model.ts';
import type { Row } from './dice.ts';
import type { PolicyChange } from './plan.ts';

/** Instances in a large cluster. */
const MANY = 30;

/** What operators have set otherwise than the defaults: most nothing, some a section or two. */
export function policyFrom(row: Row, instances: readonly InstanceSpec[]): PolicyChange {
  if (row.chance(0.7)) return {};
  // One at a time takes longer than the liveness phase where there are hundreds.
  const fewest = instances.length > MANY ? 8 : 1;
  const { order, pace, gates, retry, delays } = DEFAULT_POLICY;
  return {
    ...(row.chance(0.4)
      ? { order: { ...order, waitForHigherRanks: row.chance(0.5), readyMs: row.pick([0, 5_000, 30_000]) } }
      : {}),
    ...(row.chance(0.4)
      ? {
          pace: {
            ...pace,
            staggerMs: row.pick([0, 700, 3_000]),
            maxInFlight: row.pick([fewest, 2 * fewest, 64]),
            maxInFlightPerHost: row.pick([fewest, 3 * fewest, 64]),
          },
        }
      : {}),
    ...(row.chance(0.4)
      ? {
          gates: {
            ...gates,
            maxFailedHosts: row.pick([0, 1, 2]),
            startsPerInterval: row.pick([1, 10]),
            quarantineIncidents: row.pick([0, 1, 2]),
          },
        }
      : {}),
    ...(row.chance(0.3) ? { retry: { ...retry, maxAttempts: row.pick([1, 5]) } } : {}),
    ...(row.chance(0.3) ? { delays: { ...delays, evacuateDelayMs: row.pick([2_000, 20_000]) } } : {}),
  };
}

const GROUPS = ['database', 'web', 'batch'] as const;

/** What instances say of themselves: priorities, restart groups and what they come after, in a part of the seeds. */
export function withWishes(row: Row, instances: readonly InstanceSpec[]): readonly InstanceSpec[] {
  if (row.chance(0.8)) return instances;
  return instances.map((instance) => {
    const metadata: Record<string, string> = {};
    if (row.chance(0.3)) metadata['instance-ha:priority'] = String(row.pick([1, 400, 900, 'high']));
    if (row.chance(0.3)) metadata['instance-ha:group'] = row.pick(GROUPS);
    // Some come after their own group, or after one that comes after theirs.
    if (row.chance(0.2)) metadata['instance-ha:after'] = row.pick(GROUPS);
    if (row.chance(0.1)) metadata.HA_Enabled = row.pick(['True', 'False']);
    if (row.chance(0.05)) metadata['instance-ha:evacuate'] = 'false';
    return { ...instance, metadata };
  });
}
