import { describe, expect, it } from 'vitest';
import { newDraft } from './draft.ts';
import type { Outcome } from './instance.ts';
import type { EvacuationView, PlacementView } from './observation.ts';
import { countAttempts, lookAtPlacement, placementAfter, whyUnplaceable } from './placement.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { aHostView, anObservation } from './testing.ts';
import { evacuation } from './testing-evacuations.ts';

const MONO = 4_000_000;
const { lookRetryMs, placementWaitMs } = DEFAULT_POLICY.timing;
const AWAY: PlacementView = { trouble: '503', askedAt: MONO, awaySince: MONO - 5_000, isAsking: false };
const draftOf = (placement: Partial<PlacementView> = {}) =>
  newDraft(
    anObservation({
      mono: MONO,
      placement: { ...{ trouble: null, askedAt: -1, awaySince: -1, isAsking: false }, ...placement },
    }),
    DEFAULT_POLICY,
  );
const failures = (...statuses: readonly string[]): readonly EvacuationView[] =>
  statuses.map((status, index) => evacuation({ id: index + 1, status }));

describe('an attempt that has ended in error', () => {
  it('counts if Placement answered after it, and not if it did not; one that failed elsewhere counts', () => {
    expect(countAttempts(failures('error', 'error'), () => true)).toBe(2);
    expect(countAttempts(failures('error', 'error'), ({ id }) => id === 2)).toBe(1);
    expect(countAttempts(failures('failed', 'pre-migrating'), () => false)).toBe(2);
    expect(countAttempts(failures('error', 'error'), ({ id }) => (id === 2 ? null : true))).toBe(null);
    // Nothing is to be known of one that has failed on its destination.
    expect(countAttempts(failures('failed'), () => null)).toBe(1);
  });

  it('counts from the eleventh on whatever Placement does', () => {
    const many = failures(...Array<string>(13).fill('error'));
    expect(countAttempts(many, () => false)).toBe(3);
  });

  it('counts where Placement has been away for so long that nobody waits for it any more', () => {
    const view = aHostView({
      placementAfter: new Map([
        [1, false],
        [2, true],
      ]),
    });
    const answers = (awaySince: number) => {
      const whether = placementAfter(draftOf({ ...AWAY, awaySince }), view);
      return failures('error', 'error', 'error').map(whether);
    };
    expect(answers(MONO - placementWaitMs + 1)).toEqual([false, true, null]);
    expect(answers(MONO - placementWaitMs)).toEqual([true, true, null]);
  });
});

describe('while Placement does not answer', () => {
  const ready: Outcome = { kind: 'ready' };

  it('nobody is asked for, and it is asked again after a pause', () => {
    const draft = draftOf(AWAY);
    expect(whyUnplaceable(draft, [ready])).toBe('waiting for Placement: 503');
    expect(draft).toMatchObject({ placement: false, wakeMs: lookRetryMs });
    const later = draftOf({ ...AWAY, askedAt: MONO - lookRetryMs });
    whyUnplaceable(later, [ready]);
    expect(later).toMatchObject({ placement: true, wakeMs: 0 });
  });

  it('... but not where nobody is left, nor after half an hour', () => {
    const draft = draftOf({ ...AWAY, askedAt: 0 });
    expect(whyUnplaceable(draft, [])).toBe(null);
    expect(draft.placement).toBe(false);
    expect(whyUnplaceable(draftOf({ ...AWAY, awaySince: MONO - placementWaitMs }), [ready])).toBe(null);
  });

  it('one question is open at a time, and nothing turns in circles meanwhile', () => {
    const draft = draftOf({ isAsking: true });
    lookAtPlacement(draft);
    expect(draft).toMatchObject({ placement: false, wakeMs: Number.POSITIVE_INFINITY });
  });
});

it('nobody is asked for before it is known why an evacuation has ended in error', () => {
  const asking: Outcome = { kind: 'waiting', reason: 'asking', needs: 'placement' };
  expect(whyUnplaceable(draftOf(), [asking, { kind: 'ready' }])).toBe('asking');
  expect(whyUnplaceable(draftOf(), [{ kind: 'ready' }])).toBe(null);
});
