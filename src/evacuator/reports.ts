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
  readonly released: Map<string, ReportDraft>;
}

export const newReports = (): Reports => ({ gates: [], released: new Map() });

/** Takes note of which gates are closed now; one that stays so is told in its newest words. */
export function noteGates(reports: Reports, closed: readonly Gate[], now: number): void {
  const key = ({ id, node }: Gate): string => `${id} ${node ?? ''}`;
  const still = new Map(closed.map((gate) => [key(gate), gate]));
  const known = reports.gates.map((each) => {
    if (each.until !== null) return each;
    const gate = still.get(key(each.gate));
    still.delete(key(each.gate));
    return gate === undefined ? { ...each, until: now } : { ...each, gate };
  });
  const fresh = [...still.values()].map((gate) => ({ gate, from: now, until: null }));
  reports.gates = [...known, ...fresh].slice(-MAX_KEPT);
}

/**
 * A report as the rules made it, with the gates that were met, and at the end of the way back with what was said
 * at the release: by then only Nova's records are left, and these have taken the time of their completion for that
 * of the arrival.
 */
export function completeReport(reports: Reports, draft: ReportDraft): IncidentReport {
  const begin = draft.timeline[0]?.at ?? Number.NEGATIVE_INFINITY;
  const gates = reports.gates.filter(
    ({ gate, until }) =>
      (gate.node === null || gate.node === draft.node) && (until === null || until >= begin),
  );
  if (draft.state === 'released') {
    reports.released.set(draft.incident, draft);
    const oldest = [...reports.released.keys()][0];
    if (reports.released.size > MAX_KEPT && oldest !== undefined) reports.released.delete(oldest);
    return { ...draft, gates };
  }
  const said = reports.released.get(draft.incident);
  if (said === undefined) return { ...draft, gates };
  return {
    ...draft,
    gates,
    moments: { ...draft.moments, lastArrivedAt: said.moments.lastArrivedAt },
    timeline: mergeEvents(said.timeline, draft.timeline),
    instances: mergeInstances(said.instances, draft.instances),
  };
}

/** What was said at the release stands, and what has come since. */
function mergeEvents(
  said: readonly ReportedEvent[],
  seen: readonly ReportedEvent[],
): readonly ReportedEvent[] {
  const texts = new Set(said.map(({ text }) => text));
  return [...said, ...seen.filter(({ text }) => !texts.has(text))].sort((a, b) => a.at - b.at);
}

/** What was said at the release stands; what has been compared since comes to it. */
function mergeInstances(
  said: readonly ReportedInstance[],
  seen: readonly ReportedInstance[],
): readonly ReportedInstance[] {
  const later = new Map(seen.map((each) => [each.id, each]));
  return said.map((each) => ({ ...each, differences: later.get(each.id)?.differences ?? each.differences }));
}
