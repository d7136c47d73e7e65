import { judgeFailing } from './failing.ts';
import { completedUnderWay, isBeingRebuilt, whyGuestMayBeLeft } from './left-guest.ts';
import { judgeMovingAway, type MovingAwayFacts } from './moving-away.ts';
import type { HostName, ServerId } from './names.ts';
import type { EvacuationView, RequestView, ServerView } from './observation.ts';
import { countAttempts } from './placement.ts';
import type { Policy, Timing } from './policy.ts';
import type { Admission } from './selection.ts';
import { hasOvertaken, hasSucceeded, isLive } from './status.ts';

/** Where an instance stands. `moved`, `cannot`, `excluded`, `failed` and `gone` are ends; the host waits for all others. */
export type Outcome =
  /** `reason`: it was stopped before, and why it is not any more. */
  | { readonly kind: 'moved'; readonly to: HostName; readonly reason?: string }
  | { readonly kind: 'cannot'; readonly reason: string }
  /** Nova would, but the policy or its owner says that it is not to be evacuated. */
  | { readonly kind: 'excluded'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'gone'; readonly reason: string }
  /** May be asked for now. */
  | { readonly kind: 'ready' }
  /** Has to wait for a time or an answer; the reason says for which. `needs`: what has to be done for that. */
  | { readonly kind: 'waiting'; readonly reason: string; readonly needs?: Need }
  /** Asked for without an answer: it may well be under way. */
  | { readonly kind: 'unanswered'; readonly reason: string }
  /** `reason`: why it has no destination, when that lasts long. */
  | { readonly kind: 'moving'; readonly to: HostName | null; readonly reason?: string }
  /** Over by its record, but not seen so yet: the server has to be looked at. */
  | { readonly kind: 'verifying'; readonly reason: string }
  /** Arrived, but runs though it was stopped: to be stopped again. */
  | { readonly kind: 'restoring'; readonly to: HostName; readonly reason: string | null };

/**
 * A look at the server itself; Placement's answer; or an admission, which nothing that Nova could show changes: a query elsewhere
 * failed, or a person is asked.
 */
export type Need = 'look' | 'placement' | 'admission';

/** Whether an instance waits for this to be done. */
export function needs(outcome: Outcome, what: Need): boolean {
  return outcome.kind === 'waiting' && outcome.needs === what;
}

export interface InstanceFacts {
  readonly server: ServerView;
  readonly source: HostName;
  /** All known evacuations of this instance from this host, oldest first; earlier incidents' included. */
  readonly evacuations: readonly EvacuationView[];
  /** Nova's clock at the beginning of this incident, epoch ms: attempts are counted from here. */
  readonly since: number;
  readonly request: RequestView | null;
  /** Whether Nova fails at others' requests as well as at this one. */
  readonly isEverybodysFailure: boolean;
  /** It was stopped when its host died. */
  readonly wasStopped: boolean;
  /** It was in ERROR when its host died, and stopped before that. */
  readonly wasInError: boolean;
  /** We have stopped it again already where it is now, or somebody has started it there: whoever does so means it. */
  readonly stopSent: boolean;
  /**
   * Whether somebody had started it on its dead host before it was evacuated: that waits in the queue of that host. null: not known yet.
   * Asked only of one that has moved.
   */
  readonly startUnheard: () => boolean | null;
  /** What our last request to stop it there came to, and how many have failed; null: none has. */
  readonly stopFailed: { readonly times: number; readonly message: string } | null;
  readonly mono: number;
  readonly novaNow: number;
  /** Before this `mono` no request is sent: a predecessor's last ones may still take effect. */
  readonly quietUntil: number;
  /** `mono` of the last look at the evacuations of the host; an answer is settled only by a later look. */
  readonly followedAt: number;
  /** ... and of the last one that shows what has changed of the servers. */
  readonly seenAt: number;
  /** ... and of the last list of the services: only one made after that look shows that the host's cell was there. */
  readonly servicesAt: number;
  /** Whether nobody goes on with an evacuation, though Nova shows it as live: its destination died. */
  readonly isLost: (evacuation: EvacuationView) => boolean;
  /** Whether the power of an evacuation's destination has been off since its record last changed. */
  readonly wasOff: (evacuation: EvacuationView) => boolean;
  /** What an evacuation waits for that has had no claim for long; null: nothing unusual. */
  readonly whyUnclaimed: (evacuation: EvacuationView) => string | null;
  /** Whether its request was carried out with an older record, another host's, and the instance has arrived. */
  readonly isLeftBehind: (evacuation: EvacuationView) => boolean;
  /** Whether Placement was there after an evacuation had ended in `error`; null: it is to be asked. */
  readonly placementAfter: (evacuation: EvacuationView) => boolean | null;
  /** See {@link MovingAwayFacts}. */
  readonly liveMigration: MovingAwayFacts['liveMigration'];
  readonly brokenMoves: MovingAwayFacts['brokenMoves'];
  /** Whether it is selected, and what the policy says of its disk; asked only of one that could be asked for. */
  readonly admit: () => Admission;
}

/**
 * Why Nova would not evacuate an instance in this vm_state, or null when it would.
 * `nova/compute/api.py` evacuate: check_instance_state(vm_state=[ACTIVE, STOPPED, ERROR]). What is shelved and not offloaded is
 * started where it is (nova/conductor/manager.py unshelve_instance): only the offloaded one is scheduled anew.
 */
export function whyNotEvacuable(vmState: string): string | null {
  switch (vmState) {
    case 'active':
    case 'stopped':
    case 'error':
      return null;
    case 'paused':
    case 'suspended':
    case 'rescued':
    case 'resized':
    case 'building':
      return `Nova does not evacuate an instance that is ${vmState}; it stays on its host and comes back with it`;
    case 'shelved':
      return 'it is shelved and not offloaded: nothing of it runs, and Nova would unshelve it on this host alone; it comes back with it';
    default:
      return `its vm_state is ${vmState}, which Nova does not evacuate`;
  }
}

/**
 * Nova takes a start for a host that is down (nova/compute/api.py start), and its message waits in the queue of that host. The next
 * nova-compute there starts the guest first, and only then looks whether it was told to (nova/compute/manager.py start_instance), and
 * never whether the instance is its own: evacuated meanwhile, it runs there as well.
 */
function whyStartsAtHome({ taskState, id }: ServerView, source: HostName): string | null {
  if (taskState !== 'powering-on') return null;
  return `it was told to start on ${source}, and that may wait in the queue of its nova-compute, which would start it there also once it is evacuated. It comes back with its host; if that never comes back, ${howToDrop(source)}, then evacuate it by hand: openstack server evacuate ${id}`;
}

/** Why its dead host is not to start yet, of one whose guest runs elsewhere, or may; null: nothing waits for it there. */
function whyMayStartAtHome({ source, wasStopped, startUnheard }: InstanceFacts): string | null {
  const unheard = wasStopped ? startUnheard() : false;
  if (unheard === null) return 'looking whether it was started before it was evacuated';
  return unheard
    ? `it was told to start on ${source} when that was dead already, and that waits in the queue of its nova-compute, which would start it there though it runs elsewhere by now. Before ${source} may start, ${howToDrop(source)}, then let the node go by hand`
    : null;
}

const howToDrop = (host: HostName): string => `delete that queue (rabbitmqctl delete_queue compute.${host})`;

const IS_DELETED: ReadonlySet<string> = new Set(['deleted', 'soft-delete']);
const OFFLOADED = 'shelved_offloaded';

/** Live evacuations that can still do something: not those lost with their destination, of an instance long deleted, nor those long overtaken by a successful one. */
export function liveEvacuations(facts: InstanceFacts, policy: Policy): readonly EvacuationView[] {
  if (!facts.evacuations.some(isLive)) return [];
  const successes = facts.evacuations.filter(hasSucceeded);
  return facts.evacuations.filter((e) => {
    if (!isLive(e)) return false;
    if (facts.isLost(e)) return false;
    if (facts.server.deleted && facts.novaNow - e.updatedAt >= policy.timing.deletedSettleMs) return false;
    const overtaken =
      facts.isLeftBehind(e) || successes.some((success) => success.id > e.id || hasOvertaken(success, e));
    return !(overtaken && facts.novaNow - e.updatedAt >= policy.timing.overtakenMs);
  });
}

/** Attempts that ended without success: Nova's `error` and `failed`, and those whose destination died under them. */
export function failedAttempts(facts: InstanceFacts): readonly EvacuationView[] {
  return ofThisIncident(facts).filter((e) => !hasSucceeded(e) && (!isLive(e) || facts.isLost(e)));
}

/** Evacuations that somebody started this long before our first look count as this incident's, ms; Nova's Date header has whole seconds. */
export const SINCE_MARGIN_MS = 2_000;

/** How much earlier than it was Nova's date of a record may be, ms: it has whole seconds. */
const DATE_MS = 1_000;

/**
 * Those since the record was begun, and what somebody had begun by hand before that and has ended since. (What was done gets a new
 * date once more when its host is back, and is `completed` then: that is an earlier incident's.)
 */
function ofThisIncident({ evacuations, since }: InstanceFacts): readonly EvacuationView[] {
  const lookedAt = since + SINCE_MARGIN_MS;
  return evacuations.filter(
    ({ status, createdAt, updatedAt }) =>
      createdAt >= since || (status !== 'completed' && updatedAt >= lookedAt - DATE_MS),
  );
}

/**
 * Where one instance of a dead host stands, from what was seen of it.
 *
 * An evacuation is only `ready` when no other one of this instance can be under way: Nova stopped checking that
 * in Zed (`nova/compute/api.py` evacuate, task_state=None), and two at once make the guest run twice.
 */
export function judge(
  facts: InstanceFacts,
  policy: Policy,
  live: readonly EvacuationView[] = liveEvacuations(facts, policy),
): Outcome {
  const { server } = facts;
  const moving = live.at(-1);
  if (server.deleted) return { kind: 'gone', reason: 'it was deleted' };
  if (moving) {
    const reason = facts.whyUnclaimed(moving);
    return { kind: 'moving', to: moving.dest, ...(reason === null ? {} : { reason }) };
  }
  return server.host === facts.source ? judgeAtHome(facts, policy) : judgeAway(facts, policy);
}

function judgeAway(facts: InstanceFacts, { timing }: Policy): Outcome {
  const { server, mono } = facts;
  if (server.host === null || IS_DELETED.has(server.vmState) || server.vmState === OFFLOADED) {
    return { kind: 'gone', reason: `it is ${server.vmState} and on no host` };
  }
  // Lists that were made one after the other, with a slow Nova: when it has arrived, and how, the next one says.
  const { request } = facts;
  if (request !== null && mayGetRecord(request) && !hasRecord(facts, request)) {
    if (!isLookedForLong(facts, request, timing))
      return { kind: 'verifying', reason: `its evacuation is not listed yet; to be seen on ${server.host}` };
  }
  const task: Outcome = { kind: 'verifying', reason: `${server.taskState} on ${server.host}` };
  const hasTask = server.taskState !== null;
  // What its user does with it there (a snapshot, a stop) is nobody's to wait for, and may never end if that host dies.
  if (hasTask && mono - server.taskSince < timing.taskSettleMs) return task;
  const started = whyMayStartAtHome(facts);
  if (started !== null) return { kind: 'verifying', reason: started };
  if (server.vmState === 'error') {
    return {
      kind: 'failed',
      reason: `it is on ${server.host}, but in ERROR${server.fault ? `: ${server.fault}` : ''}`,
    };
  }
  // A failed attempt leaves ERROR, an earlier incident's as well, and from ERROR Nova starts the guest whatever it was
  // before (nova/compute/manager.py _do_rebuild_instance, orig_vm_state).
  const cameFromError = facts.wasInError || failedAttempts(facts).length > 0;
  const startedByNova = facts.wasStopped && server.vmState === 'active' && cameFromError;
  // Our own stop may be lost with that host, and Nova stops nothing that has a task_state (nova/compute/api.py stop).
  if (startedByNova && hasTask) {
    if (mono - server.taskSince < timing.restoreLimitMs) return task;
    return {
      kind: 'moved',
      to: server.host,
      reason: sayNotStopped(`its task_state stays ${server.taskState}`),
    };
  }
  if (!startedByNova || facts.stopSent) return { kind: 'moved', to: server.host };
  const { stopFailed } = facts;
  // It runs elsewhere, and no reason to hold the host that it came from.
  return stopFailed !== null && stopFailed.times >= MAX_STOPS
    ? { kind: 'moved', to: server.host, reason: sayNotStopped(stopFailed.message) }
    : { kind: 'restoring', to: server.host, reason: stopFailed?.message ?? null };
}

/** Requests to stop an instance again, at most; with the pauses between them the last comes after some 5 min. */
const MAX_STOPS = 24;

function sayNotStopped(why: string): string {
  return `it was stopped, runs now, and could not be stopped again: ${why}`;
}

function judgeAtHome(facts: InstanceFacts, policy: Policy): Outcome {
  const { server, request, mono } = facts;
  if (
    IS_DELETED.has(server.vmState) ||
    server.taskState === 'deleting' ||
    server.taskState === 'soft-deleting'
  ) {
    return { kind: 'gone', reason: 'it is being deleted' };
  }
  if (server.vmState === OFFLOADED) return judgeOffloaded(server);
  const own = ofThisIncident(facts);
  const last = own.at(-1);
  const arrived = arrivedSinceAsked(own, facts);
  if (arrived !== undefined && !hasNotMoved(arrived, facts)) {
    return {
      kind: 'verifying',
      reason: `Nova says ${arrived.status}; to be seen on ${arrived.dest ?? 'its new host'}`,
    };
  }
  const why = whyNotEvacuable(server.vmState);
  if (why !== null) return { kind: 'cannot', reason: why };
  if (request !== null) {
    const wait = judgeRequest(request, facts, policy);
    if (wait !== null) return wait;
  }
  // Not before that: Nova takes a request of ours that is late for one that is to be started as well.
  const starts = whyStartsAtHome(server, facts.source);
  if (starts !== null) return { kind: 'cannot', reason: starts };
  const left = whyGuestMayBeLeft(facts);
  if (left !== null) {
    const underWay = isBeingRebuilt(server) ? completedUnderWay(facts) : null;
    // Its host was back in the middle of it: mostly it arrives.
    if (underWay !== null && facts.novaNow - underWay.updatedAt < policy.timing.overtakenMs)
      return {
        kind: 'verifying',
        reason: `Nova says ${underWay.status} of its evacuation, for its host was back meanwhile; it may arrive on ${underWay.dest ?? 'another host'} yet`,
      };
    const started = whyMayStartAtHome(facts);
    return started === null
      ? { kind: 'failed', reason: left }
      : { kind: 'verifying', reason: `${left}; ${started}` };
  }
  const arriving = mayBeArriving(facts, policy.timing);
  if (arriving !== null) return arriving;

  const failures = failedAttempts(facts);
  const fault = server.fault ? `: ${server.fault}` : '';
  const counted = countAttempts(failures, facts.placementAfter);
  if (counted === null) {
    const reason = 'an evacuation has ended in error; asking whether Placement answers';
    return { kind: 'waiting', reason, needs: 'placement' };
  }
  if (counted >= policy.retry.maxAttempts) {
    return {
      kind: 'failed',
      reason: `${counted} evacuations failed${fault || sayLeftOpen(failures, server)}`,
    };
  }
  if (mono < facts.quietUntil) {
    return { kind: 'waiting', reason: 'a request of the evacuator before this one may still be under way' };
  }
  const admission = facts.admit();
  if (admission.kind === 'excluded' || admission.kind === 'cannot') return admission;
  if (admission.kind === 'held') return { kind: 'waiting', reason: admission.reason, needs: 'admission' };
  const movingAway = judgeMovingAway(facts, policy.timing);
  if (movingAway !== null) return movingAway;
  // Only the server's own record says that its guest may be left where that failed. That need not be the last: Nova may have taken
  // a record that had been lost for the request, whose own stays behind.
  if (failures.some(({ status }) => status === 'failed') && facts.seenAt < facts.followedAt)
    return {
      kind: 'waiting',
      reason: `attempt ${failures.length} failed; looking at it before the next`,
      needs: 'look',
    };
  // What a lost evacuation has left behind as task_state nobody goes on with.
  const isLeftover = last !== undefined && isLive(last) && facts.isLost(last);
  if (server.taskState !== null && !isLeftover && mono - server.taskSince < policy.timing.taskSettleMs) {
    return {
      kind: 'waiting',
      reason: `its task_state is ${server.taskState}; waiting whether somebody goes on with it`,
    };
  }
  const failed = failures.at(-1);
  if (failed) {
    const { maxAttempts, retryDelayMs } = policy.retry;
    const pauseMs = retryDelayMs * 2 ** (Math.min(failures.length, maxAttempts) - 1);
    const what =
      counted === 0
        ? 'Placement did not answer in its last attempt, which does not count'
        : `attempt ${counted} of ${maxAttempts} failed${fault}`;
    if (facts.novaNow - failed.updatedAt < pauseMs)
      return { kind: 'waiting', reason: `${what}; again after ${pauseMs / 1000} s`, needs: 'look' };
  }
  return { kind: 'ready' };
}

/** How long after Nova has called an evacuation completed that was still under way its instance may arrive, ms: a disk may be large. */
const LATE_ARRIVAL_MS = 24 * 3_600_000;

/**
 * What is lost before its claim leaves the instance as one that is being rebuilt, and nova-compute passes it by at its start, for there is
 * an evacuation of it (nova/compute/manager.py _destroy_evacuated_instances, init_host): it does not come back with its host.
 */
function sayLeftOpen(failures: readonly EvacuationView[], server: ServerView): string {
  const last = failures.at(-1);
  if (last === undefined || !isLive(last) || server.taskState === null) return '';
  return `, the last of which Nova has left as ${last.status}, and its task_state as ${server.taskState}: evacuate it by hand, or, when its host is back, set its state to error (openstack server set --state error ${server.id}) and reboot it hard`;
}

/**
 * An instance that is offloaded is on no host, but for the time in which it is unshelved: its host is written down before the guest is
 * spawned (nova/compute/manager.py _unshelve_instance, resource_tracker.py instance_claim), and, without a task_state, for the moment
 * after it was offloaded. nova-compute puts what it finds spawning into ERROR (_init_instance); the image goes only after the spawn.
 */
function judgeOffloaded({ taskState }: ServerView): Outcome {
  if (taskState === null)
    return {
      kind: 'gone',
      reason: 'it is shelved and offloaded: nothing of it is here, and it is unshelved on any host',
    };
  return {
    kind: 'cannot',
    reason: `it was being unshelved here (${taskState}), and Nova does not evacuate what is shelved; nova-compute sets it to ERROR when its host is back: rebuild it then from the image that its shelving has made, or, booted from a volume, reboot it hard`,
  };
}

/**
 * The moment between the spawn and the arrival: the task_state is gone, and the host not changed yet
 * (nova/compute/manager.py _do_rebuild_instance, and finish_evacuation after it). It shows only where Nova calls the evacuation
 * completed already, for the host was back in the middle of it.
 */
function mayBeArriving(
  { server, evacuations, isLost, mono, novaNow }: InstanceFacts,
  { taskSettleMs }: Timing,
): Outcome | null {
  const last = evacuations.findLast((each) => !isLost(each));
  if (last?.status !== 'completed' || server.taskState !== null || mono - server.taskSince >= taskSettleMs)
    return null;
  // What it has brought away, and has been brought back since, is not to wait at each death of its host.
  if (novaNow - last.updatedAt >= LATE_ARRIVAL_MS) return null;
  return {
    kind: 'verifying',
    reason: `Nova says completed; waiting whether it arrives on ${last.dest ?? 'another host'}`,
  };
}

/**
 * A success since it was last asked for, by whichever record: Nova may have taken an older one for the request (deaths.ts),
 * and the request's own, left behind, may have been closed by a person.
 */
function arrivedSinceAsked(
  own: readonly EvacuationView[],
  { isLost }: InstanceFacts,
): EvacuationView | undefined {
  const worked = own.filter((e) => !isLost(e));
  const askedAt = worked.at(-1)?.createdAt ?? 0;
  return worked.findLast((e) => hasSucceeded(e) && e.updatedAt >= askedAt);
}

/**
 * Whether an instance that is at home is there though its evacuation was called `completed`: its host's nova-compute has started since,
 * and says so of one that was under way as well (nova/compute/manager.py _destroy_evacuated_instances). `done` is written after the move.
 */
function hasNotMoved({ status }: EvacuationView, { seenAt, followedAt }: InstanceFacts): boolean {
  return status === 'completed' && seenAt >= followedAt;
}

/** What our own request means while no evacuation of it is to be seen; null when it stands in nobody's way. */
function judgeRequest(request: RequestView, facts: InstanceFacts, policy: Policy): Outcome | null {
  switch (request.state) {
    case 'pending':
      return { kind: 'moving', to: null };
    case 'refused':
      if (request.refusals >= policy.retry.maxRefusals)
        return { kind: 'failed', reason: sayRefused(request, facts) };
      return facts.mono - request.at < policy.retry.retryDelayMs
        ? { kind: 'waiting', reason: `Nova refused it: ${request.message}` }
        : null;
    case 'unsent':
      return facts.mono - request.at < policy.timing.lookRetryMs
        ? { kind: 'waiting', reason: `Nova could not be reached: ${request.message}` }
        : null;
    case 'accepted':
    case 'unknown': {
      const isOverdue = isLookedForLong(facts, request, policy.timing);
      // A request that has got its record is judged by the record; one newer than the last look has none yet. Of one without an answer
      // the record may be somebody else's, who has evacuated it by hand meanwhile.
      if (hasRecord(facts, request) && (request.state === 'accepted' || isOverdue)) return null;
      if (isOverdue && facts.servicesAt >= facts.followedAt)
        return judgeFailing({ request, mono: facts.mono, isEverybodys: facts.isEverybodysFailure });
      return request.state === 'accepted'
        ? { kind: 'moving', to: null }
        : {
            kind: 'unanswered',
            reason: `no answer to the request (${request.message}); waiting whether Nova took it`,
          };
    }
    default:
      return request.state satisfies never;
  }
}

function isLookedForLong({ followedAt }: InstanceFacts, { at }: RequestView, timing: Timing): boolean {
  return followedAt - at >= timing.requestSettleMs;
}

/** Whether Nova may have taken a request, as far as its answer says. */
function mayGetRecord({ state }: RequestView): boolean {
  return state === 'pending' || state === 'accepted' || state === 'unknown';
}

/**
 * Whether nothing but a list of the services is missing to settle a request of which no look has shown a record: of a cell that
 * is down Nova lists no evacuations, in silence (nova/compute/multi_cell_list.py).
 */
export function lacksServices(facts: InstanceFacts, policy: Policy): boolean {
  const { request, followedAt, servicesAt } = facts;
  if (request === null || (request.state !== 'accepted' && request.state !== 'unknown')) return false;
  return (
    servicesAt < followedAt && !hasRecord(facts, request) && isLookedForLong(facts, request, policy.timing)
  );
}

/**
 * Until Zed Nova evacuated no instance that had a task_state (`nova/compute/api.py` evacuate, check_instance_state
 * without task_state=None); what the dead host was about to do is left standing then.
 */
function sayRefused({ refusals, message }: RequestView, { server }: InstanceFacts): string {
  const text = `Nova refused it ${refusals} times: ${message}`;
  if (server.taskState === null) return text;
  return `${text}. Its task_state ${server.taskState} is left over from the dead host, and this Nova evacuates nothing that has one: reset it (openstack server set --state error ${server.id}), then evacuate it by hand or let it come back with its host`;
}

/** Whether an evacuation that the request made has been seen: more records than there were when it was sent. */
function hasRecord(facts: InstanceFacts, request: RequestView): boolean {
  return facts.evacuations.length > request.recordsBefore;
}

/** A server's id as it stands in the record's list of stopped instances: the part of the UUID before its first dash. */
export function shortId(id: ServerId): string {
  return id.slice(0, 8);
}
