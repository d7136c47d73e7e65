import { type Command, commandKey } from '../core/decision.ts';
import { isFree } from '../core/hold.ts';
import type { NodeName } from '../core/names.ts';
import type { NodeView } from '../core/observation.ts';
import { isAdoptable } from '../core/proof.ts';
import {
  EVACUATE_ATTRIBUTE,
  EVACUATION_ATTRIBUTE,
  formatEvacuation,
  formatHistory,
  formatIncident,
  HISTORY_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  RELEASE_ATTRIBUTE,
} from '../core/records.ts';
import { holdAsked, holdClosing, holdWritten } from './held-records.ts';
import { forgetStops, type Memory, rememberAggregate, rememberService } from './memory.ts';
import type { Answer, ClusterPort, Ports, ServiceChange } from './ports.ts';
import { traceChange, traceForced } from './traces.ts';

/** Acts that are under way, so that a clean stop can wait for them. */
export interface Acts {
  readonly running: Set<Promise<void>>;
}

/** None is under way; there is one for the life of an evacuator. */
export const newActs = (): Acts => ({ running: new Set() });

/** Nobody waits for the answer to a request to evacuate: those that come within this time, ms, share a step. */
const ANSWERS_MS = 250;

/**
 * Begins the commands of a decision and returns at once; how each ends goes into the memory and wakes the loop.
 * What it means is decided later, from that and from what is then observed.
 */
export function act(ports: Ports, memory: Memory, acts: Acts, commands: readonly Command[]): void {
  for (const command of commands) {
    const run =
      command.kind === 'evacuate' ? request(ports, memory, command) : perform(ports, memory, command);
    const tracked = run.finally(() => {
      acts.running.delete(tracked);
      ports.clock.wake(command.kind === 'evacuate' ? ANSWERS_MS : 0);
    });
    acts.running.add(tracked);
  }
}

async function perform(
  ports: Ports,
  memory: Memory,
  command: Exclude<Command, { kind: 'evacuate' }>,
): Promise<void> {
  const key = commandKey(command);
  const failures = memory.commands.get(key)?.failures ?? 0;
  memory.commands.set(key, { state: 'pending', at: ports.clock.mono(), failures, message: '' });
  say(ports, command, 'info', describe(command));
  const answer = await answered(() => execute(ports, memory, command));
  if (answer.ok) {
    memory.commands.set(key, { state: 'done', at: ports.clock.mono(), failures: 0, message: '' });
    return;
  }
  say(ports, command, 'warn', `${describe(command)}: ${answer.reason}`);
  memory.commands.set(key, {
    state: 'failed',
    at: ports.clock.mono(),
    failures: failures + 1,
    message: answer.reason,
  });
}

async function request(
  ports: Ports,
  memory: Memory,
  command: Extract<Command, { kind: 'evacuate' }>,
): Promise<void> {
  const { server, host: source, recordsBefore } = command;
  const before = memory.requests.get(server);
  // What Nova has refused where it was before says nothing of this host.
  const refusals = before?.source === source ? before.refusals : 0;
  const at = ports.clock.mono();
  const sent = { source, sentAt: at, recordsBefore };
  // One that has got a record after all was none that Nova failed at.
  const isSame = before?.source === source && before.recordsBefore === recordsBefore;
  const failing = isSame ? before.failing : null;
  memory.requests.set(server, { state: 'pending', at, message: '', refusals, failing, ...sent });
  // Who has started it before that says nothing of how it comes out of this one.
  memory.starts.delete(server);
  // Nor does that it was stopped again in an earlier outage where it may come to now.
  forgetStops(memory, server, source);
  say(ports, command, 'info', `asking Nova to evacuate ${command.name}`);
  const answer = await answered(() => ports.cloud.evacuate(server, command.options));
  const ended = { at: ports.clock.mono(), ...sent };
  if (answer.ok) {
    memory.requests.set(server, { state: 'accepted', message: '', refusals: 0, failing: null, ...ended });
    return;
  }
  say(
    ports,
    command,
    'warn',
    `the request to evacuate ${command.name} was not answered as hoped: ${answer.reason}`,
  );
  const message = answer.reason;
  switch (answer.effect) {
    case 'refused':
      memory.requests.set(server, {
        ...{ state: 'refused', message, refusals: refusals + 1, failing: null },
        ...ended,
      });
      return;
    case 'none':
      memory.requests.set(server, { state: 'unsent', message, refusals, failing, ...ended });
      return;
    case 'unknown':
      memory.requests.set(server, {
        ...{ state: 'unknown', message, refusals },
        // A silence between two failures is neither.
        failing: answer.failed
          ? { times: (failing?.times ?? 0) + 1, since: failing?.since ?? ended.at }
          : failing,
        ...ended,
      });
      return;
    default:
      answer.effect satisfies never;
  }
}

/**
 * A bug that one command meets ends that one, and not the evacuator: each that took over would meet it again. Whether it came before
 * or after something was done nobody knows.
 */
async function answered<T>(ask: () => Promise<Answer<T>>): Promise<Answer<T>> {
  try {
    return await ask();
  } catch (error) {
    const what = error instanceof Error ? error.message : String(error);
    return { ok: false, effect: 'unknown', reason: `a bug of instance-ha, please report it: ${what}` };
  }
}

async function execute(
  ports: Ports,
  memory: Memory,
  command: Exclude<Command, { kind: 'evacuate' }>,
): Promise<Answer<unknown>> {
  const { cluster, cloud } = ports;
  switch (command.kind) {
    case 'adopt-mark':
      return adoptMark(ports, memory, command);
    case 'write-evacuation':
      return writeEvacuation(cluster, memory, command);
    case 'write-history':
      return cluster.writePermanent(command.node, HISTORY_ATTRIBUTE, formatHistory(command.record));
    case 'delete-evacuation':
      holdClosing(memory.records, command.node);
      return cluster.deletePermanent(command.node, EVACUATION_ATTRIBUTE, command.incident);
    case 'delete-incident':
      return cluster.deletePermanent(command.node, INCIDENT_ATTRIBUTE, command.incident);
    case 'clear-mark':
      return cluster.writeTransient(command.node, EVACUATE_ATTRIBUTE, 'no');
    case 'answer-hold':
      return answerHold(ports, memory, command);
    case 'force-down':
      return changeService(ports, memory, command, {
        forcedDown: true,
        ...(command.disabledReason === null
          ? {}
          : { status: 'disabled' as const, disabledReason: command.disabledReason }),
      });
    case 'clear-forced-down':
      return changeService(ports, memory, command, { forcedDown: false });
    case 'enable':
      return changeService(ports, memory, command, { status: 'enabled' });
    case 'disable':
      return changeService(ports, memory, command, {
        status: 'disabled',
        disabledReason: command.reason,
      });
    case 'join-aggregate':
    case 'leave-aggregate':
      return changeAggregate(ports, memory, command);
    case 'stop-server':
      return cloud.stopServer(command.server);
    default:
      return command satisfies never;
  }
}

async function writeEvacuation(
  cluster: ClusterPort,
  memory: Memory,
  { node, record }: Extract<Command, { kind: 'write-evacuation' }>,
): Promise<Answer<unknown>> {
  holdAsked(memory.records, node, record);
  const answer = await cluster.writePermanent(node, EVACUATION_ATTRIBUTE, formatEvacuation(record));
  if (answer.ok) holdWritten(memory.records, node, record);
  return answer;
}

/** A node that has rejoined since it was marked may run nova-compute, and its fencing proves nothing any more. */
async function adoptMark(
  ports: Ports,
  memory: Memory,
  { node, incident }: Extract<Command, { kind: 'adopt-mark' }>,
): Promise<Answer<unknown>> {
  const why = await whyNotNow(ports, memory, node, (now) =>
    isAdoptable(now) ? null : `${node} has rejoined the cluster, or is not marked any more`,
  );
  return why ?? ports.cluster.writePermanent(node, INCIDENT_ATTRIBUTE, formatIncident(incident));
}

/** A node that has been fenced again since it was decided to let it go is held. */
async function answerHold(
  ports: Ports,
  memory: Memory,
  { node, answer, released }: Extract<Command, { kind: 'answer-hold' }>,
): Promise<Answer<unknown>> {
  const why = released
    ? await whyNotNow(ports, memory, node, (now) => (isFree(now) ? null : `${node} is to be held by now`))
    : null;
  return why ?? ports.cluster.writeTransient(node, RELEASE_ATTRIBUTE, answer);
}

/** Looks at a node once more: where Nova is slow, what a decision went by was read some time ago. null: nothing is against it. */
async function whyNotNow(
  { cluster, clock }: Ports,
  memory: Memory,
  name: NodeName,
  whyNot: (node: NodeView) => string | null,
): Promise<Extract<Answer<unknown>, { ok: false }> | null> {
  const refuse = (reason: string) => ({ ok: false, effect: 'none', reason }) as const;
  const read = await cluster.readNodes();
  if (!read.known) return refuse(read.reason);
  if (!read.value.haveQuorum) memory.quorumGoneAt = clock.mono();
  const node = read.value.nodes.find((each) => each.name === name);
  if (!read.value.haveQuorum || node === undefined)
    return refuse(`${name} is not in the cluster, or that has no quorum`);
  const why = whyNot(node);
  return why === null ? null : refuse(why);
}

async function changeService(
  ports: Ports,
  memory: Memory,
  { host, serviceId }: Extract<Command, { serviceId: string }>,
  change: ServiceChange,
): Promise<Answer<unknown>> {
  const { services, traces } = memory;
  const from = services.known ? services.value.find(({ id }) => id === serviceId) : undefined;
  const at = ports.clock.mono();
  const ended = traceChange(traces, host, { change, from: from ?? null, at });
  const answer = await ports.cloud.updateService(serviceId, change);
  ended(ports.clock.mono(), answer.ok ? 'done' : answer.effect === 'unknown' ? 'unknown' : 'none');
  if (answer.ok) {
    traceForced(traces, answer.value, at);
    rememberService(memory, answer.value);
  } else if (answer.effect === 'unknown') {
    memory.unansweredChanges.set(host, ports.clock.mono());
  }
  return answer;
}

async function changeAggregate(
  ports: Ports,
  memory: Memory,
  { kind, aggregate, host }: Extract<Command, { kind: 'join-aggregate' | 'leave-aggregate' }>,
): Promise<Answer<unknown>> {
  const { cloud } = ports;
  const isJoining = kind === 'join-aggregate';
  const answer = isJoining
    ? await cloud.addHostToAggregate(aggregate, host)
    : await cloud.removeHostFromAggregate(aggregate, host);
  if (answer.ok) rememberAggregate(memory, aggregate, host, isJoining);
  else if (answer.effect === 'unknown') memory.unansweredChanges.set(host, ports.clock.mono());
  return answer;
}

function describe(command: Exclude<Command, { kind: 'evacuate' }>): string {
  switch (command.kind) {
    case 'adopt-mark':
      return `taking the mark evacuate=yes for an incident of ${command.node}`;
    case 'write-evacuation':
      return command.record.phase === 'evacuating'
        ? `writing down the evacuation of ${command.node}`
        : `writing down the release of ${command.node}`;
    case 'write-history':
      return `keeping the incident in the history of ${command.node}`;
    case 'delete-evacuation':
      return `closing the evacuation record of ${command.node}`;
    case 'delete-incident':
      return `releasing ${command.node}: its compute chain may start`;
    case 'clear-mark':
      return `setting evacuate=no on ${command.node}`;
    case 'answer-hold':
      return `answering nova-compute-wait on ${command.node}: ${command.answer.replace(/^(released|held) \S+/, '$1')}`;
    case 'force-down':
      return `telling Nova that ${command.host} is down`;
    case 'clear-forced-down':
      return `clearing forced_down of ${command.host}`;
    case 'enable':
      return `enabling ${command.host}`;
    case 'disable':
      return `disabling ${command.host} (${command.reason})`;
    case 'join-aggregate':
      return `adding ${command.host} to aggregate ${command.aggregate}`;
    case 'leave-aggregate':
      return `taking ${command.host} out of aggregate ${command.aggregate}`;
    case 'stop-server':
      return `stopping ${command.name} again: it was stopped when its host died`;
    default:
      return command satisfies never;
  }
}

function say(ports: Ports, command: Command, level: 'info' | 'warn', msg: string): void {
  ports.journal.event({
    level,
    msg,
    ...('node' in command ? { node: command.node } : {}),
    ...('host' in command ? { host: command.host } : {}),
    ...('server' in command ? { server: command.server } : {}),
  });
}
