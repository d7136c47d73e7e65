import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import type { Command } from './decision.ts';
import { newDraft } from './draft.ts';
import { mayStillChange } from './late.ts';
import { hostName } from './names.ts';
import { type ClusterView, known, type Observation, type ServiceTrace } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import {
  aHostView,
  aNode,
  anObservation,
  aRecord,
  aService,
  aTrace,
  fact,
  SOURCE,
  someFacts,
} from './testing.ts';

const NOW = 50_000;
const { requestSettleMs, takeoverSettleMs } = DEFAULT_POLICY.timing;

describe('a request without an answer', () => {
  const may = (more: Partial<Observation>, seenAt = NOW): boolean =>
    mayStillChange(
      newDraft(anObservation(more), DEFAULT_POLICY),
      aService('compute-1'),
      aRecord({ owner: 'controller-1:1' }),
      seenAt,
    );

  it('may take effect for so long after it was given up, and as long as it is waited for', () => {
    const traces = new Map([['svc-compute-1', aTrace({ unansweredAt: NOW - requestSettleMs })]]);
    expect(may({})).toBe(false);
    expect(may({ traces }, NOW - 1)).toBe(true);
    expect(may({ traces }, NOW)).toBe(false);
    const pending = { state: 'pending', at: NOW, failures: 0, message: '' } as const;
    expect(may({ commands: new Map([['enable:compute-1', pending]]) })).toBe(true);
    expect(may({ commands: new Map([['join-aggregate:compute-1', pending]]) })).toBe(true);
    expect(may({ commands: new Map([['enable:compute-2', pending]]) })).toBe(false);
  });

  it('may be one of an evacuator before this one', () => {
    const successor = { owner: 'controller-2:1', ownerSince: NOW - takeoverSettleMs };
    expect(may(successor, NOW - 1)).toBe(true);
    expect(may(successor, NOW)).toBe(false);
  });
});

const SPARE = hostName('compute-2');

interface Scene {
  readonly trace?: Partial<ServiceTrace>;
  readonly service?: Parameters<typeof aService>[1];
  readonly aggregate?: number | null;
  /** When the aggregates were listed. */
  readonly aggregatesAt?: number;
  readonly servicesAt?: number;
}

/** What is done with a reserved host that was claimed for compute-1, which is released. */
function given(scene: Scene): { readonly commands: readonly Command[]; readonly text: string } {
  const { trace = {}, service = {}, aggregate = null, aggregatesAt = NOW, servicesAt = NOW } = scene;
  const claim = { host: SPARE, reason: 'reserved', aggregate };
  const evacuation = aRecord({ phase: 'returning', releasedAt: 1_000, reserves: [claim] });
  const cluster: ClusterView = {
    haveQuorum: true,
    nodes: [aNode('compute-1', null, { evacuation, online: false })],
    pause: null,
    history: new Map(),
    levelsCorrected: new Map(),
  };
  const rack = { id: 1, name: 'rack', availabilityZone: null, hosts: [], metadata: {} };
  const { commands, verdicts } = decide(
    anObservation({
      ...{ now: NOW, mono: NOW, begunAt: NOW, novaNow: NOW, servicesAt },
      cluster: known(cluster),
      services: known([
        aService('compute-1', { state: 'down', forcedDown: true }),
        aService('compute-2', { status: 'disabled', disabledReason: 'reserved', ...service }),
      ]),
      facts: someFacts({ aggregates: { ...fact([rack]), mono: aggregatesAt } }),
      traces: new Map([['svc-compute-2', aTrace(trace)]]),
    }),
    DEFAULT_POLICY,
  );
  return { commands, text: verdicts[0]?.text ?? '' };
}

describe('the claim on a reserved host that is given back', () => {
  const isClosed = (scene: Scene): boolean =>
    given(scene).commands.some((command) => command.kind === 'write-evacuation');

  it('stays as long as a request to enable it may come late', () => {
    const late = { unansweredAt: NOW - requestSettleMs + 1 };
    expect(isClosed({})).toBe(true);
    expect(isClosed({ trace: late })).toBe(false);
    expect(given({ trace: late }).text).toContain('once Nova can’t do any more');
    expect(isClosed({ trace: { unansweredAt: NOW - requestSettleMs } })).toBe(true);
    const enabled = { status: 'enabled', disabledReason: null } as const;
    expect(given({ trace: late, service: enabled }).commands).toMatchObject([
      { kind: 'disable', host: SPARE, reason: 'reserved' },
    ]);
  });

  it('... or one to put it into an aggregate, by a list of these', () => {
    const trace = { unansweredAt: NOW - requestSettleMs };
    expect(isClosed({ trace, aggregate: 1 })).toBe(true);
    expect(isClosed({ trace, aggregate: 1, aggregatesAt: NOW - 1 })).toBe(false);
    expect(isClosed({ trace, aggregate: null, aggregatesAt: NOW - 1 })).toBe(true);
  });
});

describe('a host that somebody has disabled before a request of ours to enable it took effect', () => {
  const enabled = { status: 'enabled', disabledReason: null } as const;
  const disabled = (reason: string | null, seenAt: number): Partial<ServiceTrace> => ({
    ...{ unansweredAt: 30_000, enableAt: 30_000 },
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
      trace: { ...disabled('broken fan', 30_000 + requestSettleMs), unansweredAt: 0 },
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
        traces: new Map([['svc-compute-1', aTrace({ enableAt: NOW - requestSettleMs, disabledSince })]]),
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
        traces: new Map([['svc-compute-2', aTrace({ enableAt })]]),
      });
      return decide(observation, DEFAULT_POLICY).look.services;
    };
    expect(looks(NOW - 10_000)).toBe(true);
    expect(looks(NOW - 6_000 - requestSettleMs)).toBe(false);
  });
});
