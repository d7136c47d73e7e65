import { type Appointment, after } from './agenda.ts';
import { takeBack } from './allocations.ts';
import { changeInstance, changeMigration, instanceOf } from './database.ts';
import { resetLiveMigration } from './live-migration.ts';
import { isReachable } from './machines.ts';
import {
  between,
  type Compute,
  hostOfNode,
  type Instance,
  type Migration,
  machineOf,
  nodeOfHost,
  novaNow,
  type Rebuild,
  type World,
} from './model.ts';
import { novaComputeDied } from './resources.ts';

/** After a restart the first report and the clean-up come so soon, ms. */
const INIT_MS = 300;

function computeOf(world: World, host: string): Compute {
  const compute = world.nova.computes.get(host);
  if (compute === undefined) throw new Error(`no nova-compute ${host}`);
  return compute;
}

/** nova-compute begins; it runs in `ms`, unless it dies before. */
export function beginCompute(world: World, host: string, ms: number, running: () => void): void {
  const compute = computeOf(world, host);
  if (compute.state !== 'stopped') {
    running();
    return;
  }
  compute.state = 'starting';
  const process = ++compute.process;
  world.emit({ kind: 'nova-compute', host, state: 'starting' });
  after(world.agenda, ms, () => {
    if (compute.process !== process || compute.state !== 'starting') return;
    initHost(world, host);
    compute.state = 'running';
    world.emit({ kind: 'nova-compute', host, state: 'running' });
    running();
    after(world.agenda, INIT_MS, () => {
      if (compute.process !== process) return;
      compute.traitDisabled = world.nova.services.get(host)?.status === 'disabled';
      report(world, compute, process);
      reportPeriodically(world, compute, process);
      bringTraitsUpToDate(world, compute, process);
      drain(world, compute);
    });
  });
}

/** The machine is gone, and nova-compute with it. */
export function killCompute(world: World, node: string): void {
  const host = hostOfNode(world, node);
  stopCompute(world, host);
}

/** The nova-compute of a host ends; its queue waits for the next one. Nothing where it is stopped; throws where there is none. */
export function stopCompute(world: World, host: string): void {
  const compute = computeOf(world, host);
  if (compute.state === 'stopped') return;
  compute.state = 'stopped';
  compute.process++;
  world.emit({ kind: 'nova-compute', host, state: 'stopped' });
  // What it had under way nobody goes on with; the records stay as they are.
  for (const migration of world.nova.migrations) {
    if (migration.sentTo === host && (migration.flight === 'claiming' || migration.flight === 'spawning')) {
      migration.flight = 'over';
    }
  }
}

/** nova-compute alone dies; Pacemaker finds that out. */
export function crashCompute(world: World, host: string): void {
  if (computeOf(world, host).state === 'stopped') return;
  stopCompute(world, host);
  novaComputeDied(world, nodeOfHost(world, host));
}

/** Reports at the start of the world: those who run, each at its own beat. */
export function beginReports(world: World): void {
  for (const compute of world.nova.computes.values()) {
    reportPeriodically(world, compute, compute.process);
  }
}

function reportPeriodically(world: World, compute: Compute, process: number): void {
  // A fixed beat, as the service group's timer has it; the phase differs from host to host.
  const phase = between(world, [0, world.spec.nova.reportMs], 'report', compute.host, process);
  const beat = (ms: number): Appointment =>
    after(world.agenda, ms, () => {
      if (compute.process !== process) return;
      report(world, compute, process);
      beat(world.spec.nova.reportMs);
    });
  beat(phase);
}

/** nova/servicegroup/drivers/db.py `_report_state`: a saved report is also a change of the record. */
function report(world: World, compute: Compute, process: number): void {
  if (compute.process !== process || compute.state !== 'running') return;
  if (!isReachable(machineOf(world, nodeOfHost(world, compute.host))) || !world.nova.conductorUp) return;
  const service = world.nova.services.get(compute.host);
  if (service !== undefined) service.lastSeenUp = service.updatedAt = novaNow(world);
}

/** The periodic task that makes the trait of a disabled host follow its service (nova/compute/manager.py update_available_resource). */
function bringTraitsUpToDate(world: World, compute: Compute, process: number): void {
  after(world.agenda, world.spec.nova.periodicMs, () => {
    if (compute.process !== process) return;
    compute.traitDisabled = world.nova.services.get(compute.host)?.status === 'disabled';
    bringTraitsUpToDate(world, compute, process);
  });
}

const STARTED: ReadonlySet<string> = new Set(['accepted', 'pre-migrating', 'done']);
/** nova/compute/manager.py `_init_instance`: of a build, or of what is being unshelved. */
const BEING_SPAWNED: ReadonlySet<string> = new Set([
  ...['scheduling', 'block_device_mapping', 'networking', 'spawning'],
]);

/**
 * What nova-compute does at its start, before anything else.
 *
 * nova/compute/manager.py `_destroy_evacuated_instances`: guests of all evacuations from here that are accepted,
 * pre-migrating or done are destroyed, the records set to `completed`, even where the evacuation is still in
 * flight. Then `_init_instance`, of all that was not evacuated: what is its own and was being spawned or rebuilt becomes ERROR (rebuilt
 * by an evacuation whose record is over), and what was being stopped is.
 */
function initHost(world: World, host: string): void {
  const machine = machineOf(world, nodeOfHost(world, host));
  // One record an instance, the newest: an older one that died with its destination stays as it is.
  const evacuations = new Map<string, Migration>();
  for (const migration of world.nova.migrations) {
    if (migration.source !== host || migration.deleted) continue;
    if (STARTED.has(migration.status)) evacuations.set(migration.server, migration);
  }
  for (const migration of evacuations.values()) {
    if (machine.guests.delete(migration.server)) {
      world.emit({ kind: 'guest', host: machine.name, server: migration.server, state: 'gone' });
    }
    takeBack(world, migration.server, host);
    migration.wasCompleted = true;
    changeMigration(world, migration, { status: 'completed' });
  }
  for (const instance of world.nova.instances.values()) {
    if (instance.host !== host || instance.deleted || evacuations.has(instance.id)) continue;
    const isHalfSpawned = instance.vmState !== 'error' && BEING_SPAWNED.has(instance.taskState ?? '');
    const isHalfRebuilt =
      (instance.vmState === 'active' || instance.vmState === 'stopped') &&
      instance.taskState?.startsWith('rebuil') === true;
    if (isHalfSpawned)
      changeInstance(
        world,
        instance,
        { vmState: 'error', taskState: null },
        'nova-compute found it half spawned',
      );
    else if (isHalfRebuilt)
      changeInstance(
        world,
        instance,
        { vmState: 'error', taskState: null },
        'nova-compute found it half rebuilt',
      );
    // Its _init_instance makes up for it; of one in ERROR, or one to be rebooted, it does not, but the message that lies in its queue comes.
    else if (instance.taskState === 'powering-off') stopInstance(world, host, instance);
    else if (instance.taskState === 'powering-on' || instance.taskState === 'rebooting_hard') {
      startInstance(world, host, instance);
      // Its message finds it running a moment later. (That the host dies in this very moment is not told apart.)
      const { starts } = computeOf(world, host);
      for (let at = starts.indexOf(instance.id); at >= 0; at = starts.indexOf(instance.id))
        starts.splice(at, 1);
    } else if (instance.taskState === 'migrating') resetLiveMigration(world, instance);
  }
}

/** nova-compute starts an instance of its host. */
export function startInstance(world: World, host: string, instance: Instance): void {
  const node = nodeOfHost(world, host);
  machineOf(world, node).guests.set(instance.id, 'running');
  world.emit({ kind: 'guest', host: node, server: instance.id, state: 'running' });
  changeInstance(world, instance, { vmState: 'active', taskState: null }, 'started');
}

/** nova-compute stops an instance of its host. */
export function stopInstance(world: World, host: string, instance: Instance): void {
  shutOff(world, host, instance);
  changeInstance(world, instance, { vmState: 'stopped', taskState: null }, 'stopped');
}

function shutOff(world: World, host: string, { id }: Instance): void {
  const node = nodeOfHost(world, host);
  machineOf(world, node).guests.set(id, 'shutoff');
  world.emit({ kind: 'guest', host: node, server: id, state: 'shutoff' });
}

/** A message for the nova-compute of a host: carried out when it runs, kept in the queue until then. */
export function send(world: World, host: string, rebuild: Rebuild): void {
  const compute = computeOf(world, host);
  const { migration } = rebuild;
  migration.flight = 'queued';
  if (migration.sentTo !== null) migration.sentBefore.push(migration.sentTo);
  migration.sentTo = host;
  compute.queue.push(rebuild);
  if (compute.state === 'running') drain(world, compute);
}

/** Messages reach a host when its network is back. */
export function drainQueue(world: World, node: string): void {
  const compute = world.nova.computes.get(hostOfNode(world, node));
  if (compute?.state === 'running') drain(world, compute);
}

/**
 * A start that has waited in the queue. The guest is started first, and the record changed only where it still waits for that; nobody
 * looks whether the instance is on this host any more (nova/compute/manager.py start_instance).
 */
function takeUpStart(world: World, host: string, server: string): void {
  const instance = instanceOf(world, server);
  if (instance === null || instance.deleted) return;
  const { name, guests } = machineOf(world, nodeOfHost(world, host));
  if (guests.get(server) !== 'running') {
    guests.set(server, 'running');
    world.emit({ kind: 'guest', host: name, server, state: 'running' });
  }
  if (instance.taskState === 'powering-on')
    changeInstance(world, instance, { vmState: 'active', taskState: null }, 'started');
}

function drain(world: World, compute: Compute): void {
  if (machineOf(world, nodeOfHost(world, compute.host)).isolated) return;
  for (const server of compute.starts.splice(0)) takeUpStart(world, compute.host, server);
  for (let next = compute.queue.shift(); next !== undefined; next = compute.queue.shift()) {
    rebuild(world, compute, next);
  }
}

/** In how long a claim that takes so long is over, ms: one waits for the others before it (nova/compute/resource_tracker.py rebuild_claim). */
function claimedIn(world: World, compute: Compute, ms: number): number {
  if (world.spec.nova.serialClaims !== true) return ms;
  const { now } = world.agenda;
  const { process } = compute;
  const free = compute.claims.process === process ? Math.max(now, compute.claims.until) : now;
  compute.claims = { process, until: free + ms };
  return free + ms - now;
}

/** nova/compute/manager.py `rebuild_instance`: claim, late checks, spawn, and only then `instance.host` changes. */
function rebuild(world: World, compute: Compute, { migration, action }: Rebuild): void {
  const { process } = compute;
  const { nova } = world.spec;
  migration.flight = 'claiming';
  // Written down before it waits for its turn to claim (nova/compute/utils.py wrap_instance_event).
  action.events?.push({
    ...{ event: 'compute_rebuild_instance', host: compute.host },
    ...{ startedAt: novaNow(world), finishedAt: null, result: null },
  });
  // Not whether the record is over: a second rebuild with the same one knows nothing of the first.
  const isAlive = (): boolean => compute.process === process;
  after(world.agenda, claimedIn(world, compute, between(world, nova.claimMs, 'claim', migration.id)), () => {
    if (!isAlive()) return;
    const instance = instanceOf(world, migration.server);
    if (instance === null) {
      giveUp(world, migration, null, 'Instance could not be found');
      return;
    }
    // resource_tracker.py _claim_existing_migration: only now the record names its destination.
    changeMigration(world, migration, { status: 'pre-migrating', dest: compute.host });
    const refusal = whyNotHere(world, compute.host, instance);
    if (refusal !== null) {
      // The late checks keep the vm_state as it was (InstanceFaultRollback).
      giveUp(world, migration, instance, refusal, instance.vmState);
      return;
    }
    if (instance.taskState !== 'rebuilding') {
      giveUp(world, migration, instance, sayConflict(instance, 'rebuilding'));
      return;
    }
    migration.flight = 'spawning';
    changeInstance(world, instance, { taskState: 'rebuild_spawning' }, 'spawning');
    spawn(world, compute, migration, instance, isAlive);
  });
}

function spawn(
  world: World,
  compute: Compute,
  migration: Migration,
  instance: Instance,
  isAlive: () => boolean,
): void {
  const { nova } = world.spec;
  const wasStopped = instance.vmState === 'stopped';
  const node = nodeOfHost(world, compute.host);
  after(world.agenda, between(world, nova.spawnMs, 'spawn', migration.id), () => {
    if (!isAlive()) return;
    if (isDue(world.spawnFailures, [compute.host, instance.name, instance.id])) {
      giveUp(world, migration, instance, 'Failure spawning: the hypervisor refused');
      return;
    }
    machineOf(world, node).guests.set(instance.id, 'running');
    world.emit({ kind: 'guest', host: node, server: instance.id, state: 'running' });
    if (!instance.deleted && isDue(world.saveFailures, [compute.host])) {
      // So does any save of it when nova-conductor does not answer, or its database: the fault is the exception's name alone.
      giveUp(world, migration, instance, 'MessagingTimeout');
      return;
    }
    if (instance.deleted || instance.taskState !== 'rebuild_spawning') {
      // save(expected_task_state=[REBUILD_SPAWNING]) fails after the spawn: the guest runs, Nova says failed.
      const fault = sayConflict(instance, 'rebuild_spawning');
      giveUp(world, migration, instance.deleted ? null : instance, fault);
      if (instance.deleted) destroyGuest(world, node, instance.id);
      return;
    }
    // A stopped instance is started first and stopped then (orig_vm_state); from ERROR it stays started.
    const next = wasStopped
      ? { vmState: 'active', taskState: 'powering-off' }
      : { vmState: 'active', taskState: null };
    changeInstance(world, instance, { ...next, fault: null }, 'spawned');
    finish(world, compute, migration, instance, wasStopped, isAlive);
  });
}

function finish(
  world: World,
  compute: Compute,
  migration: Migration,
  instance: Instance,
  wasStopped: boolean,
  isAlive: () => boolean,
): void {
  const node = nodeOfHost(world, compute.host);
  after(world.agenda, between(world, world.spec.nova.finishMs, 'finish', migration.id), () => {
    if (!isAlive()) return;
    migration.flight = 'over';
    if (instance.deleted) {
      changeMigration(world, migration, { status: 'failed' });
      destroyGuest(world, node, instance.id);
      return;
    }
    if (wasStopped && isDue(world.stopFailures, [compute.host])) {
      // nova/virt/libvirt/driver.py _destroy raises one or the other; the guest goes on (nova/compute/manager.py _do_rebuild_instance).
      const isLate = world.dice('stop-fault', migration.id) < 0.5;
      const fault = isLate ? 'Failed to power off instance: operation time out' : 'libvirtError';
      giveUp(world, migration, instance, fault);
      return;
    }
    if (wasStopped) shutOff(world, compute.host, instance);
    const vmState = wasStopped ? 'stopped' : instance.vmState;
    changeInstance(world, instance, { host: compute.host, vmState, taskState: null }, 'arrived');
    // The instance first, the record then (resource_tracker.py finish_evacuation).
    changeMigration(world, migration, { status: 'done' });
  });
}

/** nova/exception.py UnexpectedTaskStateError. */
function sayConflict({ id, taskState }: Instance, expected: string): string {
  const actual = taskState === null ? 'None' : `'${taskState}'`;
  return `Conflict updating instance ${id}. Expected: {'task_state': ['${expected}']}. Actual: {'task_state': ${actual}}`;
}

function giveUp(
  world: World,
  migration: Migration,
  instance: Instance | null,
  fault: string,
  vmState = 'error',
): void {
  migration.flight = 'over';
  takeBack(world, migration.server, migration.dest);
  changeMigration(world, migration, { status: 'failed' });
  if (instance !== null) changeInstance(world, instance, { vmState, taskState: null, fault }, fault);
}

/** A guest is destroyed where it is, running or not; what Nova has of its server stays. Nothing where there is no such guest. */
export function destroyGuest(world: World, node: string, server: string): void {
  if (!machineOf(world, node).guests.delete(server)) return;
  world.emit({ kind: 'guest', host: node, server, state: 'gone' });
}

/** Whether one of the failures that are still to come is for one of these; it is over then. */
function isDue(failures: Map<string, number>, keys: readonly string[]): boolean {
  for (const key of keys) {
    const left = failures.get(key) ?? 0;
    if (left <= 0) continue;
    failures.set(key, left - 1);
    return true;
  }
  return false;
}

/** What the destination checks itself, late: room, and the anti-affinity of a group that scheduling in parallel has broken (`_validate_instance_group_policy`). */
function whyNotHere(world: World, host: string, instance: Instance): string | null {
  const capacity = world.spec.computes.find((compute) => compute.host === host)?.capacity ?? 0;
  let used = 0;
  const { group } = instance.spec;
  const isStrict =
    group !== null && world.spec.nova.groups.find((each) => each.id === group)?.policy === 'anti-affinity';
  const onItsWay = new Set(
    world.nova.migrations
      .filter((each) => each.dest === host && each.status === 'pre-migrating' && !each.deleted)
      .map((each) => each.server),
  );
  for (const other of world.nova.instances.values()) {
    if (other.deleted || other.id === instance.id) continue;
    if (other.host !== host && !onItsWay.has(other.id)) continue;
    used++;
    if (isStrict && other.spec.group === group) {
      return 'Anti-affinity instance group policy was violated.';
    }
  }
  return used >= capacity ? 'Insufficient compute resources' : null;
}
