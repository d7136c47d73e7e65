import { PAUSE_PROPERTY, parsePause } from '../../core/records.ts';
import { backCommand } from '../../doctor/facts.ts';
import { type Call, type CommandSpec, failed, type Outcome, outcome } from '../command.ts';
import { type NodeRecords, readSituation, type Situation } from '../situation.ts';
import { momentText } from '../times.ts';
import { pauseText } from './pause.ts';

/** Pause between two looks of `--watch`, ms. */
const WATCH_PAUSE_MS = 2_000;
const CLEAR_SCREEN = '\u001b[2J\u001b[H';

export const status: CommandSpec = {
  path: ['status'],
  summary: 'Show the cluster, the computes and their incidents, and the instances under way',
  description: [
    'From any controller. Records and marks come from the cluster; the verdicts on single instances come from the evacuator, and are shown on the controller that runs it.',
    'Exit code 4 while an incident stands, a compute is dead or away, or something holds evacuations up, a pause too.',
  ],
  options: [{ name: 'watch', short: 'w', says: 'look again every 2 s, until Ctrl-C' }],
  examples: [
    { command: 'instance-ha status', says: 'once' },
    { command: 'instance-ha status --watch', says: 'follow an evacuation' },
  ],
  exits: ['unknown', 'warning'],
  run: async (call) => {
    for (;;) {
      const ended = await look(call);
      if (!call.flag('watch')) return ended;
      if (call.io.output === 'json') call.io.print(JSON.stringify(ended.data));
      else
        call.io.print(`${call.io.isTerminal ? CLEAR_SCREEN : ''}${momentText(call.io.now())}\n${ended.text}`);
      await call.io.sleep(WATCH_PAUSE_MS);
      if (call.io.signal.aborted) return outcome(ended.exit, '', ended.data);
    }
  },
};

async function look(call: Call): Promise<Outcome> {
  const read = await readSituation(call.io);
  if (!read.known) return failed(read.reason, 'unknown');
  const situation = read.value;
  const { nodes, evacuatorOn, evacuator, evacuatorTrouble } = situation;
  const now = call.io.now();
  const pause = pauseLines(situation, now);
  const isQuiet =
    !nodes.some(isBusy) &&
    nodes.every((node) => nodePauseLines(node, now).length === 0) &&
    pause.length === 0 &&
    (evacuator?.gates ?? []).length === 0 &&
    evacuatorTrouble === null &&
    evacuatorOn !== null &&
    situation.status.hasQuorum;
  return outcome(isQuiet ? 'ok' : 'warning', statusText(situation, now), {
    hasQuorum: situation.status.hasQuorum,
    dc: situation.status.dc,
    evacuatorOn,
    pause: parsePause(situation.configuration.cluster.properties.get(PAUSE_PROPERTY) ?? ''),
    nodes,
    evacuator,
    evacuatorTrouble,
  });
}

/** An incident stands, or is about to: dead for the cluster, and nothing recorded yet. */
function isBusy({ incident, evacuation, online, isUnclean, isTakenOut }: NodeRecords): boolean {
  return incident !== null || evacuation !== null || isUnclean || (!online && !isTakenOut);
}

/** What `status` prints, many lines; `now` in epoch ms. The verdicts are there only where the evacuator runs on this controller. */
export function statusText(situation: Situation, now: number): string {
  const { status: cluster, nodes, evacuatorOn, evacuator, evacuatorTrouble } = situation;
  const width = Math.max(...nodes.map(({ node }) => node.length), 8);
  return [
    `cluster    ${cluster.hasQuorum ? 'quorum' : 'NO QUORUM: nothing is done'}, DC ${cluster.dc ?? '(none: an election)'}`,
    `evacuator  ${evacuatorOn === null ? 'DOES NOT RUN: nothing is evacuated, no compute is let go' : `on ${evacuatorOn}`}`,
    ...pauseLines(situation, now),
    ...(evacuator?.cloudTrouble ? [`cloud      ${evacuator.cloudTrouble}`] : []),
    ...(evacuator?.logTrouble ? [`log        ${evacuator.logTrouble}`] : []),
    ...(evacuatorTrouble === null ? [] : [`verdicts   CAN'T BE READ: ${evacuatorTrouble}`]),
    // What holds up one node is told in that node's verdict.
    ...(evacuator?.gates ?? [])
      .filter(({ id, node }) => node === null && id !== 'paused')
      .map(({ text, opens }) => `GATE       ${text}; it opens when ${opens}`),
    '',
    ...nodes.flatMap((node) => [
      `${node.node.padEnd(width)}  ${node.online ? 'online ' : 'OFFLINE'}  ${stateOf(node, now)}`,
      ...nodePauseLines(node, now),
      ...verdictLines(situation, node.node),
    ]),
    ...(evacuator === null &&
    evacuatorTrouble === null &&
    evacuatorOn !== null &&
    nodes.some(({ incident }) => incident !== null)
      ? ['', `the verdicts on single instances: instance-ha status on ${evacuatorOn}`]
      : []),
  ].join('\n');
}

function pauseLines({ configuration }: Situation, now: number): string[] {
  const text = configuration.cluster.properties.get(PAUSE_PROPERTY);
  if (text === undefined) return [];
  const record = parsePause(text);
  if (record === null)
    return [`pause      its record CANNOT BE READ, so no new evacuation begins: instance-ha resume`];
  return record.until > now ? [`pause      ${pauseText(record, now)}: no new evacuation begins`] : [];
}

function nodePauseLines({ node, pause }: NodeRecords, now: number): string[] {
  if (pause === null) return [];
  if (pause === 'unreadable')
    return [`    its pause CANNOT BE READ, so no evacuation of it begins: instance-ha resume --host ${node}`];
  return pause.until > now ? [`    ${pauseText(pause, now)}: no evacuation of it begins`] : [];
}

function stateOf(
  { node, incident, evacuation, mark, online, isMaintained, isTakenOut, isUnclean }: NodeRecords,
  now: number,
): string {
  if (incident === 'unreadable' || evacuation === 'unreadable')
    return 'its record CANNOT BE READ: a person has to look (instance-ha doctor)';
  if (incident !== null) {
    const phase =
      evacuation?.phase === 'returning'
        ? 'being let go'
        : evacuation === null
          ? 'waits for proof or for its turn'
          : 'being evacuated';
    return `incident ${incident.id} for ${age(now - incident.at)}: ${phase}`;
  }
  if (evacuation !== null) {
    const since = evacuation.releasedAt === null ? '' : ` (released ${age(now - evacuation.releasedAt)} ago)`;
    return isTakenOut
      ? `evacuated, and taken out of the cluster${since}: back with ${backCommand(node)}`
      : `evacuated, on its way back${since}`;
  }
  if (mark === 'yes') return 'marked evacuate=yes without an incident';
  if (isMaintained) return 'in maintenance: not fenced, not evacuated';
  if (isUnclean)
    return `dead for the cluster, not fenced yet: stonith_admin --history ${node}; where fencing can't succeed: instance-ha confirm-fenced ${node}`;
  if (isTakenOut)
    return `taken out of the cluster: not fenced, not evacuated; back with ${backCommand(node)}`;
  return online ? 'fine' : `without an incident: instance-ha explain ${node}`;
}

function verdictLines({ evacuator }: Situation, node: string): string[] {
  const verdict = evacuator?.verdicts.find((each) => each.node === node);
  if (verdict === undefined) return [];
  const counts = new Map<string, number>();
  for (const { outcome: kind } of verdict.instances) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const summary = [...counts].map(([kind, count]) => `${count} ${kind}`).join(', ');
  return [
    `    ${verdict.text}`,
    ...(summary === '' ? [] : [`    instances: ${summary}`]),
    ...verdict.instances
      .filter(({ outcome: kind }) => kind !== 'moved')
      .map(({ name, outcome: kind, text }) => `      ${name}: ${kind}${text === '' ? '' : `: ${text}`}`),
  ];
}

/** A span of time in words, rounded down. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}
