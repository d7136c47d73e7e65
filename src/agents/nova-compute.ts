import {
  OCF,
  type OcfAgent,
  type OcfContext,
  type OcfParameter,
  type OcfResult,
} from '../pacemaker/ocf-agent.ts';
import {
  bootToken,
  HOLD_PARAMETERS,
  type HoldPorts,
  holdOf,
  holdUntilReleased,
  NO_BOOT_TOKEN,
  warnUnused,
  withdrawQuestion,
} from './hold.ts';
import { VERSION } from './version.ts';

const NOVA_CONF = '/etc/nova/nova.conf';
const NOVA_CONF_DIRECTORY = '/etc/nova/nova.conf.d';
/** How long nova-compute may take to appear, and to stay, before the start has failed. */
const APPEAR_LIMIT_MS = 60_000;
const STAY_MS = 2_000;
/** How long a stop waits for a clean end before it kills; less where the operation's own timeout is shorter. */
const STOP_LIMIT_MS = 240_000;
const KILL_LIMIT_MS = 5_000;
/** Kept free of an operation's timeout for the agent itself. */
const TIMEOUT_MARGIN_MS = 5_000;
const LOOK_PAUSE_MS = 250;

/** A process, named for sure: its pid may be another's soon, its pid with its start never. */
export interface ProcessName {
  readonly pid: number;
  readonly start: string;
}

export interface ComputePorts extends HoldPorts {
  /** The nova-compute processes of this node. */
  readonly find: () => Promise<readonly ProcessName[]>;
  /** Starts it as this user, apart from the agent; rejects when that is impossible. */
  readonly launch: (binary: string, user: string) => Promise<void>;
  readonly signal: (target: ProcessName, signal: 'SIGTERM' | 'SIGKILL') => void;
  /** Whether a file is there and may be executed. */
  readonly isExecutable: (path: string) => boolean;
  /** Names in a directory; none where there is no directory. */
  readonly namesIn: (directory: string) => readonly string[];
}

const PARAMETERS: readonly OcfParameter[] = [
  ...HOLD_PARAMETERS.filter((parameter) => parameter.name !== 'domain'),
  {
    name: 'domain',
    type: 'string',
    shortdesc: 'DNS domain of the computes, where Nova uses NODE.DOMAIN and the cluster NODE',
  },
  {
    name: 'binary',
    type: 'string',
    default: '/usr/bin/nova-compute',
    shortdesc: 'The program that is started',
    check: (value) => (/^\/[A-Za-z0-9._/-]+$/.test(value) ? null : 'must be an absolute path without spaces'),
  },
  {
    name: 'user',
    type: 'string',
    default: 'nova',
    shortdesc: 'The user it runs as',
    check: (value) => (/^[a-z_][a-z0-9_-]{0,31}$/.test(value) ? null : 'must be a user name'),
  },
];

/**
 * ocf:openstack:NovaCompute of older clusters: it holds nova-compute as nova-compute-wait does, and starts,
 * watches and stops it itself. One that runs already, whoever started it, counts as started. It runs on a
 * remote node, where of Pacemaker's tools only attrd_updater may be called.
 */
export function novaComputeAgent(ports: ComputePorts): OcfAgent {
  return {
    name: 'NovaCompute',
    version: VERSION,
    shortdesc: 'OpenStack Nova Compute Server, held until the evacuation of its host is complete',
    longdesc:
      'Starts nova-compute once nova-evacuate says that this boot of the compute node may, watches it and stops it. ' +
      'For clusters that have it already; new ones use nova-compute-wait before the systemd unit of nova-compute, ' +
      'which restarts it and keeps its output.',
    parameters: PARAMETERS,
    actions: {
      start: { timeout: 600, run: (context) => start(context, ports) },
      stop: { timeout: 300, run: (context) => stop(context, ports) },
      monitor: { timeout: 20, interval: 10, depth: 0, run: () => monitor(ports) },
      'validate-all': { timeout: 20, run: (context) => validate(context, ports) ?? { code: OCF.SUCCESS } },
    },
  };
}

async function monitor(ports: ComputePorts): Promise<OcfResult> {
  return { code: (await ports.find()).length > 0 ? OCF.SUCCESS : OCF.NOT_RUNNING };
}

/**
 * What keeps it from being started here; null when nothing does. All of it is this node's own and none of it "not
 * configured": after that Pacemaker would stop the whole clone, nova-compute on every other host with it
 * (lib/pengine/unpack.c `unpack_rsc_op`, PCMK_EXEC_ERROR_FATAL).
 */
function validate(context: OcfContext, ports: ComputePorts): OcfResult | null {
  warnUnused(context);
  const binary = context.text('binary') ?? '';
  if (!ports.isExecutable(binary)) {
    return { code: OCF.ERR_INSTALLED, reason: `${binary} is not there: install nova-compute, or set binary` };
  }
  if (ports.files.read(NOVA_CONF) === null) {
    return {
      code: OCF.ERR_INSTALLED,
      reason: `${NOVA_CONF} is not there: configure nova-compute on this node`,
    };
  }
  const host = configuredHost(ports);
  if (host === null || context.node === null || isSameHost(host, context.node, context.text('domain'))) {
    return null;
  }
  return {
    code: OCF.ERR_INSTALLED,
    reason: `host in ${NOVA_CONF} is ${host}, but the cluster calls this node ${context.node}: nova-evacuate would not find it; make them equal, or set domain`,
  };
}

/** As nova-evacuate matches names (core/names.ts `hostOfNode`). */
function isSameHost(host: string, node: string, domain: string | null): boolean {
  return host === node || (domain !== null && host === `${node}.${domain}`);
}

/** `host` of [DEFAULT], from the last file that sets it, as oslo.config reads them; null: Nova takes the host name. */
function configuredHost(ports: ComputePorts): string | null {
  const names = [...ports.namesIn(NOVA_CONF_DIRECTORY)].filter((name) => name.endsWith('.conf')).sort();
  const files = [NOVA_CONF, ...names.map((name) => `${NOVA_CONF_DIRECTORY}/${name}`)];
  let host: string | null = null;
  for (const file of files) {
    let section = '';
    for (const line of (ports.files.read(file) ?? '').split('\n')) {
      section = /^\s*\[([^\]]*)\]/.exec(line)?.[1] ?? section;
      const value = /^host\s*[=:]\s*(\S+)/.exec(line)?.[1];
      if (section === 'DEFAULT' && value !== undefined) host = value;
    }
  }
  return host;
}

async function start(context: OcfContext, ports: ComputePorts): Promise<OcfResult> {
  if ((await ports.find()).length > 0) return { code: OCF.SUCCESS };
  const unfit = validate(context, ports);
  if (unfit !== null) return unfit;
  const token = bootToken(ports.files);
  if (token === null) return NO_BOOT_TOKEN;
  const begun = ports.clock.now();
  const held = await holdUntilReleased(holdOf(context), ports, token);
  if (held !== null) return held;
  const binary = context.text('binary') ?? '';
  try {
    await ports.launch(binary, context.text('user') ?? '');
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : 'unknown';
    return { code: OCF.ERR_GENERIC, reason: `${binary} cannot be started: ${what}` };
  }
  return appeared(context, ports, begun);
}

async function appeared(context: OcfContext, ports: ComputePorts, begun: number): Promise<OcfResult> {
  const { clock } = ports;
  const timeoutMs = context.timeoutMs ?? Number.POSITIVE_INFINITY;
  const deadline = Math.min(clock.now() + APPEAR_LIMIT_MS, begun + timeoutMs - TIMEOUT_MARGIN_MS);
  let since: number | null = null;
  while (clock.now() < deadline && !context.signal.aborted) {
    const isThere = (await ports.find()).length > 0;
    if (!isThere && since !== null) {
      return { code: OCF.ERR_GENERIC, reason: "nova-compute ended at once; see nova-compute's own log" };
    }
    if (isThere) since ??= clock.now();
    if (since !== null && clock.now() - since >= STAY_MS) return { code: OCF.SUCCESS };
    await clock.sleep(LOOK_PAUSE_MS);
  }
  return { code: OCF.ERR_GENERIC, reason: "nova-compute did not appear; see nova-compute's own log" };
}

/** Asks, waits, kills: a stop that fails gets the node fenced, and nova-compute survives being killed. */
async function stop(context: OcfContext, ports: ComputePorts): Promise<OcfResult> {
  const limitMs = Math.min(
    STOP_LIMIT_MS,
    (context.timeoutMs ?? STOP_LIMIT_MS) - KILL_LIMIT_MS - TIMEOUT_MARGIN_MS,
  );
  for (const target of await ports.find()) ports.signal(target, 'SIGTERM');
  if (!(await isGone(ports, limitMs))) {
    for (const target of await ports.find()) ports.signal(target, 'SIGKILL');
    if (!(await isGone(ports, KILL_LIMIT_MS))) {
      return { code: OCF.ERR_GENERIC, reason: 'nova-compute cannot be ended' };
    }
  }
  await withdrawQuestion(context, ports.run);
  return { code: OCF.SUCCESS };
}

async function isGone(ports: ComputePorts, limitMs: number): Promise<boolean> {
  const deadline = ports.clock.now() + limitMs;
  while ((await ports.find()).length > 0) {
    if (ports.clock.now() >= deadline) return false;
    await ports.clock.sleep(LOOK_PAUSE_MS);
  }
  return true;
}
