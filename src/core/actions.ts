/** One thing that was done with a server, as `os-instance-actions` lists it. */
export interface ActionView {
  /** `nova/compute/instance_actions.py` */
  readonly action: string;
  /** Nova says that it failed. */
  readonly hasFailed: boolean;
  /** Nova's clock, epoch ms. */
  readonly startedAt: number | null;
}

/** What begins the guest, or has it running afterwards. A rebuild, a resize and a migration leave it as it was. */
const STARTS: ReadonlySet<string> = new Set([
  'create',
  'start',
  'reboot',
  'resume',
  'unpause',
  'unshelve',
  'restore',
  'rescue',
  'unrescue',
]);

/**
 * Whether a server was last stopped on purpose, by what was done with it, newest first; null: that does not say. Nova's
 * own evacuations do not count: ERROR, in which a failed one leaves it, is all that its record shows of it.
 *
 * A guest that shuts itself down is stopped through the API as well (nova/compute/manager.py _sync_instance_power_state).
 * One whose stop was cut off by the death of its host is one that somebody wants stopped.
 */
export function wasStopped(actions: readonly ActionView[]): boolean | null {
  const last = actions.find(
    ({ action, hasFailed }) => !hasFailed && (action === 'stop' || STARTS.has(action)),
  );
  return last === undefined ? null : last.action === 'stop';
}

/** After these a guest of it runs where Nova has it. A stop may be that of a guest that nova-compute does not find any more. */
const PLACES: ReadonlySet<string> = new Set([...STARTS, 'evacuate', 'rebuild', 'migrate', 'resize']);

/**
 * Which live migrations of a server have been carried out since anything else began its guest, by what was done with it, newest first:
 * their places among all of its live migrations, 0 is the last. Where nova-conductor finds no host, or the hosts don't fit, the action has
 * failed, and the guest was not touched (nova/conductor/manager.py _live_migrate).
 *
 * `isBusy`: it has a task_state. A start that was asked for last and has not ended, as that of a user who sees that the host is dead, has
 * begun nothing: Nova takes it, and it lies in that host's queue (nova/compute/api.py reboot, start).
 */
export function movesSincePlaced(actions: readonly ActionView[], isBusy: boolean): readonly number[] {
  const isOpen = isBusy && STARTS.has(actions[0]?.action ?? '');
  const moves: number[] = [];
  let newer = 0;
  for (const { action, hasFailed } of isOpen ? actions.slice(1) : actions) {
    if (action === 'live-migration') {
      if (!hasFailed) moves.push(newer);
      newer += 1;
    } else if (!hasFailed && PLACES.has(action)) break;
  }
  return moves;
}

/** Who has started a server, by what was done with it. */
export interface Starts {
  /** Somebody has since it was last evacuated or stopped: it is meant to run. */
  readonly since: boolean;
  /**
   * When it was evacuated though somebody had started it and nothing had begun it since, by Nova's clock: that start had not reached its
   * host. null: it was not, or when it was is not known.
   */
  readonly unheardAt: number | null;
}

export const NOT_STARTED: Starts = { since: false, unheardAt: null };

/** See {@link Starts}; the actions newest first. */
export function startsOf(actions: readonly ActionView[]): Starts {
  const last = actions.find(
    ({ action, hasFailed }) =>
      !hasFailed && (action === 'stop' || action === 'evacuate' || STARTS.has(action)),
  );
  const since = last !== undefined && last.action !== 'create' && STARTS.has(last.action);
  let evacuated: ActionView | null = null;
  for (const each of actions) {
    // Between an attempt that Nova gave up and the next one it may be started as well.
    if (each.action === 'evacuate') evacuated = each;
    else if (evacuated !== null && !each.hasFailed && (each.action === 'stop' || STARTS.has(each.action)))
      return { since, unheardAt: each.action === 'start' ? evacuated.startedAt : null };
  }
  return { since, unheardAt: null };
}
