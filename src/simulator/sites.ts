import { DEFAULT_POLICY, type PacePolicy } from '../core/policy.ts';
import {
  type AggregateSpec,
  type ComputeSpec,
  DEFAULT_IMAGE,
  type InstanceSpec,
  type Range,
  uuidOf,
} from '../world/model.ts';
import { isReservedBy } from './checkers/checker.ts';
import { type Row, rowOf } from './dice.ts';
import { type Fault, type Plan, type PolicyChange, policyOf } from './plan.ts';
import { destinationsOf, exclusionsOf, filtersOf, imagesOf, limitsOf, SECOND_IMAGE } from './sections.ts';

/** Instances in a large cluster: one at a time takes longer there than the liveness phase. */
const MANY = 30;

/** What operators may have set up. */
export type FeatureName =
  | 'reserves'
  | 'tags'
  | 'exclusions'
  | 'local-disks'
  | 'gates'
  | 'pauses'
  | 'order'
  | 'server-groups'
  | 'pace'
  | 'zones'
  | 'changed-words'
  | 'fenced-anew'
  | 'failing-reserves'
  | 'new-policies'
  | 'by-hand'
  | 'started-again'
  | 'reboots'
  | 'spoiled-records'
  | 'old-cib'
  | 'taken-out'
  | 'queued-starts'
  | 'lost-messages'
  | 'changed-groups'
  | 'left-guests'
  | 'affinity'
  | 'placement-away'
  | 'dead-feed'
  | 'moving-away'
  | 'hypervisor-names'
  | 'leftovers'
  | 'slow-claims'
  | 'given-up'
  | 'unstoppable'
  | 'failing-requests';

/** Something that operators have set up in a share of the seeds, with what tries it. */
interface Feature {
  readonly name: FeatureName;
  readonly share: number;
  apply(row: Row, plan: Plan): Plan;
}

const FEATURES: readonly Feature[] = [
  { name: 'reserves', share: 0.14, apply: withReserves },
  { name: 'tags', share: 0.1, apply: withTags },
  { name: 'exclusions', share: 0.08, apply: withExclusions },
  { name: 'local-disks', share: 0.1, apply: withLocalDisks },
  { name: 'gates', share: 0.12, apply: withGates },
  { name: 'pauses', share: 0.08, apply: withPauses },
  { name: 'order', share: 0.12, apply: withOrder },
  { name: 'server-groups', share: 0.08, apply: withServerGroups },
  { name: 'pace', share: 0.08, apply: withPace },
  { name: 'zones', share: 0.07, apply: withZones },
  { name: 'changed-words', share: 0.07, apply: withChangedWords },
  { name: 'fenced-anew', share: 0.05, apply: withFencedAnew },
  { name: 'failing-reserves', share: 0.03, apply: withFailingReserves },
  { name: 'new-policies', share: 0.07, apply: withNewPolicies },
  { name: 'by-hand', share: 0.06, apply: withEvacuationsByHand },
  { name: 'started-again', share: 0.04, apply: withUsersWhoStart },
  { name: 'lost-messages', share: 0.04, apply: withLostMessages },
  { name: 'changed-groups', share: 0.05, apply: withChangedGroups },
  { name: 'left-guests', share: 0.04, apply: withLeftGuests },
  { name: 'affinity', share: 0.04, apply: withAffinity },
  { name: 'placement-away', share: 0.03, apply: withPlacementAway },
  { name: 'dead-feed', share: 0.03, apply: withDeadFeed },
  { name: 'moving-away', share: 0.04, apply: withMovesAway },
  { name: 'hypervisor-names', share: 0.15, apply: withHypervisorNames },
  { name: 'leftovers', share: 0.04, apply: withLeftovers },
  { name: 'slow-claims', share: 0.03, apply: withSlowClaims },
  { name: 'reboots', share: 0.05, apply: withUsersWhoReboot },
  { name: 'spoiled-records', share: 0.04, apply: withSpoiledRecords },
  { name: 'old-cib', share: 0.03, apply: withOldCib },
  { name: 'taken-out', share: 0.04, apply: withNodesTakenOut },
  { name: 'queued-starts', share: 0.03, apply: withQueuedStarts },
  { name: 'given-up', share: 0.03, apply: withGivenUp },
  { name: 'unstoppable', share: 0.03, apply: withUnstoppable },
  { name: 'failing-requests', share: 0.03, apply: withFailingRequests },
];

/**
 * A plan with what its operators have set up on top of it. Each feature has dice of its own, so that what a seed had
 * before a feature came to be stays as it was.
 */
export function withSite(plan: Plan): Plan {
  const instances = plan.world.instances.length;
  return FEATURES.reduce((before, { name, share, apply }) => {
    const row = rowOf(plan.seed, name);
    if (!row.chance(share) || instances === 0) return before;
    const { faults, ...rest } = apply(row, before);
    return { ...rest, faults: [...faults].sort((a, b) => a.at - b.at) };
  }, plan);
}

/** What `--with` takes, in the order in which the features are put on a plan. */
export const featureNames = (): readonly FeatureName[] => FEATURES.map(({ name }) => name);

/** Whether a seed has a feature. */
export function hasFeature(seed: number, name: FeatureName): boolean {
  const feature = FEATURES.find((each) => each.name === name);
  return feature !== undefined && rowOf(seed, name).chance(feature.share);
}

/** How many features a seed has. */
export const featureCount = (seed: number): number =>
  FEATURES.filter(({ name, share }) => rowOf(seed, name).chance(share)).length;

/** The first host dies at about this time, ms. */
function firstDeathOf({ faults, world }: Plan): number {
  const node = world.computes[0]?.node;
  return faults.find((fault) => 'machine' in fault && fault.machine === node)?.at ?? 8_000;
}

const withPolicy = (plan: Plan, change: PolicyChange): Plan => {
  const merged = Object.entries(change).map(([name, section]) => [
    name,
    { ...plan.policy[name as keyof PolicyChange], ...section },
  ]);
  return { ...plan, policy: { ...plan.policy, ...Object.fromEntries(merged) } };
};
const withFaults = (plan: Plan, ...faults: readonly Fault[]): Plan => ({
  ...plan,
  faults: [...plan.faults, ...faults],
});
const withWorld = (plan: Plan, change: Partial<Plan['world']>): Plan => ({
  ...plan,
  world: { ...plan.world, ...change },
});
const withNova = (plan: Plan, change: Partial<Plan['world']['nova']>): Plan =>
  withWorld(plan, { nova: { ...plan.world.nova, ...change } });

/** Hosts beside the first that may die too: one is left. */
const victimsOf = ({ world }: Plan, count: number): readonly ComputeSpec[] =>
  world.computes.slice(1, Math.max(1, Math.min(1 + count, world.computes.length - 1)));

/** More hosts die, near the first. */
function deathsOf(row: Row, plan: Plan, hosts: readonly ComputeSpec[], withinMs: number): Fault[] {
  const first = firstDeathOf(plan);
  return hosts.map(({ node }) => ({ at: first + row.int(0, withinMs), do: 'power-loss', machine: node }));
}

/** Aggregates that the hosts are in, with zones or without; a host is in one zone at most. */
function aggregatesOf(row: Row, computes: readonly ComputeSpec[]): AggregateSpec[] {
  const count = row.int(1, 3);
  const hasZones = row.chance(0.5);
  return Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    name: `rack-${index + 1}`,
    // Two racks may be of one zone.
    availabilityZone: hasZones ? `zone-${row.int(1, 2)}` : null,
    // Some hosts are in no rack, the first always in the first.
    hosts: computes
      .filter((_host, at) => (at === 0 ? index === 0 : at % count === index && !row.chance(0.15)))
      .map(({ host }) => host),
    metadata: {},
  }));
}

/** Hosts that are kept for failures, at the end of the list; what was on them is elsewhere. */
function withReserves(row: Row, before: Plan): Plan {
  const { computes } = before.world;
  if (computes.length < 3) return before;
  const count = computes.length > 3 ? row.int(1, Math.min(4, computes.length - 2)) : 1;
  const kept = computes.slice(-count);
  const used = computes.slice(0, -count);
  const names = new Set(kept.map(({ host }) => host));
  // A host that is disabled for something else is nobody's to enable.
  const reasons = [
    'reserved',
    'Reserved for failures',
    'spare; reserved, rack 2',
    'broken disk',
    'unreserved',
  ];
  const isRoomy = row.chance(0.7);
  const withReasons = computes.map((compute, index) => ({
    ...compute,
    ...(names.has(compute.host)
      ? { disabledReason: row.chance(0.8) ? reasons[index % 3] : row.pick(reasons) }
      : {}),
    capacity: isRoomy ? Math.max(compute.capacity, 50) : compute.capacity,
  })) as ComputeSpec[];
  const instances = before.world.instances.map((instance, index) => {
    const isThere = instance.host !== null && names.has(instance.host);
    return isThere ? { ...instance, host: used[index % used.length]?.host ?? null } : instance;
  });
  const destinations = destinationsOf(row);
  let plan = withPolicy(withWorld(before, { computes: withReasons, instances }), { destinations });
  plan = withNova(plan, { aggregates: aggregatesOf(row, computes) });
  // More deaths than reserves, so that they compete; deaths of reserves; a person who takes one over.
  const first = firstDeathOf(plan);
  if (row.chance(0.5)) {
    const victims = used.slice(1, 1 + row.int(1, 2));
    plan = withFaults(plan, ...deathsOf(row, plan, victims, row.pick([500, 5_000, 30_000])));
  }
  const reserve = kept[0] ?? computes[0];
  if (reserve !== undefined && row.chance(0.3))
    plan = withFaults(plan, ...deathsOf(row, plan, [reserve], 40_000));
  if (reserve !== undefined && row.chance(0.2))
    plan = withFaults(plan, {
      at: first + row.int(2_000, 40_000),
      do: row.pick(['operator-disables', 'operator-enables', 'operator-takes-over']),
      host: reserve.host,
    });
  if (row.chance(0.3)) plan = withFaults(plan, ...failingLists(row, first, ['os-aggregates']));
  // All that has died meanwhile begins in the moment in which a pause ends, and looks for a reserve.
  if (row.chance(0.3)) {
    plan = withFaults(plan, ...deathsOf(row, plan, used.slice(1, 2), 5_000));
    plan = withFaults(plan, { at: Math.max(0, first - 3_000), do: 'operator-pauses', lastsMs: 40_000 });
  }
  // What a reserve is enabled by, or put into an aggregate, has no answer, and may take effect when it is given back.
  const [dead] = used;
  if (dead !== undefined && row.chance(0.2)) {
    const at = first + row.int(3_000, 8_000);
    const what = row.pick(['change', 'evacuate'] as const);
    const forMs = row.pick([2_000, 8_000, 20_000]);
    plan = withFaults(plan, { at, do: 'answers-lost', what, side: 'answer', percent: 60, forMs });
    if (row.chance(0.5))
      plan = withFaults(plan, {
        at: at + row.int(2_000, 15_000),
        do: 'operator-removes-incident',
        node: dead.node,
      });
  }
  return plan;
}

type List = Extract<Fault, { do: 'list-fails' }>['list'];

/** A list that fails from before the death on, or in the middle of it. */
function failingLists(row: Row, first: number, lists: readonly List[]): Fault[] {
  return [
    {
      at: Math.max(0, first + row.int(-4_000, 10_000)),
      do: 'list-fails',
      list: row.pick(lists),
      forMs: row.pick([3_000, 15_000, 60_000]),
    },
  ];
}

const YES = ['true', 'True', 'yes', '1'] as const;
const NO = ['false', 'no', '', 'maybe'] as const;

/** Tags on images, flavors and aggregates, and lists that fail while they are needed. */
function withTags(row: Row, before: Plan): Plan {
  const selection = filtersOf(row);
  const tag = selection.evacuableTag ?? DEFAULT_POLICY.selection.evacuableTag;
  const word = (): string => (row.chance(0.75) ? row.pick(YES) : row.pick(NO));
  let plan = withPolicy(before, { selection });
  const { nova, computes, instances } = plan.world;
  const images = [
    { ...DEFAULT_IMAGE, ...(row.chance(0.2) ? { tags: [tag] } : {}) },
    {
      ...SECOND_IMAGE,
      ...(row.chance(0.3) ? { tags: [tag] } : {}),
      ...(row.chance(0.2) ? { properties: { [tag]: word() } } : {}),
    },
  ];
  const flavors = nova.flavors.map((flavor) =>
    row.chance(0.25) ? { ...flavor, extraSpecs: { [tag]: word() } } : flavor,
  );
  const aggregates = (nova.aggregates.length > 0 ? nova.aggregates : aggregatesOf(row, computes)).map(
    (aggregate) => (row.chance(0.3) ? { ...aggregate, metadata: { [tag]: word() } } : aggregate),
  );
  plan = withNova(plan, { images, flavors, aggregates });
  plan = withWorld(plan, {
    instances: instances.map((instance) => ({
      ...instance,
      ...(row.chance(0.5) ? { image: SECOND_IMAGE.id } : {}),
      ...(row.chance(0.1)
        ? { metadata: { ...instance.metadata, HA_Enabled: row.pick(['True', 'no']) } }
        : {}),
    })),
  });
  if (!row.chance(0.5)) return plan;
  return withFaults(
    plan,
    ...failingLists(row, firstDeathOf(plan), ['os-aggregates', 'flavors/detail', 'images']),
  );
}

/** Exclusions by the policy, and instances that want to be left alone. */
function withExclusions(row: Row, before: Plan): Plan {
  const amphora = (index: number): string => `amphora-${uuidOf(0x4a, index)}`;
  const instances = before.world.instances.map((instance, index) => ({
    ...instance,
    ...(row.chance(0.1) ? { name: amphora(index) } : {}),
    ...(row.chance(0.15)
      ? {
          metadata: {
            ...instance.metadata,
            'instance-ha:evacuate': row.pick(['false', 'no', 'off', 'true']),
          },
        }
      : {}),
  }));
  const plan = withPolicy(withWorld(before, { instances }), { selection: exclusionsOf(row) });
  if (!row.chance(0.4)) return plan;
  return withFaults(plan, ...failingLists(row, firstDeathOf(plan), ['flavors/detail', 'images']));
}

/** Disks that an evacuation loses, and what the policy and people say to that. */
function withLocalDisks(row: Row, before: Plan): Plan {
  const localDisk = row.pick(['evacuate', 'skip', 'ask', 'ask', 'ask'] as const);
  const plan = withPolicy(before, { storage: { shared: false, localDisk } });
  const first = plan.world.computes[0];
  if (localDisk !== 'ask' || first === undefined) return plan;
  const at = firstDeathOf(plan);
  const answer = (stale: boolean): Fault => ({
    at: stale ? Math.max(0, at - 2_000) : at + row.int(8_000, 60_000),
    do: 'operator-answers',
    node: first.node,
    answer: row.pick(['evacuate', 'evacuate', 'skip']),
    stale,
  });
  // Some answer twice, and not the same; some have an answer of the last time still standing there.
  return withFaults(
    plan,
    ...(row.chance(0.7) ? [answer(false)] : []),
    ...(row.chance(0.2) ? [answer(false)] : []),
    ...(row.chance(0.2) ? [answer(true)] : []),
  );
}

/** Limits that several deaths run into, one after the other or at once. */
function withGates(row: Row, before: Plan): Plan {
  const { computes, nova } = before.world;
  let plan = withPolicy(before, { gates: limitsOf(row) });
  if (nova.aggregates.length === 0) plan = withNova(plan, { aggregates: aggregatesOf(row, computes) });
  const others = computes.slice(1, 1 + row.int(0, Math.min(3, computes.length - 1)));
  plan = withFaults(plan, ...deathsOf(row, plan, others, row.pick([300, 10_000, 60_000])));
  const [first] = computes;
  const at = firstDeathOf(plan);
  // One that fails again and again.
  for (let again = row.pick([0, 0, 1, 2]); again > 0 && first !== undefined; again--)
    plan = withFaults(plan, {
      at: at + again * 50_000 + row.int(0, 20_000),
      do: 'operator-fences',
      node: first.node,
    });
  return plan;
}

/** A pause of everything or of the host that dies, before it dies or while it is evacuated; most end during the run. */
function withPauses(row: Row, before: Plan): Plan {
  const at = firstDeathOf(before);
  const [first] = before.world.computes;
  const lastsMs = row.pick([15_000, 40_000, 90_000, 90_000, 7_200_000, null]);
  const begins = Math.max(0, at + row.pick([-3_000, -1_000, 4_000, 12_000]));
  const isOfOne = row.chance(0.3) && first !== undefined;
  let plan = withFaults(
    before,
    isOfOne
      ? { at: begins, do: 'operator-pauses-node', node: first.node, lastsMs }
      : { at: begins, do: 'operator-pauses', lastsMs },
  );
  if (row.chance(0.3))
    plan = withFaults(plan, { at: begins + row.int(3_000, 60_000), do: 'operator-resumes' });
  if (row.chance(0.4)) plan = withFaults(plan, ...deathsOf(row, plan, victimsOf(before, 1), 30_000));
  return plan;
}

const GROUPS = ['database', 'queue', 'web', 'batch'] as const;

/** Priorities, restart groups in a chain, and circles; across hosts that die together. */
function withOrder(row: Row, before: Plan): Plan {
  const hasCircle = row.chance(0.3);
  const instances = before.world.instances.map((instance): InstanceSpec => {
    const metadata: Record<string, string> = { ...instance.metadata };
    if (row.chance(0.4))
      metadata['instance-ha:priority'] = row.pick(['1', '200', '800', '1000', '5000', 'soon']);
    if (row.chance(0.1)) metadata.HA_Enabled = row.pick(['True', 'False']);
    const at = row.int(0, GROUPS.length - 1);
    if (row.chance(0.6)) metadata['instance-ha:group'] = GROUPS[at] ?? 'web';
    // Whatever belongs to no group may come after one, too.
    const earlier = GROUPS[hasCircle ? (at + 1) % GROUPS.length : at - 1];
    if (row.chance(0.5) && earlier !== undefined) metadata['instance-ha:after'] = earlier;
    return { ...instance, projectId: row.chance(0.7) ? 'project-1' : instance.projectId, metadata };
  });
  let plan = withPolicy(withWorld(before, { instances }), {
    order: {
      waitForHigherRanks: row.chance(0.3),
      haEnabledFirst: row.chance(0.7),
      readyMs: row.pick([0, 3_000, 10_000, 30_000]),
      defaultPriority: row.pick([500, 500, 100]),
    },
  });
  if (row.chance(0.6))
    plan = withPolicy(plan, { pace: { startInFlight: 2, minInFlight: 1, maxInFlight: row.pick([2, 8]) } });
  if (row.chance(0.5))
    plan = withFaults(plan, ...deathsOf(row, plan, victimsOf(before, 1), row.pick([500, 8_000])));
  return plan;
}

/** Most of a cluster's instances in server groups, and two hosts that die with members of them. */
function withServerGroups(row: Row, before: Plan): Plan {
  const policies = ['anti-affinity', 'anti-affinity', 'affinity', 'soft-anti-affinity'] as const;
  const groups = Array.from({ length: row.int(1, 3) }, (_, index) => ({
    id: uuidOf(0x61, index),
    name: `apart-${index}`,
    policy: row.pick(policies),
  }));
  const instances = before.world.instances.map((instance) =>
    row.chance(0.6) ? { ...instance, group: row.pick(groups).id } : instance,
  );
  let plan = withNova(withWorld(before, { instances }), { groups: [...before.world.nova.groups, ...groups] });
  const others = victimsOf(before, 2);
  if (row.chance(0.6))
    plan = withFaults(plan, ...deathsOf(row, plan, others, row.pick([500, 5_000, 30_000])));
  if (row.chance(0.3))
    plan = withFaults(plan, ...failingLists(row, firstDeathOf(plan), ['os-server-groups']));
  return plan;
}

/** A narrow pace: few at a time, pauses between two requests, and before the first. */
function withPace(row: Row, before: Plan): Plan {
  const fewest = before.world.instances.length > MANY ? 8 : 1;
  const maxInFlight = fewest * row.pick([1, 2, 4]);
  const plan = withPolicy(before, {
    pace: {
      minInFlight: 1,
      startInFlight: Math.min(maxInFlight, row.pick([1, 4, 16])),
      maxInFlight,
      maxInFlightPerHost: fewest * row.pick([1, 2, 64]),
      staggerMs: row.pick([0, 0, 500, 2_500]),
    },
    delays: { evacuateDelayMs: row.pick([0, 5_000, 30_000]) },
  });
  if (!row.chance(0.5)) return plan;
  return withFaults(plan, ...deathsOf(row, plan, victimsOf(before, 2), row.pick([500, 10_000])));
}

/** Zones, instances that were made for the one that they are in, and zones that die whole or have no room left. */
function withZones(row: Row, before: Plan): Plan {
  const { computes, instances, nova } = before.world;
  const count = computes.length > 2 ? row.int(1, 2) : 1;
  const racks = (nova.aggregates.length > 0 ? nova.aggregates : aggregatesOf(row, computes)).map(
    (rack, index): AggregateSpec => ({ ...rack, availabilityZone: `zone-${(index % count) + 1}` }),
  );
  // What hosts of several zones have in common is no zone.
  const across: AggregateSpec = {
    id: racks.length + 1,
    name: 'fast-disks',
    availabilityZone: null,
    hosts: computes.filter((_host, index) => index === 0 || row.chance(0.5)).map(({ host }) => host),
    metadata: {},
  };
  const zoneOf = (host: string | null): string | null =>
    racks.find(({ hosts }) => host !== null && hosts.includes(host))?.availabilityZone ?? null;
  const share = row.pick([0.3, 0.7, 1]);
  const bound = instances.map((instance): InstanceSpec => {
    const zone = row.chance(share) ? zoneOf(instance.host) : null;
    return zone === null ? instance : { ...instance, availabilityZone: zone };
  });
  const first = zoneOf(computes[0]?.host ?? null);
  const mates = computes.slice(1).filter(({ host }) => zoneOf(host) === first);
  const room = row.pick([null, null, 0, 2]);
  const used = (host: string): number => instances.filter((each) => each.host === host).length;
  const narrow = computes.map((compute) =>
    room !== null && mates.includes(compute) ? { ...compute, capacity: used(compute.host) + room } : compute,
  );
  const aggregates = row.chance(0.5) ? [...racks, across] : racks;
  const plan = withNova(withWorld(before, { computes: narrow, instances: bound }), { aggregates });
  const dying = row.pick([[], [], mates.slice(0, 1), mates]).slice(0, Math.max(0, computes.length - 2));
  return withFaults(plan, ...deathsOf(row, plan, dying, row.pick([500, 5_000, 30_000])));
}

/** Metadata and tags that somebody changes before, while and after the first host is evacuated. */
function withChangedWords(row: Row, before: Plan): Plan {
  const { computes, instances, nova } = before.world;
  const here = instances.filter(({ host }) => host === computes[0]?.host);
  const own = here.length > 0 ? here : instances;
  const first = firstDeathOf(before);
  const when = (): number => Math.max(0, first + row.int(-10_000, row.pick([15_000, 90_000])));
  const tag = before.policy.selection?.evacuableTag ?? 'evacuable';
  const tagged = [...nova.images, ...nova.flavors, ...nova.aggregates].map(({ id }) => String(id));
  const keys = {
    'instance-ha:evacuate': ['false', 'no', 'true', null],
    HA_Enabled: ['True', 'False', null],
    'instance-ha:priority': ['1', '300', '900', null],
  } as const;
  const changes = Array.from({ length: row.int(2, 10) }, (): Fault => {
    if (row.chance(0.25))
      return {
        at: when(),
        do: 'operator-tags',
        id: row.pick(tagged),
        key: tag,
        value: row.pick(['true', 'false', null]),
      };
    const key = row.pick(Object.keys(keys)) as keyof typeof keys;
    const value = row.pick(keys[key] as readonly (string | null)[]);
    return { at: when(), do: 'user-sets-metadata', server: row.pick(own).id, key, value };
  });
  // Another host dies long after, of which everything is read anew.
  const later = victimsOf(before, 1).flatMap(({ node }): Fault[] => [
    { at: first + row.int(2_000, 8_000), do: 'operator-tags', id: row.pick(tagged), key: tag, value: 'true' },
    { at: first + row.int(80_000, 200_000), do: 'power-loss', machine: node },
  ]);
  // Somebody who did not want to be evacuated wants it after all.
  const server = row.pick(own).id;
  const key = 'instance-ha:evacuate';
  const turn: Fault[] = [
    { at: Math.max(0, first - 3_000), do: 'user-sets-metadata', server, key, value: 'false' },
    { at: first + row.int(8_000, 60_000), do: 'user-sets-metadata', server, key, value: null },
  ];
  const all = [...changes, ...(row.chance(0.6) ? turn : []), ...(row.chance(0.6) ? later : [])];
  const plan = withFaults(before, ...all);
  if (!row.chance(0.5)) return plan;
  // One at a time, so that much is still to come when something changes.
  const fewest = instances.length > MANY ? 8 : 1;
  return withPolicy(plan, {
    pace: { minInFlight: 1, startInFlight: fewest, maxInFlight: fewest },
    selection: { haEnabledOnly: row.chance(0.3) },
  });
}

/** Restart groups that users change, and hosts that operators put into aggregates and take out, around the death of the first host. */
function withChangedGroups(row: Row, before: Plan): Plan {
  const hasGroups = before.world.instances.some(({ metadata }) => 'instance-ha:group' in metadata);
  const plan = hasGroups ? before : withOrder(row, before);
  const { computes, instances, nova } = plan.world;
  const first = firstDeathOf(plan);
  const when = (): number => Math.max(0, first + row.int(-10_000, row.pick([15_000, 60_000])));
  const words = Array.from(
    { length: row.int(2, 12) },
    (): Fault => ({
      at: when(),
      do: 'user-sets-metadata',
      server: row.pick(instances).id,
      key: row.pick(['instance-ha:group', 'instance-ha:after']),
      value: row.pick([...GROUPS, null]),
    }),
  );
  // Nova lets no host with instances go to another zone (nova/compute/api.py is_safe_to_update_az).
  const racks = nova.aggregates.filter(({ availabilityZone }) => availabilityZone === null);
  const moves = Array.from({ length: racks.length === 0 ? 0 : row.int(0, 4) }, (): Fault => {
    const { id, hosts } = row.pick(racks);
    const { host } = row.pick(computes);
    return { at: when(), do: 'operator-moves-host', host, aggregate: id, into: !hosts.includes(host) };
  });
  const back = moves.flatMap((fault): Fault[] =>
    fault.do === 'operator-moves-host' && row.chance(0.3)
      ? [{ ...fault, at: fault.at + row.int(2_000, 40_000), into: !fault.into }]
      : [],
  );
  return withFaults(plan, ...words, ...moves, ...back);
}

/**
 * Guests that Nova leaves where it has spawned them: nova-conductor does not answer then, or their host is let go in the middle,
 * comes back and dies again.
 */
function withLeftGuests(row: Row, before: Plan): Plan {
  const [first] = before.world.computes;
  if (first === undefined) return before;
  const death = firstDeathOf(before);
  const others = before.world.computes.slice(1, 5);
  const failures = others.flatMap(({ host }): Fault[] =>
    row.chance(0.4) ? [{ at: death + row.int(0, 20_000), do: 'save-fails', host, times: row.int(1, 2) }] : [],
  );
  if (!row.chance(0.5)) return withFaults(before, ...failures);
  const letGo = death + row.int(8_000, 30_000);
  const isMany = before.world.instances.length > MANY;
  return withFaults(
    withNova(before, { spawnMs: isMany ? SLOW_SPAWN_MS : row.pick([SLOW_SPAWN_MS, [30_000, 90_000]]) }),
    ...failures,
    { at: letGo, do: 'operator-removes-incident', node: first.node },
    { at: letGo + row.int(20_000, 90_000), do: 'power-loss', machine: first.node },
  );
}

/** A host that is fenced anew while it is evacuated, beside another one that waits for room; Nova is slow meanwhile, or away. */
function withFencedAnew(row: Row, before: Plan): Plan {
  const [first] = before.world.computes;
  const [other] = victimsOf(before, 1);
  if (first === undefined || other === undefined) return before;
  const fewest = before.world.instances.length > MANY ? 8 : 1;
  const maxInFlight = fewest * row.pick([1, 2, 3]);
  const narrow = withPolicy(before, { pace: { minInFlight: 1, startInFlight: maxInFlight, maxInFlight } });
  const plan = withNova(narrow, { spawnMs: row.pick([[3_000, 20_000], SLOW_SPAWN_MS]) });
  const at = firstDeathOf(plan) + row.int(5_000, 40_000);
  const again = Array.from(
    { length: row.int(1, 2) },
    (_, index): Fault => ({
      at: at + index * row.int(3_000, 15_000),
      do: 'operator-fences',
      node: first.node,
    }),
  );
  const trouble: Fault[] = row.chance(0.5)
    ? [{ at, do: 'nova-slow', ms: row.pick([500, 3_000]), forMs: 20_000 }]
    : row.chance(0.3)
      ? [{ at, do: 'api', api: 'nova', state: 'failing', forMs: row.pick([5_000, 20_000]) }]
      : [];
  return withFaults(plan, ...deathsOf(row, plan, [other], 8_000), ...again, ...trouble);
}

const SLOW_SPAWN_MS = [10_000, 30_000] as const;

/** Reserved hosts that fail as often as quarantine allows, and another host that needs one before, while or after that. */
function withFailingReserves(row: Row, before: Plan): Plan {
  if (hasZones(before)) return before;
  const plan = withPolicy(withReserves(row, before), {
    gates: { maxFailedHosts: 0, maxFailedPercent: 0, quarantineIncidents: row.pick([1, 1, 2]) },
  });
  const reserves = plan.world.computes.filter(({ disabledReason }) => isReservedBy(disabledReason));
  const [other] = victimsOf(plan, 1);
  if (reserves.length === 0 || other === undefined) return before;
  const first = firstDeathOf(plan);
  const fencings = reserves.flatMap(({ node }) => {
    const at = Math.max(2_000, first + row.int(-4_000, 20_000));
    const again = row.chance(0.5) ? [at + row.int(60_000, 90_000)] : [];
    return [at, ...again].map((when): Fault => ({ at: when, do: 'operator-fences', node }));
  });
  const later = row.int(30_000, 200_000);
  return withFaults(plan, ...fencings, { at: first + later, do: 'power-loss', machine: other.node });
}

/** Zones are drawn with what is on their hosts: it can't be put elsewhere after that. */
const hasZones = ({ world }: Plan): boolean =>
  world.instances.some(({ availabilityZone }) => availabilityZone !== undefined);

/** The policy file is written anew and read while the first host is evacuated, some of it broken. */
function withNewPolicies(row: Row, before: Plan): Plan {
  // What came to be drawn later has dice of its own.
  const others = rowOf(before.seed, 'new-policies, other sections');
  const fewest = before.world.instances.length > MANY ? 8 : 1;
  const paceOf = (maxInFlight: number): PacePolicy => ({
    ...DEFAULT_POLICY.pace,
    minInFlight: 1,
    startInFlight: Math.min(8, maxInFlight),
    maxInFlight,
    maxInFlightPerHost: maxInFlight * row.pick([1, 2]),
    staggerMs: row.pick([0, 0, 700, 2_500]),
  });
  const widths = [fewest, 2 * fewest, 4 * fewest, 16] as const;
  let plan = withPolicy(before, { pace: paceOf(row.pick(widths)) });
  if (others.chance(0.3)) plan = withTags(others, plan);
  const hasReserves = plan.world.computes.some(({ disabledReason }) => disabledReason !== undefined);
  if (others.chance(0.3) && !hasReserves && !hasZones(plan)) plan = withReserves(others, plan);
  // What is drawn here stands for the whole section.
  const { order, storage, selection, gates } = policyOf(plan.policy);
  const changed = (): PolicyChange => ({
    pace: paceOf(row.pick(widths)),
    ...(row.chance(0.4)
      ? {
          order: {
            ...order,
            waitForHigherRanks: row.chance(0.4),
            readyMs: row.pick([0, 3_000, 20_000]),
            defaultPriority: row.pick([100, 500]),
          },
        }
      : {}),
    ...(row.chance(0.2) ? { storage: { ...storage, localDisk: row.pick(['evacuate', 'skip']) } } : {}),
    ...(row.chance(0.2) ? { delays: { evacuateDelayMs: row.pick([0, 20_000]) } } : {}),
    ...(row.chance(0.2) ? { retry: { ...DEFAULT_POLICY.retry, maxAttempts: row.int(1, 5) } } : {}),
    ...(others.chance(0.3) ? { selection: { ...selection, ...filtersOf(others) } } : {}),
    ...(others.chance(0.3) ? { selection: { ...selection, ...exclusionsOf(others) } } : {}),
    // Of images is known only what a policy has asked for.
    ...(others.chance(0.25)
      ? { selection: { ...selection, exclude: { ...selection.exclude, images: imagesOf(others) } } }
      : {}),
    ...(others.chance(0.3)
      ? { destinations: { ...destinationsOf(others), reservedHosts: others.chance(0.5) } }
      : {}),
    ...(others.chance(0.4) ? { gates: { ...gates, ...limitsOf(others) } } : {}),
  });
  const first = firstDeathOf(plan);
  const writes = Array.from(
    { length: row.int(1, 4) },
    (): Fault => ({
      at: first + row.int(0, row.pick([20_000, 90_000])),
      do: 'operator-writes-policy',
      policy: row.chance(0.35) ? null : changed(),
    }),
  );
  plan = withNova(plan, { spawnMs: row.pick([plan.world.nova.spawnMs, [3_000, 20_000]]) });
  if (row.chance(0.5)) plan = withFaults(plan, ...deathsOf(row, plan, victimsOf(plan, 1), 30_000));
  return withFaults(plan, ...writes);
}

/** Operators who evacuate some instances of the first host by hand, while the evacuator is at it, or is paused for that. */
function withEvacuationsByHand(row: Row, before: Plan): Plan {
  const [first] = before.world.computes;
  const own = before.world.instances.filter(({ host }) => host === first?.host);
  if (own.length === 0 || first === undefined) return before;
  const death = firstDeathOf(before);
  const isPaused = row.chance(0.5);
  // Nova takes a host for dead that nobody has forced down a minute after its last report.
  const from = isPaused ? 65_000 : 8_000;
  const hands = Array.from(
    { length: row.int(1, 6) },
    (): Fault => ({
      at: death + from + row.int(0, row.pick([10_000, 40_000, 90_000])),
      do: 'operator-evacuates',
      server: row.pick(own).id,
    }),
  );
  let plan = withFaults(before, ...hands);
  const lastsMs = row.pick([80_000, 110_000, 180_000]);
  const at = Math.max(0, death - 3_000);
  if (isPaused)
    plan = withFaults(
      plan,
      row.chance(0.5)
        ? { at, do: 'operator-pauses', lastsMs }
        : { at, do: 'operator-pauses-node', node: first.node, lastsMs },
    );
  // One at a time, so that much is still to come.
  const fewest = before.world.instances.length > MANY ? 8 : 1;
  if (row.chance(0.5))
    plan = withPolicy(plan, { pace: { minInFlight: 1, startInFlight: fewest, maxInFlight: fewest } });
  return withNova(plan, { spawnMs: row.pick([plan.world.nova.spawnMs, [3_000, 20_000]]) });
}

/** Some instances of the first host, and the plan in which they are stopped. */
function withStopped(
  before: Plan,
  most: number,
): { readonly own: readonly InstanceSpec[]; readonly stopped: Plan } {
  const [first] = before.world.computes;
  const own = before.world.instances.filter(({ host }) => host === first?.host).slice(0, most);
  const ids = new Set(own.map(({ id }) => id));
  const instances = before.world.instances.map((each) =>
    ids.has(each.id) ? { ...each, vmState: 'stopped', taskState: null } : each,
  );
  return { own, stopped: withWorld(before, { instances }) };
}

/** Instances that were stopped, that Nova starts because an attempt fails, and that their users start where they have come to. */
function withUsersWhoStart(row: Row, before: Plan): Plan {
  const { own, stopped } = withStopped(before, row.int(1, 4));
  const death = firstDeathOf(before);
  const starts = own.flatMap(({ id }) =>
    Array.from(
      { length: row.int(1, 4) },
      (): Fault => ({ at: death + row.int(20_000, 110_000), do: 'user-starts', server: id }),
    ),
  );
  const fails = own.map(
    ({ name }): Fault => ({ at: death, do: 'spawn-fails', what: name, times: row.int(1, 2) }),
  );
  const successor = row.pick(['kill-evacuator', 'move-evacuator'] as const);
  const plan = withFaults(
    stopped,
    ...starts,
    ...fails,
    ...(row.chance(0.7) ? [{ at: death + row.int(20_000, 120_000), do: successor }] : []),
  );
  return withNova(plan, { spawnMs: row.pick([plan.world.nova.spawnMs, [1_000, 6_000]]) });
}

/** Stopped instances that their users start when their host has died, before they are asked for or in that very moment, and later on. */
function withQueuedStarts(row: Row, before: Plan): Plan {
  // Who was stopped stands in the record: spoiled just then, it tells of no start in the moment of the request (docs/simulator.md).
  if (before.faults.some((fault) => fault.do === 'operator-spoils-record')) return before;
  const { own, stopped } = withStopped(before, row.int(1, 5));
  const death = firstDeathOf(before);
  const latestMs = row.pick([8_000, 20_000, 60_000]);
  const starts = own.flatMap(({ id }) =>
    Array.from(
      { length: row.int(1, 3) },
      (): Fault => ({ at: death + row.int(0, latestMs), do: 'user-starts', server: id }),
    ),
  );
  const plan = withFaults(stopped, ...starts);
  // One at a time, so that some are still to be asked for.
  const fewest = before.world.instances.length > MANY ? 8 : 1;
  return row.chance(0.5)
    ? withPolicy(plan, { pace: { minInFlight: 1, startInFlight: fewest, maxInFlight: fewest } })
    : plan;
}

/** Users who reboot what does not answer, again and again: before its host is known to be dead, and while it is evacuated. */
function withUsersWhoReboot(row: Row, plan: Plan): Plan {
  const [first] = plan.world.computes;
  const own = plan.world.instances.filter(({ host }) => host === first?.host).slice(0, row.int(1, 6));
  const death = firstDeathOf(plan);
  const reboots = own.flatMap(({ id }) =>
    Array.from(
      { length: row.int(1, 4) },
      (): Fault => ({ at: death + row.int(1_000, 90_000), do: 'user-reboots', server: id }),
    ),
  );
  return withFaults(plan, ...reboots);
}

/** An operator who writes over what stands in the cluster of an evacuation, or deletes it, mostly with the evacuator's death near that. */
function withSpoiledRecords(row: Row, plan: Plan): Plan {
  const [first] = plan.world.computes;
  if (first === undefined) return plan;
  const at = firstDeathOf(plan) + row.int(6_000, 70_000);
  const record = row.pick(['evacuation', 'evacuation', 'evacuation', 'incident'] as const);
  const value = record === 'incident' || row.chance(0.5) ? 'done=yes' : null;
  const spoils: Fault = { at, do: 'operator-spoils-record', node: first.node, record, value };
  const end = {
    at: at + row.int(-15_000, 15_000),
    do: row.pick(['kill-evacuator', 'move-evacuator'] as const),
  };
  return withFaults(plan, spoils, ...(row.chance(0.7) ? [end] : []));
}

/** An operator who edits a copy of the CIB while a host is evacuated, and pushes it when the host may be back. */
function withOldCib(row: Row, plan: Plan): Plan {
  const saved = firstDeathOf(plan) + row.int(3_000, 60_000);
  return withFaults(
    plan,
    { at: saved, do: 'operator-saves-cib' },
    { at: saved + row.int(5_000, 120_000), do: 'operator-pushes-cib' },
  );
}

/** Nodes that operators take out of the cluster in an orderly way, before they die, while they are evacuated, or on their way back. */
function withNodesTakenOut(row: Row, plan: Plan): Plan {
  const death = firstDeathOf(plan);
  const nodes = [plan.world.computes[0], row.pick(plan.world.computes)].slice(0, row.int(1, 2));
  const times = nodes.flatMap((compute): Fault[] =>
    compute === undefined
      ? []
      : [
          {
            at: Math.max(2_000, death + row.int(-6_000, row.pick([3_000, 90_000]))),
            do: 'operator-takes-out',
            node: compute.node,
            forMs: row.pick([3_000, 20_000, 60_000, 150_000]),
          },
        ],
  );
  return withFaults(plan, ...times);
}

/** A nova-conductor that dies with evacuations that it has just taken up, or a RabbitMQ that does. */
function withLostMessages(row: Row, plan: Plan): Plan {
  const death = firstDeathOf(plan);
  // Dice of its own, so that the seeds from before keep what they had.
  const sides = rowOf(plan.seed, 'lost-sides');
  const losses = Array.from({ length: row.int(1, 3) }, (): Fault => {
    const at = death + row.int(0, 60_000);
    const side = sides.chance(0.4) ? { side: 'after' as const } : {};
    return { at, do: 'conductor-loses', times: row.int(1, 3), ...side };
  });
  if (sides.chance(0.3)) losses.push({ at: death + sides.int(4_000, 60_000), do: 'queues-lost' });
  return withFaults(plan, ...losses);
}

/**
 * Server groups with the policy affinity, as Nova makes them: all members on one host. Those of the first host, some with a member
 * that an operator has put to another host, which dies too, or has no room.
 */
function withAffinity(row: Row, before: Plan): Plan {
  const { computes, instances, nova } = before.world;
  const [first] = computes;
  const groups = Array.from({ length: row.int(1, 2) }, (_, index) => ({
    id: uuidOf(0x62, index),
    name: `together-${index}`,
    policy: row.pick(['affinity', 'affinity', 'soft-affinity'] as const),
  }));
  const [strays, ...others] = victimsOf(before, 2);
  const isSplit = row.chance(0.4);
  const together = instances.map((instance): InstanceSpec => {
    const isThere = instance.host === first?.host || (isSplit && instance.host === strays?.host);
    return isThere && row.chance(0.6) ? { ...instance, group: row.pick(groups).id } : instance;
  });
  const used = instances.filter(({ host }) => host === strays?.host).length;
  const isNarrow = row.chance(0.2);
  const narrow = computes.map((compute) =>
    isNarrow && compute === strays ? { ...compute, capacity: Math.max(1, used + row.int(0, 2)) } : compute,
  );
  let plan = withWorld(before, { computes: narrow, instances: together });
  plan = withNova(plan, { groups: [...nova.groups, ...groups] });
  const dying = row.pick([[], [], strays === undefined ? [] : [strays], others]);
  return withFaults(plan, ...deathsOf(row, plan, dying, row.pick([500, 5_000, 30_000])));
}

/** A rack dies, and Placement (or the controller on which it is) is away for a while then. */
function withPlacementAway(row: Row, before: Plan): Plan {
  const first = firstDeathOf(before);
  const away = Array.from(
    { length: row.pick([1, 1, 2]) },
    (_, index): Fault => ({
      at: Math.max(0, first + row.int(-3_000, 20_000) + index * 70_000),
      do: 'api',
      api: 'placement',
      state: row.pick(['down', 'failing']),
      forMs: row.pick([20_000, 40_000, 60_000]),
    }),
  );
  const maxAttempts = row.pick([1, 2, 3, 3]);
  const plan = withPolicy(before, { retry: { ...DEFAULT_POLICY.retry, maxAttempts } });
  const dying = row.chance(0.5) ? deathsOf(row, plan, victimsOf(plan, 2), 3_000) : [];
  return withFaults(plan, ...away, ...dying);
}

/**
 * A host whose feed dies, and with it the power of its BMC: nobody can fence it. In some an operator confirms it by hand; the
 * rest is left to what the verdict says, or to an electrician.
 */
function withDeadFeed(row: Row, plan: Plan): Plan {
  const { node: machine } = row.pick(plan.world.computes.slice(0, 2));
  const at = Math.max(2_000, firstDeathOf(plan) + row.int(-2_000, row.pick([-500, 20_000])));
  const mendedAfterMs = row.pick([null, null, null, 30_000, 200_000, 400_000]);
  const confirms = Array.from(
    { length: row.pick([0, 0, 1, 1, 2]) },
    (): Fault => ({
      at: at + row.int(10_000, row.pick([60_000, 300_000])),
      do: 'operator-confirms',
      node: machine,
    }),
  );
  return withFaults(plan, { at, do: 'dead-feed', machine, mendedAfterMs }, ...confirms);
}

/**
 * Instances of the first host that are being migrated alive when it dies: some have not begun to be copied, of some the guest has
 * switched over, and Nova does not know it. Some of their destinations die too, and their host once more.
 */
function withMovesAway(row: Row, before: Plan): Plan {
  const [first] = before.world.computes;
  const own = before.world.instances.filter(
    ({ host, vmState, taskState }) => host === first?.host && vmState === 'active' && taskState === null,
  );
  if (first === undefined || own.length === 0) return before;
  const death = firstDeathOf(before);
  const copy = row.pick([
    [300, 1_500],
    [1_000, 4_000],
  ] as const);
  const post = row.pick([
    [1_000, 4_000],
    [4_000, 12_000],
  ] as const);
  const longestMs = copy[1] + post[1] + 1_000;
  const moves = own.slice(0, row.int(2, 6)).map(
    ({ id }): Fault => ({
      at: Math.max(0, death - row.int(50, longestMs)),
      do: 'operator-migrates',
      server: id,
    }),
  );
  const again: Fault[] = row.chance(0.5)
    ? [{ at: death + row.int(60_000, 200_000), do: 'operator-fences', node: first.node }]
    : [];
  const plan = withFaults(withNova(before, { liveMs: { copy, post } }), ...moves, ...again);
  if (!row.chance(0.4)) return plan;
  return withFaults(plan, ...deathsOf(row, plan, victimsOf(plan, 2), row.pick([500, 8_000, 40_000])));
}

/** Hypervisors that call themselves otherwise than Nova their hosts: by FQDN where those are short, or the other way round. */
function withHypervisorNames(_row: Row, plan: Plan): Plan {
  const computes = plan.world.computes.map((compute) => {
    const [short = compute.host, ...domain] = compute.host.split('.');
    return { ...compute, hypervisor: domain.length > 0 ? short : `${short}.example.org` };
  });
  return withWorld(plan, { computes });
}

/**
 * Instances of the first host that Placement has on another one as well, from an evacuation that was lost there long ago; that host
 * dies too, now and then while their requests lie with a nova-conductor that is down, or are lost.
 */
function withLeftovers(row: Row, before: Plan): Plan {
  const [first, ...others] = before.world.computes;
  if (others.length === 0) return before;
  const stale = row.pick(others);
  const instances = before.world.instances.map((each) =>
    each.host === first?.host && row.chance(0.5) ? { ...each, leftovers: [stale.host] } : each,
  );
  let plan = withWorld(before, { instances });
  const death = firstDeathOf(plan);
  const at = death + row.int(1_000, 8_000);
  if (row.chance(0.6))
    plan = withFaults(plan, { at, do: 'conductor-down', forMs: row.pick([20_000, 90_000, 150_000]) });
  else if (row.chance(0.4)) plan = withFaults(plan, { at, do: 'conductor-loses', times: row.int(1, 3) });
  return withFaults(plan, ...deathsOf(row, plan, [stale], row.pick([15_000, 40_000])));
}

/** A cloud with few instances and so many on a host may wait a minute each for their claims; with more of them less. */
const FEW = 8;

/** Destinations that claim one after the other, and slowly; one of them dies with what it has received, or what waits for it. */
function withSlowClaims(row: Row, before: Plan): Plan {
  const isFew = before.world.instances.length <= FEW;
  const claimMs: Range = [500, isFew ? row.pick([40_000, 120_000]) : 6_000];
  const plan = withNova(before, { claimMs, serialClaims: true });
  return withFaults(plan, ...deathsOf(row, plan, victimsOf(plan, 1), row.pick([8_000, 30_000])));
}

/** A Neutron that fails, or a scheduler that is late, so that nova-conductor gives evacuations up with an error. */
function withGivenUp(row: Row, before: Plan): Plan {
  const death = firstDeathOf(before);
  const errors = Array.from(
    { length: row.int(1, 3) },
    (_, index): Fault => ({
      at: death + row.int(0, 40_000) + index * row.pick([0, 60_000, 330_000]),
      do: 'conductor-gives-up',
      times: row.int(1, 4),
      ...(row.chance(0.4) ? { side: 'after' as const } : {}),
    }),
  );
  const plan = withFaults(before, ...errors);
  return row.chance(0.4)
    ? withFaults(plan, ...deathsOf(row, plan, victimsOf(plan, 1), row.pick([8_000, 60_000])))
    : plan;
}

/** Stopped instances of the first host that their destinations can't stop again when Nova has started them; some of these die then. */
function withUnstoppable(row: Row, before: Plan): Plan {
  const [first, ...others] = before.world.computes;
  const instances = before.world.instances.map((each): InstanceSpec => {
    const isOwn = each.host === first?.host && each.vmState === 'active' && each.taskState === null;
    return isOwn && row.chance(0.4) ? { ...each, vmState: 'stopped' } : each;
  });
  const death = firstDeathOf(before);
  const failures = others
    .slice(0, 5)
    .flatMap(({ host }): Fault[] =>
      row.chance(0.7)
        ? [{ at: death + row.int(0, 10_000), do: 'stop-fails', host, times: row.int(1, 3) }]
        : [],
    );
  const plan = withFaults(withWorld(before, { instances }), ...failures);
  const again: Fault[] =
    row.chance(0.4) && first !== undefined
      ? [{ at: death + row.int(60_000, 300_000), do: 'power-loss', machine: first.node }]
      : [];
  const dying = row.chance(0.3) ? deathsOf(row, plan, victimsOf(plan, 1), row.pick([30_000, 120_000])) : [];
  return withFaults(plan, ...again, ...dying);
}

/** Instances of the first host at whose evacuation nova-api fails, for good or for some minutes; now and then at that of all, for minutes. */
function withFailingRequests(row: Row, plan: Plan): Plan {
  const [first] = plan.world.computes;
  const own = plan.world.instances.filter(({ host }) => host === first?.host);
  const isAll = row.chance(0.2);
  const some = isAll ? own : own.slice(0, row.int(1, 3));
  const isForGood = !isAll && row.chance(0.6);
  const death = firstDeathOf(plan);
  return withFaults(
    plan,
    ...some.map(
      ({ id: server }): Fault => ({
        at: Math.max(0, death - row.int(0, 5_000)),
        do: 'evacuate-fails',
        server,
        lastsMs: isForGood ? null : row.pick([30_000, 120_000, 400_000]),
      }),
    ),
  );
}
