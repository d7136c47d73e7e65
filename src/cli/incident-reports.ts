import * as v from 'valibot';
import { reportsIn } from '../http/reports.ts';
import type { PastIncident } from './past.ts';

/** Where the evacuator of a controller keeps its reports (NovaEvacuate.main.ts). */
export const REPORT_DIRECTORY = '/var/lib/instance-ha/incidents';

const Moment = v.nullable(v.number());
/** What is read of a report; a later release may write more. */
const ReportSchema = v.looseObject({
  incident: v.string(),
  node: v.string(),
  host: v.nullable(v.string()),
  state: v.picklist(['released', 'closed']),
  text: v.string(),
  moments: v.looseObject({
    recordedAt: Moment,
    fencedAt: Moment,
    lastArrivedAt: Moment,
    releasedAt: Moment,
    closedAt: Moment,
  }),
  gates: v.array(v.looseObject({ gate: v.looseObject({ text: v.string() }) })),
  instances: v.array(
    v.looseObject({
      id: v.string(),
      name: v.string(),
      outcome: v.string(),
      startedAt: Moment,
      reason: v.string(),
      differences: v.array(v.string()),
    }),
  ),
});
export type PastReport = v.InferOutput<typeof ReportSchema>;

/** The reports that this controller keeps, the newest first; what is none of ours is left out. */
export async function pastReports(directory: string): Promise<readonly PastReport[]> {
  const kept = reportsIn(directory);
  const found: PastReport[] = [];
  for (const { id } of await kept.list()) {
    const report = parseReport((await kept.read(id, 'json'))?.toString('utf8') ?? '');
    if (report !== null) found.push(report);
  }
  return found;
}

function parseReport(text: string): PastReport | null {
  try {
    const parsed = v.safeParse(ReportSchema, JSON.parse(text));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

/** Whether a report is of this incident: one of its instances began to move in it. Both times are Nova's. */
export function isReportOf(report: PastReport, incident: PastIncident): boolean {
  const isWithin = (at: number | null): boolean =>
    at !== null && at >= incident.begun && at <= incident.lastChange;
  return report.host === incident.host && report.instances.some(({ startedAt }) => isWithin(startedAt));
}

/** An incident that only its report tells of. Times are those of the controller. */
export function incidentOfReport({ node, host, moments, instances }: PastReport): PastIncident {
  const count = (...outcomes: string[]): number =>
    instances.filter(({ outcome }) => outcomes.includes(outcome)).length;
  const begun = moments.recordedAt ?? moments.fencedAt ?? 0;
  return {
    host: host ?? node,
    begun,
    lastChange: moments.closedAt ?? moments.releasedAt ?? begun,
    instances: instances.length,
    moved: count('moved'),
    failed: count('failed'),
    live: 0,
    evacuations: [],
  };
}

/** What a report adds to the counts, as lines. */
export function reportLines(report: PastReport): readonly string[] {
  const { moments, gates, instances } = report;
  const begin = moments.recordedAt;
  const after = (what: string, at: number | null): string[] =>
    begin === null || at === null ? [] : [`${what} after ${((at - begin) / 1000).toFixed(1)} s`];
  const times = [
    ...after('power off', moments.fencedAt),
    ...after('the last one elsewhere', moments.lastArrivedAt),
    ...after('let go', moments.releasedAt),
    ...after('back', moments.closedAt),
  ];
  return [
    `incident ${report.incident} of ${report.node}${times.length === 0 ? '' : `: ${times.join(', ')}`}`,
    ...(report.state === 'closed' ? [] : ['it was not seen to come back']),
    ...[...new Set(gates.map(({ gate }) => gate.text))].map((text) => `it had to wait: ${text}`),
    ...instances
      .filter(({ outcome, differences }) => outcome !== 'moved' || differences.length > 0)
      .map(({ name, outcome, reason, differences }) =>
        [name, outcome, ...(reason === '' ? differences : [reason])].join(': '),
      ),
  ];
}
