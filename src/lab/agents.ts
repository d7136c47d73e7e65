import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Agents } from '../world/model.ts';

export interface AgentMeans {
  /** The tree that is laid over a node's /: the agents as they are delivered. */
  readonly layer: string;
  /** Where the lab keeps its files. */
  readonly directory: string;
  readonly pathOf: (machine: string) => string;
  readonly authUrlOf: (controller: string) => string;
  readonly password: string;
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

const OCF_DIRECTORY = 'usr/lib/ocf/resource.d/openstack';
const OPERATION_LIMIT_MS = 60_000;

/** The real agents, as the processes that Pacemaker makes of them: with its environment, on standard input, by exit code. */
export function realAgents(means: AgentMeans): RealAgents {
  const { layer, directory } = means;
  /** Each with the machine that it runs on. */
  const children = new Map<ChildProcess, string>();
  const health = new Map<string, 'healthy' | 'dead' | 'wedged'>();
  const begun = new Set<string>();
  const waits = new Map<string, string>();
  const logFile = join(directory, 'evacuator.log');
  const incidentDirectory = join(directory, 'incidents');
  // The agent tells Pacemaker's fencer from a person by the name of the process that calls it.
  const fencer = join(directory, 'pacemaker-fenced');
  symlinkSync('/bin/sh', fencer);
  const rcFile = (controller: string): string => join(directory, `overcloudrc-${controller}`);

  const environmentOf = (machine: string): Record<string, string> => ({
    PATH: `${means.pathOf(machine)}:${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`,
    LC_ALL: 'C',
  });

  function run(
    machine: string,
    file: string,
    args: readonly string[],
    env: Record<string, string>,
    input: string,
    ended: (code: number) => void,
  ): ChildProcess {
    // A group of its own, so that what it has called dies with it.
    const child = spawn(file, args, { env, stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    children.set(child, machine);
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
    const done = (code: number): void => {
      if (children.delete(child)) ended(code);
    };
    child.on('error', () => done(1));
    child.on('exit', (code) => done(code ?? 1));
    return child;
  }

  const stateOf = (machine: string): string => join(directory, 'state', machine);

  function novaEvacuate(controller: string, action: string, ended: (code: number) => void): void {
    const env = {
      ...environmentOf(controller),
      HA_RSCTMP: stateOf(controller),
      OCF_ROOT: '/usr/lib/ocf',
      OCF_RESOURCE_INSTANCE: 'nova-evacuate',
      OCF_RESKEY_CRM_meta_timeout: String(OPERATION_LIMIT_MS),
      OCF_RESKEY_CRM_meta_on_node: controller,
      OCF_RESKEY_rc_file: rcFile(controller),
      OCF_RESKEY_http_listen: `127.0.0.1:${means.httpPortOf(controller)}`,
      INSTANCE_HA_EVACUATOR: join(layer, 'usr/lib/instance-ha/evacuator'),
      INSTANCE_HA_LOG: logFile,
      INSTANCE_HA_INCIDENTS: incidentDirectory,
    };
    run(controller, join(layer, OCF_DIRECTORY, 'NovaEvacuate'), [action], env, '', ended);
  }

  return {
    logFile,
    incidentDirectory,
    fence(on, action, node, reply) {
      const script = join(layer, 'usr/sbin/fence_compute');
      const input = `action=${action}\nnodename=${node}\nplug=${node}\n`;
      run(
        on,
        fencer,
        ['-c', '"$0" "$1"; exit $?', process.execPath, script],
        environmentOf(on),
        input,
        reply,
      );
    },
    wait(node, timeoutMs, reply) {
      // A boot begins with an empty state directory: it lies on a tmpfs.
      const state = join(stateOf(node), String(waits.size + Date.now()));
      waits.set(node, state);
      mkdirSync(state, { recursive: true });
      const env = {
        ...environmentOf(node),
        HA_RSCTMP: state,
        OCF_ROOT: '/usr/lib/ocf',
        OCF_RESOURCE_INSTANCE: 'nova-compute-checkevacuate:0',
        OCF_RESKEY_CRM_meta_timeout: String(timeoutMs),
        OCF_RESKEY_CRM_meta_on_node: node,
        OCF_RESKEY_evacuation_delay: '120',
      };
      run(node, join(layer, OCF_DIRECTORY, 'nova-compute-wait'), ['start'], env, '', reply);
    },
    startEvacuator(on, reply) {
      const rc = [
        `export OS_AUTH_URL=${means.authUrlOf(on)}/identity/v3`,
        'export OS_USERNAME=nova-evacuate',
        `export OS_PASSWORD=${means.password}`,
        'export OS_PROJECT_NAME=service',
        'export OS_USER_DOMAIN_NAME=Default',
        'export OS_PROJECT_DOMAIN_NAME=Default',
        'export OS_REGION_NAME=regionOne',
      ];
      writeFileSync(rcFile(on), `${rc.join('\n')}\n`, { mode: 0o600 });
      begun.add(on);
      novaEvacuate(on, 'start', (code) => {
        health.set(on, code === 0 ? 'healthy' : 'dead');
        reply(code === 0);
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
      rmSync(stateOf(on), { recursive: true, force: true });
    },
    lose(machine) {
      for (const [child, on] of children) if (on === machine) killGroup(child.pid);
    },
    close() {
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
