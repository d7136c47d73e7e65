import { expect, it } from 'vitest';
import type { Starts } from './actions.ts';
import { newDraft } from './draft.ts';
import { shortId } from './instance.ts';
import { judgeAll, requestAt } from './judged.ts';
import {
  type EvacuationView,
  type Fact,
  type HostView,
  known,
  type RequestView,
  unknown,
} from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { EvacuationRecord } from './records.ts';
import { aHostView, anObservation, aRecord, aServer, ELSEWHERE, SOURCE } from './testing.ts';
import { evacuation } from './testing-evacuations.ts';

const server = aServer();

/** Whether a request for an instance on SOURCE counts at a host. */
function counts(
  at: HostView['host'],
  evacuations: readonly EvacuationView[] | null,
  more: Partial<RequestView> = {},
): boolean {
  const request: RequestView = {
    state: 'accepted',
    ...{
      source: SOURCE,
      sentAt: 0,
      at: 0,
      message: '',
      recordsBefore: 1,
      refusals: 0,
      failing: null,
      ...more,
    },
  };
  const source = aHostView({ host: SOURCE, evacuations: evacuations ?? [] });
  const observation = anObservation({
    hosts: new Map(evacuations === null ? [] : [[SOURCE, source]]),
    requests: new Map([[server.id, request]]),
  });
  return requestAt(observation, at, server.id) !== null;
}

it('a request counts at the next host of its instance until the look at the first one shows its record', () => {
  const before = evacuation({ id: 1 });
  const own = evacuation({ id: 2 });
  expect(counts(ELSEWHERE, [before])).toBe(true);
  expect(counts(ELSEWHERE, null)).toBe(true);
  expect(counts(ELSEWHERE, [before, own])).toBe(false);
  expect(counts(ELSEWHERE, [before, { ...own, status: 'accepted' }])).toBe(true);
  // The record may be somebody else's, who has evacuated it by hand.
  expect(counts(ELSEWHERE, [before, own], { state: 'unknown' })).toBe(true);
  expect(counts(SOURCE, [before, own])).toBe(true);
});

it.each(['refused', 'unsent'] as const)('a request that was %s says nothing of the next host', (state) => {
  expect(counts(SOURCE, [], { state })).toBe(true);
  expect(counts(ELSEWHERE, [], { state })).toBe(false);
  expect(counts(ELSEWHERE, null, { state })).toBe(false);
});

it('of one that was stopped and has moved it is asked once whether a start of it waits for its dead host, until that is let go', () => {
  const NOW = 900_000;
  const since = 600_000;
  const judged = (fact: Fact<Starts> | null, more: Partial<EvacuationRecord> = {}) => {
    const observation = anObservation({
      ...{ mono: NOW, novaNow: NOW, servicesAt: NOW },
      starts: new Map(fact === null ? [] : [[server.id, fact]]),
    });
    const draft = newDraft(observation, DEFAULT_POLICY);
    const seen = { followedAt: NOW, changedAt: NOW, listedAt: NOW, novaNow: NOW };
    const moved = { ...server, host: ELSEWHERE, vmState: 'stopped' };
    const [first] = judgeAll(draft, {
      record: aRecord({ since, stopped: [shortId(server.id)], ...more }),
      view: aHostView({ ...seen, servers: [moved], evacuations: [evacuation({ status: 'done' })] }),
      ...{ unclaimed: new Map(), quietUntil: 0 },
      wasOff: () => false,
      admit: () => ({ kind: 'admitted' }),
    });
    return { outcome: first?.outcome.kind, isAsked: draft.starts.has(server.id) };
  };
  const at = (unheardAt: number | null) => ({ value: known({ since: false, unheardAt }), mono: NOW });
  expect(judged(null)).toEqual({ outcome: 'verifying', isAsked: true });
  expect(judged(at(null))).toEqual({ outcome: 'moved', isAsked: false });
  expect(judged(at(since + 1_000))).toEqual({ outcome: 'verifying', isAsked: false });
  // At an earlier host of it.
  expect(judged(at(since - 60_000))).toEqual({ outcome: 'moved', isAsked: false });
  // An API that is down is asked again in a while.
  expect(judged({ value: unknown('HTTP 503'), mono: NOW })).toEqual({ outcome: 'verifying', isAsked: false });
  const { lookRetryMs } = DEFAULT_POLICY.timing;
  expect(judged({ value: unknown('HTTP 503'), mono: NOW - lookRetryMs }).isAsked).toBe(true);
  expect(judged(null, { phase: 'returning', releasedAt: NOW })).toEqual({ outcome: 'moved', isAsked: false });
  expect(judged(null, { stopped: [] })).toEqual({ outcome: 'moved', isAsked: false });
});
