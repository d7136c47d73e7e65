import { after } from './agenda.ts';
import { allocate, takeBack } from './allocations.ts';
import { changeInstance, instanceOf } from './database.ts';
import { isReachable } from './machines.ts';
import {
  type Action,
  between,
  type Compute,
  type Instance,
  type LiveMigration,
  machineOf,
  nodeOfHost,
  novaNow,
  type Range,
  uuidOf,
  type World,
} from './model.ts';
import { isUp, pickHost, type Refusal } from './nova.ts';

/**
 * `os-migrateLive` (nova/compute/api.py live_migrate): accepted, and carried out later. What finds no host stays where
 * it is (nova/conductor/tasks/live_migrate.py), as it does when its destination dies under the copy.
 */
export function liveMigrate(world: World, server: string, wanted: string | null): Refusal {
  const instance = instanceOf(world, server);
  if (instance === null) return { status: 404, message: `Instance ${server} could not be found.` };
  const { vmState, taskState, host } = instance;
  if (vmState !== 'active' && vmState !== 'paused') return invalid(server, `vm_state ${vmState}`);
  if (taskState !== null) return invalid(server, `task_state ${taskState}`);
  const service = host === null ? undefined : world.nova.services.get(host);
  if (host === null || service === undefined || !isUp(world, service))
    return { status: 400, message: `Compute service of ${host} is unavailable at this time.` };
  const action: Action = { action: 'live-migration', at: novaNow(world) };
  instance.actions.push(action);
  changeInstance(world, instance, { taskState: 'migrating' }, 'live migration accepted');
  after(world.agenda, between(world, world.spec.nova.conductorMs, 'live', server, world.counter++), () =>
    schedule(world, { instance, action, source: host, wanted }),
  );
  return null;
}

const invalid = (server: string, state: string): Refusal => ({
  status: 409,
  message: `Cannot 'os-migrateLive' instance ${server} while it is in ${state}`,
});

/** Whether it is still on its way: nobody else has changed it meanwhile. */
const isMoving = ({ deleted, taskState, host }: Instance, source: string): boolean =>
  !deleted && taskState === 'migrating' && host === source;

interface Request {
  readonly instance: Instance;
  readonly action: Action;
  readonly source: string;
  /** The host that was named; null: the scheduler chooses. */
  readonly wanted: string | null;
}

/** The record is made before anything else (nova/conductor/manager.py _live_migrate). */
function schedule(world: World, { instance, action, source, wanted }: Request): void {
  if (!isMoving(instance, source)) return;
  const record = newRecord(world, instance, source);
  const dest = pickHost(world, instance, { key: world.counter++, source }, wanted);
  const to = dest === null ? undefined : world.nova.computes.get(dest);
  const from = world.nova.computes.get(source);
  if (dest === null || to?.state !== 'running') {
    const fault = 'No valid host was found. There are not enough hosts available.';
    changeInstance(world, instance, { taskState: null, fault }, 'no valid host');
    change(world, record, 'error');
    action.failed = true;
    return;
  }
  record.dest = dest;
  // What it has is the record's from here on, and what is chosen is its own (nova/conductor/tasks/live_migrate.py _execute).
  takeBack(world, instance.id, source);
  allocate(world, record.uuid, source);
  allocate(world, instance.id, dest);
  if (from?.state === 'running') prepare(world, { instance, record, source, dest, from, to });
}

function newRecord(world: World, { id: server }: Instance, source: string): LiveMigration {
  const id = world.nova.nextMigration++;
  const uuid = uuidOf(0xe0, id);
  const made = { createdAt: novaNow(world), updatedAt: null };
  const record: LiveMigration = { id, uuid, server, source, dest: null, status: 'accepted', ...made };
  world.nova.liveMigrations.push(record);
  return record;
}

function change(world: World, record: LiveMigration, status: string): void {
  Object.assign(record, { status, updatedAt: novaNow(world) });
}

interface Move {
  readonly instance: Instance;
  readonly record: LiveMigration;
  readonly source: string;
  readonly dest: string;
  readonly from: Compute;
  readonly to: Compute;
}

/**
 * nova/compute/manager.py `_do_live_migration`: the destination is prepared, the memory is copied, the guest switches over, and
 * only after all of that, at the end of `_post_live_migration`, the destination saves itself as the instance's host. Each
 * step is the source's: what its death leaves undone nobody goes on with, and all records stay as they are.
 */
function prepare(world: World, move: Move): void {
  const { instance, record, source } = move;
  change(world, record, 'preparing');
  const { claimMs, spawnMs, finishMs, liveMs } = world.spec.nova;
  step(world, move, claimMs, 'prepare', () => {
    if (move.to.state !== 'running') return giveUp(world, move);
    change(world, record, 'running');
    if (!machineOf(world, nodeOfHost(world, source)).guests.has(instance.id)) return findNoGuest(world, move);
    const copying = move.to.process;
    step(world, move, liveMs?.copy ?? spawnMs, 'live-move', () => {
      if (move.to.process !== copying) return giveUp(world, move);
      switchOver(world, move);
      step(world, move, liveMs?.post ?? finishMs, 'live-post', () => {
        // What is called there without an answer is called in vain, and the record says completed all the same.
        if (move.to.process === copying)
          changeInstance(world, instance, { host: move.dest, taskState: null }, 'moved alive');
        takeBack(world, record.uuid, source);
        change(world, record, 'completed');
      });
    });
  });
}

/** The next step of a source that lives, when both hosts reach each other; a nova-compute that has gone takes its part of the move with it. */
function step(world: World, move: Move, range: Range, key: string, next: () => void): void {
  const { instance, source, from, dest } = move;
  const { process } = from;
  const isCutOff = (): boolean =>
    [source, dest].some((host) => {
      const machine = machineOf(world, nodeOfHost(world, host));
      return machine.os === 'up' && !isReachable(machine);
    });
  const go = (): void => {
    if (!isMoving(instance, source) || from.process !== process) return;
    if (isCutOff()) after(world.agenda, RETRY_MS, go);
    else next();
  };
  after(world.agenda, between(world, range, key, instance.id, world.counter++), go);
}

/** Hosts that don't reach each other try again after so long, ms. */
const RETRY_MS = 1_000;

/** nova/compute/manager.py `_rollback_live_migration`, with `_revert_allocation`. */
function giveUp(world: World, { instance, record, source, dest }: Move): void {
  takeBack(world, record.uuid, source);
  takeBack(world, instance.id, dest);
  allocate(world, instance.id, source);
  const fault = 'Live migration failed.';
  changeInstance(world, instance, { taskState: null, fault }, 'destination died');
  change(world, record, 'failed');
}

/**
 * One before it has taken the guest away: libvirt has none of that name (nova/virt/libvirt/driver.py _live_migration, get_guest), and
 * both end in error (nova/compute/manager.py _do_live_migration).
 */
function findNoGuest(world: World, { instance, record }: Move): void {
  const fault = `Instance ${instance.id} could not be found.`;
  changeInstance(world, instance, { vmState: 'error', taskState: null, fault }, 'its guest is not here');
  change(world, record, 'error');
}

/** What libvirt does by itself, and Nova learns of afterwards. */
function switchOver(world: World, { instance: { id }, source, dest }: Move): void {
  const [old, next] = [source, dest].map((host) => machineOf(world, nodeOfHost(world, host)));
  const isThere = old?.guests.delete(id);
  if (old !== undefined && isThere) world.emit({ kind: 'guest', host: old.name, server: id, state: 'gone' });
  next?.guests.set(id, 'running');
  if (next !== undefined) world.emit({ kind: 'guest', host: next.name, server: id, state: 'running' });
}

/** nova/compute/manager.py `_reset_live_migration`, of an instance that nova-compute finds migrating when it starts. */
export function resetLiveMigration(world: World, instance: Instance): void {
  const running = world.nova.liveMigrations.find(
    ({ server, status }) => server === instance.id && status === 'running',
  );
  if (running !== undefined) change(world, running, 'error');
  changeInstance(world, instance, { taskState: null }, 'nova-compute found it migrating');
}
