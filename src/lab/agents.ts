import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Agents } from '../world/model.ts';
import { LAB_VARIABLE } from './guard.ts';
import { incidentsIn, logFileIn, stateIn } from './machines.ts';

export interface AgentMeans {
  /** The tree that is laid over a node's /: the agents as they are delivered. */
  readonly layer: string;
  /** The lab's own directory. */
  readonly directory: string;
  /** The program that speaks to a BMC. */
  readonly fenceRedfish: string;
  readonly bmcParametersOf: (machine: string) => Readonly<Record<string, string>>;
  readonly pathOf: (machine: string) => string;
  /** A controller that is part of the cluster. */
  readonly spokesman: () => string;
  readonly rcFileOf: (controller: string) => string;
  readonly httpPortOf: (controller: string) => number;
}

export interface RealAgents extends Agents {
  /** The log of the evacuators, and the reports. */
  readonly logFile: string;
  readonly incidentDirectory: string;
  /** A machine is down: the agents that ran there are gone. */
  readonly lose: (machine: string) => void;
  /** Ends all that was started. */
  readonly close: () => void;
}

const EVACUATE_AGENT = 'usr/lib/ocf/resource.d/openstack/NovaEvacuate';
const WAIT_AGENT = 'usr/lib/ocf/resource.d/openstack/nova-compute-wait';
const FENCE_AGENT = 'usr/sbin/fence_compute';
const OCF_ERR_INSTALLED = 5;
const OPERATION_LIMIT_MS = 60_000;
const WAIT_MONITOR_LIMIT_MS = 20_000;
/** Pacemaker include/crm/services.h: PCMK_DEFAULT_METADATA_TIMEOUT_MS */
const METADATA_LIMIT_MS = 30_000;

interface RunOptions {
  readonly env: Record<string, string>;
  /** On its standard input. */
  readonly input?: string;
  /** Its operation's timeout; left out: whoever asked for it gives up by himself. */
  readonly limitMs?: number;
  /** What it says on standard output. */
  readonly output?: (piece: string) => void;
}

/** The real agents, as the processes that Pacemaker makes of them: with its environment, on standard input, by exit code. */
export function realAgents(means: AgentMeans): RealAgents {
  const { layer, directory } = means;
  /** Each with the machine that it runs on. */
  const children = new Map<ChildProcess, string>();
  let isClosed = false;
  const health = new Map<string, 'healthy' | 'dead' | 'wedged'>();
  const begun = new Set<string>();
  /** How often a machine has gone down: what was to be run there before is not run any more. */
  const deaths = new Map<string, number>();
  let runs = 0;
  const logFile = logFileIn(directory);
  const incidentDirectory = incidentsIn(directory);
  // The agent tells Pacemaker's fencer from a person by the name of the process that calls it.
  const fencer = join(directory, 'pacemaker-fenced');
  symlinkSync('/bin/sh', fencer);

  const environmentOf = (machine: string): Record<string, string> => ({
    PATH: `${means.pathOf(machine)}:${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`,
    LC_ALL: 'C',
    [LAB_VARIABLE]: directory,
  });

  /** Runs a program on a machine; one that takes longer than its limit is killed, and has failed. */
  function run(
    machine: string,
    [file, ...args]: readonly [string, ...string[]],
    { env, input = '', limitMs, output }: RunOptions,
    ended: (code: number) => void,
  ): void {
    const stdout = output === undefined ? 'ignore' : 'pipe';
    // A group of its own, so that what it has called dies with it.
    const child = spawn(file, args, { env, stdio: ['pipe', stdout, 'ignore'], detached: true });
    children.set(child, machine);
    child.stdout?.setEncoding('utf8').on('data', (piece: string) => output?.(piece));
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    const limit = limitMs === undefined ? undefined : setTimeout(() => killGroup(child.pid), limitMs);
    const done = (code: number): void => {
      clearTimeout(limit);
      if (children.delete(child)) ended(code);
    };
    child.on('error', () => done(1));
    child.on(output === undefined ? 'exit' : 'close', (code) => done(code ?? 1));
  }

  /** Which agents Pacemaker knows: it asks for the metadata of each before it uses it, once a boot of a controller. */
  const metadata = new Map<string, Promise<boolean>>();

  /** Goes on when a controller knows an agent, or doesn't; never when `machine` has gone down meanwhile. */
  async function known(
    agent: string,
    { controller, machine = controller }: { readonly controller: string; readonly machine?: string },
    then: (isKnown: boolean) => void,
  ): Promise<void> {
    const before = deaths.get(machine);
    const key = `${controller} ${agent}`;
    const asked = metadata.get(key) ?? askMetadata(controller, agent);
    metadata.set(key, asked);
    const isKnown = await asked;
    if (deaths.get(machine) === before && !isClosed) then(isKnown);
  }

  function askMetadata(controller: string, agent: string): Promise<boolean> {
    const isFencing = agent === FENCE_AGENT;
    const ocf = { OCF_ROOT: '/usr/lib/ocf', HA_RSCTMP: stateOf(controller) };
    const call: readonly [string, ...string[]] = isFencing
      ? [process.execPath, join(layer, agent)]
      : [join(layer, agent), 'meta-data'];
    let said = '';
    const options: RunOptions = {
      env: { ...environmentOf(controller), ...(isFencing ? {} : ocf) },
      input: isFencing ? 'action=metadata\n' : '',
      limitMs: METADATA_LIMIT_MS,
      output: (piece) => {
        said += piece;
      },
    };
    return new Promise((resolve) => {
      run(controller, call, options, (code) => resolve(code === 0 && said.includes('</resource-agent>')));
    });
  }

  const stateOf = (machine: string): string => stateIn(directory, machine);

  /** /run lies on a tmpfs: the next boot finds it empty. Moved away, because who is being killed may still write there. */
  function emptyRun(machine: string): void {
    if (existsSync(stateOf(machine))) renameSync(stateOf(machine), join(directory, `run-${runs++}`));
    mkdirSync(stateOf(machine), { recursive: true });
  }

  function novaEvacuate(controller: string, action: string, ended: (code: number) => void): void {
    const env = {
      ...environmentOf(controller),
      HA_RSCTMP: stateOf(controller),
      OCF_ROOT: '/usr/lib/ocf',
      OCF_RESOURCE_INSTANCE: 'nova-evacuate',
      OCF_RESKEY_CRM_meta_timeout: String(OPERATION_LIMIT_MS),
      OCF_RESKEY_CRM_meta_on_node: controller,
      OCF_RESKEY_rc_file: means.rcFileOf(controller),
      OCF_RESKEY_http_listen: `127.0.0.1:${means.httpPortOf(controller)}`,
      INSTANCE_HA_EVACUATOR: join(layer, 'usr/lib/instance-ha/evacuator'),
      INSTANCE_HA_LOG: logFile,
      INSTANCE_HA_INCIDENTS: incidentDirectory,
    };
    run(controller, [join(layer, EVACUATE_AGENT), action], { env, limitMs: OPERATION_LIMIT_MS }, ended);
  }

  function computeWait(
    node: string,
    action: 'start' | 'monitor',
    limitMs: number,
    ended: (code: number) => void,
  ): void {
    const env = {
      ...environmentOf(node),
      HA_RSCTMP: stateOf(node),
      OCF_ROOT: '/usr/lib/ocf',
      OCF_RESOURCE_INSTANCE: 'nova-compute-checkevacuate:0',
      OCF_RESKEY_CRM_meta_timeout: String(limitMs),
      OCF_RESKEY_CRM_meta_on_node: node,
      OCF_RESKEY_evacuation_delay: '120',
      ...(action === 'monitor' ? { OCF_RESKEY_CRM_meta_interval: '10000' } : {}),
    };
    run(node, [join(layer, WAIT_AGENT), action], { env, limitMs }, ended);
  }

  return {
    logFile,
    incidentDirectory,
    power(on, action, node, reply) {
      const parameters = { action, nodename: node, plug: node, ...means.bmcParametersOf(node) };
      const input = Object.entries(parameters).map(([name, value]) => `${name}=${value}\n`);
      const env = environmentOf(on);
      run(on, [process.execPath, means.fenceRedfish], { env, input: input.join('') }, reply);
    },
    fence(on, action, node, reply) {
      const call = [fencer, '-c', '"$0" "$1"; exit $?', process.execPath, join(layer, FENCE_AGENT)] as const;
      const input = `action=${action}\nnodename=${node}\nplug=${node}\n`;
      void known(FENCE_AGENT, { controller: on }, (isKnown) => {
        if (isKnown) run(on, call, { env: environmentOf(on), input }, reply);
        else reply(1);
      });
    },
    wait(node, timeoutMs, reply) {
      void known(WAIT_AGENT, { controller: means.spokesman(), machine: node }, (isKnown) => {
        if (isKnown) computeWait(node, 'start', timeoutMs, reply);
        else reply(OCF_ERR_INSTALLED);
      });
    },
    monitorWait: (node, reply) => computeWait(node, 'monitor', WAIT_MONITOR_LIMIT_MS, reply),
    hold(node, reply) {
      const env = { ...environmentOf(node), HA_RSCTMP: stateOf(node) };
      run(node, [join(layer, 'usr/bin/instance-ha'), 'hold'], { env }, reply);
    },
    startEvacuator(on, reply) {
      begun.add(on);
      const isHealthy = (code: number): void => {
        health.set(on, code === 0 ? 'healthy' : 'dead');
        reply(code === 0);
      };
      void known(EVACUATE_AGENT, { controller: on }, (isKnown) => {
        if (isKnown) novaEvacuate(on, 'start', isHealthy);
        else isHealthy(OCF_ERR_INSTALLED);
      });
    },
    stopEvacuator(on, reply) {
      novaEvacuate(on, 'stop', () => reply());
    },
    monitorEvacuator(on) {
      // The answer of the last monitor; the next one is asked for meanwhile.
      novaEvacuate(on, 'monitor', (code) => {
        health.set(on, code === 0 ? 'healthy' : code === 7 ? 'dead' : 'wedged');
      });
      return health.get(on) ?? 'dead';
    },
    killEvacuator(on) {
      for (const pid of processesWith(`HA_RSCTMP=${stateOf(on)}`)) killGroup(pid);
      health.set(on, 'dead');
      emptyRun(on);
    },
    lose(machine) {
      deaths.set(machine, (deaths.get(machine) ?? 0) + 1);
      for (const [child, on] of children) if (on === machine) killGroup(child.pid);
      for (const key of [...metadata.keys()]) if (key.startsWith(`${machine} `)) metadata.delete(key);
      emptyRun(machine);
    },
    close() {
      isClosed = true;
      for (const child of children.keys()) killGroup(child.pid);
      for (const controller of begun) this.killEvacuator(controller);
    },
  };
}

/**
 * The processes with this in their environment. One that is just being started has written nothing down yet, and its
 * starter may be dead already.
 */
function processesWith(variable: string): readonly number[] {
  const isOne = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(variable);
    } catch {
      // It has ended, or is somebody else's.
      return false;
    }
  };
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isOne(name))
    .map(Number);
}

/** Kills a process with all that it has called: each that is started here leads a group. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}
