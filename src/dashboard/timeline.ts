import type { IncidentRow, LineRow } from '../view/model.ts';

export interface TimelineEntry {
  readonly at: number;
  /** The last of several lines that differ in their numbers only. */
  readonly until: number | null;
  readonly kind: 'milestone' | LineRow['level'];
  readonly text: string;
}

const BY: Readonly<Record<NonNullable<IncidentRow['by']>, string>> = {
  fencer: 'fenced by Pacemaker; incident recorded',
  operator: 'incident recorded by an operator',
  mark: 'marked evacuate=yes; taken for an incident',
};

/**
 * What happened in an incident, oldest first: what the records in the cluster say, which survives a failover,
 * and what this evacuator has said since. Of the single instances only what went wrong.
 */
export function timelineOf(
  id: string,
  row: IncidentRow,
  lines: readonly LineRow[],
): readonly TimelineEntry[] {
  const { fencedAt } = row;
  const milestones: readonly (readonly [number | null, string])[] = [
    [row.recordedAt, BY[row.by ?? 'fencer']],
    [fencedAt === null ? null : Math.max(fencedAt, provenAfter(id, fencedAt, lines)), 'power confirmed off'],
    [row.begunAt, 'evacuation begun'],
    [row.releasedAt, 'all accounted for; released'],
    [row.endedAt, 'closed'],
  ];
  const entries: TimelineEntry[] = [];
  for (const [at, text] of milestones) {
    if (at === null) continue;
    // They are of several clocks: none comes before what it follows from.
    const after = entries.at(-1)?.at ?? at;
    entries.push({ at: Math.max(at, after), until: null, kind: 'milestone', text });
  }
  let last: { shape: string; index: number } | null = null;
  for (const line of lines) {
    if (line.incident !== id || (line.server !== null && line.level === 'info')) continue;
    const shape = line.text.replaceAll(/\d+/g, '#');
    const entry: TimelineEntry = { at: line.at, until: null, kind: line.level, text: line.text };
    const before = last === null ? undefined : entries[last.index];
    if (last !== null && before !== undefined && last.shape === shape) {
      entries[last.index] = { ...entry, at: before.at, until: line.at };
      continue;
    }
    last = { shape, index: entries.length };
    entries.push(entry);
  }
  return entries.sort((a, b) => a.at - b.at);
}

/** The fencing history has whole seconds: in its second the proof has come after the last word of waiting for it. */
function provenAfter(id: string, fencedAt: number, lines: readonly LineRow[]): number {
  const waited = lines
    .filter(({ incident, text }) => incident === id && text.startsWith('waiting for the proof'))
    .map(({ at }) => at + 1)
    .filter((at) => at - fencedAt <= 1_000);
  return Math.max(fencedAt, ...waited);
}
