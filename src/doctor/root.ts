import { join } from 'node:path';

/**
 * Below which directory the files of this machine lie: `/`, or what `INSTANCE_HA_ROOT` says. The lab has a directory
 * for each of its machines.
 */
export function onThisMachine(path: string): string {
  return join(process.env.INSTANCE_HA_ROOT || '/', path);
}
