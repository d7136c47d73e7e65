import { type Agenda, newAgenda } from './agenda.ts';
import type { Actor, Fact } from './facts.ts';

/** A number between the first and the second, drawn by the world's dice. */
export type Range = readonly [number, number];

export interface ComputeSpec {
  /** Pacemaker's name of it. */
  readonly node: string;
  /** Nova's name of it; another one than the node's in clusters with short names. */
  readonly host: string;
  /** What its hypervisor calls itself, where that is not Nova's name of the host: libvirt gives the machine's FQDN. */
  readonly hypervisor?: string;
  /** Guests that find room. */
  readonly capacity: number;
  readonly bootMs: Range;
  /** Disabled from the start, with this reason; without it the service is enabled. */
  readonly disabledReason?: string;
}

export interface InstanceSpec {
  readonly id: string;
  readonly name: string;
  readonly host: string | null;
  readonly vmState: string;
  readonly taskState: string | null;
  readonly locked: boolean;
  readonly storage: 'shared' | 'local' | 'volume';
  /** Server group, with the policy of `NovaSpec.groups`. */
  readonly group: string | null;
  readonly projectId: string;
  readonly flavor: string;
  /** Id of one of `NovaSpec.images`; without it the first of them. One booted from a volume has none. */
  readonly image?: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: readonly string[];
  /** The zone that was asked for when it was made, which Nova keeps to in every move; left out: it may go anywhere. */
  readonly availabilityZone?: string;
  /** Hosts that were chosen for evacuations of it which were lost: they give it resources still. */
  readonly leftovers?: readonly string[];
}

export interface GroupSpec {
  readonly id: string;
  readonly name: string;
  readonly policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';
}

export interface AggregateSpec {
  readonly id: number;
  readonly name: string;
  readonly availabilityZone: string | null;
  readonly hosts: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

export interface FlavorSpec {
  readonly id: string;
  readonly name: string;
  readonly extraSpecs: Readonly<Record<string, string>>;
}

export interface ImageSpec {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

/** The image from which every instance is made that names no other. */
export const DEFAULT_IMAGE: ImageSpec = {
  id: '1a000000-0000-4000-8000-000000000001',
  name: 'debian',
  tags: [],
  properties: {},
};

export interface NovaSpec {
  /** `zed`: no check of a second evacuation; `yoga`: 409 while task_state is set. */
  readonly release: 'yoga' | 'zed';
  readonly maxMicroversion: string;
  /** `[api] max_limit`. */
  readonly maxLimit: number;
  /** `service_down_time` and `report_interval`, ms. */
  readonly downTimeMs: number;
  readonly reportMs: number;
  /** From the API's cast to the scheduler's choice, from that to the claim, and the spawn itself. */
  readonly conductorMs: Range;
  readonly claimMs: Range;
  /** Claims of a host wait for each other (COMPUTE_RESOURCE_SEMAPHORE); left out: they are too short to. */
  readonly serialClaims?: boolean;
  readonly spawnMs: Range;
  /** ACTIVE with host = source stands so long before `instance.host` changes. */
  readonly finishMs: Range;
  /**
   * Of a live migration: how long the memory is copied, and how long it is from the switch-over until `instance.host` changes. Left
   * out: as long as a spawn, and as its end.
   */
  readonly liveMs?: { readonly copy: Range; readonly post: Range };
  /** The periodic task that brings the traits up to date, ms. */
  readonly periodicMs: number;
  /** Nova's clock against the world's, ms. */
  readonly skewMs: number;
  readonly groups: readonly GroupSpec[];
  readonly aggregates: readonly AggregateSpec[];
  readonly flavors: readonly FlavorSpec[];
  /** What the instances are made of. */
  readonly images: readonly ImageSpec[];
}

export interface ClusterSpec {
  /** From a node's silence to the loss of its connection (monitor interval + timeout). */
  readonly detectMs: Range;
  /** Corosync's token and consensus: from a controller's silence to a new membership. */
  readonly tokenMs: Range;
  readonly bmcMs: Range;
  readonly reconnectMs: Range;
  /** `cluster-recheck-interval`, ms. */
  readonly recheckMs: number;
  /** Attempts before the fencer gives up until the next recheck. */
  readonly fencingAttempts: number;
  /** The attribute of the location rule that keeps the chain off a node while it is defined; null: somebody forgot the rule. */
  readonly holdRule: string | null;
  /** Whether the chain begins with nova-compute-wait. */
  readonly holdAgent: boolean;
  /** `provides=unfencing`: fence_compute's `on` is called at the rejoin, and the chain waits for it. */
  readonly unfencing: boolean;
  /**
   * The shape unfence: nova-compute is a unit of its own machine, which asks `instance-ha hold` before it starts, and
   * Pacemaker has a resource that waits for the unfencing instead of the chain.
   */
  readonly unit?: boolean;
  /** The level of a compute has a power device before fence_compute. */
  readonly powerFirst: boolean;
  /** `start` of nova-compute. */
  readonly novaStartMs: Range;
  readonly controllerBootMs: Range;
}

export interface WorldSpec {
  /** The world's time 0, epoch ms. */
  readonly epoch: number;
  readonly controllers: readonly string[];
  readonly computes: readonly ComputeSpec[];
  readonly instances: readonly InstanceSpec[];
  readonly cluster: ClusterSpec;
  readonly nova: NovaSpec;
  readonly tokenLifeMs: number;
}

export interface Machine {
  readonly name: string;
  readonly role: 'controller' | 'compute';
  power: boolean;
  os: 'down' | 'booting' | 'up';
  /** How often it was switched on or has crashed: what an earlier life began is over. */
  life: number;
  /** Cut off from everything but its BMC. */
  isolated: boolean;
  /** ... but its requests still reach the APIs: only the cluster's network is cut. */
  keepsApi: boolean;
  bmc: 'ok' | 'unreachable' | 'refuses';
  /** Dead: neither it nor its BMC has power, whoever switches it on. */
  feed: 'live' | 'dead';
  /** Its clock against the world's, ms. */
  clockMs: number;
  /** The world's time at which its power was last off; -1: never. */
  poweredOffAt: number;
  /** Guests that its hypervisor knows. */
  readonly guests: Map<string, 'running' | 'shutoff'>;
}

export interface Service {
  readonly id: string;
  readonly host: string;
  status: 'enabled' | 'disabled';
  disabledReason: string | null;
  forcedDown: boolean;
  lastSeenUp: number;
  updatedAt: number;
}

/** Something that was asked of an instance, and how far it has come. */
export interface Action {
  readonly action: string;
  readonly at: number;
  /** Of an evacuation (nova/compute/utils.py EventReporter). */
  readonly events?: ActionEvent[];
  /** An event of it has ended in an error (nova/db/main/api.py action_event_finish). */
  failed?: boolean;
}

export interface ActionEvent {
  readonly event: 'rebuild_server' | 'compute_rebuild_instance';
  readonly host: string;
  readonly startedAt: number;
  finishedAt: number | null;
  result: 'Success' | 'Error' | null;
}

export interface Instance {
  readonly id: string;
  readonly name: string;
  host: string | null;
  vmState: string;
  taskState: string | null;
  fault: string | null;
  locked: boolean;
  deleted: boolean;
  metadata: Readonly<Record<string, string>>;
  readonly createdAt: number;
  updatedAt: number;
  /** What was done with it, oldest first (nova/compute/instance_actions.py). */
  readonly actions: Action[];
  readonly spec: InstanceSpec;
}

export interface Migration {
  readonly id: number;
  readonly uuid: string;
  readonly server: string;
  readonly source: string;
  dest: string | null;
  status: string;
  readonly createdAt: number;
  updatedAt: number | null;
  /** Gone from every list, with its instance. */
  deleted: boolean;
  /** The truth behind the record: what still works on it. */
  flight: 'conductor' | 'queued' | 'claiming' | 'spawning' | 'over';
  /** Where the scheduler sent it; the record does not show it before the claim. */
  sentTo: string | null;
  /** Hosts that requests before were sent to which the conductor carried out with this record. */
  readonly sentBefore: string[];
  /** Who has asked for it first. */
  readonly askedBy: Actor;
  /** Its own host has called it completed at a start, whatever its record says since. */
  wasCompleted: boolean;
}

/** The record of a live migration. */
export interface LiveMigration {
  readonly id: number;
  readonly uuid: string;
  readonly server: string;
  readonly source: string;
  dest: string | null;
  status: string;
  readonly createdAt: number;
  updatedAt: number | null;
}

/** Before the scheduler's choice, or between that and the message to the host: then Placement has it, and nobody the message. */
export type LossSide = 'before' | 'after';

/** A message in the queue of a nova-compute. */
export interface Rebuild {
  readonly migration: Migration;
  /** That of the request; the record may be an older one's. */
  readonly action: Action;
}

export interface Compute {
  readonly host: string;
  state: 'stopped' | 'starting' | 'running';
  /** Counts its starts: what an earlier process began has died with it. */
  process: number;
  readonly queue: Rebuild[];
  /** The servers that it is told to start, by messages in the same queue. */
  readonly starts: string[];
  /** When the last of its claims is over, the world's ms, and of which of its processes that was. */
  claims: { readonly process: number; readonly until: number };
  traitDisabled: boolean;
}

export interface Nova {
  readonly services: Map<string, Service>;
  readonly instances: Map<string, Instance>;
  /** Evacuations. */
  readonly migrations: Migration[];
  readonly liveMigrations: LiveMigration[];
  readonly computes: Map<string, Compute>;
  /** Instance, or live migration → the hosts that give it resources, as Placement has them (allocations.ts). */
  readonly allocations: Map<string, Set<string>>;
  aggregates: AggregateSpec[];
  /** As they are listed now; a server keeps its flavor as it was when it was made. */
  flavors: readonly FlavorSpec[];
  images: readonly ImageSpec[];
  nextMigration: number;
  conductorUp: boolean;
  /** When it loses the next requests to evacuate, one after the other: it dies with them, or RabbitMQ does. */
  readonly conductorLoses: LossSide[];
  /** When it gives up the next requests to evacuate, one after the other: Neutron fails it, or the scheduler answers too late. */
  readonly conductorGivesUp: LossSide[];
  /** Instances at whose evacuation nova-api fails, for they have no request spec. */
  readonly specless: Set<string>;
  /** What the conductor has to do when it is back. */
  readonly backlog: { readonly migration: Migration; readonly run: () => void }[];
  cellDown: boolean;
}

/** How an API behaves just now; faults set it. */
export interface ApiHealth {
  up: boolean;
  /** Answers 503 instead of doing anything. */
  failing: boolean;
  /** Each request takes so much longer, ms. */
  slowMs: number;
}

export interface Keystone {
  readonly tokens: Map<string, number>;
  issued: number;
  password: string;
}

export interface FenceRecord {
  /** What was asked for; while a level of two devices is worked through, what is being done just now. */
  action: FencingAction | 'on';
  status: 'success' | 'failed' | 'pending';
  completedAt: number | null;
  /** Who carries it out. */
  readonly delegate: string;
  /** Who asked for it, and where. */
  readonly client: string;
  readonly origin: string;
}

export type FencingAction = 'reboot' | 'off';

export interface Remote {
  readonly node: string;
  online: boolean;
  /** The machine's life that the connection belongs to. */
  life: number;
  /** `target-role` of its resource: Stopped takes it out of the cluster in an orderly way. */
  targetRole: 'Stopped' | 'Started' | null;
  /** Its connection was lost and it has not been fenced since. */
  unclean: boolean;
  /** It has been fenced, or confirmed so by hand, since it joined last (`node_fenced`). */
  fenced: boolean;
  /** Waits for `on` of fence_compute before its chain may start. */
  unfenced: boolean;
  fencing: Fencing | null;
  /** The first clone of its chain: nova-compute-wait, or the one that waits for the unfencing. */
  wait: 'stopped' | 'starting' | 'started';
  /** `unstarted`: it has not been started since the node joined. */
  novaCompute: 'unstarted' | 'stopped' | 'starting' | 'started';
  /** Its chain failed; not before this time again. */
  failedUntil: number;
}

export interface Fencing {
  readonly node: string;
  readonly action: FencingAction;
  readonly by: string;
  readonly record: FenceRecord;
  attempts: number;
}

/** What a controller cut off from the others still knows. */
export interface Snapshot {
  readonly permanent: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly transient: ReadonlyMap<string, ReadonlyMap<string, string>>;
  haveQuorum: boolean;
}

export interface Member {
  readonly name: string;
  /** pacemaker runs there. */
  pacemaker: boolean;
  /** null: part of the main partition. */
  snapshot: Snapshot | null;
  unclean: boolean;
  fencing: Fencing | null;
  /** Its command-line tools hang. */
  toolsHang: boolean;
  standby: boolean;
}

export interface Cluster {
  /** `ClusterSpec.powerFirst`, until somebody corrects the topology. */
  powerFirst: boolean;
  readonly members: Map<string, Member>;
  /** Who forms the main partition, as corosync has agreed. */
  agreed: Set<string>;
  readonly remotes: Map<string, Remote>;
  /** Permanent node attributes: node → name → value. */
  readonly permanent: Map<string, Map<string, string>>;
  /** Cluster properties that somebody has set. */
  readonly properties: Map<string, string>;
  /** attrd's: name → node → value. */
  readonly transient: Map<string, Map<string, string>>;
  /** Those of them that attrd writes into the CIB: whoever set them first did not want them private. */
  readonly published: Set<string>;
  readonly history: Map<string, FenceRecord[]>;
  /** Where nova-evacuate runs, or is being started or stopped. */
  evacuator: {
    readonly on: string;
    state: 'starting' | 'started' | 'stopping' | 'stopped';
    readonly run: number;
    readonly life: number;
  } | null;
  evacuatorRuns: number;
  evacuatorFailedUntil: number;
}

/** The agents that Pacemaker calls; whoever drives the world puts the real ones in. `reply` may come later, or never. */
export interface Agents {
  /** A power device, on a controller; left out: the model's own, without a process. */
  power?(on: string, action: 'off' | 'on', node: string, reply: (exitCode: number) => void): void;
  /** fence_compute, on a controller. */
  fence(on: string, action: 'off' | 'on', node: string, reply: (exitCode: number) => void): void;
  /** nova-compute-wait `start`, on a compute. */
  wait(node: string, timeoutMs: number, reply: (exitCode: number) => void): void;
  /** ... and its `monitor`; left out: what was started stays so. */
  monitorWait?(node: string, reply: (exitCode: number) => void): void;
  /** `instance-ha hold`, on a compute whose nova-compute is a unit; replies when it has ended. */
  hold?(node: string, reply: (exitCode: number) => void): void;
  /** NovaEvacuate: begins a process; `reply` when it has started. */
  startEvacuator(on: string, reply: (ok: boolean) => void): void;
  /** ... and ends it cleanly; `reply` when it has ended. */
  stopEvacuator(on: string, reply: () => void): void;
  monitorEvacuator(on: string): 'healthy' | 'dead' | 'wedged';
  /** The machine has lost its power or crashed: all processes there are gone. */
  killEvacuator(on: string): void;
}

/** What stands in the CIB of this cluster beside what the model itself works with. */
export interface Site {
  /** The agent of the power devices, and what the device of a machine is told. */
  readonly powerAgent: string;
  readonly powerParameters: (machine: string) => Readonly<Record<string, string>>;
  /** nova-evacuate's parameters. */
  readonly evacuatorParameters: Readonly<Record<string, string>>;
}

/** A cluster of which nobody asks more than what it does. */
const PLAIN_SITE: Site = {
  powerAgent: 'fence_ipmilan',
  powerParameters: () => ({}),
  evacuatorParameters: {},
};

/** A number in [0, 1) that the keys alone decide, so that a run with one fault less is the same but for that. */
export type Dice = (...keys: readonly (string | number)[]) => number;

export interface World {
  readonly spec: WorldSpec;
  readonly agenda: Agenda;
  readonly dice: Dice;
  readonly emit: (fact: Fact) => void;
  readonly agents: Agents;
  readonly site: Site;
  readonly machines: Map<string, Machine>;
  readonly nova: Nova;
  readonly keystone: Keystone;
  readonly apis: { readonly nova: ApiHealth; readonly keystone: ApiHealth; readonly placement: ApiHealth };
  readonly cluster: Cluster;
  /** Lists that no API gives just now: the last part of their path, such as `os-aggregates`. */
  readonly failingLists: Set<string>;
  /** Hosts on which a spawn fails, and servers whose spawn fails wherever; how often still. */
  readonly spawnFailures: Map<string, number>;
  /** Host → how many rebuilds nova-conductor does not hear of when their guest has been spawned there. */
  readonly saveFailures: Map<string, number>;
  /** Host → how many guests that were stopped before their evacuation its hypervisor can't stop again. */
  readonly stopFailures: Map<string, number>;
  /** Numbers things that the dice has to tell apart. */
  counter: number;
}

/** A number in a range, by the keys. */
export function between(world: World, [min, max]: Range, ...keys: readonly (string | number)[]): number {
  return Math.round(min + (max - min) * world.dice(...keys));
}

/** The world's time in epoch ms on Nova's clock. */
export function novaNow(world: World): number {
  return world.spec.epoch + world.agenda.now + world.spec.nova.skewMs;
}

/** ... and on the clock of a machine. */
export function machineNow(world: World, name: string): number {
  return world.spec.epoch + world.agenda.now + machineOf(world, name).clockMs;
}

/** The machine of this name. Throws where there is none: that is a bug of the caller. */
export function machineOf(world: World, name: string): Machine {
  const machine = world.machines.get(name);
  if (machine === undefined) throw new Error(`no machine ${name}`);
  return machine;
}

/** The node's name of a Nova host. */
export function nodeOfHost(world: World, host: string): string {
  return world.spec.computes.find((compute) => compute.host === host)?.node ?? host;
}

/** The hostname of a host's hypervisor: its provider in Placement is named by it. */
export function hypervisorOf(world: World, host: string): string {
  return world.spec.computes.find((compute) => compute.host === host)?.hypervisor ?? host;
}

/** The Nova host of a node: of the same name where the spec says nothing else. */
export function hostOfNode(world: World, node: string): string {
  return world.spec.computes.find((compute) => compute.node === node)?.host ?? node;
}

/** The service account's, until somebody changes it. */
export const DEFAULT_PASSWORD = 'pa55-of-the-cloud';

/** A world at rest: everything is up, and every instance where its spec has it. */
export function createWorld(
  spec: WorldSpec,
  means: {
    readonly dice: Dice;
    readonly emit: (fact: Fact) => void;
    readonly agents: Agents;
    readonly site?: Site;
  },
): World {
  const names = [...spec.controllers, ...spec.computes.map((compute) => compute.node)];
  const roleOf = (name: string): Machine['role'] =>
    spec.controllers.includes(name) ? 'controller' : 'compute';
  const world: World = {
    spec,
    site: PLAIN_SITE,
    ...means,
    agenda: newAgenda(0),
    machines: new Map(names.map((name) => [name, newMachine(name, roleOf(name))])),
    nova: {
      services: new Map(),
      instances: new Map(),
      migrations: [],
      liveMigrations: [],
      computes: new Map(),
      allocations: new Map(),
      aggregates: [...spec.nova.aggregates],
      flavors: spec.nova.flavors,
      images: spec.nova.images,
      nextMigration: 1,
      conductorUp: true,
      conductorLoses: [],
      conductorGivesUp: [],
      specless: new Set(),
      backlog: [],
      cellDown: false,
    },
    keystone: { tokens: new Map(), issued: 0, password: DEFAULT_PASSWORD },
    apis: { nova: healthy(), keystone: healthy(), placement: healthy() },
    cluster: newCluster(spec),
    failingLists: new Set(),
    spawnFailures: new Map(),
    saveFailures: new Map(),
    stopFailures: new Map(),
    counter: 0,
  };
  for (const [index, compute] of spec.computes.entries()) addCompute(world, compute, index);
  for (const instance of spec.instances) addInstance(world, instance);
  return world;
}

const healthy = (): ApiHealth => ({ up: true, failing: false, slowMs: 0 });

function newMachine(name: string, role: Machine['role']): Machine {
  return {
    name,
    role,
    power: true,
    os: 'up',
    life: 1,
    isolated: false,
    keepsApi: false,
    bmc: 'ok',
    feed: 'live',
    clockMs: 0,
    poweredOffAt: -1,
    guests: new Map(),
  };
}

function newCluster(spec: WorldSpec): Cluster {
  return {
    powerFirst: spec.cluster.powerFirst,
    members: new Map(
      spec.controllers.map((name) => [
        name,
        {
          name,
          pacemaker: true,
          snapshot: null,
          unclean: false,
          fencing: null,
          toolsHang: false,
          standby: false,
        },
      ]),
    ),
    agreed: new Set(spec.controllers),
    remotes: new Map(
      spec.computes.map(({ node }) => [
        node,
        {
          node,
          online: true,
          life: 1,
          targetRole: null,
          unclean: false,
          fenced: false,
          unfenced: true,
          fencing: null,
          wait: 'started',
          novaCompute: 'started',
          failedUntil: 0,
        },
      ]),
    ),
    permanent: new Map(),
    properties: new Map(),
    transient: new Map(),
    published: new Set(),
    history: new Map(),
    evacuator: null,
    evacuatorRuns: 0,
    evacuatorFailedUntil: 0,
  };
}

function addCompute(world: World, { host, disabledReason }: ComputeSpec, index: number): void {
  const now = novaNow(world);
  const isDisabled = disabledReason !== undefined;
  world.nova.services.set(host, {
    id: uuidOf(0xc0, index),
    host,
    status: isDisabled ? 'disabled' : 'enabled',
    disabledReason: disabledReason ?? null,
    forcedDown: false,
    lastSeenUp: now,
    updatedAt: now,
  });
  world.nova.computes.set(host, {
    host,
    state: 'running',
    process: 1,
    queue: [],
    starts: [],
    claims: { process: 1, until: 0 },
    traitDisabled: isDisabled,
  });
}

/** Puts an instance into Nova's database and, where it has one that runs, its guest on its host. */
export function addInstance(world: World, spec: InstanceSpec): void {
  const now = novaNow(world);
  world.nova.instances.set(spec.id, {
    id: spec.id,
    name: spec.name,
    host: spec.host,
    vmState: spec.vmState,
    taskState: spec.taskState,
    fault: null,
    locked: spec.locked,
    deleted: false,
    metadata: spec.metadata,
    createdAt: now - 86_400_000,
    updatedAt: now - 3_600_000,
    actions: [
      { action: 'create', at: now - 86_400_000 },
      ...(spec.vmState === 'stopped' ? [{ action: 'stop', at: now - 3_600_000 }] : []),
    ],
    spec,
  });
  const { host, leftovers = [] } = spec;
  world.nova.allocations.set(spec.id, new Set([...(host === null ? [] : [host]), ...leftovers]));
  if (spec.host === null) return;
  const machine = machineOf(world, nodeOfHost(world, spec.host));
  const runs = machine.os === 'up' && RUNS.has(spec.vmState);
  machine.guests.set(spec.id, runs ? 'running' : 'shutoff');
}

/** vm_states with a guest that runs (or is frozen in memory, which is the same to its disk). */
const RUNS: ReadonlySet<string> = new Set(['active', 'paused', 'rescued']);

/** The availability zone of a host: its aggregates', or the default one (nova/availability_zones.py). */
export function zoneOf({ nova }: World, host: string): string {
  const own = nova.aggregates.find(({ hosts, availabilityZone }) => availabilityZone && hosts.includes(host));
  return own?.availabilityZone ?? 'nova';
}

/** A UUID made of two numbers. */
export function uuidOf(kind: number, index: number): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
  return `${hex(index, 8)}-${hex(kind, 4)}-4000-8000-${hex(kind * 65_536 + index, 12)}`;
}
