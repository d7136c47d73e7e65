import { after } from './agenda.ts';
import { eraseTransients, TRANSITION_MS } from './attributes.ts';
import { beginUnfencing, DEVICE_LIMIT_MS, fenceAllUnclean, pickMember } from './fencing.ts';
import { isReachable } from './machines.ts';
import { canWrite, isQuorate } from './membership.ts';
import { between, machineOf, type Remote, type World } from './model.ts';
import { manageChain, stopChain } from './resources.ts';

/** How long Pacemaker waits before it calls a failed unfencing again, ms. */
const UNFENCE_PAUSE_MS = 10_000;

/** A compute has gone, come, or lost its network. The controllers learn of it by their monitor of the connection. */
export function computeChanged(world: World, node: string): void {
  const remote = world.cluster.remotes.get(node);
  if (remote === undefined) return;
  const wait = between(world, world.spec.cluster.detectMs, 'detect', node, world.counter++);
  after(world.agenda, wait, () => checkConnection(world, remote));
  tryReconnect(world, remote);
  // What could not be done there while it was cut off, too shortly to be missed, is done now.
  manageChain(world, remote);
}

function checkConnection(world: World, remote: Remote): void {
  const machine = machineOf(world, remote.node);
  if (!remote.online || (isReachable(machine) && machine.life === remote.life)) return;
  if (!isQuorate(world)) {
    // The connection belongs to a resource; without quorum nobody looks, and the next membership does.
    after(world.agenda, 5_000, () => checkConnection(world, remote));
    return;
  }
  loseConnection(world, remote);
}

/**
 * The connection is declared lost: attrd forgets the node's transient attributes (`attrd_peer_remove`,
 * pacemaker daemons/controld/controld_remote_ra.c remote_node_down, measured) and the node is to be fenced.
 */
function loseConnection(world: World, remote: Remote): void {
  remote.unclean = true;
  dropConnection(world, remote);
  fenceAllUnclean(world);
}

/**
 * A connection ends, by loss or in order: for the cluster nothing runs there any more, and attrd forgets the node's transient
 * attributes. What really runs there is not touched.
 */
export function dropConnection(world: World, remote: Remote): void {
  remote.online = false;
  remote.wait = 'stopped';
  remote.novaCompute = 'unstarted';
  world.emit({ kind: 'remote', node: remote.node, online: false });
  eraseTransients(world, remote.node);
}

/** Sets (or with null deletes) the `target-role` of a remote node. False: the cluster can't take it. */
export function setTargetRole(
  world: World,
  remote: Remote,
  from: string,
  role: Remote['targetRole'],
): boolean {
  if (!canWrite(world, from)) return false;
  remote.targetRole = role;
  after(world.agenda, TRANSITION_MS, () => {
    if (remote.targetRole !== role) return;
    if (role === 'Stopped') letGo(world, remote);
    else tryReconnect(world, remote);
  });
  return true;
}

/** Pacemaker stops what runs on the node, then its connection; nobody takes that for a loss. One to an earlier boot can't be used, and is lost. */
function letGo(world: World, remote: Remote): void {
  const machine = machineOf(world, remote.node);
  if (!remote.online || remote.unclean || !isReachable(machine) || machine.life !== remote.life) return;
  stopChain(world, remote);
  dropConnection(world, remote);
}

/** After a change of membership that leaves a quorum: every connection is looked at, and one that is down is tried again. */
export function reconnectAll(world: World): void {
  for (const remote of world.cluster.remotes.values()) {
    if (remote.online) checkConnection(world, remote);
    else tryReconnect(world, remote);
  }
}

/** Tries the connection again after the reconnect interval, if there is hope. */
export function tryReconnect(world: World, remote: Remote): void {
  const isHopeful = (): boolean =>
    !remote.online &&
    !remote.unclean &&
    remote.targetRole !== 'Stopped' &&
    remote.fencing === null &&
    isQuorate(world) &&
    isReachable(machineOf(world, remote.node));
  if (!isHopeful()) return;
  const wait = between(world, world.spec.cluster.reconnectMs, 'reconnect', remote.node, world.counter++);
  after(world.agenda, wait, () => {
    if (isHopeful()) rejoin(world, remote);
  });
}

/** The node is back: its transient attributes are erased once more (measured), then it is unfenced. */
function rejoin(world: World, remote: Remote): void {
  remote.online = true;
  remote.fenced = false;
  remote.life = machineOf(world, remote.node).life;
  remote.failedUntil = 0;
  eraseTransients(world, remote.node);
  world.emit({ kind: 'remote', node: remote.node, online: true });
  remote.unfenced = !world.spec.cluster.unfencing;
  if (remote.unfenced) manageChain(world, remote);
  else unfence(world, remote, remote.life);
}

/** `on` of fence_compute, again and again: resources with requires=unfencing wait for it. */
function unfence(world: World, remote: Remote, life: number): void {
  if (!remote.online || remote.life !== life || remote.unfenced) return;
  const again = (): void => {
    after(world.agenda, UNFENCE_PAUSE_MS, () => unfence(world, remote, life));
  };
  if (!isQuorate(world)) {
    again();
    return;
  }
  let isAnswered = false;
  const by = pickMember(world, 'unfence', remote.node);
  const recorded = beginUnfencing(world, remote.node, by);
  const answer = (exitCode: number): void => {
    if (isAnswered) return;
    recorded(exitCode === 0);
    if (remote.life !== life || !remote.online) return;
    isAnswered = true;
    if (exitCode !== 0) {
      again();
      return;
    }
    remote.unfenced = true;
    world.emit({ kind: 'fencing', node: remote.node, step: 'unfenced', ok: true });
    manageChain(world, remote);
  };
  world.agents.fence(by, 'on', remote.node, answer);
  // A fencer that dies with its controller never answers: the operation times out, and is begun anew.
  after(world.agenda, DEVICE_LIMIT_MS, () => answer(124));
}
