import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import type { Command } from './decision.ts';
import { hostName } from './names.ts';
import { type ClusterView, known, type ServiceTrace } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { aHostView, aNode, anObservation, aRecord, aService, aTrace, SOURCE } from './testing.ts';

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
    haveQuorum: true,
    nodes: [aNode('compute-1', null, { evacuation, online: false })],
    pause: null,
    history: new Map(),
    levelsCorrected: new Map(),
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
    const back = (disabledSince: ServiceTrace['disabledSince']): readonly string[] => {
      const evacuation = aRecord({ phase: 'returning', releasedAt: 1_000 });
      const observation = anObservation({
        ...{ now: NOW, mono: NOW, begunAt: NOW, novaNow: NOW, servicesAt: NOW },
        cluster: known({
          ...{ haveQuorum: true, nodes: [aNode('compute-1', null, { evacuation })], pause: null },
          ...{ history: new Map(), levelsCorrected: new Map() },
        }),
        services: known([aService('compute-1', { updatedAt: NOW })]),
        hosts: new Map([[SOURCE, aHostView({ incident: 'i1', traits: known([]), traitsAt: NOW })]]),
        traces: new Map([[SOURCE, aTrace({ enableAt: NOW - requestSettleMs, disabledSince })]]),
      });
      return decide(observation, DEFAULT_POLICY).commands.map(({ kind }) => kind);
    };
    expect(back(null)).toEqual(['delete-evacuation']);
    expect(back({ reason: 'broken fan', seenAt: NOW - 1_000 })).toEqual(['disable']);
  });

  it('is looked for as long as one may come', () => {
    const looks = (enableAt: number): boolean => {
      const observation = anObservation({
        ...{ mono: NOW, servicesAt: NOW - 6_000 },
        cluster: known({
          ...{ haveQuorum: true, nodes: [], pause: null },
          ...{ history: new Map(), levelsCorrected: new Map() },
        }),
        services: known([aService('compute-2')]),
        traces: new Map([[SPARE, aTrace({ enableAt })]]),
      });
      return decide(observation, DEFAULT_POLICY).look.services;
    };
    expect(looks(NOW - 10_000)).toBe(true);
    expect(looks(NOW - 6_000 - requestSettleMs)).toBe(false);
  });
});
