import * as v from 'valibot';
import type { Gate } from '../../core/decision.ts';
import { hostName, nodeName, serverId } from '../../core/names.ts';
import type { IncidentReport, ReportedInstance } from '../../core/report.ts';
import { OUTCOME_WORDS } from './incident-markdown.ts';

const OUTCOMES = Object.keys(OUTCOME_WORDS) as ReportedInstance['outcome'][];

const Time = v.nullable(v.number());
const Node = v.pipe(v.string(), v.transform(nodeName));
const Host = v.nullable(v.pipe(v.string(), v.transform(hostName)));

/** What another release calls a gate is its own affair. */
const GateSchema = v.object({
  id: v.pipe(
    v.string(),
    v.transform((id) => id as Gate['id']),
  ),
  text: v.string(),
  opens: v.string(),
  node: v.nullable(Node),
});

const InstanceSchema = v.object({
  id: v.pipe(v.string(), v.transform(serverId)),
  name: v.string(),
  outcome: v.picklist(OUTCOMES),
  to: Host,
  attempts: v.number(),
  disk: v.picklist(['kept', 'rebuilt']),
  startedAt: Time,
  endedAt: Time,
  durationMs: Time,
  reason: v.string(),
  differences: v.array(v.string()),
});

/** A report as it is kept in a file. */
const IncidentReportSchema: v.GenericSchema<unknown, IncidentReport> = v.object({
  incident: v.string(),
  node: Node,
  host: Host,
  state: v.picklist(['released', 'closed']),
  text: v.string(),
  moments: v.object({
    recordedAt: Time,
    fencedAt: Time,
    firstAcceptedAt: Time,
    lastArrivedAt: Time,
    releasedAt: Time,
    closedAt: Time,
  }),
  timeline: v.array(v.object({ at: v.number(), text: v.string() })),
  gates: v.array(v.object({ gate: GateSchema, from: v.number(), until: Time })),
  instances: v.array(InstanceSchema),
});

/** The report in a file's text; null when it is none, or one of another release with other words. */
export function parseIncidentReport(text: string): IncidentReport | null {
  try {
    const parsed = v.safeParse(IncidentReportSchema, JSON.parse(text));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
