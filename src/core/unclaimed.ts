import { abandoned, nodesByHost, novaAheadMs, provenDeaths } from './deaths.ts';
import { type Draft, lookAtServices, wakeWithin } from './draft.ts';
import type { HostName } from './names.ts';
import {
  type ClusterView,
  type EvacuationView,
  type HostView,
  known,
  type Maybe,
  type NodeView,
  type ServiceView,
  unknown,
} from './observation.ts';
import type { EvacuationRecord } from './records.ts';
import { evacuationsSince } from './seen.ts';
import { hasOvertaken, isUnclaimed } from './status.ts';

/** What is to become of an evacuation that was sent to a host and that nobody has claimed. */
export type Unclaimed =
  /** Its message is gone with the host: nobody will take it up any more. Several: with one of them. */
  | { readonly kind: 'lost'; readonly hosts: readonly HostName[] }
  | { readonly kind: 'waiting'; readonly reason: string };

/** Where the evacuations are looked for. */
export interface Sender {
  readonly view: HostView;
  readonly record: EvacuationRecord;
}

/**
 * What has become of the evacuations from a host that have had no claim for long, while some other host died.
 *
 * nova-compute acknowledges a message when it receives it (oslo_messaging/rpc/server.py _process_incoming), and
 * claims later. Of a host that dies the message is therefore either gone, or still in its queue: then its next
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
  const { view } = sender;
  const { timing } = draft.policy;
  const found = new Map<number, Unclaimed>();
  const old = view.evacuations.filter(
    (e) => isUnclaimed(e) && view.novaNow - e.createdAt >= timing.unclaimedMs,
  );
  if (old.length === 0) return found;
  const lives = livesOf(draft, cluster);
  const { lost } = sender.record;
  for (const evacuation of old) {
    const own = view.evacuations.filter((each) => each.server === evacuation.server);
    if (abandoned(own, lost).has(evacuation.id)) continue;
    if (own.some((each) => hasOvertaken(each, evacuation))) {
      const minutes = timing.overtakenMs / 60_000;
      const reason = `it has arrived by another of its requests; this one is waited for, ${minutes} min at most`;
      found.set(evacuation.id, { kind: 'waiting', reason });
      continue;
    }
    const others = [...lives.values()].filter(({ host }) => host !== view.host);
    const isLong = view.novaNow - evacuation.createdAt >= timing.lostRequestMs;
    if (!isLong && !others.some((life) => diedSince(draft, life, evacuation))) continue;
    const before = own.filter((each) => lost.some(({ id }) => id === each.id) && each.id !== evacuation.id);
    const chosen = chosenFor(draft, { evacuation, source: view.host, before, lives });
    if (chosen.known && chosen.value.length > 0)
      found.set(evacuation.id, judge(draft, evacuation, view, chosen.value));
    else
      found.set(evacuation.id, waiting(chosen.known ? sayUnsent(draft, evacuation, isLong) : chosen.reason));
  }
  return found;
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
  // What controllers wrote is on their clock.
  const aheadMs = novaAheadMs(observation);
  const nodes = nodesByHost(observation, cluster);
  for (const service of services.value) {
    const { host } = service;
    const node = nodes.get(host);
    if (node !== undefined) lives.set(host, { host, service, node, diedAt: lastDeath(node) + aheadMs });
  }
  return lives;
}

function lastDeath(node: NodeView): number {
  const { incident } = node;
  const begun = incident === null || incident === 'unreadable' ? [] : [incident.at];
  return Math.max(Number.NEGATIVE_INFINITY, ...begun, ...provenDeaths(node));
}

/**
 * Whether a host has died since an evacuation was sent, or so shortly before that the clocks may differ by it: it
 * was dead when the message came then, for nobody boots and is let go within the margin.
 */
function diedSince({ policy }: Draft, { diedAt }: Life, { createdAt }: EvacuationView): boolean {
  return diedAt + policy.timing.deathMarginMs >= createdAt;
}

interface Choice {
  readonly evacuation: EvacuationView;
  readonly source: HostName;
  /** Earlier evacuations of this instance that were lost: what was allocated for them stays. */
  readonly before: readonly EvacuationView[];
  readonly lives: ReadonlyMap<HostName, Life>;
}

/** The hosts of which one was chosen for an evacuation; empty: Placement names none yet. */
function chosenFor(draft: Draft, choice: Choice): Maybe<readonly Life[]> {
  const { evacuation, source, before, lives } = choice;
  // A request that named its host shows it, though an earlier one may have been sent there as well.
  const isNamed = evacuation.dest !== null;
  const names = evacuation.dest === null ? allocated(draft, evacuation) : known([evacuation.dest]);
  if (!names.known) return names;
  const chosen: Life[] = [];
  for (const name of names.value) {
    if (name === source) continue;
    const life = [...lives.values()].find(({ host }) => host === name);
    if (life === undefined)
      return unknown(`Placement names ${name} for it, which is no compute host of Nova in this cluster`);
    const isOther = before.some(({ dest }) => dest === name) || wasOut(draft, life, evacuation);
    if (isNamed || !isOther) chosen.push(life);
  }
  // Of an earlier one that was lost before its claim nobody knows any more which of them was its host.
  const unnamed = before.filter(({ dest }) => dest === null).length;
  return known(isNamed || chosen.length > unnamed ? chosen : []);
}

/** The names that Placement gives; asks for them. */
function allocated(draft: Draft, { server }: EvacuationView): Maybe<readonly string[]> {
  const { observation, policy } = draft;
  const fact = observation.allocations.get(server);
  const dueMs = fact === undefined ? 0 : fact.mono + policy.timing.slowMs - observation.mono;
  if (dueMs <= 0) draft.allocations.add(server);
  wakeWithin(draft, dueMs);
  if (fact === undefined) return unknown('asking Placement which host was chosen for it');
  return fact.value.known
    ? fact.value
    : unknown(`Placement can't be asked which host was chosen for it: ${fact.value.reason}`);
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

function judge(draft: Draft, evacuation: EvacuationView, view: HostView, chosen: readonly Life[]): Unclaimed {
  const { servicesAt } = draft.observation;
  const alive = chosen.find((life) => !diedSince(draft, life, evacuation));
  if (alive !== undefined)
    return { kind: 'waiting', reason: `sent to ${alive.host}; waiting for its nova-compute to take it up` };
  // What is up is seen in the list of the services, what it has taken up in a look that was made after it.
  const out =
    chosen.find((life) => !isBack(draft, life)) ?? (view.followedAt < servicesAt ? chosen[0] : null);
  if (out) return { kind: 'waiting', reason: sayOut(draft, out) };
  return { kind: 'lost', hosts: chosen.map(({ host }) => host) };
}

/** Whether nova-compute has been up again for so long that its queue is empty, by its own reports. */
function isBack(draft: Draft, { host, node, service, diedAt }: Life): boolean {
  const { observation, policy } = draft;
  if (node.incident !== null) return false;
  lookAtServices(draft, policy.timing.slowMs);
  const upSince = observation.upSince.get(host);
  if (service.state !== 'up' || upSince === undefined || service.updatedAt === null) return false;
  return service.updatedAt - Math.max(upSince, diedAt) >= policy.timing.queueDrainMs;
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
function sayUnsent({ policy }: Draft, { server }: EvacuationView, isLong: boolean): string {
  const text = 'Placement does not say yet which host was chosen for it';
  if (!isLong) return text;
  const minutes = policy.timing.lostRequestMs / 60_000;
  return `${text}, for more than ${minutes} min. If nova-conductor or RabbitMQ has died since, and nova-conductor is up again with nothing in its queue (rabbitmqctl list_queues name messages | grep conductor), and no compute host is away in whose queue its message may lie, the request is lost: evacuate the instance by hand (openstack server evacuate ${server}; before Zed set its state to error first), and this goes on from there. If that fails for want of room, let the node go by hand`;
}

function waiting(reason: string): Unclaimed {
  return { kind: 'waiting', reason: `nobody has taken it up yet: ${reason}` };
}
