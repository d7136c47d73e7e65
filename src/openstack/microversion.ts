import { configError } from './errors.ts';
import { failure, type Result, success } from './result.ts';

/**
 * What Nova learnt with which microversion, as far as anything here depends on it:
 * nova/api/openstack/compute/rest_api_version_history.rst has every step.
 */
export const SINCE = {
  /** A server's record says whether it is locked. */
  locked: '2.9',
  /** A compute service can be forced down; before, Nova goes by its heartbeat alone. */
  forcedDown: '2.11',
  /** Nova finds out itself whether the disks are on shared storage; before, it has to be told. */
  storageFound: '2.14',
  /** A migration's record says of which type it is. */
  migrationType: '2.23',
  tags: '2.26',
  /** A server's record holds its flavor with the extra specs; before, the flavor's id. */
  flavorEmbedded: '2.47',
  /** Services have UUIDs, and one PUT changes all of one; before, a PUT names action, host and binary. */
  serviceUuid: '2.53',
  /** Migrations come in pages, newest first, with a UUID; before, all at once and in no order. */
  migrationPages: '2.59',
} as const;

export type Capability = keyof typeof SINCE;

/** The highest microversion that is asked for: from 2.95 on an evacuated instance is left stopped. */
export const HIGHEST = '2.94';

export interface Microversions {
  readonly min: string;
  readonly max: string;
  /** What this client asks for. */
  readonly used: string;
}

/** The highest microversion that both sides want; an empty maximum is API v2.0, which has none. */
export function chooseMicroversion(min: string, max: string): Result<Microversions> {
  if (max === '') {
    return failure(
      configError(
        'the compute endpoint in the catalogue is API v2.0, which has no microversions; v2.1 is needed',
      ),
    );
  }
  const used = compareVersions(max, HIGHEST) < 0 ? max : HIGHEST;
  if (min !== '' && compareVersions(min, used) > 0) {
    return failure(
      configError(
        `Nova speaks microversions from ${min} on, ${HIGHEST} is the highest used here: from 2.95 on an evacuated instance is left stopped`,
      ),
    );
  }
  return success({ min, max, used });
}

/** Whether the negotiated microversion has it. */
export function has(versions: Microversions, capability: Capability): boolean {
  return compareVersions(versions.used, SINCE[capability]) >= 0;
}

/** The lower one of two. */
export function lower(a: string, b: string): string {
  return compareVersions(a, b) < 0 ? a : b;
}

function compareVersions(a: string, b: string): number {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA - majorB || minorA - minorB;
}
