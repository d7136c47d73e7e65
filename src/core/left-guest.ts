import type { EvacuationView, ServerView } from './observation.ts';
import { hasSucceeded } from './status.ts';

/** Where a guest may have been left. */
export interface LeftGuestFacts {
  readonly server: ServerView;
  /** All known evacuations of it from its host, oldest first. */
  readonly evacuations: readonly EvacuationView[];
  /** Nova's clock at the beginning of this incident, epoch ms. */
  readonly since: number;
  /** It was stopped when its host died. */
  readonly wasStopped: boolean;
  /** Whether nobody goes on with an evacuation, though Nova shows it as live. */
  readonly isLost: (evacuation: EvacuationView) => boolean;
  /** Whether the power of an evacuation's destination has been off since its record last changed: nothing is left there. */
  readonly wasOff: (evacuation: EvacuationView) => boolean;
}

/**
 * What Nova says when it finds only after the spawn that the instance is not being spawned any more: its host's
 * nova-compute has started meanwhile, or somebody has reset its state. Nova calls the evacuation failed, and leaves
 * the guest running (nova/compute/manager.py _do_rebuild_instance, save(expected_task_state=[REBUILD_SPAWNING]);
 * nova/exception.py InstanceUpdateConflict). Of the states before that the guest has not begun.
 */
const NOT_SPAWNING_ANY_MORE = /^Conflict updating instance .* Expected: [^.]*\brebuild_spawning\b/;

/**
 * The fault where nova-conductor or its database did not answer a nova-compute: of what is no exception of Nova's own the name alone
 * (nova/compute/utils.py exception_to_dict). It may have come after the spawn as well, by the first save after it, and then the guest
 * is left running (nova/compute/manager.py rebuild_instance, `except Exception`).
 */
const NO_ANSWER =
  /^(Messag(ingTimeout|eDeliveryFailure|eUndeliverable)|RemoteError|OperationalError|DB[A-Za-z]+|[A-Za-z]+_Remote)$/;

/**
 * The fault where the hypervisor could not stop a guest, or not be asked about it. An instance that was stopped is started first where it
 * comes to, and stopped then: what that raises ends its evacuation with the guest running (nova/compute/manager.py _do_rebuild_instance,
 * stop_instance; nova/virt/libvirt/driver.py _destroy, of libvirt's own errors the name alone; nova/virt/libvirt/host.py).
 */
const NOT_STOPPED =
  /^(Failed to power off instance\b|libvirtError$|Error from libvirt\b|Connection to the hypervisor is broken\b)/;

/**
 * Why a guest of an instance may run where Nova does not know of it; null: nothing says so. Evacuated, it
 * would run twice. It stays so on its host until a person has repaired it, so what an earlier incident left
 * is seen as well.
 *
 * Its host's nova-compute calls an evacuation `completed` at its start that is still under way (_destroy_evacuated_instances),
 * and leaves the instance as it is, being rebuilt; at its next start it puts that into ERROR (init_host, _init_instance). Either
 * way it may yet be spawned.
 */
export function whyGuestMayBeLeft(facts: LeftGuestFacts): string | null {
  const { server, evacuations, wasOff } = facts;
  const completed = completedUnderWay(facts);
  if (completed !== null) {
    const said = `Nova says ${completed.status} of its evacuation, but it is here, ${server.taskState ?? 'in ERROR'}: its guest may run on ${nameOf(completed)}, or be started there yet`;
    return wasOff(completed) ? null : `${said}, ${WHAT_TO_DO}`;
  }
  const before = failedBefore(facts);
  if (before !== null)
    return `an earlier evacuation of it failed, and it has been stopped since: its guest may run on ${nameOf(before)}, ${WHAT_TO_DO}`;
  if (server.vmState !== 'error') return null;
  const fault = server.fault ?? '';
  const isLate = NOT_SPAWNING_ANY_MORE.test(fault);
  const failed = evacuations.findLast(({ status }) => status === 'failed');
  const isNotStopped = facts.wasStopped && NOT_STOPPED.test(fault);
  if (!isLate && (failed === undefined || !(NO_ANSWER.test(fault) || isNotStopped))) return null;
  if (failed !== undefined && wasOff(failed)) return null;
  const when = isLate
    ? 'after its guest had been started'
    : isNotStopped
      ? `for ${fault}; it had been stopped, so its guest was to be started first, and stopped then`
      : `for ${fault}, and its guest may have been started by then`;
  return `Nova gave its evacuation up ${when}: it may run on ${nameOf(failed)}, ${WHAT_TO_DO}`;
}

/**
 * The evacuation of an earlier incident that had failed when its host came back, of an instance that is stopped; null: there is none. Who
 * has had one stopped that was in ERROR (nova/compute/api.py stop takes it from there) has taken its fault away, and not what may run
 * elsewhere. One that is stopped does not miss anything where it is. Without a destination it was never claimed, and nothing spawned.
 */
function failedBefore({ server, evacuations, since, wasOff }: LeftGuestFacts): EvacuationView | null {
  const last = evacuations.findLast(({ createdAt }) => createdAt < since);
  if (server.vmState !== 'stopped' || last === undefined) return null;
  return last.status === 'failed' && last.dest !== null && !wasOff(last) ? last : null;
}

/** The last evacuation of an instance that has not moved by it, though Nova calls it over: it may be under way; null: there is none. */
export function completedUnderWay({
  server,
  evacuations,
  isLost,
}: Pick<LeftGuestFacts, 'server' | 'evacuations' | 'isLost'>): EvacuationView | null {
  if (server.vmState !== 'error' && !isBeingRebuilt(server)) return null;
  const last = evacuations.findLast((each) => !isLost(each));
  return last !== undefined && hasSucceeded(last) ? last : null;
}

/** nova/compute/task_states.py: rebuilding, rebuild_block_device_mapping, rebuild_spawning */
export function isBeingRebuilt({ taskState }: ServerView): boolean {
  return taskState?.startsWith('rebuil') ?? false;
}

const WHAT_TO_DO =
  'and Nova does not know of it, so it is not evacuated once more. Make sure that no guest of it runs there (virsh list, or fence that host), then evacuate it by hand, or reboot it hard once its own host is back';

function nameOf(evacuation: EvacuationView | undefined): string {
  return evacuation?.dest ?? 'the destination of its last evacuation';
}
