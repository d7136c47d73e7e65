import { spawn } from 'node:child_process';
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DEFAULT_LISTEN, type ListenSettings, whatIsWrong } from '../http/settings.ts';
import {
  OCF,
  type OcfAgent,
  type OcfContext,
  type OcfParameter,
  type OcfResult,
} from '../pacemaker/ocf-agent.ts';
import { POLICY_FILE } from '../policy/path.ts';
import { OCF_CREDENTIALS } from './credential-tables.ts';
import {
  clearStatus,
  type Health,
  type LivingProcess,
  processStart,
  readHealth,
  writeLaunch,
} from './evacuator/life.ts';
import type { Settings } from './evacuator/settings.ts';
import { parseNodeAttribute } from './node-attribute.ts';
import { NOTIFY_PARAMETERS, notifyProblem } from './notify-parameters.ts';
import { endProcess, isRunning, KILL_LIMIT_MS } from './processes.ts';

/** How long a start waits for the evacuator's first tick, ms; less where the operation's own timeout leaves less. */
const START_LIMIT_MS = 40_000;
/** How long a stop waits for a clean end before it kills, ms: longer than the evacuator's own DRAIN_LIMIT_MS. */
const STOP_LIMIT_MS = 40_000;
/** Kept free of an operation's timeout for the agent itself, ms. */
const TIMEOUT_MARGIN_MS = 5_000;
const POLL_MS = 100;

/** What the agent needs from outside; tests bring their own. */
export interface EvacuateEnvironment {
  readonly evacuatorPath: string;
  readonly logFile: string;
  /** Asks the cloud with these parameters: null when all is well, else what is wrong and whose fault it is. */
  readonly checkCloud: (parameters: Readonly<Record<string, string>>) => Promise<CloudProblem | null>;
  /** What is wrong with a policy file, in one line; null when nothing is. */
  readonly checkPolicy: (path: string) => Promise<string | null>;
  readonly incidentDirectory: string;
}

/**
 * `parameters`: what stands in the CIB is wrong, for every node. `machine`: a file of this one is, or the cloud
 * refuses what comes from here; another controller has other files, another clock, another way there. `moment`: the
 * cloud could not be asked, or that may pass.
 */
export interface CloudProblem {
  readonly of: 'parameters' | 'machine' | 'moment';
  readonly text: string;
}

/**
 * "Not configured" is for the CIB alone: after that Pacemaker starts the resource nowhere, after "not installed" on
 * every node but this one (lib/pengine/unpack.c `unpack_rsc_op`).
 */
const PROBLEM_CODES = {
  parameters: OCF.ERR_CONFIGURED,
  machine: OCF.ERR_INSTALLED,
  moment: OCF.ERR_GENERIC,
} as const;

const text = (name: string, shortdesc: string, more: Partial<OcfParameter> = {}): OcfParameter => ({
  name,
  type: 'string',
  shortdesc,
  ...more,
});

/** The parameters of the stock NovaEvacuate, with their aliases, and ours. */
const PARAMETERS: readonly OcfParameter[] = [
  ...OCF_CREDENTIALS,
  ...NOTIFY_PARAMETERS,
  text('domain', 'DNS domain of the computes, where Nova uses NODE.DOMAIN and the cluster NODE', {
    check: (value) => (/^[A-Za-z0-9.-]*$/.test(value) ? null : 'must be a DNS domain'),
  }),
  text(
    'node_attribute',
    'Only nodes with this permanent node attribute, as NAME=VALUE, are evacuated and let go',
    {
      longdesc:
        'For a cluster with computes of several regions: one resource a region, each with its own region_name and with the nodes that carry this permanent node attribute, such as region=RegionOne. Empty: all nodes.',
      check: (value) => (parseNodeAttribute(value) === null ? `must be NAME=VALUE (it is ${value})` : null),
    },
  ),
  text('policy_file', 'The policy: which instances, in which order, how many at a time, and when not', {
    default: POLICY_FILE,
    longdesc:
      'A YAML file on every controller; docs/policy.md has its keys. The default file may be missing, then every key has its default. SIGHUP makes the evacuator read it again.',
    check: (value) => (value.startsWith('/') ? null : `must be an absolute path (it is ${value})`),
  }),
  {
    name: 'evacuate_delay',
    type: 'seconds',
    min: 0,
    max: 3600,
    shortdesc:
      'Time between fencing and the first request, for storage that drops locks late; over the policy file',
  },
  text('http_listen', 'Where the dashboard and the state as JSON are served: ADDRESS:PORT, or off', {
    default: DEFAULT_LISTEN,
    longdesc:
      'Where the evacuator serves its dashboard, its state as JSON and its events: ADDRESS:PORT, or off. It can be read, not written. An address that other machines reach needs http_tls_cert, http_tls_key and http_token_file.',
  }),
  text('http_tls_cert', 'Certificate (PEM, with its chain) that the dashboard is served with'),
  text('http_tls_key', 'Key of http_tls_cert; readable by root only'),
  text('http_token_file', 'File with the token that the dashboard asks for; readable by root only'),
  {
    name: 'no_shared_storage',
    type: 'boolean',
    shortdesc: 'Instances lose their disks with their host; over storage.shared of the policy file',
  },
  {
    name: 'instance_filtering',
    type: 'boolean',
    shortdesc: 'Select instances by the tag evacuable; over selection.instance_filtering of the policy file',
  },
  {
    name: 'verbose',
    type: 'boolean',
    default: 'false',
    shortdesc: 'Accepted for compatibility: the log holds every decision anyway',
  },
];

/** The resource agent ocf:openstack:NovaEvacuate: it starts, watches and ends the evacuator on this controller. */
export function novaEvacuate(environment: EvacuateEnvironment, version: string): OcfAgent {
  return {
    name: 'NovaEvacuate',
    version,
    shortdesc: 'Evacuates the instances of fenced OpenStack compute nodes',
    longdesc:
      'Runs the evacuator on one controller: it watches the cluster for compute nodes that were fenced and marked by fence_compute, evacuates their instances through Nova, follows and verifies every one of them, and lets the node return when that is finished. The work is no monitor operation and has no operation timeout; after a failover or a restart it goes on where it was.',
    parameters: PARAMETERS,
    actions: {
      start: { timeout: 60, run: (context) => start(context, environment) },
      stop: { timeout: 60, run: stop },
      monitor: { timeout: 30, interval: 10, depth: 0, run: monitor },
      'validate-all': { timeout: 60, run: (context) => validate(context, environment) },
    },
  };
}

/** The instance whose log has no name in it: with one evacuator, its log is where everybody looks. */
const USUAL_INSTANCE = 'nova-evacuate';

/** The log of this instance: two evacuators, for two regions, on one controller have two. */
export function logFileOf(
  context: Pick<OcfContext, 'instance'>,
  environment: Pick<EvacuateEnvironment, 'logFile'>,
): string {
  const { logFile } = environment;
  return context.instance === USUAL_INSTANCE
    ? logFile
    : logFile.replace(/(\.[^./]*)?$/, `-${fileName(context.instance)}$1`);
}

function fileName(instance: string): string {
  return instance.replaceAll(/[^A-Za-z0-9_.-]/g, '_');
}

/** Where this instance keeps its status; under the directory that is empty after a boot. */
export function stateDirectoryOf(context: Pick<OcfContext, 'stateDirectory' | 'instance'>): string {
  return `${context.stateDirectory}/instance-ha-${fileName(context.instance)}`;
}

async function monitor(context: OcfContext): Promise<OcfResult> {
  return resultOf(await readHealth(stateDirectoryOf(context)));
}

function resultOf(health: Health): OcfResult {
  switch (health.state) {
    case 'healthy':
      return { code: OCF.SUCCESS };
    // It runs, whoever waited for it: "not running" would let Pacemaker start another one beside it.
    case 'starting':
      return { code: OCF.SUCCESS };
    case 'stopped':
      return { code: OCF.NOT_RUNNING };
    case 'dead':
      return { code: OCF.NOT_RUNNING, reason: `the evacuator has died: ${health.reason}` };
    case 'wedged':
      return { code: OCF.ERR_GENERIC, reason: `the evacuator makes no progress: ${health.reason}` };
    default:
      return health satisfies never;
  }
}

function listenSettings(context: OcfContext): ListenSettings {
  return {
    listen: context.text('http_listen') ?? DEFAULT_LISTEN,
    tlsCert: context.text('http_tls_cert'),
    tlsKey: context.text('http_tls_key'),
    tokenFile: context.text('http_token_file'),
  };
}

/** What is wrong with the files of `http_*`. Loaded only where it is needed: monitor opens no certificate. */
async function httpProblem(settings: ListenSettings): Promise<string | null> {
  if (settings.listen === 'off') return null;
  const { readAccess } = await import('../http/access.ts');
  const access = await readAccess(settings);
  return access.ok ? null : access.error;
}

/** A parameter with a default is always there. */
export function policyFileOf(context: Pick<OcfContext, 'text'>): string {
  return context.text('policy_file') ?? POLICY_FILE;
}

/** What keeps the evacuator from being started here before the cloud is asked; null when nothing does. */
async function setUpProblem(
  context: OcfContext,
  environment: EvacuateEnvironment,
): Promise<OcfResult | null> {
  const settings = listenSettings(context);
  const wrong = whatIsWrong(settings);
  if (wrong !== null) return { code: PROBLEM_CODES.parameters, reason: wrong };
  const unfit = (await httpProblem(settings)) ?? (await environment.checkPolicy(policyFileOf(context)));
  return unfit === null ? null : { code: PROBLEM_CODES.machine, reason: unfit };
}

async function validate(context: OcfContext, environment: EvacuateEnvironment): Promise<OcfResult> {
  const unfit = await setUpProblem(context, environment);
  if (unfit !== null) return unfit;
  const untold = await notifyProblem(context.raw());
  if (untold !== null) return { code: PROBLEM_CODES.machine, reason: untold };
  const problem = await environment.checkCloud(context.raw());
  return problem === null ? { code: OCF.SUCCESS } : { code: PROBLEM_CODES[problem.of], reason: problem.text };
}

async function start(context: OcfContext, environment: EvacuateEnvironment): Promise<OcfResult> {
  // Counted from here: a cloud that is slow to answer takes of the time in which the first tick has to come.
  const endsAt = performance.now() + (context.timeoutMs ?? Number.POSITIVE_INFINITY) - TIMEOUT_MARGIN_MS;
  const directory = stateDirectoryOf(context);
  const before = await readHealth(directory);
  if (before.state === 'healthy') return { code: OCF.SUCCESS };
  // One that is hung, or that an earlier start has left before its first tick.
  const isLeft = before.state === 'wedged' || before.state === 'starting';
  if (isLeft && !(await endProcess(before.life, 0))) return cannotEnd(before.life);
  const unfit = await setUpProblem(context, environment);
  if (unfit !== null) return unfit;
  const problem = await environment.checkCloud(context.raw());
  if (problem !== null && problem.of !== 'moment') {
    return { code: PROBLEM_CODES[problem.of], reason: problem.text };
  }
  // A cloud that does not answer is no reason to fail: it may be the very thing that is down, and hosts
  // without an incident have to be let go without it.
  if (problem !== null) context.log(`${problem.text}; the evacuator starts all the same and keeps asking`);
  if (performance.now() >= endsAt) {
    return {
      code: OCF.ERR_GENERIC,
      reason:
        'the checks took all the time of start, nothing was started: see why the cloud is slow, or raise the timeout of start',
    };
  }
  try {
    await mkdir(directory, { recursive: true, mode: 0o755 });
    await clearStatus(directory);
  } catch (error) {
    return { code: OCF.ERR_GENERIC, reason: explainFile(directory, error) };
  }
  const launched = await launch(context, environment, directory);
  return 'code' in launched ? launched : firstTick(context, environment, launched, endsAt);
}

/** Waits for the first tick of a process; one that has none in time is ended. */
async function firstTick(
  context: OcfContext,
  environment: EvacuateEnvironment,
  launched: LivingProcess,
  endsAt: number,
): Promise<OcfResult> {
  const begunAt = performance.now();
  const limitMs = Math.min(START_LIMIT_MS, endsAt - begunAt);
  const log = logFileOf(context, environment);
  while (performance.now() - begunAt < limitMs && !context.signal.aborted) {
    const health = await readHealth(stateDirectoryOf(context));
    if (health.state === 'healthy' && health.life.pid === launched.pid) return { code: OCF.SUCCESS };
    if (!(await isRunning(launched))) {
      return { code: OCF.ERR_GENERIC, reason: `the evacuator ended at once; see ${log}` };
    }
    await pause(POLL_MS);
  }
  if (!(await endProcess(launched, 0))) return cannotEnd(launched);
  return {
    code: OCF.ERR_GENERIC,
    reason: `the evacuator had no first tick within ${Math.round(limitMs / 1000)} s; see ${log}`,
  };
}

/** What the resource's parameters say over the policy file; null: nothing, so that the file's word holds. The delay is in ms. */
export function overridesOf(context: Pick<OcfContext, 'boolean' | 'milliseconds'>): Settings['overrides'] {
  const noSharedStorage = context.boolean('no_shared_storage');
  return {
    evacuateDelayMs: context.milliseconds('evacuate_delay'),
    instanceFiltering: context.boolean('instance_filtering'),
    sharedStorage: noSharedStorage === null ? null : !noSharedStorage,
  };
}

/** Starts the evacuator apart from the agent, with its settings through a pipe. */
async function launch(
  context: OcfContext,
  environment: EvacuateEnvironment,
  directory: string,
): Promise<LivingProcess | OcfResult> {
  const logFile = logFileOf(context, environment);
  const log = await openLogFile(logFile).catch((error: unknown) => {
    const what = error instanceof Error ? error.message : 'unknown';
    // A full disk is the usual reason, and none not to evacuate. The evacuator goes on trying, and its status says so.
    context.log(`the log ${logFile} can't be written, the evacuator starts all the same: ${what}`);
    return null;
  });
  try {
    const settings: Settings = {
      parameters: { ...context.raw() },
      node: context.node ?? hostname(),
      domain: context.text('domain'),
      policyFile: policyFileOf(context),
      overrides: overridesOf(context),
      nodeAttribute: parseNodeAttribute(context.text('node_attribute') ?? ''),
      stateDirectory: directory,
      logFile,
      http: listenSettings(context),
      incidentDirectory: environment.incidentDirectory,
    };
    const child = spawn(process.execPath, [environment.evacuatorPath], {
      detached: true,
      cwd: '/',
      env: evacuatorEnvironment(process.env),
      stdio: ['pipe', log?.fd ?? 'ignore', log?.fd ?? 'ignore'],
    });
    const failed = new Promise<OcfResult>((resolve) => {
      child.once('error', (error) =>
        resolve({
          code: OCF.ERR_INSTALLED,
          reason: `${environment.evacuatorPath} can't be started: ${error.message}`,
        }),
      );
    });
    const begun = new Promise<number>((resolve) => child.once('spawn', () => resolve(child.pid ?? -1)));
    child.stdin?.on('error', () => {});
    const outcome = await Promise.race([begun, failed]);
    child.unref();
    if (typeof outcome !== 'number') return outcome;
    const launched = { pid: outcome, start: (await processStart(outcome)) ?? '' };
    // It waits for its settings, and ends when the agent does before it has got them: what works is on record.
    await writeLaunch(directory, launched);
    child.stdin?.end(JSON.stringify(settings));
    return launched;
  } finally {
    await log?.close();
  }
}

async function openLogFile(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true, mode: 0o750 });
  return open(path, 'a', 0o640);
}

/** Nothing of the resource's parameters: they hold secrets, and OCF_RESKEY_CRM_meta_on_node misleads Pacemaker's tools. */
function evacuatorEnvironment(all: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(all).filter(([name]) => !/^(OCF_|CRM_meta_|OS_)/.test(name)));
}

async function stop(context: OcfContext): Promise<OcfResult> {
  const directory = stateDirectoryOf(context);
  const health = await readHealth(directory);
  if (health.state !== 'stopped' && health.state !== 'dead') {
    const limitMs = Math.min(
      STOP_LIMIT_MS,
      (context.timeoutMs ?? STOP_LIMIT_MS) - KILL_LIMIT_MS - TIMEOUT_MARGIN_MS,
    );
    // One that is hung does not heed SIGTERM; there is nothing to wait for.
    if (!(await endProcess(health.life, health.state === 'wedged' ? 0 : limitMs)))
      return cannotEnd(health.life);
  }
  try {
    await clearStatus(directory);
  } catch (error) {
    // Nothing runs, and that is what a stop is for: one that fails gets this controller fenced.
    context.log(`nothing runs any more, but what it left stays: ${explainFile(directory, error)}`);
  }
  return { code: OCF.SUCCESS };
}

function explainFile(directory: string, error: unknown): string {
  const what = error instanceof Error ? error.message : 'unknown';
  return `the state directory ${directory} can't be written (${what}): see whether its file system is full or read-only`;
}

function cannotEnd({ pid }: LivingProcess): OcfResult {
  return {
    code: OCF.ERR_GENERIC,
    reason: `the evacuator (process ${pid}) can't be ended: see what it waits for in the kernel (cat /proc/${pid}/stack)`,
  };
}
