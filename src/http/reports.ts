import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

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
}

export interface Reports {
  list(): Promise<readonly ReportEntry[]>;
  read(id: string, format: 'json' | 'md'): Promise<Buffer | null>;
}

/** The incident reports of a directory: ID.json, and ID.md for people. */
export function reportsIn(directory: string): Reports {
  return {
    async list() {
      const names = await readdir(directory).catch(() => []);
      const ids = names
        .filter((name) => name.endsWith('.json'))
        .map((name) => name.slice(0, -'.json'.length));
      const entries: ReportEntry[] = [];
      for (const id of ids.filter((each) => REPORT_ID.test(each))) {
        const found = await stat(join(directory, `${id}.json`)).catch(() => null);
        if (found?.isFile()) entries.push({ id, at: Math.round(found.mtimeMs) });
      }
      return entries.sort((a, b) => b.at - a.at).slice(0, MAX_REPORTS);
    },
    async read(id, format) {
      if (!REPORT_ID.test(id)) return null;
      const path = join(directory, `${id}.${format}`);
      const found = await stat(path).catch(() => null);
      if (!found?.isFile() || found.size > MAX_REPORT_BYTES) return null;
      return readFile(path).catch(() => null);
    },
  };
}
