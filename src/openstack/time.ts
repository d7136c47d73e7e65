import * as v from 'valibot';

const NOVA_TIME = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|\+00:00)?$/;

/**
 * Reads an OpenStack timestamp, which is UTC whether or not it says so: `2026-11-23T04:00:00.000000`
 * (migrations and services: a naive datetime in nova/api/openstack/compute/{migrations,services}.py) or
 * `2026-11-23T04:00:00Z` (servers: nova.utils.isotime). Gives milliseconds since the epoch, or null when
 * the text is anything else, such as a day that does not exist or another zone.
 */
export function parseNovaTime(text: string): number | null {
  const match = NOVA_TIME.exec(text);
  if (match === null) return null;
  const [, seconds = '', fraction = '0'] = match;
  const epochMs = Date.parse(`${seconds}Z`);
  // A day that does not exist passes for one of the next month, and 24:00:00 for one of the next day.
  if (Number.isNaN(epochMs) || new Date(epochMs).getUTCDate() !== Number(seconds.slice(8, 10))) return null;
  return epochMs + Math.floor(Number(`0.${fraction}`) * 1000 + 1e-6);
}

/**
 * Writes epoch milliseconds for a `changes-since` query: whole seconds, rounded down, because Nova's
 * columns hold whole seconds and the filter is `updated_at >= T` (nova/db/main/api.py
 * _get_query_nova_resource_by_changes_time).
 */
export function formatChangesSince(epochMs: number): string {
  return `${new Date(Math.floor(epochMs / 1000) * 1000).toISOString().slice(0, 19)}Z`;
}

/** An OpenStack timestamp in an answer, turned into epoch milliseconds. */
export const TimestampSchema = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const epochMs = parseNovaTime(dataset.value);
    if (epochMs !== null) return epochMs;
    addIssue({ message: 'no OpenStack timestamp' });
    return NEVER;
  }),
);
