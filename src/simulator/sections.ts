/** What operators write into the sections of their policies. */
import type { DestinationPolicy, GatePolicy, SelectionPolicy } from '../core/policy.ts';
import { DEFAULT_IMAGE, type ImageSpec, uuidOf } from '../world/model.ts';
import type { Row } from './dice.ts';

export const SECOND_IMAGE: ImageSpec = { id: uuidOf(0x1a, 2), name: 'windows', tags: [], properties: {} };

/** Whether reserved hosts are taken, and how. */
export function destinationsOf(row: Row): DestinationPolicy {
  return {
    reservedHosts: !row.chance(0.05),
    addToAggregate: row.chance(0.5),
    targetReserved: row.chance(0.4),
  };
}

/** By which tags instances are selected. */
export function filtersOf(row: Row): Partial<SelectionPolicy> {
  return {
    evacuableTag: row.chance(0.8) ? 'evacuable' : 'ha',
    instanceFiltering: !row.chance(0.1),
    taggedImages: !row.chance(0.15),
    taggedFlavors: !row.chance(0.15),
    taggedAggregates: !row.chance(0.15),
    haEnabledOnly: row.chance(0.15),
  };
}

/** One that is excluded, by its id or its name. */
export const imagesOf = (row: Row): readonly string[] => [
  row.pick([DEFAULT_IMAGE.id, DEFAULT_IMAGE.name, SECOND_IMAGE.name]),
];

/** What is never evacuated. Names are globs: one of the patterns is a regular expression by mistake, and fits nothing. */
export function exclusionsOf(row: Row): Partial<SelectionPolicy> {
  const some = <T>(items: readonly T[], share: number): readonly T[] =>
    row.chance(share) ? [row.pick(items)] : [];
  return {
    exclude: {
      projects: some(['project-1', 'project-2'], 0.3),
      names: some(['vm-00?', 'vm-01*', '*5', 'amphora-*', 'vm-.*'], 0.4),
      images: row.chance(0.25) ? imagesOf(row) : [],
      flavors: some(['m1.large', 'f1'], 0.25),
    },
    excludeAmphorae: row.chance(0.5),
  };
}

/** Limits that a few deaths run into. */
export function limitsOf(row: Row): Partial<GatePolicy> {
  const pick = <T>(...items: readonly T[]): T => row.pick(items);
  return {
    maxFailedHosts: pick(0, 0, 1, 2),
    maxFailedHostsPerAggregate: pick(0, 0, 1, 2),
    maxFailedPercent: pick(0, 20, 50),
    maxFailedPercentPerAggregate: pick(0, 0, 30, 60),
    shareFromHosts: pick(2, 5),
    startsPerInterval: pick(0, 1, 2),
    startIntervalMs: pick(5_000, 30_000, 120_000),
    quarantineIncidents: pick(0, 1, 2, 2),
    quarantineWindowMs: pick(120_000, 3_600_000),
  };
}
