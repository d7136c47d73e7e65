import { DEFAULT_POLICY } from '../../core/policy.ts';
import { INCIDENT_ATTRIBUTE } from '../../core/records.ts';
import type { Fact } from '../../world/facts.ts';
import { type AggregateSpec, type FlavorSpec, hostOfNode, type ImageSpec } from '../../world/model.ts';
import type { Scene } from './checker.ts';

/** What the cloud says of its instances from a time on. */
export interface Words {
  readonly images: readonly ImageSpec[];
  readonly flavors: readonly FlavorSpec[];
  readonly aggregates: readonly AggregateSpec[];
  /** Server → its metadata. */
  readonly metadata: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

/** A new incident that a look has not shown yet: what was read for the one before it counts so long, ms. */
const LOOK_MS = 6_000;
/** What changes seldom may be that old when an incident begins, and is not read again while it lasts (core/facts.ts). */
const OLD_MS = DEFAULT_POLICY.timing.factAgeMs + 2_000;

export interface Hindsight {
  fact(fact: Fact): void;
  /** All that the evacuator of a host may have read of the cloud, oldest first; the last is how it is now. */
  of(host: string): readonly Words[];
  /** ... with the metadata that a list of the host made just now may have: nothing of the instances is older at its release. */
  atRelease(host: string): readonly Words[];
}

/** Each list is read by itself: any of one time with any of another, oldest first. */
function mixed(read: readonly Words[]): readonly Words[] {
  const values = <Key extends keyof Words>(key: Key): readonly Words[Key][] => [
    ...new Set(read.map((words) => words[key])),
  ];
  return values('images').flatMap((images) =>
    values('flavors').flatMap((flavors) =>
      values('aggregates').flatMap((aggregates) =>
        values('metadata').map((metadata) => ({ images, flavors, aggregates, metadata })),
      ),
    ),
  );
}

/** A list as it was, if nothing in it has changed since: then it is the same in {@link mixed}. */
function kept<T>(before: readonly T[] | undefined, now: readonly T[]): readonly T[] {
  const isSame = before?.length === now.length && now.every((each, index) => each === before[index]);
  return isSame ? before : now;
}

function keptMap<K, V>(before: ReadonlyMap<K, V> | undefined, now: ReadonlyMap<K, V>): ReadonlyMap<K, V> {
  const isSame = before?.size === now.size && [...now].every(([key, value]) => before.get(key) === value);
  return isSame ? before : now;
}

/** Remembers what the cloud has said while its users and operators change it. */
export function newHindsight({ world, plan }: Pick<Scene, 'world' | 'plan'>): Hindsight {
  // Where Nova is slow, a list is as much older when another has been made after it.
  const slowest = plan.faults.map((fault) => (fault.do === 'nova-slow' ? fault.ms : 0));
  const lookMs = LOOK_MS + 2 * Math.max(0, ...slowest);
  const history: { readonly since: number; readonly words: Words }[] = [];
  /** Host → when its incidents were written, the last two. */
  const incidents = new Map<string, readonly number[]>();
  const take = (): Words => {
    const { nova } = world;
    const last = history.at(-1)?.words;
    const metadata = new Map([...nova.instances].map(([id, instance]) => [id, instance.metadata]));
    return {
      images: kept(last?.images, nova.images),
      flavors: kept(last?.flavors, nova.flavors),
      aggregates: kept(last?.aggregates, [...nova.aggregates]),
      metadata: keptMap(last?.metadata, metadata),
    };
  };
  history.push({ since: Number.NEGATIVE_INFINITY, words: take() });
  /** The last one given: mostly the next is the same. */
  let held: { readonly first: number; readonly end: number; readonly words: readonly Words[] } | null = null;
  const since = (from: number): readonly Words[] => {
    const end = history.length;
    const replaced = history.findIndex((each, index) => index > 0 && each.since >= from);
    const first = replaced < 0 ? end - 1 : replaced - 1;
    if (held?.first !== first || held.end !== end)
      held = { first, end, words: mixed(history.slice(first).map(({ words }) => words)) };
    return held.words;
  };
  const of = (host: string): readonly Words[] => {
    const { now } = world.agenda;
    const [one = now, two = one] = incidents.get(host) ?? [];
    return since((now - two < LOOK_MS ? one : two) - OLD_MS);
  };
  return {
    of,
    atRelease: (host) =>
      since(world.agenda.now - lookMs).flatMap(({ metadata }) =>
        of(host).map((words) => ({ ...words, metadata })),
      ),
    fact(fact) {
      const { now } = world.agenda;
      // Whoever changes something says so.
      if (fact.kind === 'operator' || (fact.kind === 'service' && fact.what.includes('aggregate')))
        history.push({ since: now, words: take() });
      if (fact.kind !== 'attribute' || fact.name !== INCIDENT_ATTRIBUTE || fact.value === null) return;
      const host = hostOfNode(world, fact.node);
      incidents.set(host, [...(incidents.get(host) ?? []).slice(-1), now]);
    },
  };
}
