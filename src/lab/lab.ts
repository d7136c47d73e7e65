import { mkdtempSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failure, type Result, success } from '../core/result.ts';
import type { LabAction, LabDescription } from '../view/lab.ts';
import { beginReports } from '../world/compute.ts';
import type { Fact } from '../world/facts.ts';
import { crash, powerOff, setIsolated } from '../world/machines.ts';
import { createWorld, DEFAULT_PASSWORD, type World, type WorldSpec } from '../world/model.ts';
import { manageAllChains, manageEvacuator } from '../world/resources.ts';
import { type RealAgents, realAgents } from './agents.ts';
import { type Bmcs, openBmcs } from './bmc.ts';
import { type Cloud, openCloud } from './cloud.ts';
import { keepRealTime } from './drive.ts';
import { openFront } from './front.ts';
import { guardLab } from './guard.ts';
import { describeLab, LAB_PREFIX, layController, RC_FILE, rootIn } from './machines.ts';
import { layTools, type Tools } from './tools.ts';

/** A network that was cut comes back after this, ms; the node has been fenced by then. */
const NETWORK_AWAY_MS = 20_000;

export interface Lab {
  readonly world: World;
  readonly url: string;
  /** Where the lab keeps its files; gone when it is closed. */
  readonly directory: string;
  readonly agents: RealAgents;
  readonly act: (action: LabAction) => Result<string, string>;
  /** Where a controller reaches the APIs. */
  readonly cloudUrl: (controller: string) => string;
  /** The directory of a machine's commands. */
  readonly pathOf: (machine: string) => string;
  readonly close: () => Promise<void>;
}

export interface LabSetting {
  readonly spec: WorldSpec;
  readonly port: number;
  /** What was built: the agents and the page as they are delivered, and the lab's own fence agent. */
  readonly dist: string;
  readonly onFact: (atMs: number, fact: Fact) => void;
}

/** Starts a cloud and a cluster in this process, and the real agents beside it. */
export async function openLab(setting: LabSetting): Promise<Result<Lab, string>> {
  const directory = mkdtempSync(join(tmpdir(), LAB_PREFIX));
  const guarded = guardLab(directory);
  const { spec } = setting;
  const layer = join(setting.dist, 'layer');
  const fenceRedfish = join(setting.dist, 'lab/fence_redfish.cjs');
  const ports = new Map<string, number>();
  for (const controller of spec.controllers) ports.set(controller, await freePort());
  let cloud: Cloud | null = null;
  let tools: Tools | null = null;
  let bmcs: Bmcs | null = null;
  const agents = realAgents({
    layer,
    directory,
    fenceRedfish,
    bmcParametersOf: (machine) => bmcs?.parametersOf(machine) ?? {},
    pathOf: (machine) => tools?.pathOf(machine) ?? '',
    spokesman: () => [...world.cluster.agreed].sort()[0] ?? '',
    rcFileOf: (controller) => join(rootIn(directory, controller), RC_FILE),
    httpPortOf: (controller) => ports.get(controller) ?? 0,
  });
  const world: World = createWorld(spec, {
    dice: () => Math.random(),
    agents,
    site: {
      powerAgent: 'fence_redfish',
      powerParameters: (machine) => bmcs?.parametersOf(machine) ?? {},
      evacuatorParameters: { rc_file: RC_FILE },
    },
    emit(fact) {
      if (fact.kind === 'os' && fact.state === 'down') agents.lose(fact.machine);
      setting.onFact(world?.agenda.now ?? 0, fact);
    },
  });
  cloud = await openCloud(world);
  bmcs = await openBmcs(world);
  tools = layTools(world, directory, {
    fence_redfish: `exec ${process.execPath} ${fenceRedfish} "$@"`,
    // Of the laptop nobody is to be told: doctor asks for the clock of a controller.
    timedatectl: 'echo yes',
  });
  for (const controller of spec.controllers)
    layController(directory, controller, { layer, rc: overcloudRc(cloud.urlFor(controller)) });
  beginReports(world);
  manageAllChains(world);
  manageEvacuator(world);
  const stopTime = keepRealTime(world.agenda, () => performance.now());
  const act = (action: LabAction): Result<string, string> => carryOut(world, action);
  const front = await openFront({
    port: setting.port,
    pageDirectory: join(layer, 'usr/lib/instance-ha/dashboard'),
    lab: { describe: () => describe(world), act: async (action) => act(action) },
    evacuatorPort: () => {
      const at = world.cluster.evacuator;
      return at?.state === 'started' ? (ports.get(at.on) ?? null) : null;
    },
  });
  async function close(): Promise<void> {
    stopTime();
    agents.close();
    cloud?.close();
    bmcs?.close();
    tools?.close();
    if (front.ok) await front.value.close();
    await guarded();
  }
  if (!front.ok) {
    await close();
    return front;
  }
  describeLab(directory, {
    pid: process.pid,
    port: front.value.port,
    layer,
    machines: [...world.machines.keys()],
  });
  return success({
    world,
    directory,
    agents,
    act,
    cloudUrl: cloud.urlFor,
    pathOf: tools.pathOf,
    close,
    url: `http://127.0.0.1:${front.value.port}/`,
  });
}

/** What nova-evacuate logs in with. */
function overcloudRc(authUrl: string): readonly string[] {
  return [
    `export OS_AUTH_URL=${authUrl}/identity/v3`,
    'export OS_USERNAME=nova-evacuate',
    `export OS_PASSWORD=${DEFAULT_PASSWORD}`,
    'export OS_PROJECT_NAME=service',
    'export OS_USER_DOMAIN_NAME=Default',
    'export OS_PROJECT_DOMAIN_NAME=Default',
    'export OS_REGION_NAME=regionOne',
  ];
}

function describe(world: World): LabDescription {
  return {
    hosts: world.spec.computes.map(({ node }) => node),
    controllers: world.spec.controllers,
    isNovaRunning: world.apis.nova.up,
    failingSpawns: [...world.spawnFailures.values()].reduce((sum, left) => sum + left, 0),
  };
}

function carryOut(world: World, action: LabAction): Result<string, string> {
  const name = 'host' in action ? action.host : 'controller' in action ? action.controller : null;
  if (name !== null && !world.machines.has(name)) return failure(`there is no ${name}`);
  switch (action.kind) {
    case 'pull-plug':
      powerOff(world, action.host, 'the lab');
      return success(`${action.host} has lost its power`);
    case 'crash':
      crash(world, action.host, null);
      return success(`the kernel of ${action.host} has panicked`);
    case 'cut-network':
      setIsolated(world, action.host, true);
      setTimeout(() => setIsolated(world, action.host, false), NETWORK_AWAY_MS).unref();
      return success(
        `${action.host} is cut off for ${NETWORK_AWAY_MS / 1000} s; its guests run on until it is fenced`,
      );
    case 'kill-controller':
      powerOff(world, action.controller, 'the lab');
      return success(`${action.controller} has lost its power`);
    case 'fail-spawns': {
      const host = world.spec.computes.findLast(({ node }) => world.machines.get(node)?.os === 'up')?.host;
      if (host === undefined) return failure('no host is up');
      world.spawnFailures.set(host, action.count);
      return success(
        action.count === 1
          ? `the next spawn on ${host} fails`
          : `the next ${action.count} spawns on ${host} fail`,
      );
    }
    case 'stop-nova':
    case 'start-nova':
      world.apis.nova.up = action.kind === 'start-nova';
      return success(action.kind === 'start-nova' ? 'Nova answers again' : "Nova's API has stopped");
    default:
      return action satisfies never;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer();
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
