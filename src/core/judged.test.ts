import { expect, it } from 'vitest';
import { requestAt } from './judged.ts';
import type { EvacuationView, HostView, RequestView } from './observation.ts';
import { aHostView, anObservation, aServer, ELSEWHERE, SOURCE } from './testing.ts';
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
