import { expect, it } from 'vitest';
import { newDraft } from './draft.ts';
import { letGoByHand } from './let-go.ts';
import type { HostName } from './names.ts';
import type { EvacuationView, RequestView } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { aHostView, aNode, anObservation, aRecord, aServer, ELSEWHERE, SOURCE } from './testing.ts';

const server = aServer();

const LIVE: EvacuationView = {
  id: 1,
  server: server.id,
  source: SOURCE,
  dest: ELSEWHERE,
  status: 'pre-migrating',
  createdAt: 0,
  updatedAt: 0,
};

const requestFrom = (source: HostName, state: RequestView['state'] = 'accepted'): RequestView => ({
  ...{ state, source, sentAt: 0, at: 0, message: '', recordsBefore: 0, refusals: 0 },
});

function said(evacuations: readonly EvacuationView[], request: RequestView | null): string {
  const view = aHostView({ incident: 'i1', servers: [server], evacuations });
  const observation = anObservation({
    hosts: new Map([[SOURCE, view]]),
    requests: new Map(request === null ? [] : [[server.id, request]]),
  });
  const draft = newDraft(observation, DEFAULT_POLICY);
  const record = aRecord({ incident: 'i1', phase: 'evacuating' });
  letGoByHand(draft, { ...aNode('compute-1', null), evacuation: record, mark: 'yes' }, 'i1');
  expect(draft.commands.map(({ kind }) => kind)).toEqual(['clear-mark', 'write-evacuation']);
  return draft.verdicts[0]?.text ?? '';
}

it('names what is under way, by its record or by a request that no look has shown', () => {
  expect(said([LIVE], null)).toContain(`Under way all the same: ${server.name} to ${ELSEWHERE}. `);
  expect(said([], requestFrom(SOURCE))).toContain(`Under way all the same: ${server.name}. `);
});

it('names nothing that is over, was refused, or was asked for from the host it had come from', () => {
  expect(said([{ ...LIVE, status: 'done' }], null)).not.toContain('Under way');
  expect(said([], requestFrom(SOURCE, 'refused'))).not.toContain('Under way');
  expect(said([], requestFrom(ELSEWHERE))).not.toContain('Under way');
});
