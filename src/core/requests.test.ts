import { expect, it } from 'vitest';
import type { Judged } from './judged.ts';
import { novaNowBy } from './looks.ts';
import type { EvacuationView, Observation, RequestView } from './observation.ts';
import { stateInOrder } from './requests.ts';
import { aServer, ELSEWHERE, SOURCE } from './testing.ts';

const server = aServer();
const moving: Judged = {
  server,
  outcome: { kind: 'moving', to: null },
  attempts: 1,
  live: true,
  records: 1,
  isHeld: false,
  last: null,
  arrivedAt: null,
};

function stateAt(
  ageMs: number,
  more: Partial<EvacuationView> = {},
  requests: Observation['requests'] = new Map(),
): string {
  const evacuation: EvacuationView = {
    id: 1,
    server: server.id,
    source: SOURCE,
    dest: null,
    status: 'accepted',
    createdAt: 0,
    updatedAt: 0,
    ...more,
  };
  return stateInOrder({ ...moving, last: evacuation }, ageMs, requests);
}

it('nobody waits for an evacuation that lies in the queue of a host that died with it', () => {
  expect(stateAt(60_000)).toBe('in-flight');
  expect(stateAt(120_000)).toBe('ended');
  expect(stateAt(900_000, { status: 'pre-migrating', dest: ELSEWHERE })).toBe('in-flight');
});

it('one that was asked for again is under way, before a look has shown its new record', () => {
  const asked = (recordsBefore: number): Observation['requests'] => {
    const request: RequestView = {
      state: 'accepted',
      ...{ source: SOURCE, sentAt: 0, at: 0, message: '', recordsBefore, refusals: 0 },
    };
    return new Map([[server.id, request]]);
  };
  expect(stateAt(120_000, {}, asked(1))).toBe('in-flight');
  // The record that has been seen is that of the request.
  expect(stateAt(120_000, {}, asked(0))).toBe('ended');
});

it('a slow Nova is not ahead of itself: its clock goes on from the end of the look that told it', () => {
  const view = { novaNow: 100_000, followedAt: 1_000, lookedAt: 8_000 };
  expect(novaNowBy(view, 8_500)).toBe(100_500);
});
