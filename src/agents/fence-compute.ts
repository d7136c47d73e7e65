import type { NodeName } from '../core/names.ts';
import {
  EVACUATE_ATTRIBUTE,
  formatIncident,
  INCIDENT_ATTRIBUTE,
  type IncidentRecord,
  parseIncident,
} from '../core/records.ts';
import { readPermanent, readTransient, writePermanent, writeTransient } from '../pacemaker/attributes.ts';
import { type ClusterView, readCluster } from '../pacemaker/cib.ts';
import { explain, type ToolError } from '../pacemaker/errors.ts';
import type { FenceRequest } from '../pacemaker/fence-agent.ts';
import { type FenceOptions, fenceOptions } from '../pacemaker/fence-options.ts';
import type { CallOptions } from '../pacemaker/tool.ts';
import { boundedRun } from './bounded-run.ts';
import { answerGeneral, unknownAction } from './fence-general.ts';
import { chooseNodes } from './fence-node.ts';
import { type FenceExit, type FencePorts, fail, isCalledByFencer } from './fence-ports.ts';
import { callOptions, list, monitor, status, validateAll } from './fence-queries.ts';
import { FENCE_COMPUTE } from './fence-tables.ts';

/** How long `off` tries before it fails. Pacemaker's own limit is 72 s a device with the default stonith-timeout of 60 s. */
export const OFF_LIMIT_MS = 40_000;
/** How long `on` waits for the release; below Pacemaker's default operation timeout of 60 s. */
export const ON_LIMIT_MS = 55_000;
const OFF_PAUSE_MS = 500;
const ON_PAUSE_MS = 1_000;
/** With less time left than this no further attempt is made; its failure would hide the real reason. */
const MIN_ATTEMPT_MS = 300;
/** attrd spreads a write within some ms; reading at once often sees the old value. */
const READ_BACK_PAUSES_MS = [0, 20, 60, 150];

/** Does what was asked and gives the exit code. */
export async function fenceCompute(request: FenceRequest, ports: FencePorts): Promise<FenceExit> {
  const options = fenceOptions(request, isCalledByFencer(ports));
  const answered = answerGeneral(FENCE_COMPUTE, request, options, ports);
  if (answered !== null) return answered;
  switch (request.action) {
    case 'off':
    case 'reboot':
      return isRecordingDisabled(request, ports) ? 0 : off(request, options, ports);
    case 'on':
      return isRecordingDisabled(request, ports) ? 0 : on(request, options, ports);
    case 'status':
      return status(request, options, ports);
    case 'list':
    case 'list-status':
      return list(request, options, ports);
    case 'monitor':
      return monitor(request, options, ports);
    case 'validate-all':
      return validateAll(FENCE_COMPUTE, request, options, ports);
    default:
      return unknownAction(FENCE_COMPUTE, request, ports);
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
async function off(request: FenceRequest, options: FenceOptions, ports: FencePorts): Promise<FenceExit> {
  const { clock, log } = ports;
  if (options.delayMs > 0) {
    log.info(`delay: waiting ${options.delayMs / 1000} s before the fencing is recorded`);
    await clock.sleep(options.delayMs);
  }
  const deadline = clock.now() + (options.powerTimeoutMs ?? OFF_LIMIT_MS);
  const targets = await retry(ports, options, deadline, async (call) => {
    const cluster = await readCluster(call);
    return cluster.ok ? targetNodes(request, options, cluster.value) : toolProblem(cluster.error);
  });
  if (!targets.ok) return fail(ports, targets.problem);
  for (const node of targets.value) {
    const problem = await recordFencing(node, options, ports, deadline);
    if (problem !== null) return fail(ports, problem);
  }
  await clock.sleep(options.powerWaitMs);
  return 0;
}

/** Writes both records of one node; gives what went wrong, or null. */
async function recordFencing(
  node: NodeName,
  options: FenceOptions,
  ports: FencePorts,
  deadline: number,
): Promise<string | null> {
  const record = newIncident(ports);
  const incident = await retry(ports, options, deadline, (call) => recordIncident(node, record, ports, call));
  if (!incident.ok) return `could not record the incident of ${node}: ${incident.problem}`;
  const mark = await retry(ports, options, deadline, (call) => setMark(node, ports, call));
  if (!mark.ok) return `incident ${record.id} of ${node} is recorded, but not its mark: ${mark.problem}`;
  ports.log.info(`${node} marked for evacuation (incident ${record.id}, called by ${record.by})`);
  return null;
}

type Attempt<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string; readonly final?: boolean };

/** Tries until it succeeds, can never succeed, or the deadline is there. */
async function retry<T>(
  ports: FencePorts,
  options: FenceOptions,
  deadline: number,
  attempt: (call: CallOptions) => Promise<Attempt<T>>,
): Promise<Attempt<T>> {
  const { clock, log } = ports;
  const call = callOptions(options, boundedRun(ports.run, clock, deadline));
  const pauseMs = options.pauseMs ?? OFF_PAUSE_MS;
  let last: Attempt<T> = { ok: false, problem: 'no time left' };
  while (deadline - clock.now() >= MIN_ATTEMPT_MS) {
    last = await attempt(call);
    if (last.ok || last.final) return last;
    log.debug(`trying again: ${last.problem}`);
    await clock.sleep(Math.min(Math.max(pauseMs, 1), Math.max(0, deadline - clock.now())));
  }
  return last;
}

function newIncident(ports: FencePorts): IncidentRecord {
  const at = ports.clock.wall();
  return {
    id: `${at.toString(36)}${ports.random()}`,
    at,
    by: isCalledByFencer(ports) ? 'fencer' : 'operator',
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

/** The nodes that are meant; a name that fits none is final. */
function targetNodes(
  request: FenceRequest,
  options: FenceOptions,
  cluster: ClusterView,
): Attempt<readonly NodeName[]> {
  const nodes = chooseNodes(request, options, cluster);
  return nodes.ok
    ? { ok: true, value: nodes.value.map((node) => node.name) }
    : { ok: false, final: true, problem: nodes.error };
}

/**
 * `on` (unfencing): succeeds when the node may come back, that is when it has no incident. An answer that
 * does not come, or comes from a part of the cluster without quorum, is no release.
 */
async function on(request: FenceRequest, options: FenceOptions, ports: FencePorts): Promise<FenceExit> {
  const { clock, log } = ports;
  const limitMs =
    options.powerTimeoutMs === null ? ON_LIMIT_MS : options.powerTimeoutMs * (1 + options.retryOn);
  const deadline = clock.now() + limitMs;
  const call = callOptions(options, boundedRun(ports.run, clock, deadline));
  const pauseMs = options.pauseMs ?? ON_PAUSE_MS;
  let problem = 'no answer';
  while (deadline - clock.now() >= MIN_ATTEMPT_MS) {
    const cluster = await readCluster(call);
    const held = cluster.ok ? whyHeld(request, options, cluster.value) : toolProblem(cluster.error);
    if (held.ok) {
      await clock.sleep(options.powerWaitMs);
      return 0;
    }
    if (held.final) return fail(ports, held.problem);
    if (held.problem !== problem) log.info(`waiting: ${held.problem}`);
    problem = held.problem;
    await clock.sleep(Math.min(Math.max(pauseMs, 1), Math.max(0, deadline - clock.now())));
  }
  return fail(ports, `not released after ${limitMs / 1000} s: ${problem}. Pacemaker tries again`);
}

function whyHeld(request: FenceRequest, options: FenceOptions, cluster: ClusterView): Attempt<void> {
  const nodes = chooseNodes(request, options, cluster);
  if (!nodes.ok) return { ok: false, final: true, problem: nodes.error };
  for (const node of nodes.value) {
    const text = node.permanent.get(INCIDENT_ATTRIBUTE);
    if (text === undefined) continue;
    const incident = parseIncident(text);
    const problem =
      incident === null
        ? `${node.name} has an incident that cannot be read: look at ${INCIDENT_ATTRIBUTE} with crm_attribute`
        : `${node.name} is still under evacuation (incident ${incident.id} since ${`${new Date(incident.at).toISOString().slice(0, 19)}Z`}); see what nova-evacuate says`;
    return { ok: false, problem };
  }
  // What another part of the cluster recorded is not known here.
  const isBlind = !cluster.haveQuorum && cluster.properties.get('no-quorum-policy') !== 'ignore';
  return isBlind
    ? { ok: false, problem: 'this part of the cluster has no quorum' }
    : { ok: true, value: undefined };
}

/** `record_only=disabled` of the stock agent: the operator switched evacuation off. */
function isRecordingDisabled(request: FenceRequest, ports: FencePorts): boolean {
  const isDisabled = ['2', 'disabled'].includes((request.values.get('record_only') ?? '').toLowerCase());
  if (isDisabled)
    ports.log.info('record_only is disabled: nothing is recorded, no instance will be evacuated');
  return isDisabled;
}
