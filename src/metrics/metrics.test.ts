import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { HostVerdict, InstanceVerdict } from '../core/decision.ts';
import { hostName, nodeName, serverId } from '../core/names.ts';
import type { IncidentReport } from '../core/report.ts';
import { anObservation } from '../core/testing.ts';
import type { TickReport } from '../evacuator/ports.ts';
import { afterApiError, afterReport, afterTick, type MetricsState, newMetricsState } from './state.ts';
import { METRICS, metricsText } from './text.ts';

const START = 1_790_000_000_000;
const NONE: ReadonlyMap<string, number> = new Map();
const fresh = (): MetricsState => newMetricsState('1.2.3', 'controller-1:42.7', START);

function instance(n: number, outcome: InstanceVerdict['outcome']): InstanceVerdict {
  const id = serverId(`00000000-0000-4000-8000-00000000000${n}`);
  return { id, name: `vm"${n}\n`, outcome, to: null, attempts: 1, disk: 'kept', differences: [], text: '' };
}

function verdict(
  incident: string,
  phase: HostVerdict['phase'],
  instances: InstanceVerdict[] = [],
): HostVerdict {
  return { node: nodeName('compute-1'), host: hostName('compute-1'), incident, phase, text: '', instances };
}

function tick(at: number, verdicts: HostVerdict[], more: Partial<TickReport> = {}): TickReport {
  return {
    at,
    mono: 0,
    gates: [],
    verdicts,
    pace: null,
    cloudTrouble: null,
    observation: anObservation(),
    ...more,
  };
}

function report(state: IncidentReport['state'], more: Partial<IncidentReport> = {}): IncidentReport {
  const ended = (outcome: InstanceVerdict['outcome'], durationMs: number | null) => ({
    ...instance(1, outcome),
    startedAt: null,
    endedAt: null,
    durationMs,
    reason: '',
  });
  return {
    incident: 'abc',
    node: nodeName('compute-1'),
    host: hostName('compute-1'),
    state,
    text: '',
    moments: {
      recordedAt: START,
      fencedAt: START + 400,
      firstAcceptedAt: START + 1_400,
      lastArrivedAt: START + 41_400,
      releasedAt: START + 45_000,
      closedAt: state === 'closed' ? START + 105_000 : null,
    },
    timeline: [],
    gates: [],
    instances: [
      ended('moved', 8_000),
      ended('moved', 21_000),
      ended('failed', 4_000),
      ended('excluded', null),
    ],
    ...more,
  };
}

/** The value of a series, by its text up to the space. */
function sampleOf(text: string, series: string): number | null {
  const line = text.split('\n').find((each) => each.startsWith(`${series} `));
  return line === undefined ? null : Number(line.slice(series.length + 1));
}

const EVENTFUL = ((): MetricsState => {
  let state = afterTick(
    fresh(),
    tick(START, [verdict('abc', 'evacuating', [instance(1, 'moving'), instance(2, 'waiting')])], {
      pace: { window: 10, inFlight: 1 },
    }),
  );
  state = afterReport(afterReport(state, report('released')), report('closed'));
  state = afterApiError(afterApiError(state, 'compute', 'http'), 'compute', 'http');
  return afterTick(state, tick(START + 60_000, [verdict('abc', 'returning')], { cloudTrouble: 'away' }));
})();

describe('the metrics', () => {
  it('say where everything stands', () => {
    const first = afterTick(
      fresh(),
      tick(
        START,
        [
          verdict('abc', 'evacuating', [instance(1, 'moving'), instance(2, 'waiting')]),
          verdict('def', 'blocked'),
        ],
        {
          gates: [{ id: 'no-quorum', text: '', opens: '', node: null }],
          pace: { window: 10, inFlight: 1 },
        },
      ),
    );
    const text = metricsText(
      afterTick(first, { ...(first.last as TickReport), at: START + 90_000 }),
      new Map([['compute', 7]]),
    );
    for (const [series, value] of [
      ['instance_ha_build_info{version="1.2.3",owner="controller-1:42.7"}', 1],
      ['instance_ha_ticks_total', 2],
      ['instance_ha_last_tick_timestamp_seconds', START / 1000 + 90],
      ['instance_ha_cloud_up', 1],
      ['instance_ha_gates_closed{gate="no-quorum"}', 1],
      ['instance_ha_gates_closed{gate="paused"}', 0],
      ['instance_ha_hosts{phase="blocked"}', 1],
      ['instance_ha_instances{outcome="moving"}', 1],
      ['instance_ha_instances_in_flight', 1],
      ['instance_ha_window', 10],
      ['instance_ha_oldest_incident_seconds', 90],
      ['instance_ha_incidents_total{event="opened"}', 2],
      ['instance_ha_api_requests_total{service="compute"}', 7],
    ] as const) {
      expect(sampleOf(text, series), series).toBe(value);
    }
  });

  it('count an incident and its instances once, whatever comes twice', () => {
    const text = metricsText(afterReport(EVENTFUL, report('released')), NONE);
    for (const [series, value] of [
      ['instance_ha_incidents_total{event="opened"}', 1],
      ['instance_ha_incidents_total{event="released"}', 1],
      ['instance_ha_incidents_total{event="closed"}', 1],
      ['instance_ha_instances_total{outcome="moved"}', 2],
      ['instance_ha_instances_total{outcome="failed"}', 1],
      ['instance_ha_instances_total{outcome="cannot"}', 0],
      ['instance_ha_api_errors_total{service="compute",code="http"}', 2],
      ['instance_ha_cloud_up', 0],
      ['instance_ha_oldest_incident_seconds', 0],
    ] as const) {
      expect(sampleOf(text, series), series).toBe(value);
    }
  });

  it('measure the parts of an incident, and each instance', () => {
    const text = metricsText(EVENTFUL, NONE);
    for (const [part, seconds] of [
      ['proof', 0.4],
      ['first_request', 1.4],
      ['evacuation', 40],
      ['hold', 45],
      ['return', 60],
      ['incident', 105],
    ] as const) {
      expect(sampleOf(text, `instance_ha_duration_seconds_sum{part="${part}"}`)).toBe(seconds);
      expect(sampleOf(text, `instance_ha_duration_seconds_count{part="${part}"}`)).toBe(1);
    }
    const buckets = (bound: string): number | null =>
      sampleOf(text, `instance_ha_instance_duration_seconds_bucket{le="${bound}"}`);
    expect(['5', '10', '20', '30', '+Inf'].map(buckets)).toEqual([0, 1, 1, 2, 2]);
  });

  it('do not measure what is not known, nor less than nothing', () => {
    const moments = {
      ...report('released').moments,
      recordedAt: null,
      fencedAt: START + 9_000,
      firstAcceptedAt: START + 5_000,
      lastArrivedAt: START,
    };
    const text = metricsText(afterReport(fresh(), report('released', { moments })), NONE);
    expect(sampleOf(text, 'instance_ha_duration_seconds_count{part="proof"}')).toBe(0);
    expect(sampleOf(text, 'instance_ha_duration_seconds_sum{part="evacuation"}')).toBe(0);
    expect(sampleOf(text, 'instance_ha_duration_seconds_count{part="evacuation"}')).toBe(1);
  });

  it('are what Prometheus reads', () => {
    for (const state of [fresh(), EVENTFUL]) {
      const checked = spawnSync('promtool', ['check', 'metrics'], {
        input: metricsText(state, new Map([['a"\\\n', 1]])),
        encoding: 'utf8',
      });
      // Without Debian's package prometheus there is nobody to ask.
      if (checked.error !== undefined) return;
      expect(checked.stdout + checked.stderr).toBe('');
      expect(checked.status).toBe(0);
    }
  });
});

/** Every name that a text of PromQL asks for. */
function namesIn(text: string): string[] {
  return [...new Set(text.match(/\binstance_ha_[a-z_]+/g) ?? [])];
}
/** Every name that the evacuator exposes. */
const EXPOSED = new Set(
  Object.values(METRICS).flatMap(({ name, type }) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  ),
);

describe('rules and dashboard', () => {
  const rules = readFileSync('packaging/monitoring/instance-ha.rules.yml', 'utf8');
  const dashboard = readFileSync('packaging/monitoring/instance-ha.dashboard.json', 'utf8');

  it('use metrics that exist, and the dashboard shows every one', () => {
    expect(namesIn(rules).filter((name) => !EXPOSED.has(name))).toEqual([]);
    expect(namesIn(dashboard).filter((name) => !EXPOSED.has(name))).toEqual([]);
    const shown = namesIn(dashboard).map((name) => name.replace(/_(bucket|sum|count)$/, ''));
    for (const { name } of Object.values(METRICS)) expect(shown).toContain(name);
  });

  it('is a dashboard whose panels do not lie over each other', () => {
    const { panels } = JSON.parse(dashboard) as {
      panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[];
    };
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(Math.max(...panels.map(({ gridPos }) => gridPos.x + gridPos.w))).toBeLessThanOrEqual(24);
  });

  it('has a runbook for each alert', () => {
    const runbooks = readFileSync('docs/runbooks.md', 'utf8');
    const alerts = [...rules.matchAll(/- alert: (\w+)/g)].map((match) => match[1] ?? '');
    expect(alerts.length).toBeGreaterThan(8);
    for (const alert of alerts) {
      expect(runbooks).toContain(`## ${alert}\n`);
      expect(rules).toContain(`docs/runbooks.md#${alert.toLowerCase()}`);
    }
  });

  it.skipIf(spawnSync('promtool', ['--version']).error !== undefined)(
    'pass their own tests (promtool)',
    () => {
      const tested = spawnSync(
        'promtool',
        ['test', 'rules', 'packaging/monitoring/instance-ha.rules.test.yml'],
        { encoding: 'utf8' },
      );
      expect(tested.status, tested.stdout + tested.stderr).toBe(0);
      // Every rule is in the tests, firing.
      const tests = readFileSync('packaging/monitoring/instance-ha.rules.test.yml', 'utf8');
      for (const [, alert] of rules.matchAll(/- alert: (\w+)/g)) {
        expect(tests).toMatch(new RegExp(`alertname: ${alert}\\n\\s+exp_alerts:`));
      }
    },
  );
});
