import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';

/** Reports shown, newest first. */
const MAX_REPORTS = 200;
/** A report larger than this is none of ours, bytes. */
const MAX_REPORT_BYTES = 16 * 1024 * 1024;
/** An incident's id as it stands in a file's name: no separators, no leading dot. */
const REPORT_ID = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/;

export interface ReportEntry {
  readonly id: string;
  /** When it was last written, epoch ms. */
  readonly at: number;
  /** The node that was lost; null: the file does not say. */
  readonly node: string | null;
}

/** What the list shows of a report. */
const Head = v.object({ node: v.string() });

export interface Reports {
  list(): Promise<readonly ReportEntry[]>;
  read(id: string, format: 'json' | 'md'): Promise<Buffer | null>;
}

/** The incident reports of a directory: ID.json, and ID.md for people. */
export function reportsIn(directory: string): Reports {
  let seen: ReadonlyMap<string, ReportEntry> = new Map();

  async function read(id: string, format: 'json' | 'md'): Promise<Buffer | null> {
    if (!REPORT_ID.test(id)) return null;
    const path = join(directory, `${id}.${format}`);
    const found = await stat(path).catch(() => null);
    if (!found?.isFile() || found.size > MAX_REPORT_BYTES) return null;
    return readFile(path).catch(() => null);
  }

  async function entryOf(id: string, at: number): Promise<ReportEntry> {
    const before = seen.get(id);
    if (before?.at === at) return before;
    return { id, at, node: nodeOf(await read(id, 'json')) };
  }

  return {
    read,
    async list() {
      const names = await readdir(directory).catch(() => []);
      const ids = names
        .filter((name) => name.endsWith('.json'))
        .map((name) => name.slice(0, -'.json'.length));
      const written: { id: string; at: number }[] = [];
      for (const id of ids.filter((each) => REPORT_ID.test(each))) {
        const found = await stat(join(directory, `${id}.json`)).catch(() => null);
        if (found?.isFile()) written.push({ id, at: Math.round(found.mtimeMs) });
      }
      const newest = written.sort((a, b) => b.at - a.at).slice(0, MAX_REPORTS);
      const entries = await Promise.all(newest.map(({ id, at }) => entryOf(id, at)));
      seen = new Map(entries.map((entry) => [entry.id, entry]));
      return entries;
    },
  };
}

function nodeOf(report: Buffer | null): string | null {
  try {
    const head = v.safeParse(Head, JSON.parse(report?.toString() ?? ''));
    return head.success ? head.output.node : null;
  } catch {
    return null;
  }
}
