import type { HostVerdict } from '../core/decision.ts';
import type { IncidentReport } from '../core/report.ts';
import type { TickReport } from '../evacuator/ports.ts';

/**
 * What somebody is told of an incident. Each one opens, changes (another phase) and closes; `released` is in
 * between: its instances are accounted for. A successor after a failover opens what it finds again, so that
 * nobody is told of an end without a beginning: `incident` is the key by which a receiver puts them together.
 */
export interface Message {
  readonly version: 1;
  readonly kind: 'opened' | 'changed' | 'released' | 'closed';
  readonly incident: string;
  readonly node: string;
  readonly host: string | null;
  /** The controllers' clock. */
  readonly at: string;
  readonly phase: HostVerdict['phase'] | 'closed';
  readonly text: string;
  /** Instances by outcome. */
  readonly instances: Readonly<Record<string, number>>;
  /** With `released` and `closed`. */
  readonly report?: IncidentReport;
}

/** Incident → the phase that was told last. */
export type Told = ReadonlyMap<string, HostVerdict['phase']>;

/** What a tick has to tell, and what is told after it. Pure. */
export function messagesOfTick(
  told: Told,
  report: TickReport,
): { readonly messages: readonly Message[]; readonly told: Told } {
  const next = new Map<string, HostVerdict['phase']>();
  const messages: Message[] = [];
  for (const verdict of report.verdicts) {
    const { incident, phase } = verdict;
    if (incident === null) continue;
    next.set(incident, phase);
    const before = told.get(incident);
    if (before === phase) continue;
    messages.push(messageOf(before === undefined ? 'opened' : 'changed', incident, verdict, report.at));
  }
  return { messages, told: next };
}

function messageOf(kind: 'opened' | 'changed', incident: string, verdict: HostVerdict, at: number): Message {
  const { node, host, phase, text, instances } = verdict;
  return {
    version: 1,
    kind,
    incident,
    node,
    host,
    at: new Date(at).toISOString(),
    phase,
    text,
    instances: countByOutcome(instances),
  };
}

/** What the report of an incident has to tell. */
export function messageOfReport(report: IncidentReport, now: number): Message {
  const { incident, node, host, state, text, instances } = report;
  return {
    version: 1,
    kind: state,
    incident,
    node,
    host,
    at: new Date(now).toISOString(),
    phase: state === 'released' ? 'returning' : 'closed',
    text,
    instances: countByOutcome(instances),
    report,
  };
}

function countByOutcome(instances: readonly { readonly outcome: string }[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of instances) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
