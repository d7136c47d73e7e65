import { expect, it } from 'vitest';
import { newDraft } from './draft.ts';
import { sayLeftLive } from './left-live.ts';
import type { EvacuationView, ServerView } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { aHostView, anObservation, aRecord, aServer, SOURCE } from './testing.ts';
import { evacuation } from './testing-evacuations.ts';

const RELEASED_AT = 60_000;
const STALE = evacuation({ status: 'pre-migrating', createdAt: 10_000, updatedAt: 12_000 });

function said(evacuations: readonly EvacuationView[], servers: readonly ServerView[] = []): string | null {
  const view = aHostView({ incident: 'i1', evacuations, servers });
  const observation = anObservation({ hosts: new Map([[SOURCE, view]]) });
  const record = aRecord({ incident: 'i1', phase: 'returning', since: 5_000, releasedAt: RELEASED_AT });
  return sayLeftLive(newDraft(observation, DEFAULT_POLICY), record);
}

it('evacuations that died with their destination are named when their host is back: its next start destroys what is there of them then', () => {
  const moved = evacuation({ id: STALE.id + 1, status: 'completed', createdAt: 20_000 });
  expect(said([STALE, moved])).toMatch(
    `1 evacuations from here as live that died with their destination (of ${STALE.server})`,
  );
  expect(said([{ ...STALE, status: 'accepted' }, moved])).toContain('restart nova-compute here once more');
});

it('... not what is over, or older, or what somebody has gone on with since, nor of a server that is deleted', () => {
  expect(said([{ ...STALE, status: 'completed' }])).toBeNull();
  expect(said([{ ...STALE, createdAt: 4_000 }])).toBeNull();
  expect(said([{ ...STALE, updatedAt: RELEASED_AT + 1_000 }])).toBeNull();
  expect(said([STALE], [aServer({ id: STALE.server, deleted: true })])).toBeNull();
});
