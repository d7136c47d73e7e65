import { createCloudPort } from '../agents/evacuator/cloud-port.ts';
import { type PolicyInForce, policyInForce } from '../agents/evacuator/policy-in-force.ts';
import type { Policy } from '../core/policy.ts';
import { failure, success } from '../core/result.ts';
import { createEvacuator, type Evacuator } from '../evacuator/loop.ts';
import { newPause, type Timers } from '../evacuator/pause.ts';
import type { Clock, JournalPort, Ports } from '../evacuator/ports.ts';
import { createGlance } from '../openstack/glance.ts';
import { createNeutron } from '../openstack/neutron.ts';
import { createNova } from '../openstack/nova.ts';
import { createPlacement } from '../openstack/placement.ts';
import { Secret } from '../openstack/secret.ts';
import { createSession } from '../openstack/session.ts';
import { after, cancel } from '../world/agenda.ts';
import { BASE_URL } from '../world/keystone-api.ts';
import { DEFAULT_PASSWORD, machineNow, type World } from '../world/model.ts';
import { type ClusterTrouble, type ClusterWatch, createSimulatedCluster } from './cluster-port.ts';
import { hear, newProcess, type Process, type Turn } from './process.ts';
import { createWire, type Losses, type WireWatch } from './wire.ts';

/** No tick and no answer for this long and the monitor calls it wedged, ms (src/agents/evacuator/life.ts). */
const WEDGED_MS = 60_000;

/** One evacuator's process, from start to death. */
export interface Running {
  readonly process: Process;
  readonly evacuator: Evacuator;
  readonly policy: PolicyInForce;
  /** Its last sign of life, the world's ms. */
  signAt: number;
  ended: boolean;
}

export interface EvacuatorWatch {
  readonly wire: WireWatch;
  readonly cluster: ClusterWatch;
  journal(process: Process): JournalPort;
}

/** What a mutant may put in front of the ports; the identity without one. */
export type WrapPorts = (ports: Ports) => Ports;

export interface EvacuatorMeans {
  readonly world: World;
  readonly turn: Turn;
  readonly losses: Losses;
  readonly trouble: ClusterTrouble;
  readonly watch: EvacuatorWatch;
  readonly domain: string | null;
  /** The policy file as it is now; null: it is broken. */
  readPolicy(): Policy | null;
  /** ... and as it was when it was right last: an operator who has broken it mends it before another evacuator starts. */
  startPolicy(): Policy;
  readonly wrap: WrapPorts;
}

/** Starts the real evacuator, with the real clients of Nova, Keystone and Placement, on a controller of the world. */
export function startEvacuator(means: EvacuatorMeans, id: number, on: string): Running {
  const { world, turn, watch } = means;
  const process = newProcess(world, id, on);
  const session = createSession(
    {
      kind: 'password',
      authUrl: `${BASE_URL}/identity/v3`,
      username: 'nova-evacuate',
      password: new Secret(DEFAULT_PASSWORD),
      projectName: 'service',
      userDomain: { name: 'Default' },
      projectDomain: { name: 'Default' },
      endpointInterface: 'internal',
      insecure: false,
    },
    {
      now: () => machineNow(world, on),
      timers: timersOf(world, turn, process),
      transport: createWire(world, turn, process, means.losses, watch.wire),
    },
  );
  const clients = {
    nova: createNova(session),
    placement: createPlacement(session),
    glance: createGlance(session),
    neutron: createNeutron(session),
  };
  const cloud = createCloudPort(clients, () => machineNow(world, on));
  const cluster = createSimulatedCluster(world, turn, process, means.trouble, watch.cluster);
  const journal = watch.journal(process);
  const running = { process, signAt: world.agenda.now, ended: false } as {
    -readonly [K in keyof Running]: Running[K];
  };
  const ports = means.wrap({
    cluster,
    cloud,
    clock: clockOf(world, turn, process),
    journal: {
      event: (line) => journal.event(line),
      report: (report) => journal.report(report),
      tick(report) {
        running.signAt = world.agenda.now;
        journal.tick(report);
      },
    },
  });
  const inForce = policyInForce(
    means.startPolicy(),
    {
      policyFile: 'policy.yaml',
      overrides: { evacuateDelayMs: null, instanceFiltering: null, sharedStorage: null },
    },
    { event: (line) => journal.event(line), policy: () => {} },
    ports.clock,
    async () => {
      const policy = means.readPolicy();
      return policy === null ? failure('the policy file policy.yaml: it is broken') : success(policy);
    },
  );
  running.policy = inForce;
  running.evacuator = createEvacuator(ports, {
    owner: `${on}:${id}`,
    policy: inForce.current,
    domain: means.domain,
  });
  turn.dirty = true;
  void running.evacuator.run().then(() => {
    running.ended = true;
  });
  return running;
}

/** What nova-evacuate's monitor would say: `dead` also when the loop has ended itself, `wedged` {@link WEDGED_MS} after its last sign. */
export function healthOfEvacuator(world: World, running: Running | null): 'healthy' | 'dead' | 'wedged' {
  if (running === null || !running.process.alive || running.ended) return 'dead';
  return world.agenda.now - running.signAt > WEDGED_MS ? 'wedged' : 'healthy';
}

function clockOf(world: World, turn: Turn, process: Process): Clock {
  const timers = timersOf(world, turn, process);
  return {
    now: () => machineNow(world, process.machine),
    mono: timers.mono,
    thawedAt: () => process.thawedAt,
    ...newPause(timers),
  };
}

/** The world's time, as a process feels it. */
function timersOf(world: World, turn: Turn, process: Process): Timers {
  return {
    mono: () => world.agenda.now,
    after(ms, run) {
      const entry = after(world.agenda, ms, () => hear(turn, process, run));
      return () => cancel(entry);
    },
  };
}
