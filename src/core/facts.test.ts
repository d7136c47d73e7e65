import { describe, expect, it } from 'vitest';
import type { FactsLook } from './decision.ts';
import { newDraft } from './draft.ts';
import { imagesToFind, lookAtFacts } from './facts.ts';
import { type CloudFacts, type Fact, unknown } from './observation.ts';
import { DEFAULT_POLICY, type Policy } from './policy.ts';
import { anObservation, someFacts } from './testing.ts';

const { selection, gates, destinations } = DEFAULT_POLICY;
const AGE_MS = DEFAULT_POLICY.timing.factAgeMs;
/** Nothing is tagged, so nothing has to be known. */
const UNFILTERED: Policy = { ...DEFAULT_POLICY, selection: { ...selection, instanceFiltering: false } };

/** What is asked for when all that is known was read `ageMs` ago. */
function asked(policy: Policy, ageMs: number, facts: Partial<CloudFacts> = {}): FactsLook {
  const known = { ...someFacts(), imageQuery: imagesToFind(policy), ...facts };
  const draft = newDraft(anObservation({ mono: ageMs, facts: known }), policy);
  lookAtFacts(draft, AGE_MS);
  return draft.facts;
}
const kinds = (look: FactsLook): string[] =>
  Object.entries(look).flatMap(([kind, is]) => (is === false || is === null ? [] : [kind]));
const needed = (policy: Policy): string[] => kinds(asked(policy, AGE_MS));

describe('what the rules ask of the cloud', () => {
  it('is what the policy needs, and no more', () => {
    expect(needed(DEFAULT_POLICY)).toEqual(['aggregates', 'serverGroups', 'flavors', 'images']);
    expect(needed(UNFILTERED)).toEqual(['serverGroups']);
    const exclude = { projects: [], names: [], images: [], flavors: [] };
    for (const [more, kind] of [
      [{ selection: { ...UNFILTERED.selection, excludeAmphorae: true } }, 'images'],
      [{ selection: { ...UNFILTERED.selection, exclude: { ...exclude, images: ['cirros'] } } }, 'images'],
      [{ selection: { ...UNFILTERED.selection, exclude: { ...exclude, flavors: ['tiny'] } } }, 'flavors'],
      [{ gates: { ...gates, maxFailedHostsPerAggregate: 1 } }, 'aggregates'],
      [{ gates: { ...gates, maxFailedPercentPerAggregate: 1 } }, 'aggregates'],
      [{ destinations: { ...destinations, reservedHosts: true } }, 'aggregates'],
    ] as const)
      expect(needed({ ...UNFILTERED, ...more }).sort()).toEqual(['serverGroups', kind].sort());
  });

  it('names the images by tag, by property and by name', () => {
    const exclude = { projects: [], names: [], images: ['cirros'], flavors: [] };
    const policy = { ...DEFAULT_POLICY, selection: { ...selection, exclude, excludeAmphorae: true } };
    expect(imagesToFind(policy)).toEqual({
      tags: ['evacuable', 'amphora'],
      properties: ['evacuable'],
      names: ['cirros'],
    });
  });

  it('is asked again when it is old, when it could not be read, and when another policy needs other images', () => {
    expect(kinds(asked(DEFAULT_POLICY, AGE_MS - 1))).toEqual([]);
    const failed: Fact<never> = { value: unknown('503'), mono: 0 };
    const retryMs = DEFAULT_POLICY.timing.lookRetryMs;
    expect(kinds(asked(DEFAULT_POLICY, retryMs - 1, { flavors: failed }))).toEqual([]);
    expect(kinds(asked(DEFAULT_POLICY, retryMs, { flavors: failed }))).toEqual(['flavors']);
    const amphorae = { ...DEFAULT_POLICY, selection: { ...selection, excludeAmphorae: true } };
    const before = { imageQuery: imagesToFind(DEFAULT_POLICY) };
    expect(asked(amphorae, 1, before).images).toEqual(imagesToFind(amphorae));
    expect(kinds(asked(amphorae, 1))).toEqual([]);
  });
});
