import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import * as v from 'valibot';
import { VERSION } from '../../agents/version.ts';
import type { Foreseen } from '../../core/foresee.ts';
import { serverId } from '../../core/names.ts';
import { protectionOf } from '../../doctor/checks/protection.ts';
import { isTakenOut } from '../../doctor/facts.ts';
import { gatherFacts } from '../../doctor/gather.ts';
import { localPort } from '../../doctor/gather-local.ts';
import { onThisMachine } from '../../doctor/root.ts';
import { explain as explainError } from '../../openstack/errors.ts';
import { createNova } from '../../openstack/nova.ts';
import type { Evacuation, Server } from '../../openstack/nova-schemas.ts';
import type { Session } from '../../openstack/session.ts';
import { type Call, type CommandSpec, failed, type Outcome, outcome } from '../command.ts';
import { foreseeHosts } from '../foreseen.ts';
import { nodeOfHost, openCloud, readSituation, type Situation } from '../situation.ts';
import { momentText } from '../times.ts';
import { statusText } from './status.ts';

const LOG_FILE = '/var/log/instance-ha/evacuator.log';
/** Newest lines of the log that are shown. */
const MAX_LINES = 40;

export const explain: CommandSpec = {
  path: ['explain'],
  summary: 'Say why an instance or a compute node is where it is',
  description: [
    'The verdict of now, and what was decided before. For an instance: where it is, whether it would be evacuated, and every evacuation of it with its outcome. For a compute: whether it is protected or why not, its incident, and what the evacuator said of it.',
    'Verdicts and the log are those of this controller: past lines of another one stand in its own log.',
  ],
  arguments: [{ name: 'subject', says: 'a compute node, or the id or name of an instance', offers: 'node' }],
  examples: [
    { command: 'instance-ha explain overcloud-compute-1', says: 'a compute' },
    { command: 'instance-ha explain 5f3c1d5e-0d6e-4b6e-9a86-2f6b7b9f4a10', says: 'an instance' },
  ],
  exits: ['failed', 'unknown'],
  run: async (call) => {
    const subject = call.arguments[0] ?? '';
    const situation = await readSituation(call.io);
    if (!situation.known) return failed(situation.reason, 'unknown');
    if (situation.value.nodes.some(({ node }) => node === subject))
      return explainNode(call, situation.value, subject);
    return explainInstance(call, situation.value, subject);
  },
};

async function explainNode(call: Call, situation: Situation, node: string): Promise<Outcome> {
  const facts = await gatherFacts({
    run: call.io.run,
    local: localPort(call.io.run, VERSION),
    now: call.io.now,
    progress: call.io.doing,
  });
  const { lacks, unknowns } = protectionOf(facts, node);
  const own: Situation = { ...situation, nodes: situation.nodes.filter((each) => each.node === node) };
  const past = await logLines((entry) => entry.node === node || entry.host === node);
  const protection =
    lacks.length > 0
      ? `NOT PROTECTED: ${lacks.join('; ')}`
      : unknowns.length > 0
        ? `protected? can't be told: ${unknowns.join('; ')}`
        : 'protected';
  const text = [`${node}: ${protection}`, '', statusText(own, call.io.now()), ...pastText(past)].join('\n');
  return outcome('ok', text, {
    node,
    lacks,
    unknowns,
    records: own.nodes[0],
    verdict: situation.evacuator?.verdicts.find((each) => each.node === node) ?? null,
    past,
  });
}

async function explainInstance(call: Call, situation: Situation, subject: string): Promise<Outcome> {
  const session = await openCloud(situation.configuration);
  if (!session.known) return failed(session.reason, 'unknown');
  call.io.doing('reading Nova');
  try {
    const nova = createNova(session.value);
    const servers = await nova.listServers();
    if (!servers.ok) return failed(explainError(servers.error), 'unknown');
    const found = servers.value.servers.filter(({ id, name }) => id === subject || name === subject);
    const [server, another] = found;
    if (server === undefined)
      return failed(`${subject} is neither a compute node of this cluster nor an instance of this cloud`);
    if (another !== undefined)
      return failed(
        `${found.length} instances are named ${subject}; take an id: ${found.map(({ id }) => id).join(', ')}`,
      );
    const evacuations = await nova.listEvacuations();
    if (!evacuations.ok) return failed(explainError(evacuations.error), 'unknown');
    const own = evacuations.value.migrations.filter(({ instanceId }) => instanceId === server.id);
    const verdict =
      situation.evacuator?.verdicts
        .flatMap(({ instances }) => instances)
        .find(({ id }) => id === server.id) ?? null;
    call.io.doing('reading the log');
    const past = await logLines((entry) => entry.server === server.id);
    call.io.doing('asking the rules and the policy');
    const future = await futureOf(call, session.value, situation, server);
    const text = [
      ...serverText(server, future),
      ...(verdict === null ? [] : [`verdict now: ${verdict.outcome}: ${verdict.text}`]),
      ...own.map(evacuationText),
      ...pastText(past),
    ].join('\n');
    return outcome('ok', text, { server, future, verdict, evacuations: own, past });
  } finally {
    await session.value.close();
  }
}

/** What the evacuator's own rules, and the policy, would make of it if its host died now; null: it has no host. */
async function futureOf(
  call: Call,
  session: Session,
  { configuration }: Situation,
  { id, host }: Server,
): Promise<Foreseen | null> {
  if (host === null) return null;
  const node = nodeOfHost(configuration, host);
  if (isTakenOut(configuration, node))
    return { kind: 'cannot', reason: `${node} is taken out of the cluster (maintenance)` };
  const foresight = await foreseeHosts(session, configuration, [{ node, host }], call.io.now);
  if (!foresight.known) return { kind: 'held', reason: foresight.reason };
  return foresight.value.foreseen.get(serverId(id)) ?? null;
}

function futureText(future: Foreseen | null): string {
  if (future === null) return 'it is on no compute host, so no death of one would touch it';
  switch (future.kind) {
    case 'asked':
      return `if its host died, it would be evacuated${future.after === null ? '' : `; ${future.after}`}`;
    case 'held':
      return `if its host died, it would wait: ${future.reason}`;
    case 'excluded':
      return `if its host died, it would be left: ${future.reason}`;
    case 'cannot':
      return `if its host died, it would not be evacuated: ${future.reason}`;
    default:
      return future satisfies never;
  }
}

function serverText(server: Server, future: Foreseen | null): string[] {
  return [
    `${server.name} (${server.id}): ${server.status} on ${server.host ?? 'no host'}${server.taskState === null ? '' : `, ${server.taskState}`}`,
    futureText(future),
    ...(server.fault === null ? [] : [`Nova's last fault of it: ${server.fault.message}`]),
  ];
}

function evacuationText({ createdAt, sourceHost, destHost, status }: Evacuation): string {
  return `${momentText(createdAt)}  evacuation from ${sourceHost} to ${destHost ?? '(no host yet)'}: ${status}`;
}

const LogEntrySchema = v.object({
  time: v.optional(v.string()),
  node: v.optional(v.string()),
  host: v.optional(v.string()),
  server: v.optional(v.string()),
  msg: v.optional(v.string()),
});
type LogEntry = v.InferOutput<typeof LogEntrySchema>;

/** The newest matching lines of the evacuator's log here; none where there is no log. */
async function logLines(matches: (entry: LogEntry) => boolean): Promise<readonly LogEntry[]> {
  const found: LogEntry[] = [];
  try {
    for await (const line of createInterface({ input: createReadStream(onThisMachine(LOG_FILE)) })) {
      const entry = parseEntry(line);
      if (entry === null || !matches(entry)) continue;
      // What was done, and the verdict that says so, may be the same words.
      if (found.at(-1)?.msg === entry.msg) continue;
      found.push(entry);
      if (found.length > MAX_LINES) found.shift();
    }
  } catch {
    return found;
  }
  return found;
}

function parseEntry(line: string): LogEntry | null {
  try {
    const entry = v.safeParse(LogEntrySchema, JSON.parse(line));
    return entry.success ? entry.output : null;
  } catch {
    return null;
  }
}

function loggedAt(time: string | undefined): string {
  const at = Date.parse(time ?? '');
  return Number.isNaN(at) ? (time ?? '') : momentText(at);
}

function pastText(past: readonly LogEntry[]): string[] {
  if (past.length === 0) return [];
  return [
    '',
    'from the log of this controller:',
    ...past.map(({ time, msg }) => `  ${loggedAt(time)}  ${msg ?? ''}`),
  ];
}
