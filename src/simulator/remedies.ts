import type { InstanceVerdict } from '../core/decision.ts';
import { isQuarantine } from '../core/quarantine.ts';
import {
  EVACUATE_ATTRIBUTE,
  EVACUATION_ATTRIBUTE,
  formatIncident,
  INCIDENT_ATTRIBUTE,
  PAUSE_ATTRIBUTE,
  PAUSE_PROPERTY,
  parsePause,
} from '../core/records.ts';
import type { TickReport } from '../evacuator/ports.ts';
import { setPermanent, setTransient } from '../world/attributes.ts';
import { crashCompute, destroyGuest } from '../world/compute.ts';
import { changeInstance, changeMigration, instanceOf } from '../world/database.ts';
import { confirmByHand, fenceByHand, pickMember } from '../world/fencing.ts';
import { powerOff, powerOn } from '../world/machines.ts';
import { isQuorate } from '../world/membership.ts';
import { hostOfNode, machineNow, machineOf, nodeOfHost, type World } from '../world/model.ts';
import { evacuate, updateService } from '../world/nova.ts';
import { answerLocalDisk, bringBack, byHand, heal, letGo, mendFeed, resume } from './faults.ts';

/**
 * What the people in charge do once the faults have stopped: everything that was broken is repaired, what is off
 * is switched on.
 */
export function repair(world: World, touched: ReadonlySet<string>): void {
  for (const api of Object.values(world.apis)) Object.assign(api, { up: true, failing: false, slowMs: 0 });
  for (const member of world.cluster.members.values()) member.toolsHang = false;
  world.nova.cellDown = false;
  world.failingLists.clear();
  for (const machine of world.machines.values()) {
    machine.bmc = 'ok';
    heal(world, machine.name);
  }
  switchOn(world, touched);
}

/** A feed that is dead for so long, ms, is mended whatever has become of its host. */
const MENDED_AFTER_MS = 1_800_000;

/** An electrician comes when what was on a host is elsewhere or let go, or when it has taken long. */
export function mendFeeds(world: World): void {
  for (const { name, feed, poweredOffAt } of world.machines.values()) {
    if (feed === 'live') continue;
    const permanent = world.cluster.permanent.get(name);
    const isLetGo = permanent?.has(EVACUATION_ATTRIBUTE) === true && !permanent.has(INCIDENT_ATTRIBUTE);
    if (isLetGo || world.agenda.now - poweredOffAt > MENDED_AFTER_MS) mendFeed(world, name);
  }
}

/**
 * `instance-ha confirm-fenced NODE`, as a verdict says (src/cli/commands/confirm-fenced.ts): the incident, the mark, the
 * confirmation. They look first whether it is off.
 */
function confirmFenced(world: World, node: string): string | null {
  if (machineOf(world, node).power || world.cluster.remotes.get(node)?.online !== false || !isQuorate(world))
    return null;
  const on = pickMember(world, 'operator');
  const at = machineNow(world, on);
  const incident = formatIncident({ id: `${at.toString(36)}-${node}`, at, by: 'operator', on });
  setPermanent(world, on, node, INCIDENT_ATTRIBUTE, incident, 'operator');
  setTransient(world, node, EVACUATE_ATTRIBUTE, 'yes', 'operator');
  confirmByHand(world, node, on);
  return `an operator runs instance-ha confirm-fenced ${node}, as the verdict says: it is off`;
}

/** Fenced, and down since, with nothing that tells the evacuator so. */
function isUnmarked({ cluster }: World, node: string): boolean {
  const remote = cluster.remotes.get(node);
  if (remote === undefined || remote.online || !remote.fenced) return false;
  const permanent = cluster.permanent.get(node);
  return !permanent?.has(INCIDENT_ATTRIBUTE) && !permanent?.has(EVACUATION_ATTRIBUTE);
}

/** A node that died between its fencing and its return is taken for clean, and nobody switches it on (measured). */
export function switchOn(world: World, touched: ReadonlySet<string>): void {
  for (const remote of world.cluster.remotes.values()) bringBack(world, remote);
  for (const machine of world.machines.values()) {
    const target = world.cluster.remotes.get(machine.name) ?? world.cluster.members.get(machine.name);
    // Without quorum nobody is fenced: controllers are switched on all the same.
    const isLeft = machine.role === 'controller' && !isQuorate(world);
    if (!isLeft && (target === undefined || target.fencing !== null || target.unclean)) continue;
    // What was on it would stay where it is: it is left off until a verdict has said what to do.
    if (isUnmarked(world, machine.name) && !touched.has(machine.name)) continue;
    if (machine.power && machine.os === 'down') {
      if (machine.role === 'compute' && isQuorate(world)) fenceByHand(world, machine.name);
      else powerOff(world, machine.name, 'an operator');
    }
    if (!machine.power) powerOn(world, machine.name, 'an operator');
  }
}

/** A pause that ends so soon is waited for, ms. */
const SOON_MS = 600_000;

function pausesOf(world: World, node: string): readonly string[] {
  const all = world.cluster.properties.get(PAUSE_PROPERTY);
  const own = world.cluster.permanent.get(node)?.get(PAUSE_ATTRIBUTE);
  return [all, own].filter((pause) => pause !== undefined);
}

/** What the verdict about a node with an incident tells an operator to do; null: nothing yet. */
function helpWithIncident(world: World, node: string, text: string): string | null {
  const takeAway = (): void => letGo(world, node);
  if (text.includes('no power device')) {
    // What fence_compute alone "fenced" proves nothing, and stands in the history as a success: all of it goes.
    world.cluster.powerFirst = true;
    world.cluster.history.clear();
    takeAway();
    return `an operator corrects the topology, and takes the incident of ${node} away, whose power was never off`;
  }
  if (text.includes('somebody has put an old CIB back')) {
    takeAway();
    return `an operator takes the incident of ${node} away, as the verdict says`;
  }
  if (text.includes('proof that its power is off')) {
    fenceByHand(world, node);
    return `an operator has ${node} fenced, as the verdict says`;
  }
  if (/^paused by|can’t be read, so no/.test(text)) {
    // One that ends by itself within the hour is waited for.
    const pauses = [...pausesOf(world, node)];
    const isLong = pauses.some((pause) => {
      const until = parsePause(pause)?.until;
      return until === undefined || until > world.spec.epoch + world.agenda.now + SOON_MS;
    });
    if (!isLong) return null;
    resume(world);
    return 'an operator takes the pause back';
  }
  const question = /answer with: [^']*'(evacuate|skip) (\S+)'/.exec(text);
  if (question?.[2] !== undefined) {
    const answer = world.dice('answer', node) < 0.6 ? 'evacuate' : 'skip';
    answerLocalDisk(world, node, `${answer} ${question[2]}`);
    return `an operator answers ${answer} for the local disks of ${node}, as the verdict says`;
  }
  const repaired = [...world.nova.services.values()].filter(({ disabledReason }) =>
    isQuarantine(disabledReason),
  );
  if (text.includes('nowhere to go') && repaired.length > 0) {
    for (const service of repaired) updateService(world, service, { status: 'enabled' }, 'operator');
    return `an operator enables what is in quarantine, because ${node} has nowhere to go`;
  }
  if (/nowhere to go|compute services are down|too many failures at once/.test(text)) {
    // All hosts are dead and held, and none can come back to take the others' instances: a person lets one go.
    takeAway();
    return `an operator takes the incident of ${node} away: there is no host to evacuate it to`;
  }
  return null;
}

/** What verdicts say of requests that are lost: asked for by hand, or, where that was in vain before, the node let go. */
function redoLost(
  world: World,
  node: string,
  instances: readonly InstanceVerdict[],
  touched: Set<string>,
): string[] {
  const done: string[] = [];
  for (const { text } of instances) {
    const server = /openstack server evacuate ([0-9a-f-]{36})/.exec(text)?.[1];
    const instance = server === undefined ? null : instanceOf(world, server);
    if (server === undefined || instance === null) continue;
    // They look first, as the verdict says: what still lies in a queue is not lost.
    const isLost = world.nova.migrations.some(
      (each) => each.server === server && each.status === 'accepted' && each.flight === 'over',
    );
    if (!isLost) continue;
    if (touched.has(byHand(server))) {
      letGo(world, node);
      touched.add(node).add(hostOfNode(world, node));
      done.push(`an operator lets ${node} go by hand: ${instance.name} was evacuated by hand in vain`);
      break;
    }
    if (world.spec.nova.release === 'yoga') {
      changeInstance(
        world,
        instance,
        { vmState: 'error', taskState: null },
        'an operator has set it to error',
      );
      touched.add(server);
    }
    touched.add(byHand(server));
    const refusal = evacuate(world, server, { host: null, by: 'operator' });
    done.push(
      `an operator evacuates ${instance.name} by hand, as the verdict says${refusal === null ? '' : `: ${refusal.message}`}`,
    );
  }
  return done;
}

/**
 * What verdicts say of instances whose host died in the middle of their live migration: operators look where a guest runs, destroy
 * it there, and evacuate the instance by hand, as long as its own host is held.
 */
function settleMovesAway(
  world: World,
  node: string,
  instances: readonly InstanceVerdict[],
  touched: Set<string>,
): string[] {
  const isHeld = world.cluster.permanent.get(node)?.has(INCIDENT_ATTRIBUTE) ?? false;
  if (!isHeld || world.nova.computes.get(hostOfNode(world, node))?.state === 'running') return [];
  const done: string[] = [];
  for (const { id, outcome, text } of instances) {
    const instance = instanceOf(world, id);
    const isMeant = outcome === 'failed' && /live migration.*evacuate it by hand/.test(text);
    if (!isMeant || instance === null || touched.has(byHand(id))) continue;
    for (const { name, guests } of world.machines.values())
      if (guests.get(id) === 'running') destroyGuest(world, name, id);
    const refusal = evacuate(world, id, { host: null, by: 'operator' });
    touched.add(id).add(byHand(id));
    done.push(
      `an operator evacuates ${instance.name} by hand when no guest of it runs${refusal === null ? '' : `: ${refusal.message}`}`,
    );
  }
  return done;
}

/**
 * What verdicts say of starts that wait in the queue of a dead host for instances that are elsewhere by now: the queue is deleted, and
 * the node let go. While its nova-compute runs there is no such queue.
 */
function dropQueue(
  world: World,
  node: string,
  instances: readonly InstanceVerdict[],
  touched: Set<string>,
): string[] {
  const compute = world.nova.computes.get(hostOfNode(world, node));
  const isHeld = world.cluster.permanent.get(node)?.has(INCIDENT_ATTRIBUTE) ?? false;
  const isMeant = instances.some(({ text }) => /Before \S+ may start, delete that queue/.test(text));
  if (compute === undefined || compute.state === 'running' || !isHeld || !isMeant) return [];
  for (const { migration } of compute.queue.splice(0)) migration.flight = 'over';
  letGo(world, node);
  touched.add(node).add(compute.host);
  return [
    `an operator deletes the queue of ${compute.host}, and lets ${node} go by hand, as the verdict says`,
  ];
}

/**
 * What an operator has to do because nothing in the world can know better, each after what the verdict says:
 * fence what could not be proven off, take a bare mark away, and close a record behind which nobody works
 * any more though its destination lives (a nova-compute that died under a spawn).
 */
export function helpOut(world: World, report: TickReport | null, touched: Set<string>): string[] {
  const done: string[] = [];
  for (const node of world.cluster.remotes.keys()) {
    const permanent = world.cluster.permanent.get(node);
    const verdict = report?.verdicts.find((each) => each.node === node);
    const text = verdict?.text ?? '';
    const unreadable = /its attribute (\S+) can't be read, so nothing is done/.exec(text)?.[1];
    if (unreadable !== undefined) {
      setPermanent(world, pickMember(world, 'operator'), node, unreadable, null, 'operator');
      done.push(`an operator deletes ${unreadable} of ${node}, as the verdict says`);
    } else if (permanent?.has(INCIDENT_ATTRIBUTE)) {
      // That there is nowhere to go may stand with the instances that wait for it alone.
      const waiting =
        verdict?.instances.filter(({ outcome }) => outcome === 'ready' || outcome === 'waiting') ?? [];
      const words = [text, ...waiting.map((instance) => instance.text)].join('; ');
      const what = helpWithIncident(world, node, words);
      if (what !== null) done.push(what);
      if (what?.includes('takes the incident')) touched.add(node).add(hostOfNode(world, node));
    }
    if (text.includes(`instance-ha confirm-fenced ${node}`) && !touched.has(node)) {
      const what = confirmFenced(world, node);
      if (what !== null) done.push(what);
    }
    if (text.includes(`Restart nova-compute on ${node} once`)) {
      crashCompute(world, hostOfNode(world, node));
      done.push(`an operator restarts nova-compute on ${node}, as the verdict says`);
    }
    const mark = world.cluster.transient.get(EVACUATE_ATTRIBUTE)?.get(node);
    if (mark === 'yes' && text.includes('take the mark away')) {
      setTransient(world, node, EVACUATE_ATTRIBUTE, '', 'operator');
      done.push(`an operator takes the mark of ${node} away, as the verdict says`);
    }
  }
  for (const { text } of report?.verdicts.flatMap(({ instances }) => instances) ?? []) {
    const host = /compute service set --up (\S+) nova-compute/.exec(text)?.[1];
    const service = host === undefined ? undefined : world.nova.services.get(host);
    if (
      service === undefined ||
      !service.forcedDown ||
      world.nova.computes.get(service.host)?.state !== 'running'
    )
      continue;
    updateService(world, service, { forcedDown: false }, 'operator');
    done.push(`an operator takes forced_down of ${service.host} back, as the verdict says`);
  }
  for (const { node, instances } of report?.verdicts ?? []) {
    done.push(...redoLost(world, node, instances, touched));
    done.push(...settleMovesAway(world, node, instances, touched));
    done.push(...dropQueue(world, node, instances, touched));
  }
  for (const migration of world.nova.migrations) {
    const isStuck =
      migration.flight === 'over' &&
      !migration.deleted &&
      // One that nobody has claimed is asked for again, as its verdict says: no call of Nova's API closes it.
      migration.status === 'pre-migrating';
    if (!isStuck) continue;
    const dest = migration.dest === null ? null : nodeOfHost(world, migration.dest);
    const isGuestThere =
      dest !== null && world.machines.get(dest)?.guests.get(migration.server) === 'running';
    if (isGuestThere) {
      fenceByHand(world, dest);
      done.push(`an operator has ${dest} fenced: evacuation ${migration.id} got stuck there`);
    } else {
      changeMigration(world, migration, { status: 'error' });
      done.push(
        `an operator closes the record of evacuation ${migration.id}, on which nobody works any more`,
      );
    }
  }
  return done;
}
