import type { SelectionPolicy } from '../../core/policy.ts';
import { EVACUATION_ATTRIBUTE, parseEvacuation } from '../../core/records.ts';
import type { FlavorSpec, Instance, World } from '../../world/model.ts';
import { type CheckerKind, evacuatedBy, isOurs, STEP_MS } from './checker.ts';
import { newHindsight, type Words } from './hindsight.ts';

const YES = /^\s*(true|t|1|yes|y|on)\s*$/i;
const NO = /^\s*(false|f|0|no|n|off)\s*$/i;
const AMPHORA = /^amphora-[0-9a-f-]{36}$/;
const LISTS = { aggregates: '/os-aggregates', flavors: '/flavors/detail', images: '/images' } as const;
type List = keyof typeof LISTS;

/**
 * Whoever is excluded is left alone, nobody else is called so, and what could not be asked for decides nothing. Where
 * somebody changes metadata or tags meanwhile: whoever was excluded, or was not, by all that can have been read.
 */
export const selection: CheckerKind = {
  name: 'only what is selected is evacuated',
  invariants: [6, 8, 17],
  make(scene) {
    const { world } = scene;
    /** Whatever can have been gone by: each policy with all that can have been read. */
    const inEach = <T>(
      read: readonly Words[],
      of: (words: Words, policy: SelectionPolicy) => T,
    ): readonly T[] =>
      scene.policies(STEP_MS).flatMap(({ selection: policy }) => read.map((words) => of(words, policy)));
    const whyNotIn = (read: readonly Words[], instance: Instance): readonly (string | null)[] =>
      inEach(read, (words, policy) => whyNot(world, words, policy, instance));
    /** Whether it was to be evacuated whatever has been gone by. */
    const isWanted = (read: readonly Words[], instance: Instance): boolean =>
      scene
        .policies(STEP_MS)
        .every(({ selection: policy }) =>
          read.every((words) => whyNot(world, words, policy, instance) === null),
        );
    const hindsight = newHindsight(scene);
    const known = new Set<string>();
    /** Hosts that have joined or left an aggregate: when that was seen is not known here. */
    const changed = new Set<string>();
    /** Requests that were answered with 401, by process: with a new token they are sent once more, by what was decided before. */
    const refused = new Set<string>();
    /** By the last list of a host nobody is left on it as excluded who has wanted to be evacuated since before that list. */
    const released = (node: string): void => {
      const verdict = scene.lastReport()?.verdicts.find((each) => each.node === node);
      const host = verdict?.host ?? null;
      if (host === null) return;
      for (const { id, name, outcome, text } of verdict?.instances ?? []) {
        const instance = outcome === 'excluded' ? world.nova.instances.get(id) : undefined;
        if (instance === undefined || instance.host !== host || changed.has(host)) continue;
        if (text.startsWith('its local disk')) continue;
        if (isWanted(hindsight.atRelease(host), instance))
          scene.violate(`${host} is released, and ${name} is left there as excluded (${text}), and is not`);
      }
    };
    return {
      fact(fact) {
        hindsight.fact(fact);
        if (fact.kind === 'attribute' && fact.name === EVACUATION_ATTRIBUTE && isOurs(fact.by))
          if (fact.value !== null && parseEvacuation(fact.value)?.phase === 'returning') released(fact.node);
        if (fact.kind === 'service' && fact.what.includes('aggregate')) changed.add(fact.host);
        if (fact.kind !== 'request' || fact.method !== 'GET' || fact.status !== 200) return;
        for (const [list, path] of Object.entries(LISTS))
          if (fact.path.endsWith(path)) known.add(`${fact.by} ${list}`);
      },
      sending(process, sending) {
        const instance = evacuatedBy(world, sending);
        if (instance === null || instance.host === null || changed.has(instance.host)) return;
        if (refused.delete(`${process.id} ${sending.path}`)) return;
        const read = hindsight.of(instance.host);
        const reasons = whyNotIn(read, instance);
        if (!reasons.includes(null)) scene.violate(`${instance.name} is asked for, and ${reasons.at(-1)}`);
        const needed = inEach(read, (words, policy) => neededFor(world, words, policy, instance));
        for (const list of needed[0] ?? []) {
          if (needed.every((each) => each.includes(list)) && !known.has(`evacuator:${process.id} ${list}`))
            scene.violate(`${instance.name} is asked for by a process that has never seen the ${list}`);
        }
      },
      answered(process, sending, status) {
        if (status === 401) refused.add(`${process.id} ${sending.path}`);
      },
      report(_process, report) {
        for (const { host, instances } of report.verdicts) {
          for (const { id, name, outcome, text } of instances) {
            const instance = outcome === 'excluded' ? world.nova.instances.get(id) : undefined;
            if (instance === undefined || instance.host !== host || changed.has(host ?? '')) continue;
            if (text.startsWith('its local disk')) continue;
            if (isWanted(hindsight.of(host ?? ''), instance))
              scene.violate(`${name} is called excluded (${text}), and is not`);
          }
        }
      },
    };
  },
};

/** Why an instance is not to be evacuated, going by the cloud as it is; null: it is. */
function whyNot(world: World, words: Words, selection: SelectionPolicy, instance: Instance): string | null {
  const metadata = words.metadata.get(instance.id) ?? {};
  if (NO.test(metadata['instance-ha:evacuate'] ?? '')) return 'its metadata says that it is not to be';
  if (isExcluded(world, words, selection, instance)) return 'the policy excludes it';
  if (!selection.instanceFiltering) return null;
  if (selection.haEnabledOnly && !YES.test(metadata.HA_Enabled ?? '')) return 'it has no HA_Enabled';
  const { evacuableTag: tag } = selection;
  const taggedImages = selection.taggedImages ? words.images.filter((each) => isTagged(each, tag)) : [];
  const taggedFlavors = selection.taggedFlavors
    ? words.flavors.filter(({ extraSpecs }) => YES.test(extraSpecs[tag] ?? ''))
    : [];
  const flavor = flavorOf(world, instance);
  const isAny = taggedImages.length + taggedFlavors.length > 0;
  const isIts =
    taggedImages.some(({ id }) => id === imageOf(world, instance)) ||
    // Now, or when the server was made.
    taggedFlavors.some(({ id }) => id === flavor?.id) ||
    (selection.taggedFlavors && YES.test(flavor?.extraSpecs[tag] ?? ''));
  if (isAny && !isIts) return 'neither its image nor its flavor is tagged';
  const racks = selection.taggedAggregates
    ? words.aggregates.filter((each) => YES.test(each.metadata[tag] ?? ''))
    : [];
  return racks.length === 0 || racks.some(({ hosts }) => hosts.includes(instance.host ?? ''))
    ? null
    : 'its host is in no tagged aggregate';
}

function isExcluded(world: World, words: Words, selection: SelectionPolicy, instance: Instance): boolean {
  const { exclude } = selection;
  const { spec, name } = instance;
  const image = words.images.find(({ id }) => id === imageOf(world, instance));
  const flavor = flavorOf(world, instance);
  const isAmphora =
    AMPHORA.test(name) ||
    selection.amphoraProjects.includes(spec.projectId) ||
    selection.amphoraImageTags.some((tag) => image?.tags.includes(tag));
  return (
    exclude.projects.includes(spec.projectId) ||
    exclude.names.some((pattern) => fits(pattern, name)) ||
    exclude.images.some((each) => each === image?.id || each === image?.name) ||
    exclude.flavors.some((each) => each === flavor?.id || each === flavor?.name) ||
    (selection.excludeAmphorae && isAmphora)
  );
}

/** The lists without which nobody can know that an instance that is to be evacuated is. */
function neededFor(
  world: World,
  words: Words,
  selection: SelectionPolicy,
  instance: Instance,
): readonly List[] {
  const { exclude, evacuableTag: tag } = selection;
  const needed = new Set<List>();
  const hasImage = imageOf(world, instance) !== null;
  if (hasImage && exclude.images.length > 0) needed.add('images');
  if (hasImage && selection.excludeAmphorae && selection.amphoraImageTags.length > 0) needed.add('images');
  if (exclude.flavors.length > 0) needed.add('flavors');
  if (!selection.instanceFiltering) return [...needed];
  if (selection.taggedAggregates) needed.add('aggregates');
  const flavor = flavorOf(world, instance);
  // The extra specs come with the server itself.
  if (selection.taggedFlavors && YES.test(flavor?.extraSpecs[tag] ?? '')) return [...needed];
  // By its flavor as it is now it is selected, whatever its image.
  const isListed = words.flavors.some(
    ({ id, extraSpecs }) => id === flavor?.id && YES.test(extraSpecs[tag] ?? ''),
  );
  if (selection.taggedFlavors && isListed) return [...needed.add('flavors')];
  if (selection.taggedImages) needed.add('images');
  const image = words.images.find(({ id }) => id === imageOf(world, instance));
  const isImageTagged = selection.taggedImages && image !== undefined && isTagged(image, tag);
  if (selection.taggedFlavors && !isImageTagged) needed.add('flavors');
  return [...needed];
}

function isTagged(
  image: { readonly tags: readonly string[]; readonly properties: Readonly<Record<string, string>> },
  tag: string,
): boolean {
  return image.tags.includes(tag) || YES.test(image.properties[tag] ?? '');
}

/** As it was when the server was made: its record has that (from API 2.47 on). */
function flavorOf(world: World, { spec }: Instance): FlavorSpec | undefined {
  return world.spec.nova.flavors.find(({ name }) => name === spec.flavor);
}

function imageOf(world: World, { spec }: Instance): string | null {
  return spec.storage === 'volume' ? null : (spec.image ?? world.spec.nova.images[0]?.id ?? null);
}

/** `*` stands for any characters and `?` for one. */
function fits(pattern: string, text: string): boolean {
  const [first, ...rest] = pattern;
  if (first === undefined) return text === '';
  const others = rest.join('');
  if (first === '*')
    return Array.from({ length: text.length + 1 }, (_, i) => i).some((i) => fits(others, text.slice(i)));
  return text !== '' && (first === '?' || first === text[0]) && fits(others, text.slice(1));
}
