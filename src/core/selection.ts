import { fitsGlob } from './glob.ts';
import type { HostName } from './names.ts';
import {
  type CloudFacts,
  type FlavorOfServer,
  type ImageView,
  known,
  type Maybe,
  type ServerView,
} from './observation.ts';
import type { Policy, SelectionPolicy } from './policy.ts';
import { isFalse, isTrue } from './words.ts';

/** Whether an instance that Nova would evacuate is to be evacuated. */
export type Admission =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'excluded'; readonly reason: string }
  /** Nova could not place it anywhere. */
  | { readonly kind: 'cannot'; readonly reason: string }
  /** It can't be said yet: a query failed, or a person is asked. Nothing is done with it meanwhile. */
  | { readonly kind: 'held'; readonly reason: string };

/** Metadata by which an instance says for itself that it is not to be evacuated. */
export const OPT_OUT_KEY = 'instance-ha:evacuate';
/** Metadata by which Masakari's users say that an instance is to be recovered. */
export const HA_ENABLED_KEY = 'HA_Enabled';

const AMPHORA_NAME = /^amphora-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export const ADMITTED: Admission = { kind: 'admitted' };
const NO = known(false);
const YES = known(true);

/** Whether the metadata has `HA_Enabled` with a word for true; without the key, or with any other word, it has not. */
export function hasHaEnabled(server: ServerView): boolean {
  return isTrue(server.metadata[HA_ENABLED_KEY]);
}

/**
 * The rule by which instances of a host are selected, with what is known of the cloud.
 *
 * As in fence_evacuate and RHOSO's instanceha: a tagged image or a tagged flavor selects, where any is tagged in
 * the cloud; a tagged aggregate has to hold the host, where any is tagged; with no tag anywhere everything is
 * selected. A query that failed is unknown, and an instance that it decides about is held.
 */
export function selector(
  facts: CloudFacts,
  policy: Policy,
): (server: ServerView, host: HostName) => Admission {
  const { selection } = policy;
  const isExcluded = exclusions(facts, selection);
  const isTagged = tags(facts, selection);
  return (server, host) => {
    const exclusion = isExcluded(server);
    if (!exclusion.known) return { kind: 'held', reason: exclusion.reason };
    if (exclusion.value !== null) return { kind: 'excluded', reason: exclusion.value };
    if (!selection.instanceFiltering) return ADMITTED;
    if (selection.haEnabledOnly && !hasHaEnabled(server)) {
      return { kind: 'excluded', reason: `its metadata has no ${HA_ENABLED_KEY}=True (ha-enabled-only)` };
    }
    return isTagged(server, host);
  };
}

type Exclusion = Maybe<string | null>;

/** Why an instance is excluded by policy or by its owner; null: it is not. What is certain counts before what is unknown. */
function exclusions(facts: CloudFacts, selection: SelectionPolicy): (server: ServerView) => Exclusion {
  const { exclude } = selection;
  return (server) => {
    if (isFalse(server.metadata[OPT_OUT_KEY])) {
      return known(`its metadata says ${OPT_OUT_KEY}=${server.metadata[OPT_OUT_KEY]}`);
    }
    if (exclude.projects.includes(server.projectId)) {
      return known(`its project ${server.projectId} is excluded`);
    }
    const pattern = exclude.names.find((each) => fitsGlob(each, server.name));
    if (pattern !== undefined) return known(`its name fits the excluded ${pattern}`);
    const others = [
      excludedByImage(server, facts, exclude.images),
      excludedByFlavor(server.flavor, facts, exclude.flavors),
      ...(selection.excludeAmphorae ? [asAmphora(server, facts, selection)] : []),
    ];
    const certain = others.find((each) => each.known && each.value !== null);
    return certain ?? others.find((each) => !each.known) ?? known(null);
  };
}

function excludedByImage(server: ServerView, facts: CloudFacts, images: readonly string[]): Exclusion {
  const { imageId } = server;
  if (images.length === 0 || imageId === null) return known(null);
  if (images.includes(imageId)) return known(`its image ${imageId} is excluded`);
  const image = imageOf(imageId, facts);
  if (!image.known) return image;
  const isNamed = image.value !== null && images.includes(image.value.name);
  return known(isNamed ? `its image ${image.value?.name} is excluded` : null);
}

function excludedByFlavor(flavor: FlavorOfServer, facts: CloudFacts, flavors: readonly string[]): Exclusion {
  if (flavors.length === 0) return known(null);
  const { value } = facts.flavors;
  const isNamed = flavors.includes(flavor.name) || (flavor.id !== null && flavors.includes(flavor.id));
  if (isNamed) return known(`its flavor ${flavor.name || flavor.id} is excluded`);
  if (!value.known) return { known: false, reason: `the flavors can't be listed: ${value.reason}` };
  // From 2.47 on a server names its flavor without the id, before that by the id alone.
  const same = value.value.find((each) => each.id === flavor.id || each.name === flavor.name);
  const isListed = same !== undefined && (flavors.includes(same.id) || flavors.includes(same.name));
  return known(isListed ? `its flavor ${same.name} is excluded` : null);
}

function asAmphora(server: ServerView, facts: CloudFacts, selection: SelectionPolicy): Exclusion {
  const reason = 'it is an Octavia amphora, which Octavia replaces itself';
  if (AMPHORA_NAME.test(server.name)) return known(reason);
  if (selection.amphoraProjects.includes(server.projectId)) return known(reason);
  if (server.imageId === null || selection.amphoraImageTags.length === 0) return known(null);
  const image = imageOf(server.imageId, facts);
  if (!image.known) return image;
  const isTagged = selection.amphoraImageTags.some((tag) => image.value?.tags.includes(tag));
  return known(isTagged ? reason : null);
}

/** The image, if it is one of those that were looked for; null: it has none of the tags, properties and names. */
function imageOf(imageId: string, facts: CloudFacts): Maybe<ImageView | null> {
  const { value } = facts.images;
  if (!value.known) return { known: false, reason: `the images can't be read: ${value.reason}` };
  return known(value.value.find((image) => image.id === imageId) ?? null);
}

function tags(
  facts: CloudFacts,
  selection: SelectionPolicy,
): (server: ServerView, host: HostName) => Admission {
  const tag = selection.evacuableTag;
  // Gone through when the first instance asks: in most steps none does.
  const anyImage = once(() =>
    anyOf(selection.taggedImages, facts.images.value, 'images', (image) => isImageTagged(image, tag)),
  );
  const anyFlavor = once(() =>
    anyOf(selection.taggedFlavors, facts.flavors.value, 'flavors', (flavor) =>
      isTrue(flavor.extraSpecs[tag]),
    ),
  );
  const anyAggregate = once(() =>
    anyOf(selection.taggedAggregates, facts.aggregates.value, 'aggregates', (aggregate) =>
      isTrue(aggregate.metadata[tag]),
    ),
  );
  const holdsHost = (host: HostName): boolean =>
    facts.aggregates.value.known &&
    facts.aggregates.value.value.some(({ hosts, metadata }) => isTrue(metadata[tag]) && hosts.includes(host));
  return (server, host) => {
    const mine = or(
      selection.taggedImages ? hasTaggedImage(server, facts, tag) : NO,
      selection.taggedFlavors ? hasTaggedFlavor(server.flavor, facts, tag) : NO,
    );
    const byInstance = or(mine, not(or(anyImage(), anyFlavor())));
    const byHost = or(not(anyAggregate()), known(holdsHost(host)));
    if (byInstance.known && !byInstance.value) {
      return { kind: 'excluded', reason: `neither its image nor its flavor is tagged ${tag}` };
    }
    if (byHost.known && !byHost.value) {
      return { kind: 'excluded', reason: `${host} is in no aggregate tagged ${tag}` };
    }
    const unclear = [byInstance, byHost].find((each) => !each.known);
    if (unclear === undefined || unclear.known) return ADMITTED;
    return { kind: 'held', reason: `whether it is to be evacuated is not known: ${unclear.reason}` };
  };
}

function once<T>(make: () => T): () => T {
  let held: { readonly value: T } | null = null;
  return () => {
    held ??= { value: make() };
    return held.value;
  };
}

function isImageTagged(image: ImageView, tag: string): boolean {
  return image.tags.includes(tag) || isTrue(image.properties[tag]);
}

function hasTaggedImage(server: ServerView, facts: CloudFacts, tag: string): Maybe<boolean> {
  if (server.imageId === null) return NO;
  const image = imageOf(server.imageId, facts);
  return image.known ? known(image.value !== null && isImageTagged(image.value, tag)) : image;
}

/**
 * Whether the flavor is tagged now, by which fence_evacuate goes, or was when the server was made: from 2.47 on Nova
 * shows that alone with the server, and RHOSO's instanceha goes by it.
 */
function hasTaggedFlavor(flavor: FlavorOfServer, facts: CloudFacts, tag: string): Maybe<boolean> {
  if (flavor.extraSpecs.known && isTrue(flavor.extraSpecs.value[tag])) return YES;
  const { value } = facts.flavors;
  if (!value.known) return { known: false, reason: `the flavors can't be listed: ${value.reason}` };
  // A flavor that has been deleted since is in no list, and nobody can have it tagged any more.
  const same = value.value.find((each) =>
    flavor.id === null ? each.name === flavor.name : each.id === flavor.id,
  );
  return known(isTrue(same?.extraSpecs[tag]));
}

function anyOf<T>(
  isAsked: boolean,
  list: Maybe<readonly T[]>,
  what: string,
  has: (item: T) => boolean,
): Maybe<boolean> {
  if (!isAsked) return NO;
  return list.known
    ? known(list.value.some(has))
    : { known: false, reason: `the ${what} can't be listed: ${list.reason}` };
}

/** True if one is, false if both are not, otherwise unknown. */
function or(a: Maybe<boolean>, b: Maybe<boolean>): Maybe<boolean> {
  if ((a.known && a.value) || (b.known && b.value)) return YES;
  if (!a.known) return a;
  return b;
}

function not(a: Maybe<boolean>): Maybe<boolean> {
  return a.known ? known(!a.value) : a;
}
