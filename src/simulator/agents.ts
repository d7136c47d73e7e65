import { computeWaitAgent } from '../agents/compute-wait.ts';
import { fenceCompute } from '../agents/fence-compute.ts';
import { FENCE_COMPUTE } from '../agents/fence-tables.ts';
import type { WaitFiles } from '../agents/hold.ts';
import { failure, success } from '../pacemaker/errors.ts';
import { parseFenceStdin } from '../pacemaker/fence-agent.ts';
import { runOcfAgent } from '../pacemaker/ocf-agent.ts';
import type { RunTool } from '../pacemaker/tool.ts';
import { after } from '../world/agenda.ts';
import { machineNow, machineOf, type World } from '../world/model.ts';
import { runPacemakerTool } from '../world/tools/run.ts';
import { hear, newProcess, type Process, pause, type Turn } from './process.ts';

/** What a call of attrd_updater takes on a controller and on a remote node, ms (measured). */
const CONTROLLER_TOOL_MS = 12;
const REMOTE_TOOL_MS = 67;
/** What Node needs to start an agent, ms. */
const START_MS = 60;

/** The real fence_compute, as Pacemaker's fencer calls it on a controller. */
export function callFenceCompute(
  world: World,
  turn: Turn,
  on: string,
  action: 'on' | 'off',
  node: string,
  reply: (exitCode: number) => void,
): void {
  const id = world.counter++;
  const process = newProcess(world, id, on);
  const request = parseFenceStdin(FENCE_COMPUTE, `action=${action}\nnodename=${node}\nplug=${node}\n`);
  after(world.agenda, START_MS, () => {
    if (!process.alive) return;
    turn.dirty = true;
    void fenceCompute(request, {
      run: toolsOf(world, turn, process),
      clock: clockOf(world, turn, process),
      cloudCheck: async () => ({ ok: true }),
      out: () => {},
      log: { error: () => {}, info: () => {}, debug: () => {} },
      hostname: on,
      parentCommand: 'pacemaker-fenced',
      random: () => `r${id.toString(36)}`,
    }).then((exitCode) => {
      if (process.alive) reply(exitCode);
    });
  });
}

/** The real nova-compute-wait, as Pacemaker calls its `start` on a remote node. */
export function callComputeWait(
  world: World,
  turn: Turn,
  node: string,
  timeoutMs: number,
  reply: (exitCode: number) => void,
): void {
  const id = world.counter++;
  const process = newProcess(world, id, node);
  const agent = computeWaitAgent({
    run: toolsOf(world, turn, process),
    clock: clockOf(world, turn, process),
    files: filesOf(world, node),
    random: () => `s${id.toString(36)}`,
  });
  after(world.agenda, START_MS, () => {
    if (!process.alive) return;
    turn.dirty = true;
    void runOcfAgent(agent, {
      argv: ['start'],
      env: {
        OCF_ROOT: '/usr/lib/ocf',
        OCF_RESOURCE_INSTANCE: 'nova-compute-checkevacuate:0',
        OCF_RESKEY_CRM_meta_on_node: node,
        OCF_RESKEY_CRM_meta_timeout: String(timeoutMs),
        OCF_RESKEY_evacuation_delay: '120',
      },
      out: () => {},
      err: () => {},
      signal: new AbortController().signal,
    }).then((exitCode) => {
      if (process.alive) reply(exitCode);
    });
  });
}

function clockOf(world: World, turn: Turn, process: Process) {
  return {
    wall: () => machineNow(world, process.machine),
    now: () => world.agenda.now,
    sleep: (ms: number) => pause(world, turn, process, ms),
  };
}

/** Pacemaker's commands on a machine, with the time they take; one that hangs is killed at its bound. */
function toolsOf(world: World, turn: Turn, process: Process): RunTool {
  const { role } = machineOf(world, process.machine);
  return (tool, args, options) =>
    new Promise((resolve) => {
      const takesMs = role === 'compute' ? REMOTE_TOOL_MS : CONTROLLER_TOOL_MS;
      after(world.agenda, takesMs, () => {
        if (!process.alive) return;
        const answer = runPacemakerTool(world, process.machine, tool, args);
        if (typeof answer === 'function') {
          answer((given) => hear(turn, process, () => resolve(success(given))));
          return;
        }
        if (answer !== 'hangs') {
          hear(turn, process, () => resolve(success(answer)));
          return;
        }
        after(world.agenda, Math.max(0, options.timeoutMs - takesMs), () =>
          hear(turn, process, () => resolve(failure({ code: 'timeout', tool, afterMs: options.timeoutMs }))),
        );
      });
    });
}

/** The files of one boot: /proc, and a state directory on a tmpfs. */
function filesOf(world: World, node: string): WaitFiles {
  const { life } = machineOf(world, node);
  const index = world.spec.computes.findIndex((compute) => compute.node === node);
  const bootId = `${String(life).padStart(8, '0')}-${String(index).padStart(4, '0')}-4000-8000-000000000000`;
  const stat = `1 (systemd) S ${Array.from({ length: 18 }, () => 0).join(' ')} ${100 + life} 0 0`;
  const files = new Map<string, string>([
    ['/proc/sys/kernel/random/boot_id', `${bootId}\n`],
    ['/proc/1/stat', stat],
  ]);
  return {
    read: (path) => files.get(path) ?? null,
    write: (path, text) => void files.set(path, text),
    remove: (path) => void files.delete(path),
  };
}
