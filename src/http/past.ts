import type { NodeName, ServerId } from '../core/names.ts';
import { incidentsOf, keepWhatIsGone, type Seen } from '../view/build.ts';
import type { IncidentRow, LineRow } from '../view/model.ts';

/** Lines of all timelines together; the oldest go first. The log has them all. */
const MAX_LINES = 2_000;
/** Incidents that are over and still shown; the reports have them all. */
const MAX_OVER = 20;

/** A line as the journal gets it. */
export interface Said {
  readonly level: LineRow['level'];
  readonly msg: string;
  readonly node?: NodeName;
  readonly server?: ServerId;
  readonly incident?: string;
}

/** What this process has said, and which incidents it has seen end. Lost with it: records and reports are not. */
export interface Past {
  readonly incidents: () => ReadonlyMap<string, IncidentRow>;
  readonly lines: () => ReadonlyMap<string, LineRow>;
  readonly note: (line: Said, at: number) => void;
  readonly see: (seen: Pick<Seen, 'observation' | 'verdicts'>) => void;
}

/** Empty; there is one for the life of a face. What it keeps is bounded, the oldest goes first. */
export function createPast(): Past {
  const incidents = new Map<string, IncidentRow>();
  let lines: ReadonlyMap<string, LineRow> = new Map();
  let pending: LineRow[] = [];
  let count = 0;

  /** A new table only when somebody asks and there is something new: identity tells that nothing has changed. */
  function table(): ReadonlyMap<string, LineRow> {
    if (pending.length === 0) return lines;
    const next = new Map(lines);
    for (const line of pending) next.set(String(++count), line);
    pending = [];
    for (const key of next.keys()) {
      if (next.size <= MAX_LINES) break;
      next.delete(key);
    }
    lines = next;
    return lines;
  }

  return {
    incidents: () => incidents,
    lines: table,
    note({ level, msg, node, server, incident }, at) {
      pending.push({
        at,
        level,
        text: msg,
        node: node ?? null,
        server: server ?? null,
        incident: incident ?? null,
      });
      if (pending.length > MAX_LINES) table();
    },
    see(seen) {
      // What can't be read has not ended.
      if (!seen.observation.cluster.known) return;
      const standing = incidentsOf(seen);
      for (const [id, row] of incidents) {
        if (standing.has(id) || row.phase === 'over') continue;
        incidents.set(id, { ...row, phase: 'over', endedAt: seen.observation.now });
      }
      for (const [id, row] of standing) incidents.set(id, keepWhatIsGone(incidents.get(id), row));
      const over = [...incidents].filter(([, row]) => row.phase === 'over');
      for (const [id] of over.slice(0, Math.max(0, over.length - MAX_OVER))) incidents.delete(id);
    },
  };
}
