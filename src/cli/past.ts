import type { Evacuation } from '../openstack/nova-schemas.ts';

/** An incident as Nova remembers it: the evacuations from one host that follow each other closely. */
export interface PastIncident {
  readonly host: string;
  /** Epoch ms, Nova's clock. */
  readonly begun: number;
  readonly lastChange: number;
  readonly instances: number;
  readonly moved: number;
  readonly failed: number;
  readonly live: number;
  readonly evacuations: readonly Evacuation[];
}

/** Evacuations of a host that are further apart belong to two incidents, ms. */
const GAP_MS = 30 * 60_000;

/** Groups records into incidents, the newest first. Pure. */
export function pastIncidents(evacuations: readonly Evacuation[]): readonly PastIncident[] {
  const groups: Evacuation[][] = [];
  const sorted = [...evacuations].sort((a, b) => a.createdAt - b.createdAt);
  for (const evacuation of sorted) {
    const open = groups.findLast((group) => group[0]?.sourceHost === evacuation.sourceHost);
    if (open !== undefined && evacuation.createdAt - (open.at(-1)?.createdAt ?? 0) <= GAP_MS)
      open.push(evacuation);
    else groups.push([evacuation]);
  }
  return groups.map(incidentOf).sort((a, b) => b.begun - a.begun);
}

function incidentOf(group: readonly Evacuation[]): PastIncident {
  /** What counts for an instance is its last record. */
  const last = new Map(group.map((evacuation) => [evacuation.instanceId, evacuation]));
  const count = (...statuses: string[]): number =>
    [...last.values()].filter(({ status }) => statuses.includes(status)).length;
  const moved = count('done', 'completed');
  const failed = count('error', 'failed', 'cancelled');
  return {
    host: group[0]?.sourceHost ?? '',
    begun: group[0]?.createdAt ?? 0,
    lastChange: Math.max(...group.map(({ createdAt, updatedAt }) => updatedAt ?? createdAt)),
    instances: last.size,
    moved,
    failed,
    live: last.size - moved - failed,
    evacuations: group,
  };
}
