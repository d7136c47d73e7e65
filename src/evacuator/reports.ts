import type { Gate } from '../core/decision.ts';
import type { IncidentReport, ReportDraft, ReportedGate, ReportedInstance } from '../core/report.ts';

/** Gates and reports that are remembered, at most; older ones are forgotten. */
const MAX_KEPT = 200;

/** What this process has seen of gates, and said of incidents. Like all memory it can be lost. */
export interface Reports {
  gates: ReportedGate[];
  readonly released: Map<string, readonly ReportedInstance[]>;
}

export const newReports = (): Reports => ({ gates: [], released: new Map() });

/** Takes note of which gates are closed now. */
export function noteGates(reports: Reports, closed: readonly Gate[], now: number): void {
  const key = ({ id, node, text }: Gate): string => [id, node ?? '', text].join(' ');
  const still = new Set(closed.map(key));
  const open = new Set(reports.gates.filter(({ until }) => until === null).map(({ gate }) => key(gate)));
  const ended = reports.gates.map((each) =>
    each.until === null && !still.has(key(each.gate)) ? { ...each, until: now } : each,
  );
  const fresh = closed
    .filter((gate) => !open.has(key(gate)))
    .map((gate) => ({ gate, from: now, until: null }));
  reports.gates = [...ended, ...fresh].slice(-MAX_KEPT);
}

/**
 * A report as the rules made it, with the gates that were met, and at the end of the way back with what was said
 * of each instance at the release: by then only Nova's records are left of them.
 */
export function completeReport(reports: Reports, draft: ReportDraft): IncidentReport {
  const begin = draft.timeline[0]?.at ?? Number.NEGATIVE_INFINITY;
  const gates = reports.gates.filter(
    ({ gate, until }) =>
      (gate.node === null || gate.node === draft.node) && (until === null || until >= begin),
  );
  const said = reports.released.get(draft.incident);
  const instances = said === undefined ? draft.instances : merge(said, draft.instances);
  if (draft.state === 'released') {
    reports.released.set(draft.incident, draft.instances);
    const oldest = [...reports.released.keys()][0];
    if (reports.released.size > MAX_KEPT && oldest !== undefined) reports.released.delete(oldest);
    return { ...draft, gates };
  }
  reports.released.delete(draft.incident);
  return { ...draft, gates, instances };
}

/** What was said at the release stands; what has been compared since comes to it. */
function merge(
  said: readonly ReportedInstance[],
  seen: readonly ReportedInstance[],
): readonly ReportedInstance[] {
  const later = new Map(seen.map((each) => [each.id, each]));
  return said.map((each) => ({ ...each, differences: later.get(each.id)?.differences ?? each.differences }));
}
