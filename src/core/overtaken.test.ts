import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import type { Command } from './decision.ts';
import { hostName } from './names.ts';
import { type ClusterView, known, type ServiceTrace } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { quarantineReason } from './quarantine.ts';
import { disabledReason } from './records.ts';
import { A_CLUSTER, aHostView, aNode, anObservation, aRecord, aService, aTrace, SOURCE } from './testing.ts';

const NOW = 50_000;
const { requestSettleMs } = DEFAULT_POLICY.timing;

const SPARE = hostName('compute-2');

interface Scene {
  readonly trace?: Partial<ServiceTrace>;
  readonly service?: Parameters<typeof aService>[1];
}

/** What is done with a reserved host that was claimed for compute-1, which is released. */
function given(scene: Scene): { readonly commands: readonly Command[]; readonly text: string } {
  const { trace, service } = scene;
  const claim = { host: SPARE, reason: 'reserved', aggregate: null };
  const evacuation = aRecord({ phase: 'returning', releasedAt: 1_000, reserves: [claim] });
  const cluster: ClusterView = {
    ...A_CLUSTER,
    nodes: [aNode('compute-1', null, { evacuation, online: false })],
  };
  const { commands, verdicts } = decide(
    anObservation({
      ...{ now: NOW, mono: NOW, begunAt: NOW, novaNow: NOW, servicesAt: NOW },
      cluster: known(cluster),
      services: known([
        aService('compute-1', { state: 'down', forcedDown: true }),
        aService('compute-2', { status: 'disabled', disabledReason: 'reserved', ...service }),
      ]),
      traces: new Map([[SPARE, aTrace(trace)]]),
    }),
    DEFAULT_POLICY,
  );
  return { commands, text: verdicts[0]?.text ?? '' };
}

/** What is done with compute-1, which is back and reports. `incidents`: how many are enough for quarantine. */
function whenBack(
  service: Parameters<typeof aService>[1],
  trace: Partial<ServiceTrace>,
  incidents = DEFAULT_POLICY.gates.quarantineIncidents,
): readonly Command[] {
  const evacuation = aRecord({ phase: 'returning', releasedAt: 1_000 });
  const outage = { id: 'i1', at: evacuation.fencedAt, novaAt: evacuation.since };
  const observation = anObservation({
    ...{ now: NOW, mono: NOW, begunAt: NOW, novaNow: NOW, servicesAt: NOW },
    cluster: known({
      ...A_CLUSTER,
      nodes: [aNode('compute-1', null, { evacuation, past: { incidents: [outage] } })],
    }),
    services: known([aService('compute-1', { updatedAt: NOW, ...service })]),
    hosts: new Map([[SOURCE, aHostView({ incident: 'i1', traits: known([]), traitsAt: NOW })]]),
    traces: new Map([[SOURCE, aTrace(trace)]]),
  });
  const gates = { ...DEFAULT_POLICY.gates, quarantineIncidents: incidents };
  return decide(observation, { ...DEFAULT_POLICY, gates }).commands;
}

describe('a host that belongs into quarantine', () => {
  const late = { enableSentAt: 9_000, enableAt: 10_000, forceDownAt: 20_000, markedAt: 21_000 };

  it('is disabled again where a request of ours from before its death has enabled it, and before it is let up', () => {
    for (const forcedDown of [false, true])
      expect(whenBack({ forcedDown }, late, 1)).toMatchObject([
        { kind: 'disable', host: SOURCE, reason: expect.stringContaining('quarantine') },
      ]);
    expect(whenBack({}, { ...late, enableAt: 29_000 }, 1)).toMatchObject([{ kind: 'disable' }]);
    expect(whenBack({}, late, 2)).toMatchObject([{ kind: 'delete-evacuation' }]);
  });

  it('... and not where somebody has: after such a request could come, or where there was none', () => {
    const settled = 10_000 + requestSettleMs;
    for (const other of [
      { markedAt: settled },
      { enableSentAt: 20_000 },
      { enableAt: Number.NEGATIVE_INFINITY },
    ])
      expect(whenBack({}, { ...late, ...other }, 1)).toMatchObject([{ kind: 'delete-evacuation' }]);
  });
});

describe('a host that somebody has disabled before a request of ours to force it down put our marker on it', () => {
  const marked = { status: 'disabled', disabledReason: disabledReason('i1') } as const;
  const late = NOW - requestSettleMs;

  it('is disabled again as they had it, and not enabled when it is back', () => {
    const seen = { reason: 'broken fan', seenAt: NOW - 1_000 };
    expect(whenBack(marked, { disableAt: late, disabledSince: seen })).toMatchObject([
      { kind: 'disable', host: SOURCE, reason: 'broken fan' },
    ]);
    const theirs = { status: 'disabled', disabledReason: 'broken fan' } as const;
    expect(whenBack(theirs, { disableAt: late, disabledSince: seen })).toMatchObject([
      { kind: 'delete-evacuation' },
    ]);
  });

  it('... and where that was to say that it is in quarantine', () => {
    const seen = { reason: 'broken fan', seenAt: NOW - 1_000 };
    const worn = { status: 'disabled', disabledReason: quarantineReason('2 incidents') } as const;
    expect(whenBack(worn, { disableAt: late, disabledSince: seen })).toMatchObject([
      { kind: 'disable', host: SOURCE, reason: 'broken fan' },
    ]);
  });

  it('... but is enabled if they did it later, or a request to enable it is all that may have come', () => {
    const seen = { reason: 'broken fan', seenAt: NOW };
    expect(whenBack(marked, { disableAt: late, disabledSince: seen })).toMatchObject([{ kind: 'enable' }]);
    expect(whenBack(marked, { enableAt: NOW, disabledSince: seen })).toMatchObject([{ kind: 'enable' }]);
  });
});

describe('a host that somebody has disabled before a request of ours to enable it took effect', () => {
  const enabled = { status: 'enabled', disabledReason: null } as const;
  const disabled = (reason: string | null, seenAt: number): Partial<ServiceTrace> => ({
    enableAt: 30_000,
    disabledSince: { reason, seenAt },
  });

  it('is disabled again as they had it, and not as it was before', () => {
    const { commands, text } = given({ trace: disabled('broken fan', 40_000), service: enabled });
    expect(text).toContain('disabled again, as somebody has had it since');
    expect(commands).toMatchObject([{ kind: 'disable', host: SPARE, reason: 'broken fan' }]);
    const wordless = given({ trace: disabled(null, 40_000), service: enabled }).commands;
    expect(wordless).toMatchObject([{ kind: 'disable', reason: 'disabled by hand' }]);
  });

  it('... not if the request was settled when it was seen to be disabled: then they have enabled it', () => {
    const { commands } = given({
      trace: disabled('broken fan', 30_000 + requestSettleMs),
      service: enabled,
    });
    expect(commands).toMatchObject([{ kind: 'disable', reason: 'reserved' }]);
  });

  it('is disabled again before its own record is closed, too', () => {
    const back = (disabledSince: ServiceTrace['disabledSince']): readonly string[] =>
      whenBack({}, { enableAt: NOW - requestSettleMs, disabledSince }).map(({ kind }) => kind);
    expect(back(null)).toEqual(['delete-evacuation']);
    expect(back({ reason: 'broken fan', seenAt: NOW - 1_000 })).toEqual(['disable']);
  });

  it('is looked for as long as one may come', () => {
    const looks = (late: Partial<ServiceTrace>): boolean => {
      const observation = anObservation({
        ...{ mono: NOW, servicesAt: NOW - 6_000 },
        cluster: known({
          ...A_CLUSTER,
          nodes: [],
        }),
        services: known([aService('compute-2')]),
        traces: new Map([[SPARE, aTrace(late)]]),
      });
      return decide(observation, DEFAULT_POLICY).look.services;
    };
    for (const late of ['enableAt', 'disableAt'] as const) {
      expect(looks({ [late]: NOW - 10_000 })).toBe(true);
      expect(looks({ [late]: NOW - 6_000 - requestSettleMs })).toBe(false);
    }
  });
});
