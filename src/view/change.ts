import { type Overview, TABLES, type TableName, type View } from './model.ts';

/** The rows of one table that are new or different; null: gone. */
type Rows = Readonly<Record<string, unknown>>;

/** The whole view as JSON. */
export interface Snapshot extends Readonly<Record<TableName, Rows>> {
  readonly epoch: string;
  readonly seq: number;
  readonly overview: Overview;
}

/** What leads from one view to the next; `seq` is that of the view it leads to. */
export interface Change extends Readonly<Partial<Record<TableName, Rows>>> {
  readonly epoch: string;
  readonly seq: number;
  readonly overview?: Overview;
}

/** `seq`: the number of this view within the life of its evacuator; changes are counted on from it. */
export function snapshotOf(view: View, seq: number): Snapshot {
  const { hosts, instances, incidents, fencing, lines } = view;
  return {
    epoch: view.overview.evacuator.epoch,
    seq,
    overview: view.overview,
    hosts: Object.fromEntries(hosts),
    instances: Object.fromEntries(instances),
    incidents: Object.fromEntries(incidents),
    fencing: Object.fromEntries(fencing),
    lines: Object.fromEntries(lines),
  };
}

/** The change from one view of an evacuator to its next, or null when they show the same. */
export function changeBetween(before: View, after: View, seq: number): Change | null {
  const parts: Partial<Record<TableName, Rows>> = {};
  for (const name of TABLES) {
    const rows = changedRows(before[name], after[name]);
    if (rows !== null) parts[name] = rows;
  }
  const isOverviewNew = !isSame(before.overview, after.overview);
  if (!isOverviewNew && Object.keys(parts).length === 0) return null;
  const { epoch } = after.overview.evacuator;
  return { epoch, seq, ...(isOverviewNew ? { overview: after.overview } : {}), ...parts };
}

function changedRows(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): Rows | null {
  if (before === after) return null;
  const rows: Record<string, unknown> = {};
  let isChanged = false;
  for (const [key, row] of after) {
    if (isSame(before.get(key), row)) continue;
    rows[key] = row;
    isChanged = true;
  }
  for (const key of before.keys()) {
    if (after.has(key)) continue;
    rows[key] = null;
    isChanged = true;
  }
  return isChanged ? rows : null;
}

/** Whether two rows hold the same; rows are plain JSON. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => isSame(left[key], right[key]));
}

/** The view that a snapshot was made of. The rows are taken as they came, nothing is checked. */
export function viewOf(snapshot: Snapshot): View {
  const table = (name: TableName): ReadonlyMap<string, never> =>
    new Map(Object.entries(snapshot[name]) as [string, never][]);
  return {
    overview: snapshot.overview,
    hosts: table('hosts'),
    instances: table('instances'),
    incidents: table('incidents'),
    fencing: table('fencing'),
    lines: table('lines'),
  };
}

/** The view after a change. Tables that did not change keep their identity. */
export function applyChange(view: View, change: Change): View {
  const next: Record<string, unknown> = { ...view, overview: change.overview ?? view.overview };
  for (const name of TABLES) {
    const rows = change[name];
    if (rows === undefined) continue;
    const table = new Map<string, unknown>(view[name]);
    for (const [key, row] of Object.entries(rows)) {
      if (row === null) table.delete(key);
      else table.set(key, row);
    }
    next[name] = table;
  }
  return next as unknown as View;
}
