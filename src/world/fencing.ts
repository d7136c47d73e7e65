import { after } from './agenda.ts';
import { bmcOf, isReachable, powerOff, powerOn } from './machines.ts';
import { isQuorate } from './membership.ts';
import {
  between,
  type FenceRecord,
  type Fencing,
  type FencingAction,
  type Member,
  machineNow,
  machineOf,
  type Remote,
  type World,
} from './model.ts';
import { dropConnection, tryReconnect } from './remotes.ts';
import { manageEvacuator } from './resources.ts';

/** Pacemaker's limit for a device's `off` with the default stonith-timeout of 60 s (measured). */
export const DEVICE_LIMIT_MS = 72_000;
/** How long fence_ipmilan tries a BMC that does not answer, and one that refuses the login (both tries). */
const SILENT_BMC_MS = 8_000;
const REFUSING_BMC_MS = 1_300;
/** Records that a fencer keeps of a node. */
const HISTORY_LENGTH = 50;

/** A member of the main partition to do something; the same keys give the same one. */
export function pickMember(world: World, ...keys: readonly (string | number)[]): string {
  const members = [...world.cluster.agreed].sort();
  return members[Math.floor(world.dice('member', ...keys, world.counter++) * members.length)] ?? '';
}

function pickFencer(world: World, node: string): string {
  const members = [...world.cluster.agreed].filter((name) => name !== node).sort();
  return members[Math.floor(world.dice('fencer', node, world.counter++) * members.length)] ?? '';
}

/** An operation is lost with the fencer that ran it; what it had asked a BMC for may have happened. */
export function dropLostFencings(world: World): void {
  for (const target of [...world.cluster.members.values(), ...world.cluster.remotes.values()]) {
    if (target.fencing !== null && !world.cluster.agreed.has(target.fencing.by)) target.fencing = null;
  }
}

/** Fences whoever has been lost and is not being fenced: those whose fencer has gone are begun anew. */
export function fenceAllUnclean(world: World): void {
  if (!isQuorate(world)) return;
  const targets = [...world.cluster.members.values(), ...world.cluster.remotes.values()];
  for (const target of targets) {
    const name = nameOf(target);
    // Nobody fences itself: the only controller of a cluster that was cut off simply goes on.
    if (world.cluster.agreed.size === 1 && world.cluster.agreed.has(name)) target.unclean = false;
    if (target.unclean && target.fencing === null) begin(world, target, 'reboot', 'pacemaker-controld');
  }
}

/**
 * `stonith_admin --reboot NODE`: somebody has a node fenced by hand; gives what becomes of it. null: it can't be. Where
 * it is being fenced already, that is what he waits for (daemons/fenced/fenced_remote.c merge_duplicates).
 */
export function fenceByHand(
  world: World,
  node: string,
  action: FencingAction = 'reboot',
): FenceRecord | null {
  const target = world.cluster.remotes.get(node) ?? world.cluster.members.get(node);
  if (target === undefined || !isQuorate(world)) return null;
  if (target.fencing === null) begin(world, target, action, 'stonith_admin');
  return target.fencing?.record ?? null;
}

/** `stonith_admin --confirm NODE`: a person says that the node is off; nothing is switched. Any name is taken (measured). */
export function confirmByHand(world: World, node: string, on: string): void {
  const record = addRecord(world, node, { action: 'off', delegate: 'a human', client: 'stonith_admin', on });
  close(world, record, 'success', on);
  const target = world.cluster.remotes.get(node) ?? world.cluster.members.get(node);
  if (target === undefined) return;
  if ('node' in target && !target.online) target.fenced = true;
  if (!target.unclean) return;
  target.fencing = null;
  target.unclean = false;
}

type Target = Member | Remote;

/** Whether an operation goes on: it ends with the machine of its fencer, also before the others have missed that. */
const isCarriedOn = (world: World, target: Target, fencing: Fencing): boolean =>
  target.fencing === fencing &&
  world.cluster.agreed.has(fencing.by) &&
  machineOf(world, fencing.by).os === 'up';

const nameOf = (target: Target): string => ('node' in target ? target.node : target.name);

function begin(world: World, target: Target, action: FencingAction, client: string): void {
  const node = nameOf(target);
  const by = pickFencer(world, node);
  const record = addRecord(world, node, { action, delegate: by, client, on: by });
  const fencing: Fencing = { node, action, by, record, attempts: 1 };
  target.fencing = fencing;
  world.emit({ kind: 'fencing', node, step: 'begun', ok: null });
  turnOff(world, target, fencing);
}

/** An unfencing stands in the history as any other operation does; gives what to call at its end. */
export function beginUnfencing(world: World, node: string, by: string): (ok: boolean) => void {
  const record = addRecord(world, node, { action: 'on', delegate: by, client: 'pacemaker-controld', on: by });
  return (ok) => {
    if (record.status === 'pending') close(world, record, ok ? 'success' : 'failed', by);
  };
}

interface Asked {
  readonly action: FencingAction | 'on';
  readonly delegate: string;
  readonly client: string;
  readonly on: string;
}

function addRecord(world: World, node: string, { action, delegate, client, on }: Asked): FenceRecord {
  // A client is named with its process.
  const name = `${client}.${1_000 + world.counter}`;
  const record: FenceRecord = {
    ...{ action, status: 'pending', completedAt: null, delegate, client: name, origin: on },
  };
  const records = world.cluster.history.get(node) ?? [];
  world.cluster.history.set(node, [record, ...records].slice(0, HISTORY_LENGTH));
  return record;
}

/** The history has whole seconds, on the clock of the controller that fenced. */
function close(world: World, record: FenceRecord, status: 'success' | 'failed', on: string): void {
  record.status = status;
  record.completedAt = Math.floor(machineNow(world, on) / 1000) * 1000;
}

/**
 * A reboot of a level of two devices is: off by the power device, off by fence_compute, on by the power device
 * (pacemaker daemons/fenced/fenced_remote.c, reboot remapped to off and on; `on` of fence_compute is automatic
 * and left to the unfencing, measured).
 */
function turnOff(world: World, target: Target, fencing: Fencing): void {
  const machine = machineOf(world, fencing.node);
  const isCurrent = (): boolean => isCarriedOn(world, target, fencing);
  // What the history calls it until its end, when the remapping is undone (undo_op_remap, measured).
  if ('node' in target && world.cluster.powerFirst) fencing.record.action = 'off';
  if ('node' in target && !world.cluster.powerFirst) {
    mark(world, target, fencing, isCurrent);
    return;
  }
  const { power } = world.agents;
  if (power !== undefined) {
    callPower(world, fencing, (exitCode) => {
      if (!isCurrent()) return;
      if (exitCode === 0) isOff(world, target, fencing, isCurrent);
      else failed(world, target, fencing, 'the power device failed');
    });
    return;
  }
  const failsAfterMs =
    bmcOf(machine) === 'unreachable' ? SILENT_BMC_MS : bmcOf(machine) === 'refuses' ? REFUSING_BMC_MS : null;
  const takes = between(world, world.spec.cluster.bmcMs, 'bmc', fencing.node, world.counter++);
  after(world.agenda, failsAfterMs ?? takes, () => {
    if (!isCurrent()) return;
    if (failsAfterMs !== null || bmcOf(machine) !== 'ok') {
      failed(world, target, fencing, 'the power device failed');
      return;
    }
    powerOff(world, fencing.node, 'fencing');
    isOff(world, target, fencing, isCurrent);
  });
}

function isOff(world: World, target: Target, fencing: Fencing, isCurrent: () => boolean): void {
  world.emit({ kind: 'fencing', node: fencing.node, step: 'power is off', ok: true });
  if ('node' in target) mark(world, target, fencing, isCurrent);
  else turnOn(world, target, fencing);
}

/** The real power device, for as long as Pacemaker waits for it. */
function callPower(
  world: World,
  { by, node }: Fencing,
  ended: (exitCode: number) => void,
  action: 'off' | 'on' = 'off',
): void {
  let isAnswered = false;
  const answer = (exitCode: number): void => {
    if (isAnswered) return;
    isAnswered = true;
    ended(exitCode);
  };
  world.agents.power?.(by, action, node, answer);
  after(world.agenda, DEVICE_LIMIT_MS, () => answer(124));
}

function mark(world: World, target: Target, fencing: Fencing, isCurrent: () => boolean): void {
  let isAnswered = false;
  const answer = (exitCode: number): void => {
    if (isAnswered || !isCurrent()) return;
    isAnswered = true;
    world.emit({ kind: 'fencing', node: fencing.node, step: 'fence_compute off', ok: exitCode === 0 });
    if (exitCode === 0) turnOn(world, target, fencing);
    else failed(world, target, fencing, 'fence_compute failed');
  };
  world.agents.fence(fencing.by, 'off', fencing.node, answer);
  after(world.agenda, DEVICE_LIMIT_MS, () => answer(124));
}

/** What has waited for the end of a fencing. */
function goOn(world: World, target: Target): void {
  if ('node' in target) tryReconnect(world, target);
  else manageEvacuator(world);
}

/** A failing `on` is tolerated (measured): the node is fenced, and stays off. */
function turnOn(world: World, target: Target, fencing: Fencing): void {
  const machine = machineOf(world, fencing.node);
  if (fencing.record.action === 'off' && fencing.action === 'reboot') fencing.record.action = 'on';
  const isModel = world.agents.power === undefined;
  const complete = (): void => {
    if (!isCarriedOn(world, target, fencing)) return;
    if (isModel && bmcOf(machine) === 'ok' && fencing.action === 'reboot')
      powerOn(world, fencing.node, 'fencing');
    fencing.record.action = fencing.action;
    close(world, fencing.record, 'success', fencing.by);
    target.fencing = null;
    target.unclean = false;
    world.emit({ kind: 'fencing', node: fencing.node, step: 'complete', ok: true });
    if ('node' in target) {
      target.fenced = true;
      // Fenced by hand, before its connection was missed.
      if (target.online) dropConnection(world, target);
      goOn(world, target);
      // A first one beside the reconnect, for which nothing waits (measured).
      if (world.spec.cluster.unit === true) {
        const ended = beginUnfencing(world, fencing.node, fencing.by);
        world.agents.fence(fencing.by, 'on', fencing.node, (exitCode) => ended(exitCode === 0));
      }
    } else {
      goOn(world, target);
    }
  };
  if (isModel || fencing.action === 'off') {
    const takes = between(world, world.spec.cluster.bmcMs, 'bmc-on', fencing.node, world.counter++);
    after(world.agenda, takes, complete);
    return;
  }
  callPower(world, fencing, complete, 'on');
}

/**
 * The fencer tries again at once, so many times in seconds; then it gives up until the next recheck (measured). That is for a node that
 * the cluster wants fenced: what somebody asked for by hand is tried once.
 */
function failed(world: World, target: Target, fencing: Fencing, why: string): void {
  fencing.record.action = fencing.action;
  close(world, fencing.record, 'failed', fencing.by);
  world.emit({ kind: 'fencing', node: fencing.node, step: why, ok: false });
  if (!target.unclean) {
    target.fencing = null;
    goOn(world, target);
    return;
  }
  const givesUp = fencing.attempts >= world.spec.cluster.fencingAttempts;
  const next: Fencing = { ...fencing, record: fencing.record, attempts: givesUp ? 1 : fencing.attempts + 1 };
  target.fencing = next;
  after(world.agenda, givesUp ? world.spec.cluster.recheckMs : 200, () => {
    if (target.fencing !== next) return;
    if (!world.cluster.agreed.has(next.by) || !isReachable(machineOf(world, next.by))) {
      target.fencing = null;
      fenceAllUnclean(world);
      return;
    }
    const asked = { action: next.action, delegate: next.by, client: 'pacemaker-controld', on: next.by };
    const again: Fencing = { ...next, record: addRecord(world, next.node, asked) };
    target.fencing = again;
    turnOff(world, target, again);
  });
}
