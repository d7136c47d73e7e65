import { DEFAULT_POLICY } from '../core/policy.ts';
import { POLICY_TABLE, type Row } from './table.ts';

/** A node of the table: a key of the file, or a section with more of them. */
export type Branch = Row | { readonly [key: string]: Branch };

/** Whether a node is a key: it names the type of its value in one word, where a section has more nodes. */
export function isRow(branch: Branch): branch is Row {
  return typeof branch.type === 'string';
}

/** A key as it is written in the file: `readyMs` is `ready`. */
export function fileKey(name: string): string {
  return name.replace(/Ms$/, '').replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** One key of the file, with its place. */
export interface Key {
  /** `selection.exclude.names`. */
  readonly path: string;
  readonly row: Row;
  readonly default: unknown;
}

/** All keys of the file, in the order of the table. */
export function allKeys(): readonly Key[] {
  const keys: Key[] = [];
  const walk = (branch: Branch, value: unknown, path: readonly string[]): void => {
    if (isRow(branch)) {
      keys.push({ path: path.join('.'), row: branch, default: value });
      return;
    }
    for (const [name, below] of Object.entries(branch)) {
      walk(below, (value as Readonly<Record<string, unknown>>)[name], [...path, fileKey(name)]);
    }
  };
  walk(POLICY_TABLE, DEFAULT_POLICY, []);
  return keys;
}
