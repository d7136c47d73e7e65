import type { NodeView, Stored } from './observation.ts';
import {
  EVACUATION_ATTRIBUTE,
  HISTORY_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  LOCAL_DISK_ATTRIBUTE,
  PAUSE_ATTRIBUTE,
  parseEvacuation,
  parseHistory,
  parseIncident,
  parsePause,
} from './records.ts';

/** What stands of a node in its permanent attributes. */
export type StoredOfNode = Pick<NodeView, 'incident' | 'evacuation' | 'past' | 'pause' | 'localDiskAnswer'>;

/** How a text of the cluster is read; undefined: it has none. */
export type Reader = <T>(text: string | undefined, parse: (text: string) => T | null) => Stored<T>;

/** Reads one text: what can't be read is not nothing. */
export const readStored: Reader = (text, parse) =>
  text === undefined ? null : (parse(text) ?? 'unreadable');

/** Reads what stands of a node. `permanent`: its permanent attributes by name; undefined: it has none. */
export function storedOf(
  permanent: ReadonlyMap<string, string> | undefined,
  read: Reader = readStored,
): StoredOfNode {
  return {
    incident: read(permanent?.get(INCIDENT_ATTRIBUTE), parseIncident),
    evacuation: read(permanent?.get(EVACUATION_ATTRIBUTE), parseEvacuation),
    past: read(permanent?.get(HISTORY_ATTRIBUTE), parseHistory),
    localDiskAnswer: permanent?.get(LOCAL_DISK_ATTRIBUTE) ?? null,
    pause: read(permanent?.get(PAUSE_ATTRIBUTE), parsePause),
  };
}
