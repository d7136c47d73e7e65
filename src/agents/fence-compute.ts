import { isNodeName, type NodeName } from '../core/names.ts';
import {
  EVACUATE_ATTRIBUTE,
  formatIncident,
  INCIDENT_ATTRIBUTE,
  type IncidentRecord,
  parseIncident,
} from '../core/records.ts';
import { readPermanent, readTransient, writePermanent, writeTransient } from '../pacemaker/attributes.ts';
import { type ClusterNode, type ClusterView, findNode, readCluster } from '../pacemaker/cib.ts';
import { explain, oneLine, type ToolError } from '../pacemaker/errors.ts';
import {
  type FenceAgent,
  type FenceRequest,
  fenceHelp,
  fenceMetadata,
  fenceProblems,
  isTrue,
} from '../pacemaker/fence-agent.ts';
import type { CallOptions, RunTool } from '../pacemaker/tool.ts';
import { boundedRun } from './bounded-run.ts';
import type { Clock } from './clock.ts';
import { VERSION } from './version.ts';

/** How long `off` tries before it fails. Pacemaker's own limit is 72 s a device with the default stonith-timeout of 60 s. */
export const OFF_LIMIT_MS = 40_000;
/** How long `on` waits for the release; below Pacemaker's default operation timeout of 60 s. */
export const ON_LIMIT_MS = 55_000;
/** What a Nova that doesn't answer may cost a monitor. */
export const MONITOR_CLOUD_LIMIT_MS = 5_000;
/** The same for validate-all, where the answer is what was asked for. */
export const VALIDATE_CLOUD_LIMIT_MS = 20_000;
const OFF_PAUSE_MS = 500;
const ON_PAUSE_MS = 1_000;
const CALL_LIMIT_MS = 10_000;
/** With less time left than this no further attempt is made; its failure would hide the real reason. */
const MIN_ATTEMPT_MS = 300;
/** attrd spreads a write within some ms; reading at once often sees the old value. */
const READ_BACK_PAUSES_MS = [0, 20, 60, 150];
const MAX_NAMES_SHOWN = 20;

/** Parameters that say that somebody wants the cloud looked at. */
const CREDENTIALS = [
  'auth_url',
  'username',
  'password',
  'password_script',
  'tenant_name',
  'project_name',
  'rc_file',
  'application_credential_id',
  'application_credential_name',
  'application_credential_secret',
];

const UNUSED = 'Accepted for compatibility, without effect: ';

/** fence_compute as Pacemaker, pcs and the stock agent's users know it. */
export const FENCE_COMPUTE: FenceAgent = {
  name: 'fence_compute',
  version: VERSION,
  shortdesc: 'Fence agent for the automatic resurrection of OpenStack compute instances',
  longdesc:
    'Second device of a fencing level, after the one that cuts the power. "off" records, in the cluster alone, that the ' +
    'node was fenced and its instances are to be evacuated; nova-evacuate does the rest. "on" (unfencing) succeeds once ' +
    'the node may come back. Neither of them talks to OpenStack, so fencing works while its API is down; credentials, ' +
    'where given, are only tried by monitor (a warning) and validate-all.',
  defaultAction: 'off',
  actions: [
    { name: 'on', automatic: true },
    { name: 'off' },
    { name: 'reboot' },
    { name: 'status' },
    { name: 'list' },
    { name: 'list-status' },
    { name: 'monitor' },
    { name: 'metadata' },
    { name: 'manpage' },
    { name: 'validate-all' },
  ],
  parameters: [
    {
      name: 'action',
      letter: 'o',
      placeholder: 'action',
      type: 'string',
      default: 'off',
      shortdesc: 'Fencing action',
    },
    {
      name: 'plug',
      obsolete: ['port'],
      letter: 'n',
      placeholder: 'id',
      type: 'string',
      shortdesc: 'The node, by its name in the cluster; without it "nodename", which Pacemaker gives',
    },
    {
      name: 'auth_url',
      letter: 'k',
      placeholder: 'url',
      type: 'string',
      shortdesc: 'Keystone URL',
    },
    {
      name: 'username',
      obsolete: ['login'],
      letter: 'l',
      placeholder: 'name',
      type: 'string',
      shortdesc: 'Keystone user',
    },
    {
      name: 'password',
      obsolete: ['passwd'],
      letter: 'p',
      placeholder: 'password',
      type: 'string',
      secret: true,
      shortdesc:
        'Password of the Keystone user; better in rc_file, since all of the cluster can read the CIB',
    },
    {
      name: 'password_script',
      obsolete: ['passwd_script'],
      letter: 'S',
      placeholder: 'script',
      type: 'string',
      shortdesc: 'Program that prints the password',
    },
    {
      name: 'tenant_name',
      letter: 't',
      placeholder: 'name',
      type: 'string',
      shortdesc: 'Keystone project (its older name)',
    },
    { name: 'project_name', placeholder: 'name', type: 'string', shortdesc: 'Keystone project' },
    {
      name: 'user_domain',
      obsolete: ['user-domain'],
      letter: 'u',
      placeholder: 'name',
      type: 'string',
      default: 'Default',
      shortdesc: 'Keystone domain of the user',
    },
    {
      name: 'project_domain',
      obsolete: ['project-domain'],
      letter: 'P',
      placeholder: 'name',
      type: 'string',
      default: 'Default',
      shortdesc: 'Keystone domain of the project',
    },
    { name: 'region_name', placeholder: 'region', type: 'string', shortdesc: 'Region' },
    {
      name: 'endpoint_type',
      letter: 'e',
      placeholder: 'endpoint',
      type: 'string',
      default: 'internalURL',
      shortdesc: 'Nova endpoint type (publicURL, internalURL, adminURL)',
    },
    { name: 'insecure', type: 'boolean', shortdesc: "Do not check the API's TLS certificate" },
    { name: 'ca_file', placeholder: 'file', type: 'string', shortdesc: 'CA bundle (PEM) for the API' },
    {
      name: 'rc_file',
      placeholder: 'file',
      type: 'string',
      shortdesc: 'overcloudrc or openrc with the credentials, readable by root alone',
    },
    {
      name: 'application_credential_id',
      placeholder: 'id',
      type: 'string',
      shortdesc: 'Application credential',
    },
    {
      name: 'application_credential_name',
      placeholder: 'name',
      type: 'string',
      shortdesc: 'Application credential, by its name',
    },
    {
      name: 'application_credential_secret',
      placeholder: 'secret',
      type: 'string',
      secret: true,
      shortdesc: 'Secret of the application credential',
    },
    {
      name: 'domain',
      letter: 'd',
      placeholder: 'string',
      type: 'string',
      shortdesc: `${UNUSED}nova-evacuate maps node names to Nova hosts (its own parameter domain)`,
    },
    {
      name: 'compute_domain',
      obsolete: ['compute-domain'],
      placeholder: 'string',
      type: 'string',
      shortdesc: `${UNUSED}replaced by domain`,
    },
    {
      name: 'record_only',
      letter: 'r',
      placeholder: 'word',
      type: 'string',
      default: 'False',
      shortdesc: '"disabled" (or 2): on, off and reboot succeed and record nothing',
    },
    {
      name: 'instance_filtering',
      type: 'boolean',
      default: 'True',
      shortdesc: `${UNUSED}nova-evacuate decides which instances are evacuated`,
    },
    {
      name: 'no_shared_storage',
      type: 'boolean',
      default: 'False',
      shortdesc: `${UNUSED}nova-evacuate decides about storage`,
    },
  ],
};

/** What the cloud said to the credentials. */
export type CloudCheck = (
  values: Readonly<Record<string, string>>,
) => Promise<{ readonly ok: true } | { readonly ok: false; readonly problem: string }>;

/** Everything outside of the agent. */
export interface FencePorts {
  readonly run: RunTool;
  readonly clock: Clock;
  readonly cloudCheck: CloudCheck;
  readonly out: (text: string) => void;
  readonly log: FenceLog;
  /** Name of this node, for the record. */
  readonly hostname: string;
  /** /proc/PPID/comm, null when it can't be read. */
  readonly parentCommand: string | null;
  /** Random characters a-z0-9. */
  readonly random: () => string;
}

/** One line each; no values of secrets. `error` is never suppressed. */
export interface FenceLog {
  error(line: string): void;
  info(line: string): void;
  debug(line: string): void;
}

/** Exit codes that fencers know. 2 is "off", for `status` only. */
export type FenceExit = 0 | 1 | 2;

/** Does what was asked and gives the exit code. */
export async function fenceCompute(request: FenceRequest, ports: FencePorts): Promise<FenceExit> {
  if (request.help) return print(ports, fenceHelp(FENCE_COMPUTE));
  if (request.version) return print(ports, `${VERSION}\n`);
  for (const warning of request.warnings) ports.log.info(warning);
  // Names only: values may be secrets.
  ports.log.debug(`action ${request.action}, parameters ${[...request.values.keys()].join(', ')}`);
  switch (request.action) {
    case 'metadata':
    case 'manpage':
      return print(ports, fenceMetadata(FENCE_COMPUTE));
    case 'off':
    case 'reboot':
      return isRecordingDisabled(request, ports) ? 0 : off(request, ports);
    case 'on':
      return isRecordingDisabled(request, ports) ? 0 : on(request, ports);
    case 'status':
      return status(request, ports);
    case 'list':
    case 'list-status':
      return list(request, ports);
    case 'monitor':
      return monitor(request, ports);
    case 'validate-all':
      return validateAll(request, ports);
    default: {
      const known = FENCE_COMPUTE.actions.map((action) => action.name).join(', ');
      return fail(
        ports,
        `unknown action ${oneLine(request.action).slice(0, 60)}; usage: -o ACTION with one of ${known}`,
      );
    }
  }
}

/**
 * `off`: records that the node was fenced. Two records: the durable incident first, then the mark that
 * everyone knows; each read back, because attrd accepts anything and spreads it later.
 *
 * It never talks to Nova. While fencing runs the API may be the very thing that is down, and there is to be
 * one actor towards Nova, the evacuator, which forces the service down itself. It does not fail fast either:
 * Pacemaker tries a failing `off` 20 times in 13 s and then gives up for 15 min. So it succeeds at once, or
 * blocks while the cluster can't take the record, up to OFF_LIMIT_MS.
 *
 * A node that has an incident already gets a fresh one: a new fencing is a new proof.
 *
 * `reboot` is the same, as with the stock agent: Pacemaker sends `off` and `on` to the devices of a level,
 * never `reboot`, and nothing here could boot a machine.
 */
async function off(request: FenceRequest, ports: FencePorts): Promise<FenceExit> {
  const { clock, log } = ports;
  const deadline = clock.now() + OFF_LIMIT_MS;
  const target = await retry(ports, deadline, async (options) =>
    targetNode(request, await readCluster(options)),
  );
  if (!target.ok) return fail(ports, target.problem);
  const node = target.value;
  const record = newIncident(ports);
  const incident = await retry(ports, deadline, (options) => recordIncident(node, record, ports, options));
  if (!incident.ok) return fail(ports, `could not record the incident of ${node}: ${incident.problem}`);
  const mark = await retry(ports, deadline, (options) => setMark(node, ports, options));
  if (!mark.ok)
    return fail(ports, `incident ${record.id} of ${node} is recorded, but not its mark: ${mark.problem}`);
  log.info(`${node} marked for evacuation (incident ${record.id}, called by ${record.by})`);
  return 0;
}

type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string; readonly final?: boolean };

/** Tries until it succeeds, can never succeed, or the deadline is there. */
async function retry<T>(
  ports: FencePorts,
  deadline: number,
  attempt: (options: CallOptions) => Promise<Attempt<T>>,
): Promise<Attempt<T>> {
  const { clock, log } = ports;
  const options = { run: boundedRun(ports.run, clock, deadline), timeoutMs: CALL_LIMIT_MS };
  let last: Attempt<T> = { ok: false, problem: 'no time left' };
  while (deadline - clock.now() >= MIN_ATTEMPT_MS) {
    last = await attempt(options);
    if (last.ok || last.final) return last;
    log.debug(`trying again: ${last.problem}`);
    await clock.sleep(Math.min(OFF_PAUSE_MS, Math.max(0, deadline - clock.now())));
  }
  return last;
}

function newIncident(ports: FencePorts): IncidentRecord {
  const at = ports.clock.wall();
  const isFencer = ports.parentCommand?.startsWith('pacemaker-fence') ?? false;
  return {
    id: `${at.toString(36)}${ports.random()}`,
    at,
    by: isFencer ? 'fencer' : 'operator',
    on: ports.hostname.replaceAll(/[^A-Za-z0-9_.-]/g, '_'),
  };
}

async function recordIncident(
  node: NodeName,
  record: IncidentRecord,
  ports: FencePorts,
  options: CallOptions,
): Promise<Attempt<void>> {
  const written = await writePermanent(node, INCIDENT_ATTRIBUTE, formatIncident(record), options);
  if (!written.ok) return toolProblem(written.error);
  return readBack(ports, async () => {
    const read = await readPermanent(node, INCIDENT_ATTRIBUTE, options);
    if (!read.ok) return toolProblem(read.error);
    const found = read.value === null ? null : parseIncident(read.value);
    // A second fencer that wrote at the same moment recorded the same fact.
    if (found !== null && (found.id === record.id || found.at >= record.at))
      return { ok: true, value: undefined };
    return { ok: false, problem: `${INCIDENT_ATTRIBUTE} does not read back as written` };
  });
}

async function setMark(node: NodeName, ports: FencePorts, options: CallOptions): Promise<Attempt<void>> {
  const written = await writeTransient(EVACUATE_ATTRIBUTE, node, 'yes', options);
  if (!written.ok) return toolProblem(written.error);
  return readBack(ports, async () => {
    const read = await readTransient(EVACUATE_ATTRIBUTE, options);
    if (!read.ok) return toolProblem(read.error);
    if (read.value.get(node) === 'yes') return { ok: true, value: undefined };
    return { ok: false, problem: `${EVACUATE_ATTRIBUTE}=yes does not read back` };
  });
}

async function readBack(ports: FencePorts, look: () => Promise<Attempt<void>>): Promise<Attempt<void>> {
  let seen: Attempt<void> = { ok: false, problem: 'not read back' };
  for (const pauseMs of READ_BACK_PAUSES_MS) {
    if (pauseMs > 0) await ports.clock.sleep(pauseMs);
    seen = await look();
    if (seen.ok) return seen;
  }
  return seen;
}

function toolProblem(error: ToolError): Attempt<never> {
  return { ok: false, problem: explain(error) };
}

/** The node that is meant, once the cluster has answered. */
function targetNode(
  request: FenceRequest,
  cluster: Awaited<ReturnType<typeof readCluster>>,
): Attempt<NodeName> {
  if (!cluster.ok) return toolProblem(cluster.error);
  const node = chooseNode(request, cluster.value);
  return node.ok ? { ok: true, value: node.value.name } : node;
}

/**
 * `plug`, or `nodename` (Pacemaker's name, which it always gives) where `plug` is missing or is a name from
 * pcmk_host_map that the cluster doesn't know. Two different nodes are an error: to record the fencing of
 * the wrong one would evacuate a living host.
 */
function chooseNode(request: FenceRequest, cluster: ClusterView): Attempt<ClusterNode> {
  const plug = request.values.get('plug') ?? '';
  const named = request.values.get('nodename') ?? '';
  const byPlug = findNode(cluster, plug);
  const byName = findNode(cluster, named);
  if (byPlug !== null && byName !== null && byPlug !== byName) {
    const problem = `plug is ${plug}, but Pacemaker fences ${named}: correct pcmk_host_map of this device`;
    return { ok: false, final: true, problem };
  }
  const node = byPlug ?? byName;
  if (node !== null) return { ok: true, value: node };
  const asked = oneLine(plug || named).slice(0, 80);
  const names = nodeList(cluster.nodes);
  const problem =
    asked === ''
      ? `no node given: name it with plug (-n); it could be ${names}`
      : `${asked} is no node of this cluster; it could be ${names}`;
  return { ok: false, final: true, problem };
}

function nodeList(nodes: readonly ClusterNode[]): string {
  const names = nodes.slice(0, MAX_NAMES_SHOWN).map((node) => node.name);
  const more = nodes.length - names.length;
  return names.length === 0
    ? 'none: the cluster has no nodes'
    : `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/**
 * `on` (unfencing): succeeds when the node may come back, that is when it has no incident. An answer that
 * does not come, or comes from a part of the cluster without quorum, is no release.
 */
async function on(request: FenceRequest, ports: FencePorts): Promise<FenceExit> {
  const { clock, log } = ports;
  const deadline = clock.now() + ON_LIMIT_MS;
  const options = { run: boundedRun(ports.run, clock, deadline), timeoutMs: CALL_LIMIT_MS };
  let problem = 'no answer';
  while (deadline - clock.now() >= MIN_ATTEMPT_MS) {
    const cluster = await readCluster(options);
    const held = cluster.ok ? whyHeld(request, cluster.value) : toolProblem(cluster.error);
    if (held.ok) return 0;
    if (held.final) return fail(ports, held.problem);
    if (held.problem !== problem) log.info(`waiting: ${held.problem}`);
    problem = held.problem;
    await clock.sleep(Math.min(ON_PAUSE_MS, Math.max(0, deadline - clock.now())));
  }
  return fail(ports, `not released after ${ON_LIMIT_MS / 1000} s: ${problem}. Pacemaker tries again`);
}

function whyHeld(request: FenceRequest, cluster: ClusterView): Attempt<void> {
  const node = chooseNode(request, cluster);
  if (!node.ok) return node;
  const text = node.value.permanent.get(INCIDENT_ATTRIBUTE);
  if (text === undefined) {
    // What another part of the cluster recorded is not known here.
    const isBlind = !cluster.haveQuorum && cluster.properties.get('no-quorum-policy') !== 'ignore';
    return isBlind
      ? { ok: false, problem: 'this part of the cluster has no quorum' }
      : { ok: true, value: undefined };
  }
  const incident = parseIncident(text);
  const problem =
    incident === null
      ? `${node.value.name} has an incident that cannot be read: look at ${INCIDENT_ATTRIBUTE} with crm_attribute`
      : `${node.value.name} is still under evacuation (incident ${incident.id} since ${new Date(incident.at).toISOString()}); see what nova-evacuate says`;
  return { ok: false, problem };
}

async function status(request: FenceRequest, ports: FencePorts): Promise<FenceExit> {
  const options = { run: ports.run, timeoutMs: CALL_LIMIT_MS };
  const cluster = await readCluster(options);
  if (!cluster.ok) return fail(ports, explain(cluster.error));
  const node = chooseNode(request, cluster.value);
  if (!node.ok) return fail(ports, node.problem);
  const marks = await readTransient(EVACUATE_ATTRIBUTE, options);
  if (!marks.ok) return fail(ports, explain(marks.error));
  const isOff = isFenced(node.value, marks.value);
  ports.out(`Status: ${isOff ? 'OFF' : 'ON'}\n`);
  return isOff ? 2 : 0;
}

function isFenced(node: ClusterNode, marks: ReadonlyMap<NodeName, string>): boolean {
  return node.permanent.has(INCIDENT_ATTRIBUTE) || marks.get(node.name) === 'yes';
}

/** The nodes this device can fence. Pacemaker asks for them when the device has no pcmk_host_list. */
async function list(request: FenceRequest, ports: FencePorts): Promise<FenceExit> {
  const options = { run: ports.run, timeoutMs: CALL_LIMIT_MS };
  const cluster = await readCluster(options);
  if (!cluster.ok) return fail(ports, explain(cluster.error));
  const separator = request.values.get('separator') || ',';
  const computes = cluster.value.nodes.filter(isCompute);
  if (request.action === 'list') {
    return print(ports, computes.map((node) => `${node.name}${separator}\n`).join(''));
  }
  const marks = await readTransient(EVACUATE_ATTRIBUTE, options);
  const word = (node: ClusterNode): string =>
    !marks.ok ? 'UNKNOWN' : isFenced(node, marks.value) ? 'OFF' : 'ON';
  return print(ports, computes.map((node) => `${node.name}${separator}${separator}${word(node)}\n`).join(''));
}

function isCompute(node: ClusterNode): boolean {
  return node.kind === 'remote' || node.permanent.get('osprole') === 'compute';
}

/**
 * `monitor`: whether `off` could do its work, which needs the CIB and attrd and nothing else. Nova is
 * looked at too when there are credentials, but only to warn: a failing monitor would make Pacemaker stop
 * the device, and an outage of Nova would disable fencing.
 */
async function monitor(request: FenceRequest, ports: FencePorts): Promise<FenceExit> {
  const options = { run: ports.run, timeoutMs: CALL_LIMIT_MS };
  const [cluster, marks] = await Promise.all([
    readCluster(options),
    readTransient(EVACUATE_ATTRIBUTE, options),
  ]);
  if (!cluster.ok) return fail(ports, explain(cluster.error));
  if (!marks.ok) return fail(ports, explain(marks.error));
  if (!hasCredentials(request)) return 0;
  const cloud = await checkCloud(request, ports, MONITOR_CLOUD_LIMIT_MS);
  if (!cloud.ok) ports.log.info(`warning, fencing is not affected: ${cloud.problem}`);
  return 0;
}

async function validateAll(request: FenceRequest, ports: FencePorts): Promise<FenceExit> {
  const problems = fenceProblems(FENCE_COMPUTE, request);
  const plug = request.values.get('plug') ?? '';
  if (plug !== '' && !isNodeName(plug)) problems.push('plug is no name that a node can have');
  if (problems.length > 0) return fail(ports, problems.join('; '));
  if (!hasCredentials(request)) return 0;
  const cloud = await checkCloud(request, ports, VALIDATE_CLOUD_LIMIT_MS);
  return cloud.ok ? 0 : fail(ports, cloud.problem);
}

function hasCredentials(request: FenceRequest): boolean {
  return CREDENTIALS.some((name) => (request.values.get(name) ?? '') !== '');
}

async function checkCloud(
  request: FenceRequest,
  ports: FencePorts,
  limitMs: number,
): Promise<{ readonly ok: true } | { readonly ok: false; readonly problem: string }> {
  const late = async (): Promise<{ ok: false; problem: string }> => {
    await ports.clock.sleep(limitMs);
    return {
      ok: false,
      problem: `OpenStack gave no answer within ${limitMs / 1000} s: check auth_url and the API`,
    };
  };
  try {
    return await Promise.race([ports.cloudCheck(Object.fromEntries(request.values)), late()]);
  } catch (cause) {
    // A bug over there must not make a monitor fail, which would take the fencing device away. No message: it may quote a value.
    return {
      ok: false,
      problem: `internal error while asking OpenStack (${cause instanceof Error ? cause.name : 'unknown'})`,
    };
  }
}

/** `record_only=disabled` of the stock agent: the operator switched evacuation off. */
function isRecordingDisabled(request: FenceRequest, ports: FencePorts): boolean {
  const isDisabled = ['2', 'disabled'].includes((request.values.get('record_only') ?? '').toLowerCase());
  if (isDisabled)
    ports.log.info('record_only is disabled: nothing is recorded, no instance will be evacuated');
  return isDisabled;
}

function print(ports: FencePorts, text: string): FenceExit {
  ports.out(text);
  return 0;
}

function fail(ports: FencePorts, problem: string): FenceExit {
  ports.log.error(problem);
  return 1;
}

/** Whether more than the error that ends the action is said on standard error. */
export function verbosity(request: FenceRequest): 'quiet' | 'normal' | 'verbose' {
  const level = request.values.get('verbose_level');
  if (level !== '0' && (isTrue(request.values.get('verbose')) || /^[1-9]/.test(level ?? '')))
    return 'verbose';
  return isTrue(request.values.get('quiet')) ? 'quiet' : 'normal';
}
