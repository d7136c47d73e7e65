/** The lab as a place: the world behind its real sockets and commands, with the real agents. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { openLab } from '../../src/lab/lab.ts';
import { labSpec } from '../../src/lab/spec.ts';
import { powerDeviceOf } from '../../src/world/cib.ts';
import { beginCompute, stopCompute } from '../../src/world/compute.ts';
import {
  addInstance,
  DEFAULT_PASSWORD,
  machineOf,
  type Range,
  uuidOf,
  type WorldSpec,
} from '../../src/world/model.ts';
import { deleteServer } from '../../src/world/nova.ts';
import { eventually } from '../like.ts';
import type { Place } from '../place.ts';
import { openHttp } from './http.ts';

const TOOL_LIMIT_MS = 100_000;
const RESTART_MS = 500;
const BEGIN_LIMIT_MS = 30_000;
const GROUP = 'contract-group';
/** Sizes of a lab in which a story is short. */
const QUICK = { hosts: 3, instances: 0, spawnS: 0.4 };

/** `spawn.ms` may be changed while the lab runs. */
function quickSpec(spawn: { ms: Range }): WorldSpec {
  const spec = labSpec(QUICK, Date.now());
  const group = { id: uuidOf(0x60, 1), name: GROUP, policy: 'anti-affinity' as const };
  return {
    ...spec,
    computes: spec.computes.map((compute) => ({ ...compute, bootMs: [3_000, 4_000] })),
    nova: {
      ...spec.nova,
      reportMs: 1_000,
      // As in a real one, two requests at once meet in the conductor, before the claim of either.
      conductorMs: [50, 100],
      claimMs: [200, 400],
      periodicMs: 3_000,
      groups: [group],
      get spawnMs() {
        return spawn.ms;
      },
    },
  };
}

const spawnRange = (seconds: number): Range => [seconds * 1000 + 300, seconds * 1000 + 500];

/** A lab of its own, with the agents of this build (`dist`, or another). */
export async function openLabPlace(dist: string): Promise<Place> {
  const spawn = { ms: spawnRange(0) };
  const spec = quickSpec(spawn);
  const opened = await openLab({ spec, port: 0, dist, onFact: () => {} });
  if (!opened.ok) throw new Error(opened.error);
  const lab = opened.value;
  const { world } = lab;
  const begun = async () => (await fetch(`${lab.url}healthz`)).status;
  await eventually(begun, 200, BEGIN_LIMIT_MS);
  let made = 0;
  const mine = new Set<string>();
  const [controller = ''] = spec.controllers;
  const account = {
    authUrl: `${lab.cloudUrl(controller)}/identity/v3`,
    username: 'nova-evacuate',
    password: DEFAULT_PASSWORD,
    project: 'service',
  };
  return {
    name: 'lab',
    controllers: spec.controllers,
    computes: spec.computes.map(({ host }) => host) as unknown as Place['computes'],
    powerDeviceOf: (compute) => powerDeviceOf(world, compute),
    hasAgents: true,
    ...openHttp(account),
    tool: (machine, tool, ...args) =>
      new Promise((resolve) => {
        const limits = { timeout: TOOL_LIMIT_MS, killSignal: 'SIGKILL' as const, maxBuffer: 2 ** 26 };
        execFile(join(lab.pathOf(machine), tool), args, limits, (error, stdout, stderr) => {
          const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : null;
          resolve({ exitCode, stdout, stderr });
        });
      }),
    async makeServers(wanted) {
      return wanted.map(({ host, state = 'active', group }) => {
        const id = uuidOf(0x51, ++made);
        const from = { id, name: 'contract', host, vmState: state, taskState: null, locked: false };
        const rest = {
          storage: 'shared' as const,
          projectId: 'p1',
          flavor: 'm1.small',
          metadata: {},
          tags: [],
        };
        addInstance(world, { ...from, ...rest, group: group ?? null });
        mine.add(id);
        return id;
      });
    },
    makeGroup: async () => spec.nova.groups[0]?.id ?? '',
    async makeAggregate(hosts) {
      const id = world.nova.aggregates.length + 1;
      world.nova.aggregates.push({ id, name: 'contract', availabilityZone: null, hosts, metadata: {} });
      return id;
    },
    async deleteServer(id) {
      deleteServer(world, id);
    },
    failSpawns(server, fails) {
      world.spawnFailures.set(server, fails ? Number.POSITIVE_INFINITY : 0);
    },
    slowSpawns(seconds) {
      spawn.ms = spawnRange(seconds);
    },
    async restartNovaCompute(host) {
      stopCompute(world, host);
      await new Promise<void>((resolve) => beginCompute(world, host, RESTART_MS, resolve));
    },
    killGuests(host) {
      const { guests } = machineOf(world, host);
      for (const [server, state] of guests) if (state === 'running') guests.set(server, 'shutoff');
    },
    async tidy() {
      for (const id of mine) deleteServer(world, id);
    },
    close: lab.close,
  };
}
