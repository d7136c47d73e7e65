import { mkdir, readdir, readFile, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IncidentReport } from '../../core/report.ts';
import { continueReport } from '../../evacuator/reports.ts';
import { incidentMarkdown } from './incident-markdown.ts';
import { parseIncidentReport } from './incident-schema.ts';

/** Incidents whose reports are kept, the newest. */
const MAX_INCIDENTS_KEPT = 200;

/**
 * Keeps an incident's report as ID.json and ID.md, each written in one step; the oldest incidents' files go when
 * there are too many. One of the end goes on from what is kept of the release, which an evacuator before this one may
 * have written. Gives what went wrong, or null: a full disk is no reason to stop evacuating.
 */
export async function keepIncident(
  directory: string,
  report: IncidentReport,
  maxKept = MAX_INCIDENTS_KEPT,
): Promise<string | null> {
  const name = report.incident.replaceAll(/[^A-Za-z0-9_.-]/g, '_').replace(/^\./, '_');
  try {
    await mkdir(directory, { recursive: true, mode: 0o750 });
    const path = join(directory, `${name}.json`);
    const kept = report.state === 'closed' ? await readKept(path, report.incident) : null;
    const whole = kept === null ? report : continueReport(kept, report);
    await replace(path, `${JSON.stringify({ version: 1, ...whole }, null, 2)}\n`);
    await replace(join(directory, `${name}.md`), incidentMarkdown(whole));
    await removeOldest(directory, maxKept);
    return null;
  } catch (error) {
    const why = error instanceof Error ? error.message : 'unknown';
    return `the report of incident ${report.incident} can't be kept in ${directory}: ${why}`;
  }
}

/** What is kept of an incident; null: nothing that can be read. */
async function readKept(path: string, incident: string): Promise<IncidentReport | null> {
  const text = await readFile(path, 'utf8').catch(() => '');
  const kept = parseIncidentReport(text);
  return kept?.incident === incident ? kept : null;
}

/** Readers see the old file or the new one. Two writers never share the name of the next. */
async function replace(path: string, text: string): Promise<void> {
  const next = `${path}.${process.pid}.next`;
  await writeFile(next, text, { mode: 0o640 });
  await rename(next, path);
}

async function removeOldest(directory: string, maxKept: number): Promise<void> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.json'));
  if (names.length <= maxKept) return;
  const dated = await Promise.all(
    names.map(async (name) => ({ name, at: (await stat(join(directory, name))).mtimeMs })),
  );
  const oldest = dated
    .sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1))
    .slice(0, names.length - maxKept);
  for (const { name } of oldest) {
    await unlink(join(directory, name));
    await unlink(join(directory, name.replace(/\.json$/, '.md'))).catch(() => {});
  }
}
