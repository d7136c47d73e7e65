import { compareArrival } from './arrival.ts';
import type { DiskFate, Gate, InstanceVerdict } from './decision.ts';
import type { Outcome } from './instance.ts';
import { novaAheadMs } from './looks.ts';
import type { HostName, NodeName, ServerId } from './names.ts';
import type { EvacuationView, HostView, NodeView, Observation } from './observation.ts';
import type { StoragePolicy } from './policy.ts';
import { pastOf } from './quarantine.ts';
import type { EvacuationRecord } from './records.ts';
import { hasSucceeded, isLive } from './status.ts';
import { diskFate } from './storage.ts';

/** Something that happened in an incident. */
export interface ReportedEvent {
  /** The controllers' clock, epoch ms. */
  readonly at: number;
  readonly text: string;
}

export interface ReportedGate {
  readonly gate: Gate;
  /** The controllers' clock, epoch ms. */
  readonly from: number;
  /** null: it still stands. */
  readonly until: number | null;
}

export interface ReportedInstance {
  readonly id: ServerId;
  readonly name: string;
  readonly outcome: Outcome['kind'];
  readonly to: HostName | null;
  readonly attempts: number;
  readonly disk: DiskFate;
  /** Nova's clock: the first evacuation of this incident began, the last one ended; null: there was none. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly durationMs: number | null;
  readonly reason: string;
  readonly differences: readonly string[];
}

/** The moments that durations are measured between: the controllers' clock, epoch ms; null: not known, or not yet. */
export interface IncidentMoments {
  readonly recordedAt: number | null;
  readonly fencedAt: number | null;
  readonly firstAcceptedAt: number | null;
  readonly lastArrivedAt: number | null;
  readonly releasedAt: number | null;
  readonly closedAt: number | null;
}

/** Nothing is known of when. */
export const NO_MOMENTS: IncidentMoments = {
  recordedAt: null,
  fencedAt: null,
  firstAcceptedAt: null,
  lastArrivedAt: null,
  releasedAt: null,
  closedAt: null,
};

/** All that is known of one incident: for the files that people keep of it. */
export interface IncidentReport {
  readonly incident: string;
  readonly node: NodeName;
  readonly host: HostName | null;
  /** `released`: its instances are accounted for, the host is on its way back. `closed`: it is back. */
  readonly state: 'released' | 'closed';
  readonly text: string;
  readonly moments: IncidentMoments;
  /** Oldest first. */
  readonly timeline: readonly ReportedEvent[];
  /** The gates that this process saw closed before the incident; a predecessor may have met others. */
  readonly gates: readonly ReportedGate[];
  readonly instances: readonly ReportedInstance[];
}

/** A report as the rules make it; the gates that were met are the evacuator's to add, who has seen them. */
export type ReportDraft = Omit<IncidentReport, 'gates'>;

export interface Reporting {
  readonly observation: Observation;
  readonly node: NodeView;
  readonly record: EvacuationRecord;
  readonly view: HostView | null;
  readonly state: IncidentReport['state'];
  readonly text: string;
  readonly storage: StoragePolicy;
  /** The verdicts of its instances at the release; on the way back only Nova's records are at hand. */
  readonly instances: readonly InstanceVerdict[];
}

/**
 * What is known of an incident, from the record in the cluster and what Nova shows. After a failover in the middle
 * the same comes out, but for what only the predecessor has seen.
 */
export function reportIncident(facts: Reporting): ReportDraft {
  const { node, record, view, state, text } = facts;
  const its = view === null ? [] : view.evacuations.filter((e) => e.createdAt >= record.since);
  const moments = momentsOf(facts, its);
  return {
    incident: record.incident,
    node: node.name,
    host: view?.host ?? null,
    state,
    text,
    moments,
    timeline: timelineOf(facts, moments, its),
    instances:
      facts.instances.length > 0
        ? facts.instances.map((verdict) => reportInstance(verdict, evacuationsOf(its, verdict.id)))
        : fromRecords(facts, its),
  };
}

function evacuationsOf(all: readonly EvacuationView[], id: ServerId): readonly EvacuationView[] {
  return all.filter(({ server }) => server === id);
}

function reportInstance(verdict: InstanceVerdict, evacuations: readonly EvacuationView[]): ReportedInstance {
  const { id, name, outcome, to, attempts, disk, differences, text: reason } = verdict;
  const startedAt = evacuations[0]?.createdAt ?? null;
  // A record that has turned `completed` carries the time of that, and not of the arrival.
  const ended = evacuations.filter((e) => !isLive(e) && e.status !== 'completed').map((e) => e.updatedAt);
  const endedAt = ended.length === 0 ? null : Math.max(...ended);
  const durationMs = startedAt === null || endedAt === null ? null : endedAt - startedAt;
  return { id, name, outcome, to, attempts, disk, startedAt, endedAt, durationMs, reason, differences };
}

/**
 * The instances as Nova shows them: what this evacuator has not seen itself it knows by that alone. At the release all
 * that is on the host is known, also what nobody had asked for when somebody let it go.
 */
function fromRecords(facts: Reporting, its: readonly EvacuationView[]): readonly ReportedInstance[] {
  const { view, storage, state } = facts;
  if (view === null) return [];
  const left = view.servers.filter(({ host, deleted }) => host === view.host && !deleted);
  const ids = [...its.map(({ server }) => server), ...(state === 'released' ? left.map(({ id }) => id) : [])];
  return [...new Set(ids)].map((id) => {
    const evacuations = evacuationsOf(its, id);
    const server = view.servers.find((each) => each.id === id);
    const verdict: InstanceVerdict = {
      id,
      name: server?.name ?? id,
      attempts: evacuations.length,
      disk: server === undefined ? 'kept' : diskFate(server, storage),
      differences: server === undefined ? [] : compareArrival(view, server).differences,
      ...byRecords(evacuations),
    };
    return reportInstance(verdict, evacuations);
  });
}

function byRecords(evacuations: readonly EvacuationView[]): Pick<InstanceVerdict, 'outcome' | 'to' | 'text'> {
  const success = evacuations.findLast(hasSucceeded);
  if (success !== undefined)
    return { outcome: 'moved', to: success.dest, text: `by Nova's records it moved to ${success.dest}` };
  const last = evacuations.at(-1);
  if (last === undefined) return { outcome: 'ready', to: null, text: 'nobody had asked for it yet' };
  return isLive(last)
    ? { outcome: 'moving', to: last.dest, text: 'its evacuation had not ended' }
    : { outcome: 'failed', to: null, text: 'no evacuation of it succeeded' };
}

/** When things happened, by the controllers' clock. */
function momentsOf(
  { observation, node, record, state }: Reporting,
  its: readonly EvacuationView[],
): IncidentMoments {
  const skewMs = novaAheadMs(observation);
  const byNova = (at: number | null | undefined): number | null =>
    at === null || at === undefined ? null : at - skewMs;
  const arrivals = its.filter(hasSucceeded);
  return {
    recordedAt: incidentAt(node, record) ?? null,
    fencedAt: record.fencedAt,
    firstAcceptedAt: byNova(its[0]?.createdAt),
    // The record turns from `done` to `completed` on the way back, and its time with it.
    lastArrivedAt:
      state === 'released' && arrivals.length > 0
        ? byNova(Math.max(...arrivals.map((e) => e.updatedAt)))
        : null,
    releasedAt: byNova(record.releasedAt),
    closedAt: state === 'closed' ? observation.now : null,
  };
}

function timelineOf(
  { observation, text }: Reporting,
  moments: IncidentMoments,
  its: readonly EvacuationView[],
): readonly ReportedEvent[] {
  const skewMs = novaAheadMs(observation);
  const events: ReportedEvent[] = [];
  const add = (at: number | null, what: string): void => {
    if (at !== null) events.push({ at, text: what });
  };
  add(moments.recordedAt, 'the incident was recorded');
  add(moments.fencedAt, 'the power was confirmed off');
  add(moments.firstAcceptedAt, 'the first evacuation was accepted by Nova');
  for (const e of its) {
    const before = evacuationsOf(its, e.server).findLast(({ id }) => id < e.id);
    // Nobody asks again while one may live: it died with its destination, and its record does not say so.
    if (before !== undefined && isLive(before))
      add(e.createdAt - skewMs, `${e.server} was asked for again: ${sayLost(before)}`);
    if (isLive(e) || hasSucceeded(e)) continue;
    add(
      e.updatedAt - skewMs,
      `an evacuation of ${e.server}${e.dest === null ? '' : ` to ${e.dest}`} ended in ${e.status}`,
    );
  }
  add(moments.lastArrivedAt, 'the last instance arrived');
  add(moments.releasedAt, 'the host was released');
  add(moments.closedAt, text);
  return events.sort((a, b) => a.at - b.at);
}

function sayLost({ dest }: EvacuationView): string {
  return dest === null
    ? 'its evacuation was lost with the host that it was sent to'
    : `its evacuation to ${dest} was lost with that host`;
}

function incidentAt(node: NodeView, record: EvacuationRecord): number | undefined {
  if (node.incident !== null && node.incident !== 'unreadable') return node.incident.at;
  return pastOf(node).find(({ id }) => id === record.incident)?.at;
}
