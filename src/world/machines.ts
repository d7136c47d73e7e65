import { after } from './agenda.ts';
import { killCompute } from './compute.ts';
import { controllerChanged } from './membership.ts';
import { between, type Machine, machineOf, type World } from './model.ts';
import { computeChanged } from './remotes.ts';
import { beginUnit } from './resources.ts';

/** Whether the rest of the world can talk to a machine. */
export function isReachable(machine: Machine): boolean {
  return machine.os === 'up' && !machine.isolated;
}

/** The power goes: everything that ran there is gone, and that is what fencing is for. */
export function powerOff(world: World, name: string, by: string): void {
  const machine = machineOf(world, name);
  if (!machine.power) return;
  machine.power = false;
  machine.poweredOffAt = world.agenda.now;
  world.emit({ kind: 'power', machine: name, on: false, by });
  if (machine.os !== 'down') goDown(world, machine, 'no power');
}

/** The power comes, and the machine boots. Nothing where it is on, or where its feed is dead. `by` is for the fact alone. */
export function powerOn(world: World, name: string, by: string): void {
  const machine = machineOf(world, name);
  if (machine.power || machine.feed === 'dead') return;
  machine.power = true;
  world.emit({ kind: 'power', machine: name, on: true, by });
  boot(world, machine);
}

/** The feed of a machine dies, and its BMC has no power either; when it is live again the machine stays off until somebody switches it on. */
export function setFeed(world: World, name: string, feed: Machine['feed']): void {
  machineOf(world, name).feed = feed;
  if (feed === 'dead') powerOff(world, name, 'its feed is dead');
}

/** How a BMC answers. */
export function bmcOf({ bmc, feed }: Machine): Machine['bmc'] {
  return feed === 'dead' ? 'unreachable' : bmc;
}

/** A kernel panic: the power stays on, the guests are gone with the kernel. `rebootsAfterMs` later it boots; null: never. */
export function crash(world: World, name: string, rebootsAfterMs: number | null): void {
  const machine = machineOf(world, name);
  if (machine.os === 'down') return;
  goDown(world, machine, 'crashed');
  const { life } = machine;
  if (rebootsAfterMs === null) return;
  after(world.agenda, rebootsAfterMs, () => {
    if (machine.life === life && machine.power && machine.os === 'down') boot(world, machine);
  });
}

/** The network of a machine goes or comes back; its guests run on meanwhile. */
export function setIsolated(world: World, name: string, isolated: boolean, keepsApi = false): void {
  const machine = machineOf(world, name);
  machine.keepsApi = keepsApi;
  if (machine.isolated === isolated) return;
  machine.isolated = isolated;
  world.emit({ kind: 'network', machine: name, isolated });
  changed(world, machine);
}

function boot(world: World, machine: Machine): void {
  machine.os = 'booting';
  world.emit({ kind: 'os', machine: machine.name, state: 'booting', why: 'switched on' });
  const range =
    world.spec.computes.find((compute) => compute.node === machine.name)?.bootMs ??
    world.spec.cluster.controllerBootMs;
  const { life } = machine;
  after(world.agenda, between(world, range, 'boot', machine.name, life), () => {
    if (machine.life !== life || machine.os !== 'booting') return;
    machine.os = 'up';
    world.emit({ kind: 'os', machine: machine.name, state: 'up', why: 'booted' });
    const member = world.cluster.members.get(machine.name);
    if (member !== undefined) {
      member.pacemaker = true;
      // Freshly booted it has nothing that could be running; a fencing that is under way goes on.
      if (member.fencing === null) member.unclean = false;
    }
    changed(world, machine);
    if (machine.role === 'compute') beginUnit(world, machine.name);
  });
}

function goDown(world: World, machine: Machine, why: string): void {
  machine.os = 'down';
  machine.life++;
  world.emit({ kind: 'os', machine: machine.name, state: 'down', why });
  for (const [server, state] of machine.guests) {
    if (state !== 'running') continue;
    // resume_guests_state_on_host_boot is off: a guest is defined after the boot, and does not run.
    machine.guests.set(server, 'shutoff');
    world.emit({ kind: 'guest', host: machine.name, server, state: 'shutoff' });
  }
  const member = world.cluster.members.get(machine.name);
  if (member !== undefined) {
    member.pacemaker = false;
    member.snapshot = null;
    world.agents.killEvacuator(machine.name);
  } else {
    killCompute(world, machine.name);
  }
  changed(world, machine);
}

function changed(world: World, machine: Machine): void {
  if (machine.role === 'controller') controllerChanged(world, machine.name);
  else computeChanged(world, machine.name);
}
