import type { EvacuationView, ServerView } from './observation.ts';
import { hasSucceeded } from './status.ts';

/** Where a guest may have been left. */
export interface LeftGuestFacts {
  readonly server: ServerView;
  /** All known evacuations of it from its host, oldest first. */
  readonly evacuations: readonly EvacuationView[];
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
 * Why a guest of an instance in ERROR may run where Nova does not know of it; null: nothing says so. Evacuated, it
 * would run twice. It stays in ERROR on its host until a person has repaired it, so what an earlier incident left
 * is seen as well.
 *
 * Its host's nova-compute calls an evacuation `completed` at its start that is still under way (_destroy_evacuated_instances),
 * and the instance is put into ERROR (_init_instance): it may yet be spawned.
 */
export function whyGuestMayBeLeft({ server, evacuations, isLost, wasOff }: LeftGuestFacts): string | null {
  if (server.vmState !== 'error') return null;
  const last = evacuations.findLast((each) => !isLost(each));
  if (last !== undefined && hasSucceeded(last)) {
    const said = `Nova says ${last.status} of its evacuation, but it is here, in ERROR: its guest may run on ${nameOf(last)}, or be started there yet`;
    return wasOff(last) ? null : `${said}, ${WHAT_TO_DO}`;
  }
  if (!NOT_SPAWNING_ANY_MORE.test(server.fault ?? '')) return null;
  const failed = evacuations.findLast(({ status }) => status === 'failed');
  if (failed !== undefined && wasOff(failed)) return null;
  return `Nova gave its evacuation up after its guest had been started: it may run on ${nameOf(failed)}, ${WHAT_TO_DO}`;
}

const WHAT_TO_DO =
  'and Nova does not know of it, so it is not evacuated once more. Make sure that no guest of it runs there (virsh list, or fence that host), then evacuate it by hand, or reboot it hard once its own host is back';

function nameOf(evacuation: EvacuationView | undefined): string {
  return evacuation?.dest ?? 'the destination of its last evacuation';
}
