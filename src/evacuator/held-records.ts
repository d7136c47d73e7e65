import type { NodeName } from '../core/names.ts';
import type { CommandView, NodeView, Stored } from '../core/observation.ts';
import { type EvacuationRecord, formatEvacuation } from '../core/records.ts';

/** The record of a node's evacuation as this process has left it. */
interface HeldRecord {
  /** null: there is none. */
  readonly record: EvacuationRecord | null;
  /** The value that it was asked to write last, which may stand by now; null: none. */
  readonly asked: string | null;
  /** It was asked to be deleted, and that may have been done. */
  readonly isClosing: boolean;
}

/**
 * The records of all nodes, as this process knows them from its first look on. Nobody else writes any while it works: whatever is not
 * as it was left was deleted or written over by a person, or came back with an old CIB.
 */
export type HeldRecords = Map<NodeName, HeldRecord>;

/** What {@link holdRecords} goes by. */
export interface ReadRecords {
  readonly nodes: readonly NodeView[];
  readonly commands: ReadonlyMap<string, CommandView>;
  /** When the cluster was asked, `mono`. */
  readonly askedAt: number;
  /** Whether another evacuator may have worked since the last time: without quorum, or after this process has stood still. */
  readonly isGap: boolean;
}

/**
 * Takes in the records that were read, and gives the nodes as the rules are to see them: with the record that each was left with.
 * `changed`: the nodes whose record is another now, with what stands there.
 */
export function holdRecords(
  held: HeldRecords,
  { nodes, commands, askedAt, isGap }: ReadRecords,
): {
  readonly nodes: readonly NodeView[];
  readonly changed: ReadonlyMap<NodeName, Stored<EvacuationRecord>>;
} {
  const changed = new Map<NodeName, Stored<EvacuationRecord>>();
  const names = new Set(nodes.map(({ name }) => name));
  for (const name of [...held.keys()]) if (isGap || !names.has(name)) held.delete(name);
  const isAtIt = (key: string): boolean => {
    const command = commands.get(key);
    return command !== undefined && (command.state === 'pending' || command.at >= askedAt);
  };
  const seen = nodes.map((node) => {
    const { name, evacuation } = node;
    if (isAtIt(`delete-evacuation:${name}`)) return node;
    if (takeIn(held, node, isAtIt(`write-evacuation:${name}`))) return node;
    changed.set(name, evacuation);
    return { ...node, evacuation: held.get(name)?.record ?? null };
  });
  return { nodes: seen, changed };
}

/** Whether the record of a node is as this process has left it, or is not known to be another; that is taken in. */
function takeIn(held: HeldRecords, { name, evacuation }: NodeView, isWriting: boolean): boolean {
  const own = held.get(name);
  // Nobody knows what stood there.
  if (evacuation === 'unreadable') return own === undefined || own.record === null;
  if (own === undefined) {
    // What is read while this process writes may be of before that: the next read tells what it has left.
    if (!isWriting) held.set(name, { record: evacuation, asked: null, isClosing: false });
    return true;
  }
  if (evacuation === null) {
    if (own.record === null) return true;
    if (own.isClosing) held.set(name, { record: null, asked: null, isClosing: false });
    return own.isClosing;
  }
  const text = formatEvacuation(evacuation);
  const isOurs = text === own.asked || (own.record !== null && text === formatEvacuation(own.record));
  if (isOurs) held.set(name, { ...own, record: evacuation, isClosing: false });
  // What is read while another is written may be of before that.
  return isOurs || isWriting;
}

/** Takes in that this process is about to write a record. */
export function holdAsked(held: HeldRecords, node: NodeName, record: EvacuationRecord): void {
  const own = held.get(node);
  if (own !== undefined) held.set(node, { ...own, asked: formatEvacuation(record) });
}

/** Takes in that it has been written. The first of a node counts when a read has shown it: before that nothing is done by it. */
export function holdWritten(held: HeldRecords, node: NodeName, record: EvacuationRecord): void {
  const own = held.get(node);
  if (own !== undefined && own.record !== null) held.set(node, { ...own, record });
}

/** Takes in that this process is about to delete a record. */
export function holdClosing(held: HeldRecords, node: NodeName): void {
  const own = held.get(node);
  if (own !== undefined) held.set(node, { ...own, isClosing: true });
}
