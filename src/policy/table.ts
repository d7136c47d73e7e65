import type { OperatorPolicy } from '../core/policy.ts';
import { MAX_HISTORY } from '../core/records.ts';

/** What a key of the policy file takes. The default stands in DEFAULT_POLICY, the description is for operators. */
interface Described {
  readonly text: string;
}
export type Row = Described &
  (
    | { readonly type: 'boolean' }
    /** A number without a unit. `whole`: no fraction. */
    | {
        readonly type: 'number';
        readonly whole: boolean;
        readonly min: number;
        readonly max: number;
        readonly unit?: string;
      }
    /** A time with its unit (`30s`, `500ms`, `2min`); a bare number is seconds. */
    | { readonly type: 'time'; readonly minMs: number; readonly maxMs: number }
    | { readonly type: 'word' }
    | { readonly type: 'words' }
    | { readonly type: 'choice'; readonly values: readonly string[] }
  );

type RowOf<Type extends Row['type']> = Row & { readonly type: Type };

/** The rows that describe a value of this type, key by key: a key too many or too few does not compile. */
export type TableOf<T> = [T] extends [boolean]
  ? RowOf<'boolean'>
  : [T] extends [number]
    ? RowOf<'number'> | RowOf<'time'>
    : [T] extends [string]
      ? string extends T
        ? RowOf<'word'>
        : RowOf<'choice'> & { readonly values: readonly T[] }
      : [T] extends [readonly string[]]
        ? RowOf<'words'>
        : { readonly [Key in keyof T]: TableOf<T[Key]> };

const boolean = (text: string) => ({ type: 'boolean', text }) as const;
const count = (min: number, max: number, text: string, unit?: string) =>
  ({ type: 'number', whole: true, min, max, text, ...(unit === undefined ? {} : { unit }) }) as const;
const time = (minMs: number, maxMs: number, text: string) => ({ type: 'time', minMs, maxMs, text }) as const;
const words = (text: string) => ({ type: 'words', text }) as const;

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * The policy file, key by key: the schema that it is checked with, docs/policy.md and the example are made of this.
 * In the file a key is written with underscores, and without the unit that stands last in the name here.
 */
export const POLICY_TABLE = {
  selection: {
    instanceFiltering: boolean(
      'Select by tags: as soon as an image or flavor is tagged, only instances of tagged ones are evacuated, and as soon as an aggregate is tagged, only hosts in a tagged one. Nothing tagged anywhere means everything. Exclusions and an instance’s own opt-out hold either way.',
    ),
    evacuableTag: {
      type: 'word',
      text: 'The tag: of an image (or a property of it that is true), a flavor’s extra spec that is true, an aggregate’s metadata that is true. It is matched exactly.',
    },
    taggedImages: boolean(
      'Whether images can be tagged. Off, Glance is not asked; with many thousands of images that saves the time to list them.',
    ),
    taggedFlavors: boolean('Whether flavors can be tagged.'),
    taggedAggregates: boolean('Whether host aggregates can be tagged.'),
    haEnabledOnly: boolean('Evacuate only instances whose metadata has HA_Enabled=True, as Masakari can.'),
    exclude: {
      projects: words('Ids of projects whose instances are left alone.'),
      names: words('Names of instances that are left alone; * stands for any characters and ? for one.'),
      images: words('Ids or names of images whose instances are left alone.'),
      flavors: words('Ids or names of flavors whose instances are left alone.'),
    },
    excludeAmphorae: boolean(
      'Leave Octavia’s amphorae to Octavia, whose health manager replaces them itself.',
    ),
    amphoraImageTags: words('An instance of an image with one of these tags is an amphora.'),
    amphoraProjects: words('Every instance of these projects (ids) is an amphora.'),
  },
  order: {
    defaultPriority: count(
      1,
      1000,
      'The priority of an instance whose metadata names none (instance-ha:priority); the highest goes first.',
    ),
    haEnabledFirst: boolean('Instances with HA_Enabled=True go before all others.'),
    waitForHigherRanks: boolean(
      'A lower priority begins only when every instance above it has ended, and not merely been asked for.',
    ),
    readyMs: time(
      0,
      HOUR_MS,
      'How long the instances of a group must have been ACTIVE before those that come after it (instance-ha:after) begin.',
    ),
  },
  pace: {
    minInFlight: count(
      1,
      1000,
      'Evacuations unfinished at a time, at least: what is left of the window while Nova fails or is slow.',
      'evacuations',
    ),
    startInFlight: count(
      1,
      1000,
      'The same to begin with, and as long as nothing speaks for more or for less.',
      'evacuations',
    ),
    maxInFlight: count(1, 1000, 'The same at most, in all.', 'evacuations'),
    maxInFlightPerHost: count(1, 1000, 'The same at most, from one host.', 'evacuations'),
    startRatePerSecond: {
      type: 'number',
      whole: false,
      min: 0.1,
      max: 100,
      unit: 'a second',
      text: 'Evacuations that the control plane is trusted with before it has shown what it can do.',
    },
    growthFactor: {
      type: 'number',
      whole: false,
      min: 1,
      max: 10,
      text: 'The window grows by at most this factor over what the control plane has shown, while nothing queues.',
    },
    slowAnswerMs: time(
      100,
      MINUTE_MS,
      'A request that Nova answers later than this is a sign that it has too much to do.',
    ),
    troubleMemoryMs: time(0, HOUR_MS, 'How long an error or a slow answer keeps the window small.'),
    staggerMs: time(0, MINUTE_MS, 'Pause between two requests, at least.'),
  },
  destinations: {
    reservedHosts: boolean(
      'When a host dies, enable a reserved one (disabled, with the word reserved in the reason) of the same zone, first one that shares an aggregate with it too, or else one that only shares an aggregate.',
    ),
    addToAggregate: boolean(
      'Add the reserved host to the failed host’s aggregate, and take it out again when it is given back; one that has taken instances stays.',
    ),
    targetReserved: boolean(
      'Name the reserved host in the request; otherwise the scheduler chooses among all.',
    ),
  },
  gates: {
    maxFailedHosts: count(
      0,
      100_000,
      'With more failed hosts than this at a time, the evacuation of no other host begins and a person is called; those under way are finished. 0: no limit.',
      'hosts',
    ),
    maxFailedHostsPerAggregate: count(
      0,
      100_000,
      'With more failed hosts than this in one aggregate, the evacuation of no other host of it begins. 0: no limit.',
      'hosts',
    ),
    maxFailedPercent: count(
      0,
      100,
      'With a larger share of all hosts failed than this, the evacuation of no other host begins and a person is called. 0: no limit.',
      '%',
    ),
    maxFailedPercentPerAggregate: count(
      0,
      100,
      'With a larger share of the hosts of one aggregate failed than this, the evacuation of no other host of it begins. 0: no limit.',
      '%',
    ),
    shareFromHosts: count(1, 100_000, 'A share counts only where there are at least so many hosts.', 'hosts'),
    startsPerInterval: count(
      0,
      100_000,
      'Hosts whose evacuation may begin within start_interval; one that is back already does not count. 0: no limit.',
      'hosts',
    ),
    startIntervalMs: time(1000, 24 * HOUR_MS, 'The interval of starts_per_interval.'),
    quarantineIncidents: count(
      0,
      MAX_HISTORY,
      'From this many incidents of a host within quarantine_window on, it stays disabled when it is back. 0: never.',
      'incidents',
    ),
    quarantineWindowMs: time(MINUTE_MS, 30 * 24 * HOUR_MS, 'The time of quarantine_incidents.'),
    staleReportsMs: time(
      0,
      24 * HOUR_MS,
      'When no compute service at all has reported for this long, it is the observer that is blind, and nothing new begins. 0: never.',
    ),
  },
  storage: {
    shared: boolean(
      'The hosts share their instance storage, so instances keep their disks. On Nova below 2.14 the requests say so (onSharedStorage); from there on Nova finds out itself.',
    ),
    localDisk: {
      type: 'choice',
      values: ['evacuate', 'skip', 'ask'],
      text: 'What to do with an instance that would lose its disk: evacuate it, to be rebuilt from its image; skip it, so that it comes back with its host; ask a person.',
    },
  },
  retry: {
    maxAttempts: count(1, 20, 'Evacuations of one instance that may fail before it is given up.', 'attempts'),
    maxRefusals: count(
      1,
      20,
      'Requests for one instance that Nova may refuse (4xx) before it is given up.',
      'requests',
    ),
    retryDelayMs: time(1000, HOUR_MS, 'Pause before the second attempt; doubled for each further one.'),
  },
  delays: {
    evacuateDelayMs: time(
      0,
      HOUR_MS,
      'Time between the confirmed power off and the first request, for storage that drops the dead host’s locks late.',
    ),
  },
} satisfies TableOf<OperatorPolicy>;

/** What the sections are about. */
export const SECTION_TEXTS: Readonly<Record<keyof OperatorPolicy, string>> = {
  selection: 'Which instances are evacuated at all.',
  order: 'Who goes first.',
  pace: 'How many at a time, and how fast. The window finds its size by itself between these bounds.',
  destinations: 'Where instances go. By default the scheduler chooses.',
  gates: 'What stops the automation and calls a person.',
  storage: 'What becomes of disks.',
  retry: 'When an attempt fails.',
  delays: 'What has to pass first.',
};
