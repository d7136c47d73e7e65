import { after } from './agenda.ts';
import { dropLostFencings, fenceAllUnclean } from './fencing.ts';
import { isReachable } from './machines.ts';
import { between, type Cluster, type Member, machineOf, type World } from './model.ts';
import { reconnectAll } from './remotes.ts';
import { leaveEvacuator, manageAllChains, manageEvacuator } from './resources.ts';

/** Whether the main partition has a majority of the votes (corosync votequorum, without two_node). */
export function isQuorate(world: World): boolean {
  return world.cluster.agreed.size * 2 > world.spec.controllers.length;
}

/** Whether a controller can have its commands carried out by the cluster. */
export function canWrite(world: World, name: string): boolean {
  return isQuorate(world) && world.cluster.agreed.has(name) && isReachable(machineOf(world, name));
}

/** What a controller sees of the cluster; null where pacemaker does not run. */
export function seenFrom(
  world: World,
  name: string,
): {
  readonly permanent: Cluster['permanent'] | ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly transient: Cluster['transient'] | ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly haveQuorum: boolean;
} | null {
  const member = world.cluster.members.get(name);
  if (member === undefined || !member.pacemaker) return null;
  if (member.snapshot !== null) return member.snapshot;
  const { permanent, transient } = world.cluster;
  return { permanent, transient, haveQuorum: isQuorate(world) };
}

/** A controller has gone, come, or lost its network: corosync needs its token's time to agree about it. */
export function controllerChanged(world: World, name: string): void {
  const machine = machineOf(world, name);
  const member = world.cluster.members.get(name);
  if (member === undefined) return;
  if (machine.os === 'up' && machine.isolated && member.snapshot === null) freeze(world, member);
  const wait = between(world, world.spec.cluster.tokenMs, 'token', name, world.counter++);
  after(world.agenda, wait, () => agree(world));
}

/** From now on it sees what it saw last; for the length of a token it does not even know. */
function freeze(world: World, member: Member): void {
  const copy = (from: Cluster['permanent']): Map<string, Map<string, string>> =>
    new Map([...from].map(([key, values]) => [key, new Map(values)]));
  member.snapshot = {
    permanent: copy(world.cluster.permanent),
    transient: copy(world.cluster.transient),
    haveQuorum: isQuorate(world),
  };
}

/** A new membership: who is left, who has to be fenced, who may go on. */
function agree(world: World): void {
  const { cluster } = world;
  const before = cluster.agreed;
  cluster.agreed = new Set(
    [...cluster.members.values()]
      .filter((member) => member.pacemaker && isReachable(machineOf(world, member.name)))
      .map((member) => member.name),
  );
  for (const member of cluster.members.values()) {
    if (cluster.agreed.has(member.name)) member.snapshot = null;
    else if (member.snapshot !== null) member.snapshot.haveQuorum = world.spec.controllers.length === 1;
    if (before.has(member.name) && !cluster.agreed.has(member.name)) member.unclean = true;
  }
  // The fencers' memory and attrd's live in the daemons; the CIB is on the disks.
  if (
    cluster.agreed.size === 0 &&
    ![...cluster.members.values()].some((member) => member.snapshot !== null)
  ) {
    cluster.transient.clear();
    cluster.published.clear();
    cluster.history.clear();
  }
  const isSame = before.size === cluster.agreed.size && [...before].every((name) => cluster.agreed.has(name));
  if (!isSame) {
    world.emit({ kind: 'membership', members: [...cluster.agreed], quorum: isQuorate(world) });
  }
  leaveEvacuator(world);
  dropLostFencings(world);
  if (!isQuorate(world)) return;
  fenceAllUnclean(world);
  manageEvacuator(world);
  reconnectAll(world);
  manageAllChains(world);
}
