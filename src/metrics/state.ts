import type { Gate, HostVerdict } from '../core/decision.ts';
import type { Outcome } from '../core/instance.ts';
import type { IncidentMoments, IncidentReport } from '../core/report.ts';
import type { TickReport } from '../evacuator/ports.ts';
import { type Histogram, newHistogram, observed } from './prometheus.ts';

/** Seconds; an evacuation takes between one and some thousand. */
const BOUNDS_S = [1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600];

/** Between which moments of an incident a duration is measured. */
export const DURATIONS = {
  proof: { from: 'recordedAt', to: 'fencedAt', text: 'incident recorded to power confirmed off' },
  first_request: {
    from: 'recordedAt',
    to: 'firstAcceptedAt',
    text: 'incident recorded to first evacuation accepted by Nova',
  },
  evacuation: { from: 'firstAcceptedAt', to: 'lastArrivedAt', text: 'first evacuation to last arrival' },
  hold: { from: 'recordedAt', to: 'releasedAt', text: 'incident recorded to host released' },
  return: { from: 'releasedAt', to: 'closedAt', text: 'host released to back in service' },
  incident: { from: 'recordedAt', to: 'closedAt', text: 'incident recorded to host back in service' },
} as const satisfies Record<
  string,
  { readonly from: keyof IncidentMoments; readonly to: keyof IncidentMoments; readonly text: string }
>;
export type DurationName = keyof typeof DURATIONS;
export const DURATION_NAMES = Object.keys(DURATIONS) as readonly DurationName[];

/** What is known at the release, and what only when the host is back. */
const AT_RELEASE: readonly DurationName[] = ['proof', 'first_request', 'evacuation', 'hold'];
const AT_CLOSE: readonly DurationName[] = ['return', 'incident'];

/** Incidents that are remembered as opened, at most: one that comes back is counted once. */
const MAX_INCIDENTS = 1000;

/** All that the metrics are made of. Like all memory it can be lost: counters begin at 0 then, which Prometheus expects. */
export interface MetricsState {
  readonly version: string;
  readonly owner: string;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly ticks: number;
  readonly last: TickReport | null;
  /** Incident → epoch ms at which it was first seen; those that are over stay, so that none is counted twice. */
  readonly opened: ReadonlyMap<string, number>;
  readonly incidents: { readonly opened: number; readonly released: number; readonly closed: number };
  /** Instances of released incidents by how they ended. */
  readonly ended: ReadonlyMap<Outcome['kind'], number>;
  readonly durations: Readonly<Record<DurationName, Histogram>>;
  readonly instanceDurations: Histogram;
  readonly reportsReleased: ReadonlySet<string>;
  /** `SERVICE CODE` → requests that ended in this error. */
  readonly apiErrors: ReadonlyMap<string, number>;
}

/** What a process has counted at its start. `owner`: its name in records; `startedAt`: epoch ms. */
export function newMetricsState(version: string, owner: string, startedAt: number): MetricsState {
  const histogram = newHistogram(BOUNDS_S);
  return {
    version,
    owner,
    startedAt,
    ticks: 0,
    last: null,
    opened: new Map(),
    incidents: { opened: 0, released: 0, closed: 0 },
    ended: new Map(),
    durations: {
      proof: histogram,
      first_request: histogram,
      evacuation: histogram,
      hold: histogram,
      return: histogram,
      incident: histogram,
    },
    instanceDurations: histogram,
    reportsReleased: new Set(),
    apiErrors: new Map(),
  };
}

/** After one more tick. */
export function afterTick(state: MetricsState, report: TickReport): MetricsState {
  const opened = new Map(state.opened);
  let count = state.incidents.opened;
  for (const { incident } of report.verdicts) {
    if (incident === null || opened.has(incident)) continue;
    opened.set(incident, report.at);
    count++;
  }
  return {
    ...state,
    ticks: state.ticks + 1,
    last: report,
    opened: newest(opened),
    incidents: { ...state.incidents, opened: count },
  };
}

/** After the report of an incident: at its release, and when its host is back. */
export function afterReport(state: MetricsState, report: IncidentReport): MetricsState {
  return report.state === 'released' ? afterRelease(state, report) : afterClose(state, report);
}

function afterRelease(state: MetricsState, report: IncidentReport): MetricsState {
  if (state.reportsReleased.has(report.incident)) return state;
  const ended = new Map(state.ended);
  let { instanceDurations } = state;
  for (const { outcome, durationMs } of report.instances) {
    ended.set(outcome, (ended.get(outcome) ?? 0) + 1);
    if (outcome === 'moved' && durationMs !== null)
      instanceDurations = observed(instanceDurations, Math.max(0, durationMs) / 1000);
  }
  return {
    ...state,
    ended,
    instanceDurations,
    durations: withDurations(state, report, AT_RELEASE),
    incidents: { ...state.incidents, released: state.incidents.released + 1 },
    reportsReleased: new Set([...state.reportsReleased, report.incident].slice(-MAX_INCIDENTS)),
  };
}

function afterClose(state: MetricsState, report: IncidentReport): MetricsState {
  return {
    ...state,
    durations: withDurations(state, report, AT_CLOSE),
    incidents: { ...state.incidents, closed: state.incidents.closed + 1 },
  };
}

function withDurations(
  state: MetricsState,
  { moments }: IncidentReport,
  names: readonly DurationName[],
): MetricsState['durations'] {
  const durations = { ...state.durations };
  for (const name of names) {
    const from = moments[DURATIONS[name].from];
    const to = moments[DURATIONS[name].to];
    // Two clocks that differ a little may put the end before the beginning.
    if (from !== null && to !== null)
      durations[name] = observed(durations[name], Math.max(0, to - from) / 1000);
  }
  return durations;
}

/** After a request to a service that did not succeed. */
export function afterApiError(state: MetricsState, service: string, code: string): MetricsState {
  const key = `${service} ${code}`;
  return { ...state, apiErrors: new Map(state.apiErrors).set(key, (state.apiErrors.get(key) ?? 0) + 1) };
}

function newest(map: Map<string, number>): ReadonlyMap<string, number> {
  return map.size <= MAX_INCIDENTS ? map : new Map([...map].slice(-MAX_INCIDENTS));
}

/** Every gate that there is; the type holds that none is left out. */
export const GATE_IDS = Object.keys({
  'cluster-unreadable': true,
  'no-quorum': true,
  'no-proof': true,
  paused: true,
  blind: true,
  'no-scheduler': true,
  'no-conductor': true,
  'no-destination': true,
  'failed-hosts': true,
  'starts-per-interval': true,
} satisfies Record<Gate['id'], true>) as readonly Gate['id'][];

export const PHASES = Object.keys({
  blocked: true,
  evacuating: true,
  releasing: true,
  returning: true,
} satisfies Record<HostVerdict['phase'], true>) as readonly HostVerdict['phase'][];

/** Every outcome, and whether it is an end. */
const IS_END = {
  moved: true,
  cannot: true,
  excluded: true,
  failed: true,
  gone: true,
  ready: false,
  waiting: false,
  unanswered: false,
  moving: false,
  verifying: false,
  restoring: false,
} satisfies Record<Outcome['kind'], boolean>;
export const OUTCOMES = Object.keys(IS_END) as readonly Outcome['kind'][];
export const ENDS = OUTCOMES.filter((outcome) => IS_END[outcome]);
