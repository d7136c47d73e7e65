/** The rig, through its own commands and the file in which it names its paths. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openConversation } from './conversation.ts';
import type { Attributes } from './observe.ts';
import {
  type ClusterStatus,
  type ProductLine,
  parseAttrd,
  parseCrmMon,
  parseEnvFile,
  parseNodeAttributes,
  parseProductLine,
} from './parse.ts';
import { DrillError, type RunResult, run, runOrThrow } from './run.ts';

const POWER_TIMEOUT_MS = 60_000;
const SHELL_TIMEOUT_MS = 10_000;
const API_TIMEOUT_MS = 90_000;
const PRODUCT_LOG = 'var/log/instance-ha/evacuator.log';
/** Where an evacuator may keep its status: the directory of its resource instance. */
const STATUS_FILES = '/run/resource-agents/instance-ha-*/status.json /run/instance-ha/status.json';
const POLICY_FILE = '/etc/instance-ha/policy.yaml';

/** Attributes that a drill follows. The first three are attrd's, the others stand in the CIB. */
export const TRANSIENT_ATTRIBUTES = ['evacuate', 'instance-ha-hold', 'instance-ha-release'] as const;
export const DURABLE_ATTRIBUTES = ['instance-ha-incident', 'instance-ha-evacuation'] as const;
/** A host's incidents of the last hours: after some of them it is left disabled, and drills make many. */
export const HISTORY_ATTRIBUTE = 'instance-ha-history';

export interface Rig {
  readonly dir: string;
  /** What is in the nodes: `none`, `dist` or a directory. */
  readonly agents: string;
  readonly controllers: readonly string[];
  readonly computes: readonly string[];
  /** IPv4 address → node. */
  readonly addresses: ReadonlyMap<string, string>;
  readonly nodesDir: string;
  readonly rcFile: string;
  readonly seedFile: string;
  readonly mysqlSocket: string;
  readonly apiLog: string;
  readonly journal: string;
  readonly guestsDir: string;
  readonly powerDir: string;
  readonly knobsDir: string;
  readonly events: string;
  readonly alertLog: string;
  readonly chassisLog: string;
  readonly hostNetns: string;
  /** Where clients find nova-api. */
  readonly novaApi: { readonly address: string; readonly port: number };
  /** Nova's service_down_time. */
  readonly downTimeS: number;
}

/** What a rig's `env` file says. */
export function rigOf(text: string): Rig {
  const env = parseEnvFile(text);
  const need = (key: string): string => {
    const value = env.get(key);
    if (value === undefined) throw new DrillError(`the testbed's env file has no ${key}`);
    return value;
  };
  const controllers = need('TESTBED_CONTROLLERS').split(',');
  const computes = need('TESTBED_COMPUTES').split(',');
  const net = need('TESTBED_NET');
  const addresses = new Map<string, string>();
  for (const [nodes, digit] of [
    [controllers, 1],
    [computes, 2],
  ] as const) {
    for (const node of nodes) addresses.set(`${net}.${digit}${node.split('-').at(-1)}`, node);
  }
  const own = `/run/netns/${env.get('TESTBED_NETNS_PREFIX') ?? 'iha-'}host`;
  return {
    dir: need('TESTBED_DIR'),
    agents: env.get('TESTBED_AGENTS') ?? 'dist',
    controllers,
    computes,
    addresses,
    nodesDir: need('TESTBED_NODES_DIR'),
    rcFile: need('TESTBED_CLOUD_RC'),
    seedFile: need('TESTBED_SEED'),
    mysqlSocket: need('TESTBED_MYSQL_SOCKET'),
    apiLog: need('TESTBED_NOVA_API_LOG'),
    journal: need('TESTBED_JOURNAL'),
    guestsDir: need('TESTBED_GUESTS_DIR'),
    powerDir: need('TESTBED_POWER_DIR'),
    knobsDir: need('TESTBED_CTL_DIR'),
    events: need('TESTBED_EVENTS'),
    alertLog: need('TESTBED_ALERT_LOG'),
    chassisLog: need('TESTBED_CHASSIS_LOG'),
    hostNetns: own,
    novaApi: { address: need('TESTBED_CLOUD_IP'), port: Number(need('TESTBED_NOVA_PORT')) },
    downTimeS: Number(env.get('TESTBED_SERVICE_DOWN_TIME') ?? 6),
  };
}

export function readRig(file: string): Rig {
  if (!existsSync(file)) throw new DrillError(`${file} is not there: the testbed is down`);
  return rigOf(readFileSync(file, 'utf8'));
}

/** The drill lives in the cloud's network namespace; machines are born and killed in the host's own. */
const fromHost = (rig: Rig, command: readonly string[]): string[] => [
  'nsenter',
  `--net=${rig.hostNetns}`,
  ...command,
];

export type PowerCommand = 'off' | 'on' | 'kill' | 'crash' | 'isolate' | 'rejoin';

export const power = (rig: Rig, command: PowerCommand, node: string): Promise<string> =>
  runOrThrow(fromHost(rig, [join(rig.dir, 'power'), command, node]), { timeoutMs: POWER_TIMEOUT_MS });

/** Whether the machine runs, whatever its BMC says. */
export async function isOn(rig: Rig, node: string): Promise<boolean> {
  const result = await run([join(rig.dir, 'power'), 'status', node], { timeoutMs: SHELL_TIMEOUT_MS });
  return result.stdout.trim().split(' ')[1] === 'on';
}

export const shell = (rig: Rig, node: string, ...command: string[]): Promise<RunResult> =>
  run([join(rig.dir, 'shell'), node, ...command], { timeoutMs: SHELL_TIMEOUT_MS });

export const novaApi = (rig: Rig, command: 'stop' | 'start' | 'status'): Promise<RunResult> =>
  run([join(rig.dir, 'cloud/api'), command], { timeoutMs: API_TIMEOUT_MS });

/** Runs a command on the first controller that answers it with exit code 0; null: none did. */
export async function onController(rig: Rig, ...command: string[]): Promise<string | null> {
  for (const controller of rig.controllers) {
    const result = await shell(rig, controller, ...command);
    if (result.code === 0) return result.stdout;
  }
  return null;
}

/** Runs a script on a controller; null: no controller could. */
export type Asker = (script: string) => Promise<string | null>;

/** For single questions. */
export const asker =
  (rig: Rig): Asker =>
  (script) =>
    onController(rig, 'sh', '-c', script);

/** Has Pacemaker stop resources by their `target-role`, or takes that back. One that fails is asked for on the next controller. */
export async function setStopped(rig: Rig, resources: readonly string[], stopped: boolean): Promise<void> {
  const change = stopped
    ? '--set-parameter target-role --parameter-value Stopped'
    : '--delete-parameter target-role';
  const commands = resources.map((name) => `crm_resource --resource ${name} --meta ${change}`);
  // Taking back what nobody has set fails, and the others are to be taken back all the same.
  await onController(rig, 'sh', '-c', commands.join(stopped ? ' && ' : '; '));
}

export interface Session {
  readonly ask: Asker;
  close(): void;
}

/** For polling: a shell that stays open on a controller; when it dies, on the next one. */
export function openSession(rig: Rig): Session {
  const open = rig.controllers.map((controller) =>
    openConversation({
      name: controller,
      command: [join(rig.dir, 'shell'), controller, 'sh'],
      greeting: '',
      question: (script, marker) => `( ${script}\n) < /dev/null 2> /dev/null; echo; echo '${marker}'\n`,
      timeoutMs: SHELL_TIMEOUT_MS,
    }),
  );
  let current = 0;
  return {
    ask: async (script) => {
      for (let tries = 0; tries < open.length; tries += 1) {
        try {
          const lines = (await open[current]?.ask(script)) ?? [];
          // Nothing but blanks: the tools found no cluster there.
          if (lines.some((line) => line.trim() !== '')) return lines.join('\n');
        } catch {
          // It is off, or on its way to be.
        }
        current = (current + 1) % open.length;
      }
      return null;
    },
    close: () => {
      for (const conversation of open) conversation.close();
    },
  };
}

const SEPARATOR = '@@@@';
/** The CIB first: where it can't be read there is no cluster, and the answer is empty. */
const LOOK_SCRIPT = [
  'timeout 4 cibadmin -Q -o nodes || exit 1',
  ...TRANSIENT_ATTRIBUTES.map(
    (name) => `echo '${SEPARATOR}'; timeout 4 attrd_updater -n ${name} -A --output-as=xml`,
  ),
  'true',
].join('\n');
const CLUSTER_SCRIPT = 'timeout 5 crm_mon -1 --output-as=xml';

/** All attributes of the instance HA, as a living controller sees them. null: no controller could say. */
export async function lookAtAttributes(ask: Asker): Promise<Attributes | null> {
  const parts = (await ask(LOOK_SCRIPT))?.split(SEPARATOR) ?? [];
  const durable = parseNodeAttributes(parts[0] ?? '');
  if (durable === null) return null;
  const nodes = new Map<string, Map<string, string>>();
  const put = (node: string, name: string, value: string): void => {
    const values = nodes.get(node) ?? new Map<string, string>();
    values.set(name, value);
    nodes.set(node, values);
  };
  for (const [node, values] of durable) {
    for (const name of [...DURABLE_ATTRIBUTES, HISTORY_ATTRIBUTE]) {
      const value = values.get(name);
      if (value !== undefined) put(node, name, value);
    }
  }
  for (const [index, name] of TRANSIENT_ATTRIBUTES.entries()) {
    const values = parseAttrd(parts[index + 1] ?? '');
    // An answer that can't be read is no answer: an attribute must not seem to be gone.
    if (values === null) return null;
    for (const [node, value] of values) put(node, name, value);
  }
  return nodes;
}

/** What the cluster says of itself. */
export async function lookAtCluster(ask: Asker): Promise<ClusterStatus | null> {
  return parseCrmMon((await ask(CLUSTER_SCRIPT)) ?? '');
}

/** The text that an operator would read. */
export const clusterText = (rig: Rig): Promise<string | null> =>
  onController(rig, 'sh', '-c', 'timeout 5 crm_mon -1rf');

/** What the evacuators on all controllers have written, a powered-off one included. */
export function readProductLog(rig: Rig): ProductLine[] {
  const lines: ProductLine[] = [];
  for (const controller of rig.controllers) {
    // The overlay's upper directory: it outlives the node's power, and a log that a node wrote is always there.
    const file = join(rig.nodesDir, controller, 'up', PRODUCT_LOG);
    if (!existsSync(file)) continue;
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const parsed = parseProductLine(line, controller);
      if (parsed) lines.push(parsed);
    }
  }
  return lines.sort((a, b) => a.at - b.at);
}

/** The evacuator's status file on the controllers that have one; while it runs, that is one controller. */
export async function readStatusFiles(rig: Rig): Promise<string[]> {
  const texts: string[] = [];
  for (const controller of rig.controllers) {
    const result = await shell(rig, controller, 'sh', '-c', `cat ${STATUS_FILES} 2>/dev/null`);
    if (result.stdout !== '') texts.push(result.stdout);
  }
  return texts;
}

/**
 * Gives the evacuator another policy; null: none, so that its defaults hold. The file is on every controller, and
 * the evacuator that runs reads it again at SIGHUP.
 */
export async function setPolicy(rig: Rig, policy: string | null): Promise<void> {
  const write =
    policy === null
      ? `[ -e ${POLICY_FILE} ] || exit 0; rm -f ${POLICY_FILE}`
      : `cat > ${POLICY_FILE} <<'END'\n${policy}\nEND`;
  const reread = `for f in ${STATUS_FILES}; do [ -e "$f" ] && kill -HUP "$(sed -n 's/.*"pid":\\([0-9]*\\).*/\\1/p' "$f")"; done; true`;
  for (const controller of rig.controllers) await shell(rig, controller, 'sh', '-c', `${write}\n${reread}`);
}

export interface Guest {
  readonly host: string;
  readonly powered: boolean;
  readonly server: string;
  readonly state: string;
}

/** Whether somebody holds the lock that a node with power holds. */
async function hasPower(rig: Rig, host: string): Promise<boolean> {
  const file = join(rig.powerDir, host);
  if (!existsSync(file)) return false;
  return (await run(['flock', '--nonblock', file, 'true'], { timeoutMs: SHELL_TIMEOUT_MS })).code !== 0;
}

/** Every guest, as the hypervisors' files say it. */
export async function listGuests(rig: Rig): Promise<Guest[]> {
  const guests: Guest[] = [];
  for (const host of rig.computes) {
    const dir = join(rig.guestsDir, host);
    if (!existsSync(dir)) continue;
    const powered = await hasPower(rig, host);
    for (const server of readdirSync(dir).filter((name) => !name.startsWith('.'))) {
      const state = readFileSync(join(dir, server), 'utf8').split(/\s/)[0] ?? '';
      guests.push({ host, powered, server, state });
    }
  }
  return guests;
}

export type Knob = 'spawn_delay' | 'spawn_fail' | 'spawn_fail_server';

/** Sets a knob of the guests' driver; null takes it away. */
export function setKnob(rig: Rig, knob: Knob, value: string | null): void {
  const file = join(rig.knobsDir, knob);
  if (value === null) rmSync(file, { force: true });
  else writeFileSync(file, `${value}\n`);
}
