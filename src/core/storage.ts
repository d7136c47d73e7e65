import type { DiskFate } from './decision.ts';
import type { NodeName } from './names.ts';
import type { ServerView } from './observation.ts';
import type { StoragePolicy } from './policy.ts';
import { LOCAL_DISK_ATTRIBUTE } from './records.ts';
import { ADMITTED, type Admission } from './selection.ts';

/**
 * Whether an instance keeps its disk. Nova finds out itself on the destination (from 2.14 on,
 * `nova/compute/manager.py` rebuild_instance): a disk that is not there is made afresh from the image.
 */
export function diskFate(server: ServerView, storage: StoragePolicy): DiskFate {
  return server.imageId === null || storage.shared ? 'kept' : 'rebuilt';
}

/** The same in words that hold before, during and after. */
export function sayDisk(server: ServerView, storage: StoragePolicy): string {
  if (server.imageId === null) return 'keeps its disk (booted from a volume)';
  return storage.shared
    ? 'keeps its disk (shared storage)'
    : 'rebuilt from its image, its local disk is lost';
}

/** What the policy says of an instance whose disk would be lost. An operator's answer counts for one incident. */
export function admitByStorage(
  server: ServerView,
  storage: StoragePolicy,
  { node, incident, answer }: { node: NodeName; incident: string; answer: string | null },
): Admission {
  if (diskFate(server, storage) === 'kept') return ADMITTED;
  switch (storage.localDisk) {
    case 'evacuate':
      return ADMITTED;
    case 'skip':
      return { kind: 'excluded', reason: 'its local disk would be lost (storage.local_disk is skip)' };
    case 'ask': {
      if (answer === `evacuate ${incident}`) return ADMITTED;
      if (answer === `skip ${incident}`) {
        return { kind: 'excluded', reason: 'its local disk would be lost; an operator said skip' };
      }
      const command = `crm_attribute --node ${node} --name ${LOCAL_DISK_ATTRIBUTE} --lifetime forever --update`;
      return {
        kind: 'held',
        reason: `its local disk would be lost (storage.local_disk is ask); answer with: ${command} 'evacuate ${incident}', or 'skip ${incident}'`,
      };
    }
    default:
      return storage.localDisk satisfies never;
  }
}
