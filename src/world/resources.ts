import { after } from './agenda.ts';
import { beginCompute, stopCompute } from './compute.ts';
import { isReachable } from './machines.ts';
import { isQuorate } from './membership.ts';
import { between, hostOfNode, machineOf, type Remote, type World } from './model.ts';

/** `failure-timeout` of the chain and of nova-evacuate. */
const FAILURE_TIMEOUT_MS = 30_000;
/** The `start` operation of nova-compute-wait. */
const WAIT_LIMIT_MS = 150_000;
const MONITOR_MS = 10_000;
const EVACUATOR_START_MS = [500, 1_500] as const;
/** How long a resource may take to stop before Pacemaker fences its node; our agent kills its process before that. */
const EVACUATOR_STOP_MS = 60_000;
/** A partition without quorum stops its resources after about so long. */
const LEAVE_MS = 1_500;

/** {@link manageChain} for every node: at the world's beginning, and after a change of membership. */
export function manageAllChains(world: World): void {
  for (const remote of world.cluster.remotes.values()) manageChain(world, remote);
}

/** The compute chain of a node: nova-compute-wait, then nova-compute, as far as rules, order and failures let it. */
export function manageChain(world: World, remote: Remote): void {
  const { cluster } = world.spec;
  if (!isQuorate(world) || !remote.online) return;
  const machine = machineOf(world, remote.node);
  // Nothing can be done on a node that is gone and not missed yet; its loss comes soon.
  if (machine.life !== remote.life || !isReachable(machine)) return;
  const isKeptOff =
    cluster.holdRule !== null && world.cluster.permanent.get(remote.node)?.has(cluster.holdRule) === true;
  if (isKeptOff) {
    stopChain(world, remote);
    return;
  }
  if (!remote.unfenced || world.agenda.now < remote.failedUntil) return;
  if (cluster.unit === true) {
    if (remote.wait === 'stopped') startTrigger(world, remote);
    return;
  }
  if (cluster.holdAgent && remote.wait !== 'started') {
    if (remote.wait === 'stopped') startWait(world, remote);
    return;
  }
  if (!isBegun(remote)) startNovaCompute(world, remote);
}

/** Whether its nova-compute runs, or is on its way to. */
const isBegun = ({ novaCompute }: Remote): boolean => novaCompute === 'started' || novaCompute === 'starting';

/** Stops a node's chain, at once and always with success. With `unit` nova-compute is not Pacemaker's, and runs on. */
export function stopChain(world: World, remote: Remote): void {
  if (world.spec.cluster.unit !== true && isBegun(remote)) {
    remote.novaCompute = 'stopped';
    stopCompute(world, hostOfNode(world, remote.node));
  }
  remote.wait = 'stopped';
}

const TRIGGER = 'compute-unfence-trigger';

/** A Dummy: it has nothing to do but to wait for the unfencing. */
function startTrigger(world: World, remote: Remote): void {
  remote.wait = 'started';
  world.emit({ kind: 'resource', resource: TRIGGER, node: remote.node, state: 'started' });
}

/** How long systemd waits before it starts a unit again (`RestartSec`), ms. */
const UNIT_PAUSE_MS = 5_000;

/** The unit of nova-compute at a boot: `ExecStartPre=instance-ha hold`, again and again, then nova-compute. */
export function beginUnit(world: World, node: string): void {
  if (world.spec.cluster.unit !== true) return;
  const machine = machineOf(world, node);
  const { life } = machine;
  world.agents.hold?.(node, (exitCode) => {
    if (machine.life !== life || machine.os !== 'up') return;
    if (exitCode !== 0) {
      after(world.agenda, UNIT_PAUSE_MS, () => {
        if (machine.life === life && machine.os === 'up') beginUnit(world, node);
      });
      return;
    }
    const takes = between(world, world.spec.cluster.novaStartMs, 'nova-start', node, world.counter++);
    beginCompute(world, hostOfNode(world, node), takes, () => {});
  });
}

function startWait(world: World, remote: Remote): void {
  const { life } = remote;
  remote.wait = 'starting';
  world.emit({
    kind: 'resource',
    resource: 'nova-compute-checkevacuate',
    node: remote.node,
    state: 'starting',
  });
  world.agents.wait(remote.node, WAIT_LIMIT_MS, (exitCode) => {
    if (remote.life !== life || remote.wait !== 'starting' || !remote.online) return;
    if (exitCode === 0) {
      remote.wait = 'started';
      world.emit({
        kind: 'resource',
        resource: 'nova-compute-checkevacuate',
        node: remote.node,
        state: 'started',
      });
      monitorWait(world, remote);
      manageChain(world, remote);
      return;
    }
    remote.wait = 'stopped';
    remote.failedUntil = world.agenda.now + FAILURE_TIMEOUT_MS;
    world.emit({
      kind: 'resource',
      resource: 'nova-compute-checkevacuate',
      node: remote.node,
      state: 'failed',
    });
    after(world.agenda, FAILURE_TIMEOUT_MS, () => manageChain(world, remote));
  });
}

/** What is after nova-compute-wait in its chain is stopped when that has failed, and started again after it. */
function monitorWait(world: World, remote: Remote): void {
  const { monitorWait: ask } = world.agents;
  if (ask === undefined) return;
  const { life } = remote;
  const isCurrent = (): boolean => remote.life === life && remote.online && remote.wait === 'started';
  after(world.agenda, MONITOR_MS, () => {
    if (!isCurrent()) return;
    ask(remote.node, (exitCode) => {
      if (!isCurrent()) return;
      if (exitCode === 0) {
        monitorWait(world, remote);
        return;
      }
      const resource = 'nova-compute-checkevacuate';
      world.emit({ kind: 'resource', resource, node: remote.node, state: 'failed' });
      stopChain(world, remote);
      manageChain(world, remote);
    });
  });
}

function startNovaCompute(world: World, remote: Remote): void {
  const { life } = remote;
  remote.novaCompute = 'starting';
  const takes = between(world, world.spec.cluster.novaStartMs, 'nova-start', remote.node, world.counter++);
  beginCompute(world, hostOfNode(world, remote.node), takes, () => {
    if (remote.life === life && remote.novaCompute === 'starting') remote.novaCompute = 'started';
  });
}

/** nova-compute has died by itself: the next monitor finds it and Pacemaker starts it again. */
export function novaComputeDied(world: World, node: string): void {
  const remote = world.cluster.remotes.get(node);
  if (remote === undefined) return;
  const { life } = remote;
  after(world.agenda, between(world, [0, MONITOR_MS], 'monitor', node, world.counter++), () => {
    if (remote.life !== life || !remote.online || !isBegun(remote)) return;
    remote.novaCompute = 'stopped';
    manageChain(world, remote);
  });
}

/** nova-evacuate: one in the cluster, on a controller that is part of the main partition. */
export function manageEvacuator(world: World): void {
  const { cluster } = world;
  if (!isQuorate(world)) return;
  const current = cluster.evacuator;
  if (current !== null) {
    const member = cluster.members.get(current.on);
    // What was lost is started elsewhere only when its node is fenced, so there is one at any time.
    if (member === undefined || member.unclean) return;
    const isSameBoot = machineOf(world, current.on).life === current.life;
    if (cluster.agreed.has(current.on) && current.state !== 'stopped' && isSameBoot) return;
    cluster.evacuator = null;
  }
  const waitMs = cluster.evacuatorFailedUntil - world.agenda.now;
  if (waitMs > 0) {
    after(world.agenda, waitMs, () => manageEvacuator(world));
    return;
  }
  const candidates = [...cluster.agreed].filter((name) => {
    const member = cluster.members.get(name);
    return member !== undefined && !member.standby && !member.unclean;
  });
  const run = ++cluster.evacuatorRuns;
  const on = candidates.sort()[Math.floor(world.dice('evacuator-on', run) * candidates.length)];
  if (on === undefined) return;
  startEvacuator(world, on, run);
}

/** No life of a machine: what was to be started there has not been. */
const NO_LIFE = -1;

function startEvacuator(world: World, on: string, run: number): void {
  const { cluster } = world;
  const machine = machineOf(world, on);
  // One that has just gone down, which the others do not know yet, starts nothing.
  const life = machine.os === 'up' ? machine.life : NO_LIFE;
  cluster.evacuator = { on, state: 'starting', run, life };
  const isCurrent = (): boolean => cluster.evacuator?.run === run && machineOf(world, on).life === life;
  after(world.agenda, between(world, EVACUATOR_START_MS, 'evacuator-start', run), () => {
    if (!isCurrent()) return;
    world.agents.startEvacuator(on, (ok) => {
      if (!isCurrent()) return;
      world.emit({ kind: 'resource', resource: 'nova-evacuate', node: on, state: ok ? 'started' : 'failed' });
      if (!ok) {
        cluster.evacuator = null;
        cluster.evacuatorFailedUntil = world.agenda.now + FAILURE_TIMEOUT_MS;
        manageEvacuator(world);
        return;
      }
      cluster.evacuator = { on, state: 'started', run, life };
      monitorEvacuator(world, run);
    });
  });
}

function monitorEvacuator(world: World, run: number): void {
  after(world.agenda, MONITOR_MS, () => {
    const current = world.cluster.evacuator;
    if (current?.run !== run || current.state !== 'started') return;
    if (machineOf(world, current.on).life !== current.life) return;
    // The executor of its machine goes on with the recurring monitor, cut off or not (pacemaker
    // daemons/execd/execd_commands.c); what it finds counts when the machine is in the cluster again.
    if (!world.cluster.agreed.has(current.on)) {
      monitorEvacuator(world, run);
      return;
    }
    const health = world.agents.monitorEvacuator(current.on);
    if (health === 'healthy') {
      monitorEvacuator(world, run);
      return;
    }
    world.emit({ kind: 'resource', resource: 'nova-evacuate', node: current.on, state: health });
    world.agents.killEvacuator(current.on);
    world.cluster.evacuator = null;
    manageEvacuator(world);
  });
}

/** Moves nova-evacuate away, cleanly, as `pcs resource move` or a standby does. */
export function moveEvacuator(world: World): void {
  const current = world.cluster.evacuator;
  if (current === null || current.state !== 'started' || !world.cluster.agreed.has(current.on)) return;
  stopEvacuator(world, current.on, current.run);
}

function stopEvacuator(world: World, on: string, run: number): void {
  world.emit({ kind: 'resource', resource: 'nova-evacuate', node: on, state: 'stopping' });
  const { life } = machineOf(world, on);
  world.cluster.evacuator = { on, state: 'stopping', run, life };
  let isOver = false;
  const ended = (): void => {
    if (isOver || machineOf(world, on).life !== life) return;
    isOver = true;
    if (world.cluster.evacuator?.run !== run) return;
    world.emit({ kind: 'resource', resource: 'nova-evacuate', node: on, state: 'stopped' });
    // Nobody outside a lost partition knows that it has ended there.
    world.cluster.evacuator = { on, state: 'stopped', run, life };
    manageEvacuator(world);
  };
  world.agents.stopEvacuator(on, ended);
  after(world.agenda, EVACUATOR_STOP_MS, () => {
    if (isOver || machineOf(world, on).life !== life) return;
    world.agents.killEvacuator(on);
    ended();
  });
}

/** A controller that has lost quorum stops what it runs (no-quorum-policy=stop). */
export function leaveEvacuator(world: World): void {
  const current = world.cluster.evacuator;
  if (current === null || current.state === 'stopping' || current.state === 'stopped') return;
  const member = world.cluster.members.get(current.on);
  const hasQuorum = member?.snapshot?.haveQuorum ?? isQuorate(world);
  if (member === undefined || !member.pacemaker || hasQuorum) return;
  after(world.agenda, LEAVE_MS, () => {
    const now = world.cluster.evacuator;
    if (now?.run !== current.run || now.state === 'stopping' || now.state === 'stopped' || !member.pacemaker)
      return;
    if (member.snapshot === null && isQuorate(world)) return;
    stopEvacuator(world, current.on, current.run);
  });
}
