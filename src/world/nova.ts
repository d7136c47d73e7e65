import { after } from './agenda.ts';
import { allocate, loadOfHosts } from './allocations.ts';
import { destroyGuest, send, startInstance, stopInstance } from './compute.ts';
import { changeInstance, changeMigration, instanceOf, tellMigration } from './database.ts';
import type { Actor } from './facts.ts';
import {
  type Action,
  type ActionEvent,
  between,
  type Instance,
  type Migration,
  machineOf,
  nodeOfHost,
  novaNow,
  type Service,
  uuidOf,
  type World,
  zoneOf,
} from './model.ts';

/** What Nova says to a request: null for "accepted", or the refusal. */
export type Refusal = { readonly status: number; readonly message: string } | null;

/** nova/servicegroup/api.py `service_is_up`: forced_down before any heartbeat. */
export function isUp(world: World, service: Service): boolean {
  if (service.forcedDown) return false;
  return Math.abs(novaNow(world) - service.lastSeenUp) <= world.spec.nova.downTimeMs;
}

/** nova/compute/api.py `evacuate`, with the check of task_state that Zed has dropped. */
export function evacuate(
  world: World,
  server: string,
  options: { readonly host: string | null; readonly by: Actor },
): Refusal {
  const instance = instanceOf(world, server);
  if (instance === null) return { status: 404, message: `Instance ${server} could not be found.` };
  const { vmState, taskState, host } = instance;
  if (!['active', 'stopped', 'error'].includes(vmState)) {
    return vmState === 'shelved_offloaded' || host === null
      ? { status: 400, message: `Compute host ${host} could not be found.` }
      : { status: 409, message: `Cannot 'evacuate' instance ${server} while it is in vm_state ${vmState}` };
  }
  if (world.spec.nova.release === 'yoga' && taskState !== null) {
    return {
      status: 409,
      message: `Cannot 'evacuate' instance ${server} while it is in task_state ${taskState}`,
    };
  }
  const service = host === null ? undefined : world.nova.services.get(host);
  if (host === null || service === undefined) {
    return { status: 400, message: `Compute host ${host} could not be found.` };
  }
  if (options.host !== null && !world.nova.services.has(options.host))
    return { status: 404, message: `Compute host ${options.host} not found.` };
  if (options.host === host) return { status: 400, message: "The target host can't be the same one." };
  if (isUp(world, service)) return { status: 400, message: `Compute service of ${host} is still in use.` };
  // Before anything is written (nova/compute/api.py evacuate, RequestSpec.get_by_instance_uuid).
  if (world.nova.specless.has(server))
    return {
      status: 500,
      message: `Unexpected API Error. Please report this at http://bugs.launchpad.net/nova/ and attach the Nova API log if possible. <class 'nova.exception.RequestSpecNotFound'>`,
    };
  const action: Action = { action: 'evacuate', at: novaNow(world), events: [] };
  instance.actions.push(action);
  changeInstance(world, instance, { taskState: 'rebuilding' }, 'evacuation accepted');
  const id = world.nova.nextMigration++;
  const migration: Migration = {
    id,
    uuid: uuidOf(0xe0, id),
    server,
    source: host,
    dest: options.host,
    status: 'accepted',
    createdAt: novaNow(world),
    updatedAt: null,
    deleted: false,
    flight: 'conductor',
    sentTo: null,
    sentBefore: [],
    wasCompleted: false,
    askedBy: options.by,
  };
  world.nova.migrations.push(migration);
  tellMigration(world, migration, options.by);
  toConductor(world, { migration, action, wanted: options.host });
  return null;
}

/** A request, as nova-api hands it to the conductor. */
interface Asked {
  readonly migration: Migration;
  readonly action: Action;
  readonly wanted: string | null;
}

/** nova/conductor/manager.py `rebuild_instance`; what it can't do now it does when it is back. */
function toConductor(world: World, asked: Asked): void {
  const { migration } = asked;
  after(world.agenda, between(world, world.spec.nova.conductorMs, 'conductor', migration.id), () => {
    const run = (): void => {
      // It has acknowledged the message before it begins (oslo_messaging/rpc/server.py): nobody else takes it up.
      const loss = world.nova.conductorLoses.shift();
      if (loss === 'before') migration.flight = 'over';
      else schedule(world, asked, loss === 'after');
    };
    if (world.nova.conductorUp) run();
    else world.nova.backlog.push({ migration, run });
  });
}

/** nova-conductor goes, or comes back; then it does at once, in their order, what has waited for it. */
export function setConductor(world: World, up: boolean): void {
  world.nova.conductorUp = up;
  if (!up) return;
  for (let next = world.nova.backlog.shift(); next !== undefined; next = world.nova.backlog.shift())
    next.run();
}

/** RabbitMQ loses what is in its queues (they are not durable, and none of its nodes has lived through it). */
export function loseQueues(world: World): void {
  const lost = [
    ...world.nova.backlog.splice(0),
    ...[...world.nova.computes.values()].flatMap(({ queue }) => queue.splice(0)),
  ];
  for (const { starts } of world.nova.computes.values()) starts.length = 0;
  for (const { migration } of lost) migration.flight = 'over';
}

/**
 * The record that the conductor works on: of the instance's accepted ones the oldest, though its request died with
 * its destination, or is on its way itself (nova/conductor/manager.py rebuild_instance, nova/db/main/api.py
 * migration_get_by_instance_and_status). The one of this request stays as it is then.
 */
function acceptedRecord(world: World, asked: Migration): Migration {
  const oldest = world.nova.migrations.find(
    (each) => each.server === asked.server && each.status === 'accepted',
  );
  if (oldest === undefined || oldest.id > asked.id) return asked;
  asked.flight = 'over';
  oldest.flight = 'conductor';
  return oldest;
}

/**
 * `isLost`: it dies between the choice and the message. What Neutron, the RPC to the scheduler or the database raise it catches nowhere:
 * the record stays `accepted`, the instance `rebuilding`, and its event alone says `Error` (nova/conductor/manager.py rebuild_instance).
 */
function schedule(world: World, { migration: asked, action, wanted }: Asked, isLost: boolean): void {
  const migration = acceptedRecord(world, asked);
  const event = takeUp(world, action);
  const instance = instanceOf(world, migration.server);
  if (instance === null) {
    // The record of a deleted instance stays as it is.
    migration.flight = 'over';
    return;
  }
  const givesUp = isLost ? undefined : world.nova.conductorGivesUp.shift();
  const giveUp = (): void => {
    if (migration.flight === 'conductor') migration.flight = 'over';
    end(world, event, 'Error');
    action.failed = true;
  };
  if (givesUp === 'before') {
    giveUp();
    return;
  }
  // To the scheduler a Placement that gives no answer has no host (nova/scheduler/manager.py select_destinations).
  const { up, failing } = world.apis.placement;
  const move = { key: migration.id, source: migration.source };
  const host = up && !failing ? pickHost(world, instance, move, wanted) : null;
  if (givesUp === 'after') {
    // The scheduler has chosen, and its answer comes too late: what it has allocated stays.
    if (host !== null) allocate(world, migration.server, host);
    after(world.agenda, RPC_TIMEOUT_MS, giveUp);
    return;
  }
  if (host === null) {
    migration.flight = 'over';
    end(world, event, 'Error');
    action.failed = true;
    changeMigration(world, migration, { status: 'error' });
    changeInstance(
      world,
      instance,
      {
        vmState: 'error',
        taskState: null,
        fault: 'No valid host was found. There are not enough hosts available.',
      },
      'no valid host',
    );
    return;
  }
  allocate(world, migration.server, host);
  if (isLost) {
    migration.flight = 'over';
    if (migration.sentTo !== null) migration.sentBefore.push(migration.sentTo);
    migration.sentTo = host;
    return;
  }
  send(world, host, { migration, action });
  end(world, event, 'Success');
}

/** nova/conductor/manager.py rebuild_instance, EventReporter: from the message's receipt until it is sent on. */
function takeUp(world: World, { events }: Action): ActionEvent {
  const [host = 'controller-1'] = world.spec.controllers;
  const startedAt = novaNow(world);
  const event: ActionEvent = { event: 'rebuild_server', host, startedAt, finishedAt: null, result: null };
  events?.push(event);
  return event;
}

function end(world: World, event: ActionEvent, result: 'Success' | 'Error'): void {
  Object.assign(event, { finishedAt: novaNow(world), result });
}

/**
 * The scheduler: up by its heartbeat (which a dead host has for a minute), enabled, schedulable, of the zone that the
 * instance was made for (nova/scheduler/filters/availability_zone_filter.py), room by Placement's allocations, the
 * group's policy by what is on the hosts now.
 */
export function pickHost(
  world: World,
  instance: Instance,
  move: { readonly key: number; readonly source: string },
  wanted: string | null,
): string | null {
  const load = loadOfHosts(world);
  const groupHosts = hostsOfGroup(world, instance);
  const policy = world.spec.nova.groups.find((group) => group.id === instance.spec.group)?.policy ?? null;
  let best: string | null = null;
  let bestLoad = Number.POSITIVE_INFINITY;
  for (const { host, capacity } of world.spec.computes) {
    const service = world.nova.services.get(host);
    const compute = world.nova.computes.get(host);
    if (host === move.source || service === undefined || compute === undefined) continue;
    if (wanted !== null && host !== wanted) continue;
    if (!isUp(world, service) || service.status === 'disabled' || compute.traitDisabled) continue;
    if (!mayBeOn(world, instance, host)) continue;
    const used = load.get(host) ?? 0;
    if (used >= capacity) continue;
    if (policy === 'anti-affinity' && groupHosts.has(host)) continue;
    // Its own host counts among them, and is left out (nova/scheduler/utils.py _get_group_details): nobody there is nowhere to go.
    if (policy === 'affinity' && !groupHosts.has(host)) continue;
    const weight = used + world.dice('weigher', move.key, host) * 0.5;
    if (weight < bestLoad) {
      best = host;
      bestLoad = weight;
    }
  }
  return best;
}

/** Whether a host is of the zone that an instance was made for. */
export function mayBeOn(world: World, { spec }: Instance, host: string): boolean {
  return spec.availabilityZone === undefined || zoneOf(world, host) === spec.availabilityZone;
}

function hostsOfGroup(world: World, instance: Instance): Set<string> {
  const hosts = new Set<string>();
  const { group } = instance.spec;
  if (group === null) return hosts;
  for (const other of world.nova.instances.values()) {
    if (other.deleted || other.id === instance.id || other.spec.group !== group) continue;
    if (other.host !== null) hosts.add(other.host);
  }
  return hosts;
}

/** `os-stop`: only an active instance whose host's nova-compute runs is stopped. */
export function stopServer(world: World, server: string): Refusal {
  const instance = instanceOf(world, server);
  // Other words than elsewhere (nova/api/openstack/compute/servers.py _get_instance, measured).
  if (instance === null) return { status: 404, message: `Instance ${server} has no mapping to a cell.` };
  const { vmState, taskState, host } = instance;
  if (vmState !== 'active' && vmState !== 'error') {
    return { status: 409, message: `Cannot 'stop' instance ${server} while it is in vm_state ${vmState}` };
  }
  if (taskState !== null)
    return {
      status: 409,
      message: `Cannot 'stop' instance ${server} while it is in task_state ${taskState}`,
    };
  instance.actions.push({ action: 'stop', at: novaNow(world) });
  changeInstance(world, instance, { taskState: 'powering-off' }, 'to be stopped');
  after(world.agenda, 500, () => {
    const compute = host === null ? undefined : world.nova.computes.get(host);
    if (host === null || compute?.state !== 'running' || instance.deleted) return;
    if (instance.host !== host || instance.taskState !== 'powering-off') return;
    stopInstance(world, host, instance);
  });
  return null;
}

/** The task_state of an instance that its user starts. */
export const STARTING = 'powering-on';

/**
 * `os-start`, for a user, of a stopped instance. It is taken for a host that is down as well, and its message waits in the queue of that
 * host (nova/compute/api.py start, check_instance_host without check_is_up). One whose start is cut off by the death of its host is
 * started at the next start of nova-compute there (nova/compute/manager.py _init_instance).
 */
export function startServer(world: World, server: string): boolean {
  const instance = instanceOf(world, server);
  if (instance === null || instance.vmState !== 'stopped' || instance.taskState !== null) return false;
  const { host } = instance;
  const compute = host === null ? undefined : world.nova.computes.get(host);
  if (host === null || compute === undefined) return false;
  instance.actions.push({ action: 'start', at: novaNow(world) });
  changeInstance(world, instance, { taskState: STARTING }, 'to be started');
  if (compute.state !== 'running' || machineOf(world, nodeOfHost(world, host)).isolated) {
    compute.starts.push(server);
    return true;
  }
  after(world.agenda, 500, () => {
    if (compute.state !== 'running' || instance.deleted) return;
    if (instance.host !== host || instance.taskState !== STARTING) return;
    startInstance(world, host, instance);
  });
  return true;
}

/** The task_state of an instance that its user reboots hard. */
export const REBOOTING = 'rebooting_hard';

/** vm_states of which Nova reboots an instance hard (nova/compute/vm_states.py ALLOW_HARD_REBOOT). */
const REBOOTABLE: ReadonlySet<string> = new Set(['active', 'stopped', 'paused', 'suspended', 'error']);

/**
 * `reboot`, hard, for a user. It is taken for a host that is down as well, and stands until nova-compute is back there, or until the
 * instance has been evacuated (nova/compute/api.py _hard_reboot: who has such a task_state already may be rebooted once more).
 */
export function rebootServer(world: World, server: string): Refusal {
  const instance = instanceOf(world, server);
  if (instance === null) return { status: 404, message: `Instance ${server} could not be found.` };
  const { host, vmState, taskState } = instance;
  const refused = (state: string): Refusal => ({
    status: 409,
    message: `Cannot 'reboot' instance ${server} while it is in ${state}`,
  });
  if (host === null || !REBOOTABLE.has(vmState)) return refused(`vm_state ${vmState}`);
  if (taskState !== null && !taskState.startsWith('reboot')) return refused(`task_state ${taskState}`);
  instance.actions.push({ action: 'reboot', at: novaNow(world) });
  changeInstance(world, instance, { taskState: REBOOTING }, 'to be rebooted');
  after(world.agenda, 500, () => {
    if (world.nova.computes.get(host)?.state !== 'running' || instance.deleted) return;
    if (instance.host === host && instance.taskState === REBOOTING) startInstance(world, host, instance);
  });
  return null;
}

/**
 * A user deletes an instance; its evacuation records go with it (nova/db/main/api.py instance_destroy). `soft`: where Nova keeps what is
 * deleted for a time (reclaim_instance_interval), it destroys one whose host is down all the same, and goes on to show it as
 * soft-deleted there (nova/compute/api.py _local_delete, _do_soft_delete). One that could be restored is not modelled.
 */
export function deleteServer(world: World, server: string, soft = false): void {
  const instance = instanceOf(world, server);
  if (instance === null) return;
  const { host } = instance;
  const service = host === null ? undefined : world.nova.services.get(host);
  const isShownSoft = soft && service !== undefined && !isUp(world, service);
  changeInstance(
    world,
    instance,
    {
      deleted: true,
      taskState: null,
      ...(isShownSoft ? { vmState: 'soft-delete' } : { vmState: 'deleted', host: null }),
    },
    'deleted by its user',
  );
  for (const migration of world.nova.migrations) if (migration.server === server) migration.deleted = true;
  world.nova.allocations.delete(server);
  const machine = host === null ? undefined : machineOf(world, nodeOfHost(world, host));
  // Where the host is down the guest is taken away when nova-compute is back (_complete_partial_deletion).
  if (machine?.os === 'up') destroyGuest(world, machine.name, server);
  else machine?.guests.delete(server);
}

export interface ServiceUpdate {
  readonly status?: 'enabled' | 'disabled';
  readonly disabledReason?: string;
  readonly forcedDown?: boolean;
}

/** Nova's RPC to a service that it thinks is up and that does not answer (`rpc_response_timeout`). */
const RPC_TIMEOUT_MS = 60_000;

/**
 * `PUT /os-services/{id}` (nova/api/openstack/compute/services.py `update`): all fields are saved at once; the
 * 400 for `done` records comes before anything is saved. A change of the status of a host that counts as up is
 * told to its nova-compute, and waits for it.
 */
export function updateService(
  world: World,
  service: Service,
  update: ServiceUpdate,
  by: Actor,
): { readonly refusal: Refusal; readonly extraMs: number } {
  const { status, disabledReason, forcedDown } = update;
  if (forcedDown === false) {
    const isInTheWay = world.nova.migrations.some(
      (each) => each.source === service.host && each.status === 'done' && !each.deleted,
    );
    if (isInTheWay) {
      const message = `Unable to force up host ${service.host} as \`done\` evacuation migration records remain associated with the host. Ensure the compute service has been restarted, allowing these records to move to \`completed\` before retrying this request.`;
      return { refusal: { status: 400, message }, extraMs: 0 };
    }
  }
  if (status !== undefined) {
    service.status = status;
    service.disabledReason = status === 'enabled' ? null : (disabledReason ?? null);
    world.emit({ kind: 'service', host: service.host, what: status, by });
  }
  if (forcedDown !== undefined && service.forcedDown !== forcedDown) {
    service.forcedDown = forcedDown;
    world.emit({
      kind: 'service',
      host: service.host,
      what: forcedDown ? 'forced down' : 'no longer forced down',
      by,
    });
  }
  service.updatedAt = novaNow(world);
  if (status === undefined || !isUp(world, service)) return { refusal: null, extraMs: 0 };
  const compute = world.nova.computes.get(service.host);
  const machine = machineOf(world, nodeOfHost(world, service.host));
  if (compute?.state !== 'running' || machine.isolated) return { refusal: null, extraMs: RPC_TIMEOUT_MS };
  compute.traitDisabled = status === 'disabled';
  return { refusal: null, extraMs: 0 };
}

/**
 * A user changes an instance's metadata (null: takes the key away). Its record itself does not change by that, and no
 * list of what has changed since shows it (nova/db/main/api.py _instance_metadata_update_in_place).
 */
export function setMetadata(world: World, server: string, key: string, value: string | null): void {
  const instance = instanceOf(world, server);
  if (instance !== null) instance.metadata = withKey(instance.metadata, key, value);
}

/** An operator tags an image, a flavor or an aggregate, by its id (null: takes the tag away). */
export function setTag(world: World, id: string, key: string, value: string | null): void {
  const { nova } = world;
  nova.images = nova.images.map((each) =>
    each.id === id
      ? {
          ...each,
          tags: value === null ? each.tags.filter((tag) => tag !== key) : each.tags,
          properties: withKey(each.properties, key, value),
        }
      : each,
  );
  nova.flavors = nova.flavors.map((each) =>
    each.id === id ? { ...each, extraSpecs: withKey(each.extraSpecs, key, value) } : each,
  );
  nova.aggregates = nova.aggregates.map((each) =>
    String(each.id) === id ? { ...each, metadata: withKey(each.metadata, key, value) } : each,
  );
}

function withKey(
  before: Readonly<Record<string, string>>,
  key: string,
  value: string | null,
): Readonly<Record<string, string>> {
  const { [key]: _old, ...others } = before;
  return value === null ? others : { ...others, [key]: value };
}
