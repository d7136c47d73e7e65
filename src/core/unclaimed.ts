import { abandoned, nodesByHost, provenDeaths } from './deaths.ts';
import { type Draft, lookAt, lookAtServices, wakeWithin } from './draft.ts';
import { novaAheadMs, novaNowOf } from './looks.ts';
import type { HostName } from './names.ts';
import {
  type ClusterView,
  type EvacuationView,
  type HostView,
  known,
  type Maybe,
  type NodeView,
  type ServiceView,
  type TrailView,
  trailKey,
  unknown,
} from './observation.ts';
import type { EvacuationRecord } from './records.ts';
import { evacuationsSince } from './seen.ts';
import { hasOvertaken, isUnclaimed } from './status.ts';

/** What is to become of an evacuation that was sent to a host and that nobody has claimed. */
export type Unclaimed =
  /** Its message is gone with the host: nobody will take it up any more. Several: with one of them. */
  | { readonly kind: 'lost'; readonly hosts: readonly HostName[] }
  /** By nova-conductor, which has sent it to no host. */
  | { readonly kind: 'given-up' }
  | { readonly kind: 'waiting'; readonly reason: string }
  /** Its request was carried out with an older record, and the instance has arrived: this one stays behind. */
  | { readonly kind: 'left-behind'; readonly reason: string };

/** Where the evacuations are looked for. */
export interface Sender {
  readonly view: HostView;
  readonly record: EvacuationRecord;
}

/**
 * What has become of the evacuations from a host that have had no claim for long, while some other host died.
 *
 * nova-compute acknowledges a message when it receives it (oslo_messaging/rpc/server.py _process_incoming), and
 * claims later, one after the other: `COMPUTE_RESOURCE_SEMAPHORE` of nova/compute/resource_tracker.py may hold a claim up for minutes,
 * but what it has received it has written down before that. Of a host that dies the message is therefore either gone, or still in its queue: then its next
 * nova-compute takes it up, however late. Asked for again meanwhile, the instance would be evacuated twice. So it
 * counts as lost only when nova-compute has been up again there for long enough to have emptied its queue.
 *
 * The record does not name the host. Placement does: the scheduler allocates on it before the conductor sends.
 */
export function judgeUnclaimed(
  draft: Draft,
  cluster: ClusterView,
  sender: Sender,
): ReadonlyMap<number, Unclaimed> {
  const { view, record } = sender;
  const { timing } = draft.policy;
  const found = new Map<number, Unclaimed>();
  const old = view.evacuations.filter(
    (e) => isUnclaimed(e) && view.novaNow - e.createdAt >= timing.unclaimedMs,
  );
  if (old.length === 0) return found;
  const lives = livesOf(draft, cluster);
  const { lost } = record;
  for (const evacuation of old) {
    const own = view.evacuations.filter((each) => each.server === evacuation.server);
    if (abandoned(own, lost).has(evacuation.id)) continue;
    const minutes = timing.overtakenMs / 60_000;
    if (own.some((each) => hasOvertaken(each, evacuation))) {
      const reason = `it has arrived by another of its requests; this one is waited for, ${minutes} min at most`;
      found.set(evacuation.id, { kind: 'waiting', reason });
      continue;
    }
    if (isWhereReceived(draft, view, evacuation)) {
      const reason = `it has arrived, by a record that an earlier host had left behind; this one is waited for, ${minutes} min at most`;
      found.set(evacuation.id, { kind: 'left-behind', reason });
      continue;
    }
    const others = [...lives.values()].filter(({ host }) => host !== view.host);
    const isLong = view.novaNow - evacuation.createdAt >= timing.lostRequestMs;
    if (!isLong && !others.some((life) => diedSince(draft, life, evacuation))) continue;
    const before = own.filter((each) => lost.some(({ id }) => id === each.id) && each.id !== evacuation.id);
    const sent: Sent = { evacuation, source: view.host, view, record, before, lives, isLong };
    found.set(evacuation.id, judgeSent(draft, sent));
  }
  return found;
}

/**
 * Whether an instance is where its request was received, with nothing under way. Nova takes the oldest record of it that is `accepted`,
 * whichever host that is from (nova/db/main/api.py migration_get_by_instance_and_status): where an earlier host had one that it
 * has never come back to close, that one tells of the move, and the request's own stays as it is.
 */
function isWhereReceived({ observation }: Draft, view: HostView, evacuation: EvacuationView): boolean {
  const trail = observation.trails.get(trailKey(evacuation))?.value;
  if (!trail?.known || trail.value.receivedBy === null) return false;
  const seen = view.servers.find(({ id }) => id === evacuation.server);
  return (
    seen !== undefined &&
    seen.host !== view.host &&
    seen.host === trail.value.receivedBy &&
    seen.taskState === null
  );
}

/** What is known of the lives of a compute host. */
interface Life {
  readonly host: HostName;
  readonly service: ServiceView;
  readonly node: NodeView;
  /** When it was last known to be dead, on Nova's clock; -Infinity: never. */
  readonly diedAt: number;
}

function livesOf({ observation }: Draft, cluster: ClusterView): ReadonlyMap<HostName, Life> {
  const lives = new Map<HostName, Life>();
  const { services } = observation;
  if (!services.known) return lives;
  const aheadMs = novaAheadMs(observation);
  const nodes = nodesByHost(observation, cluster);
  for (const service of services.value) {
    const { host } = service;
    const node = nodes.get(host);
    if (node !== undefined) lives.set(host, { host, service, node, diedAt: lastDeath(node, aheadMs) });
  }
  return lives;
}

/** The incident's own time is on a controller's clock; as long as it stands, nothing sent there counts as lost. */
function lastDeath(node: NodeView, aheadMs: number): number {
  const { incident } = node;
  const begun = incident === null || incident === 'unreadable' ? [] : [incident.at + aheadMs];
  return Math.max(Number.NEGATIVE_INFINITY, ...begun, ...provenDeaths(node));
}

/**
 * Whether a host has died since an evacuation was sent, or so shortly before that the clocks may differ by it: it
 * was dead when the message came then, for nobody boots and is let go within the margin.
 */
function diedSince({ policy }: Draft, { diedAt }: Life, { createdAt }: EvacuationView): boolean {
  return diedAt + policy.timing.deathMarginMs >= createdAt;
}

/** An evacuation that is looked into. */
interface Sent {
  readonly evacuation: EvacuationView;
  readonly source: HostName;
  readonly view: HostView;
  readonly record: EvacuationRecord;
  /** Earlier evacuations of this instance that were lost: what was allocated for them stays. */
  readonly before: readonly EvacuationView[];
  readonly lives: ReadonlyMap<HostName, Life>;
  /** It has had no claim for so long that its request may be lost. */
  readonly isLong: boolean;
}

/**
 * Placement keeps what was allocated for evacuations that were lost, in earlier incidents as well: no nova-compute takes back what is
 * not its own (nova/compute/resource_tracker.py _remove_deleted_instances_allocations). What was chosen for a live migration whose
 * source has died over it stays too. A host that it names need not be the one chosen for this request, then, nor need any be chosen
 * yet. So nothing counts as lost before nova-conductor has sent the request, by its own word; and what it was sent to is one of
 * those named, but for those that can't be.
 */
function judgeSent(draft: Draft, sent: Sent): Unclaimed {
  const trail = trailOf(draft, sent.evacuation);
  if (!trail.known) return waiting(trail.reason);
  // One that was lost before, and lives again, is carried out for a later request: its own has nothing to say of that (deaths.ts).
  const isAnother = sent.record.lost.some(({ id }) => id === sent.evacuation.id);
  if (trail.value.gaveUp && !isAnother) return judgeGivenUp(draft, sent, trail.value);
  if (!trail.value.sent)
    return waiting(sayUnsent(draft, sent, 'nova-conductor has not sent it to a host yet'));
  const chosen = chosenFor(draft, sent, trail.value);
  if (!chosen.known) return waiting(chosen.reason);
  const { receivedBy } = trail.value;
  const own = chosen.value.filter(({ host }) => receivedBy === null || host === receivedBy);
  return own.length > 0
    ? judge(draft, sent, own, trail.value)
    : waiting(sayUnsent(draft, sent, 'Placement does not say yet which host was chosen for it'));
}

/**
 * Where there is no valid host nova-conductor closes the record, and ends with an error then, so a look after that shows it. What Neutron,
 * the RPC to the scheduler or the database raise it catches nowhere: nobody closes the record (nova/conductor/manager.py
 * rebuild_instance).
 */
function judgeGivenUp(draft: Draft, { view, record }: Sent, { toldAt }: TrailView): Unclaimed {
  if (view.followedAt >= toldAt) return { kind: 'given-up' };
  lookAt(draft, view.host, { incident: record.incident, since: record.since, evacuations: true });
  return waiting('nova-conductor has given it up with an error; looking whether it has closed its record');
}

/** How far the request has come, as Nova's services have written it down; asks for it. */
function trailOf(draft: Draft, evacuation: EvacuationView): Maybe<TrailView> {
  const { observation, policy } = draft;
  const key = trailKey(evacuation);
  const fact = observation.trails.get(key);
  // That does not change any more.
  if (fact?.value.known === true && fact.value.value.gaveUp) return fact.value;
  const dueMs = fact === undefined ? 0 : fact.mono + policy.timing.slowMs - observation.mono;
  if (dueMs <= 0) draft.trails.set(key, evacuation);
  wakeWithin(draft, dueMs);
  if (fact === undefined) return unknown('asking Nova how far its request has come');
  return fact.value.known
    ? fact.value
    : unknown(`Nova can't be asked how far its request has come: ${fact.value.reason}`);
}

/** The hosts of which one was chosen for an evacuation; empty: Placement names none yet. */
function chosenFor(
  draft: Draft,
  { evacuation, source, before, lives }: Sent,
  { givers }: TrailView,
): Maybe<readonly Life[]> {
  // A request that named its host shows it, though an earlier one may have been sent there as well.
  const { dest } = evacuation;
  const isNamed = dest !== null;
  const named = dest === null ? givers : known([{ provider: dest, host: dest }]);
  if (!named.known) return unknown(`Placement can't be asked which host was chosen for it: ${named.reason}`);
  const chosen: Life[] = [];
  for (const { provider, host } of named.value) {
    if (host === source) continue;
    const life = host === null ? undefined : lives.get(host);
    if (life === undefined)
      return unknown(`Placement names ${provider} for it, which is no compute host of Nova in this cluster`);
    const isOther = before.some((each) => each.dest === host) || wasOut(draft, life, evacuation);
    if (isNamed || !isOther) chosen.push(life);
  }
  // Of an earlier one that was lost before its claim nobody knows any more which of them was its host.
  const unnamed = before.filter(({ dest }) => dest === null).length;
  return known(isNamed || chosen.length > unnamed ? chosen : []);
}

/** Whether a host that an earlier evacuation left has not been back since: the scheduler can't have chosen it. */
function wasOut(
  { observation, policy }: Draft,
  { host, node, service }: Life,
  { id, server, createdAt }: EvacuationView,
): boolean {
  const { evacuation: record } = node;
  if (record === null || record === 'unreadable' || !service.forcedDown) return false;
  if (record.releasedAt !== null) return record.releasedAt + policy.timing.deathMarginMs < createdAt;
  // It was forced down before the instance was asked for from there, and has not been let go since.
  const view = observation.hosts.get(host);
  return (
    view !== undefined && evacuationsSince(view, record.since).some((e) => e.server === server && e.id < id)
  );
}

function judge(draft: Draft, sent: Sent, chosen: readonly Life[], trail: TrailView): Unclaimed {
  const { servicesAt } = draft.observation;
  const { evacuation, view } = sent;
  const alive = chosen.find((life) => !diedSince(draft, life, evacuation));
  if (alive !== undefined) return { kind: 'waiting', reason: sayAlive(draft, sent, alive, trail) };
  const { receivedAt } = trail;
  const holder = chosen.find(({ diedAt }) => receivedAt !== null && receivedAt >= diedAt);
  if (holder !== undefined) return { kind: 'waiting', reason: sayAlive(draft, sent, holder, trail) };
  // What is up is seen in the list of the services, what it has taken up in looks that were made after it.
  const out =
    chosen.find((life) => !isBack(draft, life, trail)) ?? (view.followedAt < servicesAt ? chosen[0] : null);
  if (out) return { kind: 'waiting', reason: sayOut(draft, out) };
  return { kind: 'lost', hosts: chosen.map(({ host }) => host) };
}

/**
 * Whether nova-compute has been up again for so long that its queue is empty, by its own reports and by what the request's trail
 * shows since.
 */
function isBack(draft: Draft, { host, node, service, diedAt }: Life, { seenAt }: TrailView): boolean {
  const { observation, policy } = draft;
  if (node.incident !== null) return false;
  lookAtServices(draft, policy.timing.slowMs);
  const upSince = observation.upSince.get(host);
  if (service.state !== 'up' || upSince === undefined || service.updatedAt === null) return false;
  const seenNova = novaNowOf(observation) - (observation.mono - seenAt);
  return Math.min(service.updatedAt, seenNova) - Math.max(upSince, diedAt) >= policy.timing.queueDrainMs;
}

/**
 * Its message may be lost though its host lives: nova-conductor may die after the choice, RabbitMQ with its queues, or nova-compute
 * alone after the receipt. Nova's records say nothing of that; a person can look.
 */
function sayAlive({ policy }: Draft, { evacuation, isLong }: Sent, { host }: Life, trail: TrailView): string {
  const text =
    trail.receivedAt === null
      ? `sent to ${host}; waiting for its nova-compute to take it up`
      : `received by the nova-compute of ${host}; waiting for its claim`;
  if (!isLong) return text;
  const minutes = policy.timing.lostRequestMs / 60_000;
  const sign =
    trail.receivedAt === null
      ? `nova-compute runs on ${host} with nothing in its queue (rabbitmqctl list_queues name messages | grep compute.${host})`
      : `nova-compute on ${host} has been restarted since (${new Date(trail.receivedAt).toISOString()})`;
  return `${text}, for more than ${minutes} min. If ${sign}, the request is lost: ${howToAskAgain(evacuation)}`;
}

function sayOut({ policy }: Draft, { host, node, service }: Life): string {
  const drainS = policy.timing.queueDrainMs / 1000;
  // What was forced down for an evacuation of its own is cleared on its way back.
  const isLeftDown = service.forcedDown && node.incident === null && node.evacuation === null;
  if (isLeftDown)
    return `sent to ${host}, which died before it had taken it up, and which somebody has forced down: so Nova never calls its nova-compute up, and whether it is back is not known. When it runs again, take that back (openstack compute service set --up ${host} nova-compute): ${drainS} s later the evacuation is given up and asked for again`;
  return `sent to ${host}, which died before it had taken it up. Once nova-compute is back there it does so, or ${drainS} s later it is given up and asked for again. If ${host} never comes back: keep it off, delete its queue (rabbitmqctl delete_queue compute.${host}), evacuate the instance by hand, and let the node go by hand when it runs elsewhere`;
}

/**
 * No host was chosen for it, so no nova-compute has its message. nova-conductor acknowledges a message when it receives it
 * (oslo_messaging/rpc/server.py): one that dies with it has lost it, and Nova's records say nothing of that. A person knows.
 */
function sayUnsent({ policy }: Draft, { evacuation, isLong }: Sent, text: string): string {
  if (!isLong) return text;
  const minutes = policy.timing.lostRequestMs / 60_000;
  return `${text}, for more than ${minutes} min. If nova-conductor or RabbitMQ has died since, and nova-conductor is up again with nothing in its queue (rabbitmqctl list_queues name messages | grep conductor), and no compute host is away in whose queue its message may lie, the request is lost: ${howToAskAgain(evacuation)}`;
}

function howToAskAgain({ server }: EvacuationView): string {
  return `evacuate the instance by hand (openstack server evacuate ${server}; before Zed set its state to error first), and this goes on from there. If that fails for want of room, let the node go by hand`;
}

function waiting(reason: string): Unclaimed {
  return { kind: 'waiting', reason: `nobody has taken it up yet: ${reason}` };
}
