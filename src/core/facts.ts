import { type Draft, wakeWithin } from './draft.ts';
import type { Fact, ImageQuery } from './observation.ts';
import type { Policy } from './policy.ts';

/** Which images the selection has to know of; null: none, so Glance is not asked. */
export function imagesToFind(policy: Policy): ImageQuery | null {
  const { selection } = policy;
  const tag = selection.instanceFiltering && selection.taggedImages ? [selection.evacuableTag] : [];
  const amphora = selection.excludeAmphorae ? selection.amphoraImageTags : [];
  const names = selection.exclude.images;
  if (tag.length + amphora.length + names.length === 0) return null;
  return { tags: [...new Set([...tag, ...amphora])], properties: tag, names };
}

/** Whether the selection has to know all flavors: one tagged anywhere means that not everything is evacuated. */
function needsFlavors({ selection }: Policy): boolean {
  return (selection.instanceFiltering && selection.taggedFlavors) || selection.exclude.flavors.length > 0;
}

function needsAggregates({ selection, gates, destinations }: Policy): boolean {
  return (
    (selection.instanceFiltering && selection.taggedAggregates) ||
    gates.maxFailedHostsPerAggregate > 0 ||
    gates.maxFailedPercentPerAggregate > 0 ||
    destinations.reservedHosts
  );
}

/**
 * Asks for what the rules need to know of the cloud: all of it that is older than `maxAgeMs`, and what could not
 * be read, after a pause. It is read beside the first look at a host, so it costs no time. Gives whether something is
 * known that is not to be gone by: it is too old, or was read for another policy.
 */
export function lookAtFacts(draft: Draft, maxAgeMs: number): boolean {
  const { facts } = draft.observation;
  const { policy } = draft;
  const look = draft.facts;
  const images = imagesToFind(policy);
  const imageAgeMs = isSameQuery(images, facts.imageQuery) ? maxAgeMs : 0;
  const due = {
    aggregates: needsAggregates(policy) && isDue(draft, facts.aggregates, maxAgeMs),
    serverGroups: isDue(draft, facts.serverGroups, maxAgeMs),
    flavors: needsFlavors(policy) && isDue(draft, facts.flavors, maxAgeMs),
    images: images !== null && isDue(draft, facts.images, imageAgeMs),
  };
  look.aggregates ||= due.aggregates;
  look.serverGroups ||= due.serverGroups;
  look.flavors ||= due.flavors;
  if (due.images) look.images = images;
  return (['aggregates', 'serverGroups', 'flavors', 'images'] as const).some(
    (kind) => due[kind] && facts[kind].value.known,
  );
}

function isSameQuery(a: ImageQuery | null, b: ImageQuery | null): boolean {
  const isSame = (these: readonly string[], those: readonly string[]): boolean =>
    these.length === those.length && these.every((each, index) => each === those[index]);
  return (
    a !== null &&
    b !== null &&
    isSame(a.tags, b.tags) &&
    isSame(a.properties, b.properties) &&
    isSame(a.names, b.names)
  );
}

/** How old the aggregates may be while a host joins or leaves one, ms. */
const AGGREGATE_AGE_MS = 5_000;

/** Asks for the aggregates again from time to time: one of them is to be changed by us, and somebody else may have done it. */
export function lookAtAggregates(draft: Draft): void {
  draft.facts.aggregates ||= isDue(draft, draft.observation.facts.aggregates, AGGREGATE_AGE_MS);
}

function isDue(draft: Draft, fact: Fact<unknown>, maxAgeMs: number): boolean {
  const { observation, policy } = draft;
  const ageMs = fact.mono < 0 ? Number.POSITIVE_INFINITY : observation.mono - fact.mono;
  const limitMs = fact.value.known ? maxAgeMs : policy.timing.lookRetryMs;
  if (ageMs >= limitMs) {
    wakeWithin(draft, 0);
    return true;
  }
  if (!fact.value.known) wakeWithin(draft, limitMs - ageMs);
  return false;
}
