import {
  EVACUATE_ATTRIBUTE,
  EVACUATION_ATTRIBUTE,
  formatPause,
  INCIDENT_ATTRIBUTE,
  LOCAL_DISK_ATTRIBUTE,
  PAUSE_ATTRIBUTE,
  PAUSE_PROPERTY,
} from '../core/records.ts';
import { after } from '../world/agenda.ts';
import { allocate, takeBack } from '../world/allocations.ts';
import { setPermanent, setProperty, setTransient } from '../world/attributes.ts';
import { crashCompute, drainQueue } from '../world/compute.ts';
import { changeInstance, instanceOf } from '../world/database.ts';
import type { Fact as WorldFact } from '../world/facts.ts';
import { confirmByHand, fenceByHand, pickMember } from '../world/fencing.ts';
import { liveMigrate } from '../world/live-migration.ts';
import { crash, powerOff, setFeed, setIsolated } from '../world/machines.ts';
import { isQuorate } from '../world/membership.ts';
import {
  type ApiHealth,
  hostOfNode,
  type LossSide,
  machineOf,
  nodeOfHost,
  type Remote,
  type World,
} from '../world/model.ts';
import {
  deleteServer,
  evacuate,
  loseQueues,
  mayBeOn,
  rebootServer,
  STARTING,
  setConductor,
  setMetadata,
  setTag,
  startServer,
  stopServer,
  updateService,
} from '../world/nova.ts';
import { moveHost } from '../world/nova-facts-api.ts';
import { setTargetRole } from '../world/remotes.ts';
import { moveEvacuator } from '../world/resources.ts';
import type { Cast } from './cast.ts';
import { UNRECORDED } from './checkers/checker.ts';
import type { ClusterTrouble } from './cluster-port.ts';
import type { Fault, PolicyChange } from './plan.ts';
import type { Traps } from './traps.ts';
import type { Losses } from './wire.ts';

/** What a fault can lay hands on. */
export interface Stage {
  readonly world: World;
  readonly losses: Losses;
  readonly trouble: ClusterTrouble;
  /** Nodes, hosts and servers that an operator has taken out of the rules. */
  readonly touched: Set<string>;
  readonly cast: Cast;
  readonly traps: Traps;
  /** The permanent attributes of an operator's copy of the CIB; null: there is none. */
  saved: ReadonlyMap<string, ReadonlyMap<string, string>> | null;
  /** The policy file is written anew, and read by whoever runs; null: it is broken. */
  writePolicy(change: PolicyChange | null): void;
}

/** A live migration that ran when its destination died is over so soon after, ms. */
const LAST_ARRIVALS_MS = 12_000;

/** Lets one fault happen, now; what it began it ends itself when its time is over. */
export function happen(stage: Stage, fault: Fault): void {
  const { world } = stage;
  const later = (ms: number, run: () => void): void => void after(world.agenda, ms, run);
  const tell = (what: string): void => world.emit({ kind: 'fault', what });
  switch (fault.do) {
    case 'power-loss':
      powerOff(world, fault.machine, 'a power loss');
      return;
    case 'dead-feed':
      setFeed(world, fault.machine, 'dead');
      if (fault.mendedAfterMs !== null) later(fault.mendedAfterMs, () => mendFeed(world, fault.machine));
      return;
    case 'crash':
      crash(world, fault.machine, fault.rebootsAfterMs);
      return;
    case 'isolate':
      setIsolated(world, fault.machine, true, fault.keepsApi ?? false);
      later(fault.forMs, () => heal(world, fault.machine));
      return;
    case 'cut-evacuator': {
      const on = world.cluster.evacuator?.on;
      if (on === undefined) return;
      setIsolated(world, on, true, true);
      later(fault.forMs, () => heal(world, on));
      return;
    }
    case 'bmc': {
      const machine = machineOf(world, fault.machine);
      machine.bmc = fault.state;
      tell(`the BMC of ${fault.machine} is ${fault.state}`);
      later(fault.forMs, () => {
        machine.bmc = 'ok';
        tell(`the BMC of ${fault.machine} answers again`);
      });
      return;
    }
    case 'kill-evacuator':
      stage.cast.killCurrent();
      return;
    case 'move-evacuator':
      moveEvacuator(world);
      return;
    case 'freeze-evacuator':
      stage.cast.freezeCurrent(fault.forMs);
      return;
    case 'kill-at-call':
      stage.traps.set(fault.call, fault.nth, fault.side);
      return;
    case 'tools-hang': {
      const member = world.cluster.members.get(fault.machine);
      if (member === undefined) return;
      member.toolsHang = true;
      tell(`Pacemaker's commands hang on ${fault.machine}`);
      later(fault.forMs, () => {
        member.toolsHang = false;
      });
      return;
    }
    case 'cluster-writes-fail': {
      const trouble = { effect: fault.effect };
      stage.trouble.writes = trouble;
      tell(`writes to the cluster fail${fault.effect ? ', but are carried out' : ''}`);
      later(fault.forMs, () => {
        if (stage.trouble.writes === trouble) stage.trouble.writes = null;
      });
      return;
    }
    case 'api':
      degrade(world.apis[fault.api], fault.state, true);
      tell(`${fault.api} is ${fault.state}`);
      later(fault.forMs, () => {
        degrade(world.apis[fault.api], fault.state, false);
        tell(`${fault.api} answers again`);
      });
      return;
    case 'list-fails':
      world.failingLists.add(fault.list);
      tell(`no API gives the list ${fault.list}`);
      later(fault.forMs, () => {
        world.failingLists.delete(fault.list);
        tell(`the list ${fault.list} is given again`);
      });
      return;
    case 'nova-slow':
      world.apis.nova.slowMs = fault.ms;
      tell(`Nova's API takes ${fault.ms} ms longer`);
      later(fault.forMs, () => {
        world.apis.nova.slowMs = 0;
      });
      return;
    case 'tokens-revoked':
      world.keystone.tokens.clear();
      tell('all tokens are revoked');
      return;
    case 'password-changed': {
      const { password } = world.keystone;
      world.keystone.password = 'another';
      world.keystone.tokens.clear();
      tell("the evacuator's password is changed");
      later(fault.forMs, () => {
        world.keystone.password = password.startsWith('pa55') ? password : world.keystone.password;
      });
      return;
    }
    case 'answers-lost': {
      const loss = { what: fault.what, side: fault.side, percent: fault.percent };
      stage.losses.list.push(loss);
      tell(`${fault.percent} % of ${fault.what === 'any' ? 'all' : fault.what} ${fault.side}s are lost`);
      later(fault.forMs, () => {
        stage.losses.list.splice(stage.losses.list.indexOf(loss), 1);
      });
      return;
    }
    case 'conductor-down':
      setConductor(world, false);
      tell('nova-conductor is down');
      later(fault.forMs, () => setConductor(world, true));
      return;
    case 'conductor-loses':
      world.nova.conductorLoses.push(...Array<LossSide>(fault.times).fill(fault.side ?? 'before'));
      tell(
        `nova-conductor dies with the next ${fault.times} evacuations${fault.side === 'after' ? ', after the choice of a host' : ''}`,
      );
      return;
    case 'conductor-gives-up':
      world.nova.conductorGivesUp.push(...Array<LossSide>(fault.times).fill(fault.side ?? 'before'));
      tell(
        `nova-conductor gives the next ${fault.times} evacuations up with an error${fault.side === 'after' ? ', after the choice of a host' : ''}`,
      );
      return;
    case 'queues-lost':
      loseQueues(world);
      tell('RabbitMQ loses what is in its queues');
      return;
    case 'cell-down':
      world.nova.cellDown = true;
      tell("the cell's database is down");
      later(fault.forMs, () => {
        world.nova.cellDown = false;
        tell("the cell's database is back");
      });
      return;
    case 'evacuate-fails':
      world.nova.specless.add(fault.server);
      tell(`Nova fails at evacuating ${world.nova.instances.get(fault.server)?.name}`);
      if (fault.lastsMs !== null) later(fault.lastsMs, () => world.nova.specless.delete(fault.server));
      return;
    case 'save-fails':
      world.saveFailures.set(fault.host, fault.times);
      return;
    case 'stop-fails':
      world.stopFailures.set(fault.host, fault.times);
      tell(`the hypervisor of ${fault.host} can't stop the next ${fault.times} guests that were stopped`);
      return;
    case 'spawn-fails':
      world.spawnFailures.set(fault.what, fault.times);
      tell(`the next ${fault.times} spawns of (or on) ${fault.what} fail`);
      return;
    case 'nova-compute-crash':
      tell(`nova-compute dies on ${fault.host}`);
      crashCompute(world, fault.host);
      return;
    case 'clock-jump':
      machineOf(world, fault.machine).clockMs += fault.ms;
      tell(`the clock of ${fault.machine} jumps by ${fault.ms / 1000} s`);
      return;
    default:
      actAsPerson(stage, fault);
  }
}

/** As what it counts among those touched that an operator has evacuated a server. */
export const byHand = (server: string): string => `${server} by hand`;

/** Operators and users, who do their things in between. */
function actAsPerson(stage: Stage, fault: PersonsFault): void {
  const { world, touched } = stage;
  const tell = (what: string): void => world.emit({ kind: 'operator', what });
  switch (fault.do) {
    case 'late-arrival': {
      const instance = instanceOf(world, fault.server);
      // Only an instance at rest whose host is up can have been on its way.
      if (instance === null || instance.taskState !== null || instance.vmState !== 'active') return;
      if (instance.host === null || instance.host === fault.host) return;
      if (!mayBeOn(world, instance, fault.host)) return;
      const from = machineOf(world, nodeOfHost(world, instance.host));
      const to = machineOf(world, nodeOfHost(world, fault.host));
      const isJustDead = to.os !== 'up' && world.agenda.now - to.poweredOffAt < LAST_ARRIVALS_MS;
      const wasEvacuated = world.nova.migrations.some((each) => each.server === instance.id);
      if (from.guests.get(instance.id) !== 'running' || !isJustDead || wasEvacuated) return;
      // It may come between the last list and the release, where nobody can see it any more.
      touched.add(instance.id);
      from.guests.delete(instance.id);
      world.emit({ kind: 'guest', host: from.name, server: instance.id, state: 'gone' });
      to.guests.set(instance.id, 'shutoff');
      allocate(world, instance.id, fault.host);
      takeBack(world, instance.id, instance.host);
      changeInstance(world, instance, { host: fault.host }, 'a live migration has just ended here');
      return;
    }
    case 'operator-disables':
      change(world, fault.host, { status: 'disabled', disabledReason: 'broken fan' });
      return;
    case 'operator-enables':
      change(world, fault.host, { status: 'enabled' });
      return;
    case 'operator-forces-down':
      change(world, fault.host, { forcedDown: true });
      return;
    case 'operator-takes-over':
      change(world, fault.host, { status: 'disabled', disabledReason: 'mine: do not touch' });
      return;
    case 'operator-evacuates': {
      const instance = instanceOf(world, fault.server);
      const host = instance?.host ?? null;
      const isUnderWay = world.nova.migrations.some(
        ({ server, status }) =>
          server === fault.server && (status === 'accepted' || status === 'pre-migrating'),
      );
      if (host === null || isUnderWay || world.nova.computes.get(host)?.state === 'running') return;
      const node = nodeOfHost(world, host);
      if (runsAnywhere(world, fault.server) || instance?.taskState === STARTING) return;
      // From one that is let go, and may come back any moment, nobody evacuates by hand.
      const permanent = world.cluster.permanent.get(node);
      if (permanent?.has(EVACUATION_ATTRIBUTE) && !permanent.has(INCIDENT_ATTRIBUTE)) return;
      // Nor from one that has been taken out, which nothing holds.
      if (isOut(world, node)) return;
      const refusal = evacuate(world, fault.server, { host: null, by: 'operator' });
      if (refusal === null) touched.add(fault.server).add(byHand(fault.server));
      tell(`evacuates ${instance?.name} by hand${refusal === null ? '' : `: ${refusal.message}`}`);
      return;
    }
    case 'operator-migrates': {
      const refusal = liveMigrate(world, fault.server, null);
      const name = world.nova.instances.get(fault.server)?.name;
      tell(`migrates ${name} alive${refusal === null ? '' : `: ${refusal.message}`}`);
      return;
    }
    case 'operator-fences':
      tell(`has ${fault.node} fenced`);
      fenceByHand(world, fault.node);
      return;
    case 'operator-confirms': {
      // They look first: what has power, or is in the cluster, is not off. And somebody has to take the command.
      const isOff = !machineOf(world, fault.node).power && !world.cluster.remotes.get(fault.node)?.online;
      if (!isOff || !isQuorate(world)) return;
      tell(`confirms that ${fault.node} is fenced (stonith_admin --confirm)`);
      confirmByHand(world, fault.node, pickMember(world, 'operator'));
      return;
    }
    case 'operator-removes-incident':
      if (!world.cluster.permanent.get(fault.node)?.has(INCIDENT_ATTRIBUTE)) return;
      tell(`takes the incident of ${fault.node} away`);
      touched.add(fault.node);
      touched.add(hostOfNode(world, fault.node));
      letGo(world, fault.node);
      return;
    case 'operator-spoils-record': {
      const { node, record, value } = fault;
      const name = record === 'evacuation' ? EVACUATION_ATTRIBUTE : INCIDENT_ATTRIBUTE;
      if (!world.cluster.permanent.get(node)?.has(name)) return;
      tell(`${value === null ? 'deletes' : 'writes over'} the ${record} record of ${node}`);
      touchRecords(stage, node);
      setPermanent(world, pickMember(world, 'operator'), node, name, value, 'operator');
      return;
    }
    case 'operator-saves-cib':
      stage.saved = new Map([...world.cluster.permanent].map(([node, its]) => [node, new Map(its)]));
      return;
    case 'operator-pushes-cib':
      pushCib(stage);
      return;
    case 'operator-marks':
      tell(`marks ${fault.node} evacuate=yes`);
      setTransient(world, fault.node, EVACUATE_ATTRIBUTE, 'yes', 'operator');
      return;
    case 'operator-takes-out':
      takeOut(world, fault.node, fault.forMs);
      return;
    case 'operator-pauses':
      tell(
        fault.lastsMs === null
          ? 'writes a pause that nobody can read'
          : `pauses for ${fault.lastsMs / 1000} s`,
      );
      setProperty(
        world,
        pickMember(world, 'operator'),
        PAUSE_PROPERTY,
        pauseOf(world, fault.lastsMs),
        'operator',
      );
      return;
    case 'operator-pauses-node':
      tell(`pauses ${fault.node}`);
      setPermanent(
        world,
        pickMember(world, 'operator'),
        fault.node,
        PAUSE_ATTRIBUTE,
        pauseOf(world, fault.lastsMs),
        'operator',
      );
      return;
    case 'operator-resumes':
      resume(world);
      return;
    case 'operator-answers': {
      const incident = world.cluster.permanent.get(fault.node)?.get(INCIDENT_ATTRIBUTE);
      const id = fault.stale ? 'of-long-ago' : /(?:^|,)id=([^,]+)/.exec(incident ?? '')?.[1];
      if (id === undefined) return;
      tell(`answers ${fault.answer} for the local disks of ${fault.node}`);
      answerLocalDisk(world, fault.node, `${fault.answer} ${id}`);
      return;
    }
    case 'user-sets-metadata':
      setMetadata(world, fault.server, fault.key, fault.value);
      tell(`${fault.key} of ${world.nova.instances.get(fault.server)?.name} is now ${fault.value}`);
      return;
    case 'operator-writes-policy':
      tell(
        fault.policy === null
          ? 'breaks the policy file, and has it read'
          : `has another policy read: ${JSON.stringify(fault.policy)}`,
      );
      stage.writePolicy(fault.policy);
      return;
    case 'operator-tags':
      setTag(world, fault.id, fault.key, fault.value);
      tell(`the tag ${fault.key} of ${fault.id} is now ${fault.value}`);
      return;
    case 'operator-moves-host':
      moveHost(world, { id: fault.aggregate, host: fault.host, into: fault.into, by: 'operator' });
      return;
    case 'user-deletes':
      deleteServer(world, fault.server, fault.soft ?? false);
      return;
    case 'user-stops':
      touched.add(fault.server);
      stopServer(world, fault.server);
      return;
    case 'user-starts':
      if (startServer(world, fault.server)) touched.add(fault.server);
      return;
    case 'user-reboots': {
      if (runsElsewhere(world, fault.server)) return;
      // What runs is to run afterwards as well.
      const isToRun = instanceOf(world, fault.server)?.spec.vmState === 'active';
      if (rebootServer(world, fault.server) === null && !isToRun) touched.add(fault.server);
      return;
    }
    default:
      fault satisfies never;
  }
}

/** Whether a guest of a server runs, wherever Nova has it. */
export function runsAnywhere(world: World, server: string): boolean {
  return [...world.machines.values()].some(({ guests }) => guests.get(server) === 'running');
}

/** Whether one runs on another host than Nova has it on. */
function runsElsewhere(world: World, server: string): boolean {
  const host = instanceOf(world, server)?.host ?? null;
  const node = host === null ? null : nodeOfHost(world, host);
  return [...world.machines.values()].some(
    ({ name, guests }) => name !== node && guests.get(server) === 'running',
  );
}

/** What the records of a node told is not to be gone by any more. */
function touchRecords({ world, touched }: Stage, node: string): void {
  const host = hostOfNode(world, node);
  for (const what of [node, host, UNRECORDED, UNRECORDED + host]) touched.add(what);
}

/** Whatever has changed since the copy was made is as it was then. */
function pushCib(stage: Stage): void {
  const { world, saved } = stage;
  if (saved === null) return;
  const { permanent } = world.cluster;
  const from = pickMember(world, 'operator');
  world.emit({ kind: 'operator', what: 'pushes a CIB that was saved before' });
  for (const node of new Set([...saved.keys(), ...permanent.keys()])) {
    const [old, now] = [saved.get(node), permanent.get(node)];
    for (const name of new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])) {
      const value = old?.get(name) ?? null;
      if (value === (now?.get(name) ?? null)) continue;
      touchRecords(stage, node);
      setPermanent(world, from, node, name, value, 'operator');
    }
  }
}

/** Takes a remote node out of the cluster in an orderly way, whatever runs there, and brings it back. */
function takeOut(world: World, node: string, forMs: number): void {
  const remote = world.cluster.remotes.get(node);
  if (remote === undefined || remote.targetRole !== null) return;
  if (!setTargetRole(world, remote, pickMember(world, 'operator'), 'Stopped')) return;
  world.emit({ kind: 'operator', what: `takes ${node} out of the cluster` });
  after(world.agenda, forMs, () => bringBack(world, remote));
}

/**
 * What stops running on a host that an operator has taken out, and that has not joined again, is the operator's: nothing of such a node
 * is fenced, so nothing of it is evacuated. Nor is it when its connection can't be made any more: only one that is lost has its node
 * fenced (pacemaker lib/pengine/pe_actions.c, on-fail of remote connections).
 */
export function touchWhatIsOut(world: World, fact: WorldFact, touched: Set<string>): void {
  if (fact.kind !== 'guest' || fact.state !== 'shutoff') return;
  if (isOut(world, fact.host)) touched.add(fact.server);
}

/** Whether a node has left the cluster in an orderly way, and has not joined again. */
function isOut(world: World, node: string): boolean {
  const remote = world.cluster.remotes.get(node);
  return remote !== undefined && !remote.online && !remote.unclean && !remote.fenced;
}

/** Brings a node back that an operator has taken out; nothing of one that is not, or without quorum. */
export function bringBack(world: World, remote: Remote): void {
  if (remote.targetRole === null || !setTargetRole(world, remote, pickMember(world, 'operator'), null))
    return;
  world.emit({ kind: 'operator', what: `brings ${remote.node} back into the cluster` });
}

/** A pause as the command line writes it, by the clock of the controller that it runs on; null: nobody can read it. */
function pauseOf(world: World, lastsMs: number | null): string {
  if (lastsMs === null) return 'until tomorrow';
  const until = world.spec.epoch + world.agenda.now + lastsMs;
  return formatPause({ until, by: 'operator', why: 'planned work' });
}

/** Takes every pause back. */
export function resume(world: World): void {
  const on = pickMember(world, 'operator');
  setProperty(world, on, PAUSE_PROPERTY, null, 'operator');
  for (const node of world.cluster.remotes.keys())
    setPermanent(world, on, node, PAUSE_ATTRIBUTE, null, 'operator');
}

/** An operator sets `instance-ha-local-disk` of a node; `answer` is all of it: the word and the incident's id. */
export function answerLocalDisk(world: World, node: string, answer: string): void {
  setPermanent(world, pickMember(world, 'operator'), node, LOCAL_DISK_ATTRIBUTE, answer, 'operator');
}

type PersonsFault = Extract<Fault, { do: `operator-${string}` | `user-${string}` | 'late-arrival' }>;

function change(world: World, host: string, update: Parameters<typeof updateService>[2]): void {
  const service = world.nova.services.get(host);
  if (service !== undefined) updateService(world, service, update, 'operator');
}

/**
 * An operator takes the incident of a node away. What its users have started meanwhile waits in the queue of its host, and is deleted
 * with that first, as long as no nova-compute runs there (docs/operate.md).
 */
export function letGo(world: World, node: string): void {
  const compute = world.nova.computes.get(hostOfNode(world, node));
  if (compute !== undefined && compute.state !== 'running') compute.starts.length = 0;
  setPermanent(world, pickMember(world, 'operator'), node, INCIDENT_ATTRIBUTE, null, 'operator');
}

/** The network of a machine is back, and a compute takes up what has waited in its queue. */
export function heal(world: World, name: string): void {
  setIsolated(world, name, false);
  if (machineOf(world, name).role === 'compute') drainQueue(world, name);
}

/** The feed of a machine is live again; the machine stays off until somebody switches it on. Nothing where it was live. */
export function mendFeed(world: World, name: string): void {
  if (machineOf(world, name).feed === 'live') return;
  setFeed(world, name, 'live');
  world.emit({ kind: 'operator', what: `the feed of ${name} is mended` });
}

function degrade(api: ApiHealth, state: 'down' | 'failing', on: boolean): void {
  if (state === 'down') api.up = !on;
  else api.failing = on;
}
