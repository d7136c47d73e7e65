/** A permanent node attribute and the value that it has to have. */
export interface NodeAttribute {
  readonly name: string;
  readonly value: string;
}

/** Reads `NAME=VALUE`; null when it is something else. */
export function parseNodeAttribute(text: string): NodeAttribute | null {
  const match = /^([A-Za-z_][A-Za-z0-9_.-]*)=([^\s=]+)$/.exec(text);
  return match === null ? null : { name: match[1] ?? '', value: match[2] ?? '' };
}

/** Whether a node with these permanent attributes is one of ours; all are, when no attribute is asked for. */
export function isOurs(permanent: ReadonlyMap<string, string>, wanted: NodeAttribute | null): boolean {
  return wanted === null || permanent.get(wanted.name) === wanted.value;
}
