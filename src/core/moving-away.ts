import { type Draft, wakeWithin } from './draft.ts';
import type { HostName } from './names.ts';
import {
  type Fact,
  type HostView,
  known,
  type LiveMigrationView,
  type Maybe,
  type ServerView,
  unknown,
} from './observation.ts';
import type { Timing } from './policy.ts';

/** What is known of an instance that was on its way to another host when its own died. */
export interface MovingAwayFacts {
  readonly server: ServerView;
  /** Its last live migration, as Nova listed it after its host was proven off; asked for only while it is migrating. null: Nova lists none. */
  readonly liveMigration: Maybe<LiveMigrationView | null>;
  /** See {@link HostView}. */
  readonly brokenMoves: readonly LiveMigrationView[];
  /** `mono` of the last look that would have shown it elsewhere. */
  readonly seenAt: number;
  /** Whether the power of a destination has been off since the record last changed. */
  readonly wasOff: (migration: LiveMigrationView) => boolean;
}

type MovingAway =
  | { readonly kind: 'waiting'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * Whether an instance was being migrated alive when it was seen last (nova/compute/api.py live_migrate). What is resized or
 * migrated cold needs no such care: its guest is started on the destination after the source has saved that one as its
 * host (nova/compute/manager.py _resize_instance, before it calls finish_resize), so one that still has its host runs nowhere else.
 */
export function isMigratedAlive({ taskState }: ServerView): boolean {
  return taskState === 'migrating';
}

/**
 * Statuses by which no guest runs at the destination: `running` is saved before the hypervisor is told to begin
 * (nova/compute/manager.py live_migration, _do_live_migration), and `failed` and `cancelled` when it has given up, and the guest
 * is where it was (_rollback_live_migration). By any other it may: from the switch-over until the destination has saved itself
 * as the instance's host the source has more to do (_post_live_migration, which calls post_live_migration_at_destination last),
 * and the record says `running` all that time; `completed` is said though that call has failed. `error` says nothing of where the
 * guest is, and a status we do not know nothing at all.
 */
const GUEST_IS_AT_HOME: ReadonlySet<string> = new Set([
  'accepted',
  'queued',
  'preparing',
  'failed',
  'cancelled',
]);

/** Whether the guest of an instance may be at the destination of a live migration, by its status. */
export function mayBeAway({ status }: LiveMigrationView): boolean {
  return !GUEST_IS_AT_HOME.has(status);
}

/**
 * What an instance whose host died in the middle of its live migration has to wait for, or why it is left to a person: its guest
 * may run at the destination, while for Nova it is on its old host, which evacuates it whatever its task_state is since
 * Zed. null: nothing runs there.
 */
export function judgeMovingAway(facts: MovingAwayFacts, timing: Timing): MovingAway | null {
  const { server, liveMigration, seenAt, wasOff } = facts;
  if (!isMigratedAlive(server)) return judgeBroken(facts, null);
  if (!liveMigration.known)
    return { kind: 'waiting', reason: `how far its live migration had come: ${liveMigration.reason}` };
  const migration = liveMigration.value;
  const standsMs = seenAt - server.taskSince;
  // One that has brought it here, in its day, is not the one that takes it away.
  if (migration === null || migration.source !== server.host) {
    // nova-conductor makes the record when it takes the request up; of a cell that is down Nova lists none, in silence.
    if (standsMs < timing.lostRequestMs)
      return { kind: 'waiting', reason: 'Nova lists no live migration of it, though it is migrating' };
    return { kind: 'failed', reason: `${DIED}, which Nova does not list: ${whatToDo(null)}` };
  }
  const { status, dest } = migration;
  // Then the guest is where one before it may have left it.
  if (!mayBeAway(migration) || wasOff(migration)) return judgeBroken(facts, migration.id);
  // Its destination may have been told already, and saves itself as its host then.
  if (standsMs < timing.taskSettleMs)
    return {
      kind: 'waiting',
      reason: `its live migration to ${dest ?? '?'} was ${status}; waiting whether it arrives`,
    };
  return { kind: 'failed', reason: `${DIED}, which was ${status}: ${whatToDo(dest)}` };
}

const DIED = 'its host died in the middle of its live migration';

/**
 * What an earlier death of its host, or of its nova-compute alone, left behind: that calls such a live migration `error` at its next start,
 * and takes its task_state away (nova/compute/manager.py _reset_live_migration). The same is said when it fails so late that nobody can tell
 * where the guest is (_do_live_migration). One that is `completed`, for the destination was told of its end in vain (_post_live_migration),
 * stays so, and loses its task_state as well. `but`: the one that is under way, which is judged by itself.
 */
function judgeBroken({ brokenMoves, wasOff }: MovingAwayFacts, but: number | null): MovingAway | null {
  const broken = brokenMoves.find((move) => move.id !== but && !wasOff(move));
  return broken === undefined ? null : { kind: 'failed', reason: sayBroken(broken) };
}

/** Why an instance is left to a person of which a live migration ended in error, or has not brought it where it was to go. */
export function sayBroken({ dest, status }: LiveMigrationView): string {
  const how =
    status === 'error' ? 'ended in error' : `was ${status}, and Nova has it where it was before all the same`;
  return `a live migration of it ${how}: ${whatToDo(dest)}`;
}

function whatToDo(dest: HostName | null): string {
  return `its guest may run on ${dest ?? 'the destination'}, and Nova does not know of it, so it is not evacuated. Make sure that no guest of it runs there (virsh list, or fence that host), then evacuate it by hand, or reboot it hard once its own host is back`;
}

/** See {@link MovingAwayFacts}; what was listed before this host was looked at for its incident does not count. */
export function liveMigrationOf(
  draft: Draft,
  view: HostView,
  server: ServerView,
): MovingAwayFacts['liveMigration'] {
  if (!isMigratedAlive(server)) return known(null);
  return factOf(draft, view, server.id)?.value ?? unknown('asking Nova');
}

function factOf(
  { observation }: Draft,
  { firstLookAt }: HostView,
  id: ServerView['id'],
): Fact<LiveMigrationView | null> | null {
  const fact = observation.liveMigrations.get(id);
  return fact === undefined || fact.mono < firstLookAt ? null : fact;
}

/**
 * Asks Nova for the last live migration of an instance that waits for that. It is asked only once the power of its host is proven off:
 * before that the source may still go on. What a dead host leaves stands; what could not be read, or was not there, is asked for again.
 */
export function lookAtLiveMigration(draft: Draft, view: HostView, { id }: ServerView): void {
  const fact = factOf(draft, view, id);
  if (fact?.value.known && fact.value.value !== null) return;
  const { observation, policy } = draft;
  const waitMs = fact === null ? 0 : fact.mono + policy.timing.lookRetryMs - observation.mono;
  if (waitMs <= 0) draft.liveMigrations.add(id);
  wakeWithin(draft, waitMs);
}
