import { expect, it } from 'vitest';
import type { Judged } from './judged.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { aServer, ELSEWHERE } from './testing.ts';
import { evacuation } from './testing-evacuations.ts';
import { instanceVerdict } from './verdicts.ts';

const saying = (status: string): string => {
  const judged: Judged = {
    server: aServer(),
    outcome: { kind: 'moving', to: ELSEWHERE },
    ...{ request: null, attempts: 1, records: 1, arrivedAt: null },
    live: [evacuation({ status })],
  };
  const { storage } = DEFAULT_POLICY;
  return instanceVerdict(judged, { storage, isAsked: false, turn: '', note: null, arrival: null }).text;
};

it('says whether the host that a request named has taken the instance up', () => {
  expect(saying('pre-migrating')).toContain(`on its way to ${ELSEWHERE}`);
  expect(saying('accepted')).toContain(`sent to ${ELSEWHERE}; waiting for its nova-compute to take it up`);
});
