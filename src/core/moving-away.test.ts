import { describe, expect, it } from 'vitest';
import { newDraft } from './draft.ts';
import {
  isMigratedAlive,
  judgeMovingAway,
  lookAtLiveMigration,
  type MovingAwayFacts,
} from './moving-away.ts';
import { hostName } from './names.ts';
import { known, type LiveMigrationView, type Observation, type ServerView, unknown } from './observation.ts';
import { DEFAULT_POLICY as POLICY } from './policy.ts';
import { aHostView, anObservation, aServer, ELSEWHERE, SOURCE } from './testing.ts';
import { evacuation } from './testing-evacuations.ts';

const NOW = 60_000;
const moving = (more: Partial<ServerView> = {}): ServerView => aServer({ taskState: 'migrating', ...more });
const migration = (status: string, more: Partial<LiveMigrationView> = {}): LiveMigrationView =>
  evacuation({ server: moving().id, source: SOURCE, dest: ELSEWHERE, status, ...more });

const judged = (more: Partial<MovingAwayFacts> = {}): ReturnType<typeof judgeMovingAway> =>
  judgeMovingAway(
    {
      server: moving(),
      liveMigration: known(migration('running')),
      brokenMoves: [],
      seenAt: NOW,
      wasOff: () => false,
      ...more,
    },
    POLICY.timing,
  );
const of = (status: string): ReturnType<typeof judgeMovingAway> =>
  judged({ liveMigration: known(migration(status)) });

describe('an instance whose host died in the middle of its live migration', () => {
  it('is left to a person where its guest may have switched over', () => {
    for (const status of ['running', 'running (post-copy)', 'completed', 'error', 'post-migrating', 'new'])
      expect(of(status)).toMatchObject({
        kind: 'failed',
        reason: expect.stringMatching(/may run on compute-2.*virsh list, or fence.*evacuate it by hand/),
      });
  });

  it('is evacuated where the copy had not begun, or was given up', () => {
    for (const status of ['accepted', 'queued', 'preparing', 'failed', 'cancelled'])
      expect(of(status)).toBeNull();
  });

  it('is evacuated when its destination has been off since', () => {
    expect(judged({ wasOff: ({ dest }) => dest === ELSEWHERE })).toBeNull();
  });

  it('is given time to arrive by itself first', () => {
    expect(judged({ server: moving({ taskSince: NOW - 1_000 }) })).toMatchObject({ kind: 'waiting' });
  });

  it('waits as long as Nova can’t be asked', () => {
    const liveMigration = unknown('503');
    expect(judged({ liveMigration })).toMatchObject({
      kind: 'waiting',
      reason: expect.stringContaining('503'),
    });
    expect(judged({ liveMigration, seenAt: 99_999_999 })).toMatchObject({ kind: 'waiting' });
  });

  it('waits where none of it is listed, and is left to a person when that lasts', () => {
    // What has brought it here once says nothing.
    for (const value of [null, migration('completed', { source: ELSEWHERE, dest: SOURCE })]) {
      const liveMigration = known(value);
      expect(judged({ liveMigration })).toMatchObject({ kind: 'waiting' });
      expect(judged({ liveMigration, seenAt: 99_999_999 })).toMatchObject({ kind: 'failed' });
    }
  });
});

it('an instance whose last live migration ended in error is left to a person, whatever its state is now', () => {
  const broken = (more: Partial<MovingAwayFacts> = {}): ReturnType<typeof judgeMovingAway> =>
    judged({ server: aServer(), liveMigration: known(null), brokenMoves: [migration('error')], ...more });
  expect(broken()).toMatchObject({ kind: 'failed', reason: expect.stringContaining('compute-2') });
  expect(broken({ wasOff: () => true })).toBeNull();
  expect(broken({ brokenMoves: [] })).toBeNull();
  const first = migration('completed', { id: 1, dest: hostName('compute-3') });
  expect(
    broken({ brokenMoves: [migration('error'), first], wasOff: ({ dest }) => dest === ELSEWHERE }),
  ).toMatchObject({
    reason: expect.stringContaining('may run on compute-3'),
  });
});

describe('an instance whose guest one live migration may have left elsewhere, and that is being migrated once more', () => {
  const first = migration('error', { id: 1, dest: hostName('compute-3') });
  const again = (status: string, more: Partial<MovingAwayFacts> = {}): ReturnType<typeof judgeMovingAway> => {
    const second = migration(status, { id: 2 });
    return judged({ liveMigration: known(second), brokenMoves: [second, first], ...more });
  };

  it('is left to a person for the first where the second has moved nothing', () => {
    const reason = expect.stringContaining('may run on compute-3');
    for (const status of ['preparing', 'failed'])
      expect(again(status)).toMatchObject({ kind: 'failed', reason });
    expect(again('running', { wasOff: ({ dest }) => dest === ELSEWHERE })).toMatchObject({
      kind: 'failed',
      reason,
    });
  });

  it('is evacuated where nothing runs at the destination of the first either', () => {
    expect(again('preparing', { wasOff: () => true })).toBeNull();
  });
});

it('what is resized or migrated cold is none of these', () => {
  for (const taskState of ['resize_prep', 'resize_migrating', 'resize_migrated', 'resize_finish', null])
    expect(isMigratedAlive(aServer({ taskState }))).toBe(false);
});

describe('Nova', () => {
  const { id } = moving();
  const asked = (facts: Observation['liveMigrations'], firstLookAt = 0): boolean => {
    const draft = newDraft(anObservation({ mono: NOW, liveMigrations: facts }), POLICY);
    lookAtLiveMigration(draft, aHostView({ firstLookAt }), moving());
    return draft.liveMigrations.has(id);
  };

  it('is asked once, in this incident', () => {
    const facts = new Map([[id, { value: known(migration('running')), mono: 10_000 }]]);
    expect(asked(new Map())).toBe(true);
    expect(asked(facts)).toBe(false);
    expect(asked(facts, 20_000)).toBe(true);
  });

  it('is asked again after a pause when it did not answer, or listed none', () => {
    const { lookRetryMs } = POLICY.timing;
    for (const value of [unknown('503'), known(null)]) {
      expect(asked(new Map([[id, { value, mono: NOW - 1 }]]))).toBe(false);
      expect(asked(new Map([[id, { value, mono: NOW - lookRetryMs }]]))).toBe(true);
    }
  });
});
