import type { TickReport } from '../evacuator/ports.ts';
import { exposeHistogram, exposeSamples, type MetricDescription, type Sample } from './prometheus.ts';
import { DURATION_NAMES, DURATIONS, ENDS, GATE_IDS, type MetricsState, OUTCOMES, PHASES } from './state.ts';

/** All metrics of the evacuator; rules and dashboards may name these and no others. */
export const METRICS = {
  build: {
    name: 'instance_ha_build_info',
    type: 'gauge',
    help: 'Always 1; its labels say which version runs and which process it is (NODE:PID.START).',
  },
  start: {
    name: 'instance_ha_start_time_seconds',
    type: 'gauge',
    help: 'When this evacuator began, by the clock of its controller.',
  },
  ticks: {
    name: 'instance_ha_ticks_total',
    type: 'counter',
    help: 'Rounds of observe, decide, act and record.',
  },
  lastTick: {
    name: 'instance_ha_last_tick_timestamp_seconds',
    type: 'gauge',
    help: 'When the last round was over.',
  },
  cloudUp: {
    name: 'instance_ha_cloud_up',
    type: 'gauge',
    help: 'Whether Nova answered when it was asked last (1) or not (0).',
  },
  gates: {
    name: 'instance_ha_gates_closed',
    type: 'gauge',
    help: 'What holds work up on purpose: how many nodes each gate is closed for; 1 as well where it is closed for all.',
  },
  hosts: {
    name: 'instance_ha_hosts',
    type: 'gauge',
    help: 'Hosts that are not in their normal state, by phase.',
  },
  instances: {
    name: 'instance_ha_instances',
    type: 'gauge',
    help: 'Instances of the incidents that are open, by where they stand now.',
  },
  inFlight: {
    name: 'instance_ha_instances_in_flight',
    type: 'gauge',
    help: 'Evacuations that are unfinished now.',
  },
  window: {
    name: 'instance_ha_window',
    type: 'gauge',
    help: 'How many evacuations may be unfinished at a time; 0 while nothing is evacuated.',
  },
  oldest: {
    name: 'instance_ha_oldest_incident_seconds',
    type: 'gauge',
    help: 'How long ago this evacuator first saw the oldest incident that is not released yet; 0: there is none.',
  },
  incidents: {
    name: 'instance_ha_incidents_total',
    type: 'counter',
    help: 'Incidents that were opened, released (all instances accounted for) and closed (host back in service).',
  },
  ended: {
    name: 'instance_ha_instances_total',
    type: 'counter',
    help: 'Instances of released incidents, by how they ended.',
  },
  durations: {
    name: 'instance_ha_duration_seconds',
    type: 'histogram',
    help: `How long the parts of an incident took. ${DURATION_NAMES.map((name) => `${name}: ${DURATIONS[name].text}`).join('; ')}.`,
  },
  instanceDurations: {
    name: 'instance_ha_instance_duration_seconds',
    type: 'histogram',
    help: 'How long the evacuation of an instance took, from its acceptance to its arrival.',
  },
  apiRequests: {
    name: 'instance_ha_api_requests_total',
    type: 'counter',
    help: 'Requests sent to OpenStack, by service (identity: tokens asked for).',
  },
  apiErrors: {
    name: 'instance_ha_api_errors_total',
    type: 'counter',
    help: 'Requests to OpenStack that did not succeed, by service and code of the error.',
  },
} as const satisfies Readonly<Record<string, MetricDescription>>;

/**
 * The metrics in Prometheus' text format. Pure: the same state gives the same text. `requests` are the
 * requests sent so far by service, as the session counts them.
 */
export function metricsText(state: MetricsState, requests: ReadonlyMap<string, number>): string {
  const { last } = state;
  const one = (metric: MetricDescription, value: number): string => exposeSamples(metric, [{ value }]);
  return [
    exposeSamples(METRICS.build, [{ labels: { version: state.version, owner: state.owner }, value: 1 }]),
    one(METRICS.start, state.startedAt / 1000),
    one(METRICS.ticks, state.ticks),
    ...(last === null ? [] : nowText(state, last)),
    exposeSamples(
      METRICS.incidents,
      Object.entries(state.incidents).map(([event, value]) => ({ labels: { event }, value })),
    ),
    exposeSamples(
      METRICS.ended,
      ENDS.map((outcome) => ({ labels: { outcome }, value: state.ended.get(outcome) ?? 0 })),
    ),
    exposeHistogram(
      METRICS.durations,
      DURATION_NAMES.map((part) => ({ labels: { part }, histogram: state.durations[part] })),
    ),
    exposeHistogram(METRICS.instanceDurations, [{ histogram: state.instanceDurations }]),
    exposeSamples(
      METRICS.apiRequests,
      byLabel(requests, ([service]) => ({ service })),
    ),
    exposeSamples(
      METRICS.apiErrors,
      byLabel(state.apiErrors, ([key]) => {
        const [service = '', code = ''] = key.split(' ');
        return { service, code };
      }),
    ),
  ].join('');
}

/** What the last tick saw. Before the first there is nothing to say, and nothing is said. */
function nowText(state: MetricsState, last: TickReport): string[] {
  const instances = last.verdicts.flatMap((verdict) => verdict.instances);
  const count = <T>(all: readonly T[], fits: (each: T) => boolean): number => all.filter(fits).length;
  const open = last.verdicts.flatMap(({ incident, phase }) =>
    incident === null || phase === 'returning' ? [] : [state.opened.get(incident) ?? last.at],
  );
  return [
    exposeSamples(METRICS.lastTick, [{ value: last.at / 1000 }]),
    exposeSamples(METRICS.cloudUp, [{ value: last.cloudTrouble === null ? 1 : 0 }]),
    exposeSamples(
      METRICS.gates,
      GATE_IDS.map((gate) => ({ labels: { gate }, value: count(last.gates, ({ id }) => id === gate) })),
    ),
    exposeSamples(
      METRICS.hosts,
      PHASES.map((phase) => ({
        labels: { phase },
        value: count(last.verdicts, (verdict) => verdict.phase === phase),
      })),
    ),
    exposeSamples(
      METRICS.instances,
      OUTCOMES.map((outcome) => ({
        labels: { outcome },
        value: count(instances, (instance) => instance.outcome === outcome),
      })),
    ),
    exposeSamples(METRICS.inFlight, [{ value: last.pace?.inFlight ?? 0 }]),
    exposeSamples(METRICS.window, [{ value: last.pace?.window ?? 0 }]),
    exposeSamples(METRICS.oldest, [
      { value: open.length === 0 ? 0 : Math.max(0, last.at - Math.min(...open)) / 1000 },
    ]),
  ];
}

function byLabel(
  counts: ReadonlyMap<string, number>,
  labels: (entry: readonly [string, number]) => Readonly<Record<string, string>>,
): Sample[] {
  return [...counts].sort().map((entry) => ({ labels: labels(entry), value: entry[1] }));
}
