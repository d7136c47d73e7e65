import type { Gate } from '../core/decision.ts';
import type {
  IncidentReport,
  ReportDraft,
  ReportedEvent,
  ReportedGate,
  ReportedInstance,
} from '../core/report.ts';

/** Gates and reports that are remembered, at most; older ones are forgotten. */
const MAX_KEPT = 200;

/** What this process has seen of gates, and said of incidents. Like all memory it can be lost. */
export interface Reports {
  gates: ReportedGate[];
  readonly released: Map<string, IncidentReport>;
}

/** Nothing has been seen or said yet; there is one for the life of an evacuator. */
export const newReports = (): Reports => ({ gates: [], released: new Map() });

/** Takes note of which gates are closed now; one that stays so is told in its newest words. */
export function noteGates(reports: Reports, closed: readonly Gate[], now: number): void {
  const key = ({ id, node }: Gate): string => `${id} ${node ?? ''}`;
  const still = new Map(closed.map((gate) => [key(gate), gate]));
  const known = reports.gates.map((each) => {
    if (each.until !== null) return each;
    const gate = still.get(key(each.gate));
    still.delete(key(each.gate));
    return gate === undefined ? { ...each, until: now } : { gate, from: each.from, until: null };
  });
  const fresh = [...still.values()].map((gate) => ({ gate, from: now, until: null }));
  reports.gates = [...known, ...fresh].slice(-MAX_KEPT);
}

/**
 * A report as the rules made it, with the gates that were met, and at the end of the way back with what was said
 * at the release.
 */
export function completeReport(reports: Reports, draft: ReportDraft): IncidentReport {
  const begin = draft.timeline[0]?.at ?? Number.NEGATIVE_INFINITY;
  const gates = reports.gates.filter(
    ({ gate, until }) =>
      (gate.node === null || gate.node === draft.node) && (until === null || until >= begin),
  );
  const report = { ...draft, gates };
  if (draft.state === 'released') {
    reports.released.set(draft.incident, report);
    const oldest = [...reports.released.keys()][0];
    if (reports.released.size > MAX_KEPT && oldest !== undefined) reports.released.delete(oldest);
    return report;
  }
  const said = reports.released.get(draft.incident);
  return said === undefined ? report : continueReport(said, report);
}

/**
 * A report of the end, after an earlier one of the same incident: what was said there stands, for by now only Nova's
 * records are left, and these have taken the time of their completion for that of the arrival.
 */
export function continueReport(said: IncidentReport, seen: IncidentReport): IncidentReport {
  return {
    ...seen,
    host: seen.host ?? said.host,
    gates: mergeGates(said.gates, seen.gates),
    moments: { ...seen.moments, lastArrivedAt: said.moments.lastArrivedAt },
    timeline: mergeEvents(said.timeline, seen.timeline),
    instances: mergeInstances(said.instances, seen.instances),
  };
}

/** One that was met before is told by how it ended; those that only the evacuator of then has met stay. */
function mergeGates(said: readonly ReportedGate[], seen: readonly ReportedGate[]): readonly ReportedGate[] {
  const key = ({ gate, from }: ReportedGate): string => `${gate.id} ${gate.node ?? ''} ${from}`;
  const known = new Set(seen.map(key));
  return [...said.filter((each) => !known.has(key(each))), ...seen];
}

/** What was said stands, and what has come since. */
function mergeEvents(
  said: readonly ReportedEvent[],
  seen: readonly ReportedEvent[],
): readonly ReportedEvent[] {
  const texts = new Set(said.map(({ text }) => text));
  return [...said, ...seen.filter(({ text }) => !texts.has(text))].sort((a, b) => a.at - b.at);
}

/** What was said stands; what has been compared since comes to it. Nobody is lost of whom only one of both knows. */
function mergeInstances(
  said: readonly ReportedInstance[],
  seen: readonly ReportedInstance[],
): readonly ReportedInstance[] {
  const later = new Map(seen.map((each) => [each.id, each]));
  const known = new Set(said.map(({ id }) => id));
  return [
    ...said.map((each) => {
      const differences = new Set([...each.differences, ...(later.get(each.id)?.differences ?? [])]);
      return { ...each, differences: [...differences] };
    }),
    ...seen.filter(({ id }) => !known.has(id)),
  ];
}
