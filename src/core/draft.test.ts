import { expect, it } from 'vitest';
import { lookAt, newDraft } from './draft.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { anObservation, SOURCE } from './testing.ts';

it('what two rules want to see of a host is looked at in one go', () => {
  const draft = newDraft(anObservation({}), DEFAULT_POLICY);
  lookAt(draft, SOURCE, { incident: 'i1', since: 5, evacuations: true });
  lookAt(draft, SOURCE, { incident: 'i1', since: null, changes: true, evacuations: false });
  lookAt(draft, SOURCE, { incident: 'i1', since: 5, evacuations: true });
  expect(draft.looks.get(SOURCE)).toMatchObject({
    ...{ since: 5, evacuations: true, changes: true, listing: false, ports: false },
  });
});

it('... but not what belongs to another incident', () => {
  const draft = newDraft(anObservation({}), DEFAULT_POLICY);
  lookAt(draft, SOURCE, { incident: 'i1', since: 5, evacuations: true });
  lookAt(draft, SOURCE, { incident: 'i2', since: null, changes: true });
  expect(draft.looks.get(SOURCE)).toMatchObject({ incident: 'i2', since: null, evacuations: false });
});
