import { INCIDENT_ATTRIBUTE } from '../core/records.ts';
import type { ClusterSpec, ComputeSpec, GroupSpec, InstanceSpec, NovaSpec, Range } from '../world/model.ts';
import { DEFAULT_IMAGE, uuidOf } from '../world/model.ts';
import { type Row, rowOf } from './dice.ts';
import type { Fault, Plan } from './plan.ts';
import { withSite } from './sites.ts';
import { policyFrom, withWishes } from './wishes.ts';

const EPOCH = Date.parse('2026-01-01T00:00:00Z');
/** The first disaster comes after about so long: the evacuator has begun by then. Mostly. */
const FIRST_MS: Range = [4_000, 15_000];
/** Further faults come within this time after it. */
const SPREAD_MS = 120_000;
/**
 * The share of large clusters. They find thrice as much a seed as the others, and take ten times as long: 11 of 116 findings, with a
 * third of the time, as they were 3 % of the seeds.
 */
const LARGE = 0.01;

/**
 * Everything that a seed decides: the cluster, what runs on it, and what goes wrong. `moreFaults`: so many beyond what it draws
 * by itself, of these kinds alone if any is named; it leaves all else as it is.
 */
export function planOf(seed: number, moreFaults = 0, kinds: readonly Fault['do'][] = []): Plan {
  const plan = ordinaryPlanOf(seed);
  if (moreFaults === 0) return plan;
  const row = rowOf(seed, 'more');
  const first = Math.min(...plan.faults.map(({ at }) => at), FIRST_MS[1]);
  const more = Array.from({ length: moreFaults }, () => {
    const at = timeAround(row, first);
    return kinds.length === 0 ? faultOf(row, plan.world, at) : faultOfKinds(row, plan.world, at, kinds);
  });
  return { ...plan, faults: [...plan.faults, ...more].sort((a, b) => a.at - b.at) };
}

/** Draws for one fault of some kinds, at most: of the rarest, one in a hundred is one. */
const MAX_DRAWS = 10_000;

function faultOfKinds(row: Row, cast: Cast, at: number, kinds: readonly Fault['do'][]): Fault {
  for (let draws = 0; draws < MAX_DRAWS; draws++) {
    const fault = faultOf(row, cast, at);
    if (kinds.includes(fault.do)) return fault;
  }
  // Of an empty cloud there are none that need an instance.
  return { at, do: 'kill-evacuator' };
}

/** A fault of a variation may come up to so much earlier or later, ms: about what a step and its requests take. */
const SHIFT_MS = 3_000;

/**
 * One of the many variations of a plan: the same cluster, with other latencies, half of the faults somewhat earlier or later,
 * some of them missing, and up to two more. What a mend has left next to what it mended is found by these.
 */
export function variationOf(plan: Plan, number: number): Plan {
  const row = rowOf(plan.seed, `variation ${number}`);
  const first = Math.min(...plan.faults.map(({ at }) => at), FIRST_MS[1]);
  const faults = plan.faults
    .filter(() => !row.chance(0.05))
    .map((fault) => (row.chance(0.5) ? { ...fault, at: moved(fault.at, row) } : fault));
  const more = Array.from({ length: row.pick([0, 0, 1, 2]) }, () =>
    faultOf(row, plan.world, timeAround(row, first)),
  );
  return {
    ...plan,
    seed: row.int(0, 0xffffffff),
    faults: [...faults, ...more].sort((a, b) => a.at - b.at),
  };
}

const moved = (at: number, row: Row): number => Math.max(0, at + row.int(-SHIFT_MS, SHIFT_MS));

function ordinaryPlanOf(seed: number): Plan {
  const row = rowOf(seed);
  const wishes = rowOf(seed, 'wishes');
  const controllers = names('controller', row.pick([1, 3, 3, 3, 3, 5]));
  const isLarge = row.chance(LARGE);
  const domain = row.chance(0.1) ? 'example.org' : null;
  const computes = computesOf(row, isLarge, domain);
  const groups = groupsOf(row);
  const instances = instancesOf(row, computes, groups, isLarge);
  return withSite({
    seed,
    // Who looks soon finds verdicts that ask for something too early, and the run is the shorter.
    operatorMs: rowOf(seed, 'operator').pick([60_000, 60_000, 120_000, 300_000]),
    domain,
    policy: policyFrom(wishes, instances),
    world: {
      epoch: EPOCH,
      controllers,
      computes,
      instances: withWishes(wishes, instances),
      cluster: clusterOf(row),
      nova: novaOf(row, groups, instances.length),
      tokenLifeMs: row.pick([3_600_000, 3_600_000, 120_000]),
    },
    faults: faultsOf(row, { controllers, computes, instances }),
  });
}

function names(kind: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${kind}-${index + 1}`);
}

function computesOf(row: Row, isLarge: boolean, domain: string | null): ComputeSpec[] {
  const count = isLarge ? row.int(8, 40) : row.pick([2, 3, 3, 3, 4, 4, 5, 6]);
  const isTight = row.chance(0.1);
  const bootMs: Range = row.chance(0.2) ? [60_000, 150_000] : [3_000, 15_000];
  return names('compute', count).map((node) => ({
    node,
    host: domain === null ? node : `${node}.${domain}`,
    capacity: isTight ? row.int(4, 14) : 500,
    bootMs,
  }));
}

function groupsOf(row: Row): GroupSpec[] {
  const policies = ['anti-affinity', 'soft-anti-affinity', 'affinity', 'anti-affinity'] as const;
  return Array.from({ length: row.int(0, 3) }, (_, index) => ({
    id: uuidOf(0x60, index),
    name: `group-${index}`,
    policy: row.pick(policies),
  }));
}

const STATES = [
  ...Array<string>(20).fill('active'),
  ...['stopped', 'stopped', 'stopped', 'error', 'paused', 'suspended', 'rescued', 'shelved', 'building'],
];

function instancesOf(
  row: Row,
  computes: readonly ComputeSpec[],
  groups: readonly GroupSpec[],
  isLarge: boolean,
): InstanceSpec[] {
  const count = isLarge ? row.int(20, 400) : row.pick([0, 1, 2, 4, 6, 8, 12, 16, 20, 30]);
  const load = new Map<string, number>();
  const instances: InstanceSpec[] = [];
  for (let index = 0; index < count; index++) {
    // The first host carries more than its share: it is the one that dies.
    const compute = row.chance(0.4) ? computes[0] : row.pick(computes);
    const used = load.get(compute?.host ?? '') ?? 0;
    if (compute === undefined || used >= compute.capacity - 1) continue;
    load.set(compute.host, used + 1);
    const vmState = row.pick(STATES);
    instances.push({
      id: uuidOf(0x50, index + 1),
      name: `vm-${String(index).padStart(3, '0')}`,
      host: compute.host,
      vmState,
      taskState:
        vmState === 'active' && row.chance(0.04)
          ? row.pick(['rebooting', 'image_snapshot', 'deleting'])
          : null,
      locked: row.chance(0.05),
      storage: row.pick(['shared', 'shared', 'local', 'volume']),
      group: groups.length > 0 && row.chance(0.3) ? row.pick(groups).id : null,
      projectId: `project-${row.int(1, 3)}`,
      flavor: row.pick(['m1.small', 'm1.large']),
      metadata: {},
      tags: [],
    });
  }
  return instances;
}

function clusterOf(row: Row): ClusterSpec {
  const isSlow = row.chance(0.2);
  return {
    detectMs: isSlow ? [15_000, 36_000] : [1_500, 6_000],
    tokenMs: [1_000, 3_000],
    bmcMs: [200, 2_000],
    reconnectMs: isSlow ? [5_000, 60_000] : [200, 5_000],
    recheckMs: row.pick([60_000, 60_000, 900_000]),
    fencingAttempts: 10,
    // One lock of the two may be missing: somebody forgot the rule, or has no agent in the chain.
    holdRule: row.chance(0.9) ? INCIDENT_ATTRIBUTE : null,
    holdAgent: true,
    unfencing: row.chance(0.3),
    powerFirst: !row.chance(0.02),
    novaStartMs: [500, 4_000],
    controllerBootMs: [10_000, 40_000],
  };
}

const SLOWEST: Range = [15_000, 40_000];

/** Where Nova shows little at a time (`[api] max_limit`), its list of all instances comes in no more parts than this. */
const MAX_PARTS = 20;

function novaOf(row: Row, groups: readonly GroupSpec[], instances: number): NovaSpec {
  const spawns: readonly Range[] = [[200, 1_500], [1_000, 6_000], [3_000, 20_000], SLOWEST];
  const release = row.chance(0.2) ? 'yoga' : 'zed';
  const maxMicroversion = row.pick(['2.93', '2.93', '2.96', '2.90']);
  // No site has a large cloud and lets it be read three by three: each look would be more than a hundred requests.
  const least = Math.max(3, Math.ceil(instances / MAX_PARTS));
  const maxLimit = row.pick([1_000, 1_000, 1_000, least]);
  const spawnMs = row.pick(spawns);
  return {
    release,
    maxMicroversion,
    maxLimit,
    downTimeMs: 60_000,
    reportMs: 10_000,
    conductorMs: [50, 400],
    // Where destinations are slow they claim slowly too: one may die with the message before that.
    claimMs: spawnMs === SLOWEST ? [50, 8_000] : [50, 600],
    spawnMs,
    finishMs: [300, 1_500],
    periodicMs: 60_000,
    skewMs: row.pick([0, 0, 0, 400, -700]),
    groups,
    aggregates: [],
    flavors: [
      { id: 'f1', name: 'm1.small', extraSpecs: {} },
      { id: 'f2', name: 'm1.large', extraSpecs: {} },
    ],
    images: [DEFAULT_IMAGE],
  };
}

interface Cast {
  readonly controllers: readonly string[];
  readonly computes: readonly ComputeSpec[];
  readonly instances: readonly InstanceSpec[];
}

/** When something further happens, ms: mostly soon after the first disaster. */
function timeAround(row: Row, first: number): number {
  return Math.max(0, first + row.int(-3_000, row.chance(0.7) ? 30_000 : SPREAD_MS));
}

function deathOf(row: Row, at: number, machine: string): Fault {
  return row.pick<() => Fault>([
    () => ({ at, do: 'power-loss', machine }),
    () => ({ at, do: 'power-loss', machine }),
    () => ({ at, do: 'crash', machine, rebootsAfterMs: row.pick([null, 500, 8_000]) }),
    () => ({
      at,
      do: 'isolate',
      machine,
      forMs: row.pick([500, 3_000, 20_000, 90_000]),
      keepsApi: row.chance(0.5),
    }),
  ])();
}

function faultsOf(row: Row, cast: Cast): Fault[] {
  const first = row.int(...FIRST_MS);
  const victim = cast.computes[0] ?? row.pick(cast.computes);
  const faults: Fault[] = [];
  // Some have no disaster at all, so that peace is seen too; few begin before the evacuator has.
  if (!row.chance(0.03)) faults.push(deathOf(row, row.chance(0.1) ? row.int(0, 2_000) : first, victim.node));
  for (let more = row.pick([0, 1, 1, 2, 2, 3, 4, 5, 7]); more > 0; more--)
    faults.push(faultOf(row, cast, timeAround(row, first)));
  // Live migrations to the host that dies, the last of which end after its death.
  for (let late = row.chance(0.08) ? 3 : 0; late > 0 && cast.instances.length > 0; late--) {
    const { id } = row.pick(cast.instances);
    faults.push({ at: first + row.int(4_000, 16_000), do: 'late-arrival', server: id, host: victim.host });
  }
  // A predecessor whose last request still lies in Nova's queue when its successor begins.
  if (row.chance(0.05)) {
    faults.push({
      at: first,
      do: 'answers-lost',
      what: 'evacuate',
      side: 'answer',
      percent: 100,
      forMs: 20_000,
    });
    faults.push({ at: first, do: 'kill-at-call', call: 'POST action', nth: row.int(1, 3), side: 'during' });
  }
  // What is new stands last, so that the seeds from before keep what they had.
  faults.push(...cutOffForLong(row, cast, first), ...arrivalsInSilence(row, cast, first));
  return faults.sort((a, b) => a.at - b.at);
}

/** The evacuator's controller is cut off in the middle of its work, and can't be fenced: it lives on without quorum for a while. */
function cutOffForLong(row: Row, { controllers }: Cast, first: number): Fault[] {
  if (!row.chance(0.04)) return [];
  const at = first + row.int(3_000, 20_000);
  return [
    ...controllers.map(
      (machine): Fault => ({ at: at - 500, do: 'bmc', machine, state: 'unreachable', forMs: 20_000 }),
    ),
    { at, do: 'cut-evacuator', forMs: 20_000 },
  ];
}

/** Live migrations to the host that dies end while Nova does not take it as down: long after it was listed first. */
function arrivalsInSilence(row: Row, { computes, instances }: Cast, first: number): Fault[] {
  const victim = computes[0];
  if (!row.chance(0.06) || victim === undefined || instances.length === 0) return [];
  return [
    { at: first, do: 'power-loss', machine: victim.node },
    { at: first, do: 'answers-lost', what: 'change', side: 'request', percent: 100, forMs: 25_000 },
    ...Array.from({ length: 4 }, (): Fault => {
      const { id } = row.pick(instances);
      return { at: first + row.int(7_000, 11_900), do: 'late-arrival', server: id, host: victim.host };
    }),
  ];
}

const CALLS = [
  'readNodes',
  'readHistory',
  'writePermanent',
  'deletePermanent',
  'writeTransient',
  'GET os-services',
  'PUT os-services',
  'GET os-migrations',
  'GET servers',
  'POST action',
] as const;

/** What {@link planOf} can add. */
export const KINDS: readonly Fault['do'][] = [
  'answers-lost',
  'api',
  'bmc',
  'cell-down',
  'clock-jump',
  'cluster-writes-fail',
  'conductor-down',
  'crash',
  'cut-evacuator',
  'freeze-evacuator',
  'isolate',
  'kill-at-call',
  'kill-evacuator',
  'late-arrival',
  'move-evacuator',
  'nova-compute-crash',
  'nova-slow',
  'operator-disables',
  'operator-enables',
  'operator-fences',
  'operator-forces-down',
  'operator-marks',
  'operator-removes-incident',
  'operator-takes-over',
  'password-changed',
  'power-loss',
  'spawn-fails',
  'tokens-revoked',
  'tools-hang',
  'user-deletes',
  'user-stops',
];

/** One fault; those that hit an evacuation in the middle come oftener than the rest. */
function faultOf(row: Row, { controllers, computes, instances }: Cast, at: number): Fault {
  const forMs = row.pick([1_000, 5_000, 20_000, 60_000]);
  const compute = row.pick(computes);
  const first = computes[0]?.host ?? compute.host;
  const controller = row.pick(controllers);
  const server = instances.length > 0 ? row.pick(instances) : null;
  const withServer = (make: (server: InstanceSpec) => Fault): (() => Fault) =>
    server === null ? () => ({ at, do: 'kill-evacuator' }) : () => make(server);
  const kinds: readonly [number, () => Fault][] = [
    [6, () => deathOf(row, at, compute.node)],
    [3, () => deathOf(row, at, controller)],
    [3, () => ({ at, do: 'bmc', machine: compute.node, state: row.pick(['unreachable', 'refuses']), forMs })],
    [4, () => ({ at, do: 'kill-evacuator' })],
    [4, () => ({ at, do: 'cut-evacuator', forMs: row.pick([2_000, 20_000, 60_000]) })],
    [3, () => ({ at, do: 'move-evacuator' })],
    [2, () => ({ at, do: 'freeze-evacuator', forMs: row.pick([2_000, 15_000, 90_000]) })],
    [
      8,
      () => ({
        at,
        do: 'kill-at-call',
        call: row.pick(CALLS),
        nth: row.int(1, 12),
        side: row.pick(['before', 'during', 'after']),
      }),
    ],
    [2, () => ({ at, do: 'tools-hang', machine: controller, forMs })],
    [3, () => ({ at, do: 'cluster-writes-fail', forMs, effect: row.chance(0.5) })],
    [4, () => ({ at, do: 'api', api: 'nova', state: row.pick(['down', 'failing']), forMs })],
    [
      2,
      () => ({
        at,
        do: 'api',
        api: row.pick(['keystone', 'placement']),
        state: row.pick(['down', 'failing']),
        forMs,
      }),
    ],
    [4, () => ({ at, do: 'nova-slow', ms: row.pick([500, 3_000, 7_000]), forMs })],
    [1, () => ({ at, do: 'tokens-revoked' })],
    [3, () => ({ at, do: 'password-changed', forMs })],
    [
      10,
      () => ({
        at,
        do: 'answers-lost',
        what: row.pick(['evacuate', 'evacuate', 'change', 'any']),
        side: row.pick(['request', 'answer', 'answer']),
        percent: row.pick([20, 50, 100]),
        forMs,
      }),
    ],
    [2, () => ({ at, do: 'conductor-down', forMs })],
    [1, () => ({ at, do: 'cell-down', forMs })],
    [3, () => ({ at, do: 'spawn-fails', what: compute.host, times: row.int(1, 6) })],
    [3, withServer(({ name }) => ({ at, do: 'spawn-fails', what: name, times: row.int(1, 4) }))],
    [2, () => ({ at, do: 'nova-compute-crash', host: compute.host })],
    [
      2,
      () => ({
        at,
        do: 'clock-jump',
        machine: controller,
        ms: row.pick([-3_600_000, -5_000, 5_000, 3_600_000]),
      }),
    ],
    [4, withServer(({ id }) => ({ at, do: 'late-arrival', server: id, host: first }))],
    [1, () => ({ at, do: 'operator-disables', host: compute.host })],
    [1, () => ({ at, do: 'operator-enables', host: compute.host })],
    [1, () => ({ at, do: 'operator-forces-down', host: compute.host })],
    // Before the disaster, on the host that it will hit.
    [3, () => ({ at: 1_000, do: row.pick(['operator-forces-down', 'operator-disables']), host: first })],
    [1, () => ({ at, do: 'operator-takes-over', host: compute.host })],
    [2, () => ({ at, do: 'operator-fences', node: compute.node })],
    [1, () => ({ at, do: 'operator-removes-incident', node: compute.node })],
    [1, () => ({ at, do: 'operator-marks', node: compute.node })],
    [3, withServer(({ id }) => ({ at, do: 'user-deletes', server: id, soft: at % 10 < 3 }))],
    [1, withServer(({ id }) => ({ at, do: 'user-stops', server: id }))],
  ];
  let left = row.next() * kinds.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, make] of kinds) {
    left -= weight;
    if (left < 0) return make();
  }
  return { at, do: 'kill-evacuator' };
}
