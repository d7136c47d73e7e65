import { type NodeName, nodeName } from '../../core/names.ts';
import {
  formatPause,
  PAUSE_ATTRIBUTE,
  PAUSE_PROPERTY,
  type PauseRecord,
  parsePause,
} from '../../core/records.ts';
import { type ConfigurationFacts, computesOf } from '../../doctor/facts.ts';
import { readConfiguration } from '../../doctor/gather.ts';
import { deletePermanent, writePermanent } from '../../pacemaker/attributes.ts';
import { explain, type Result } from '../../pacemaker/errors.ts';
import { writeProperty } from '../../pacemaker/properties.ts';
import { operator } from '../audit.ts';
import { type Call, type CommandSpec, failed, type OptionSpec, type Outcome, outcome } from '../command.ts';
import { momentText, spanMs, takesTime } from '../times.ts';

const DEFAULT_TIME = '1h';
/** A pause that nobody remembers is worse than none, ms. */
const MAX_PAUSE_MS = 7 * 86_400_000;
const MAX_WHY_CHARS = 200;

const HOST: OptionSpec = {
  name: 'host',
  value: 'HOST',
  says: 'only this compute node, whatever else is paused',
  offers: 'node',
};

export const pause: CommandSpec = {
  path: ['pause'],
  summary: 'Begin no new evacuation for a time',
  description: [
    'For planned work, in which hosts may go down on purpose. Fencing goes on, and is recorded; a host that is being evacuated already is finished. What waits begins when the pause ends, by itself or by `instance-ha resume`.',
    'A pause always has an end. status and doctor show it, with who asked for it and why. The pause of one node and the one of everything are kept apart: each has its own end.',
  ],
  options: [
    {
      name: 'for',
      value: 'TIME',
      says: 'how long, such as 30m or 2h; at most 7 days',
      default: DEFAULT_TIME,
    },
    HOST,
    { name: 'why', value: 'TEXT', says: 'what is being done', isRequired: true },
  ],
  examples: [
    { command: "instance-ha pause --for 2h --why 'new switch in rack 7'", says: 'two hours' },
    {
      command: "instance-ha pause --host overcloud-compute-1 --why 'firmware'",
      says: 'one node, an hour',
    },
  ],
  exits: ['failed', 'unknown'],
  run: runPause,
};

export const resume: CommandSpec = {
  path: ['resume'],
  summary: 'End a pause',
  description: ['What has waited begins at once.'],
  options: [{ ...HOST, says: 'the pause of this compute node; without it the one of everything' }],
  examples: [{ command: 'instance-ha resume', says: 'before its time' }],
  exits: ['failed', 'unknown'],
  run: runResume,
};

/** Whose pause is meant: everything, or one node that the cluster has. */
type Subject =
  | { readonly kind: 'all' }
  | { readonly kind: 'node'; readonly node: NodeName }
  | { readonly kind: 'not-there'; readonly text: string };

function subjectOf(call: Call, configuration: ConfigurationFacts): Subject {
  const host = call.text('host');
  if (host === null) return { kind: 'all' };
  const computes = computesOf(configuration);
  return computes.includes(host)
    ? { kind: 'node', node: nodeName(host) }
    : {
        kind: 'not-there',
        text: `${host} is no compute node of this cluster: it has ${computes.join(', ')}`,
      };
}

async function runPause(call: Call): Promise<Outcome> {
  const ms = spanMs(call.text('for') ?? DEFAULT_TIME);
  if (ms === null || ms > MAX_PAUSE_MS) return failed(`${takesTime('for')}; at most 7 days`, 'usage');
  const why = call.text('why') ?? '';
  if (why.trim() === '' || why.length > MAX_WHY_CHARS)
    return failed(`--why takes up to ${MAX_WHY_CHARS} characters`, 'usage');
  call.io.doing('reading the cluster');
  const configuration = await readConfiguration(call.io.run);
  if (!configuration.known) return failed(configuration.reason, 'unknown');
  const subject = subjectOf(call, configuration.value);
  if (subject.kind === 'not-there') return failed(subject.text);
  const record: PauseRecord = { until: call.io.now() + ms, by: operator(), why };
  const written = await write(call, subject, formatPause(record));
  if (!written.ok) return failed(explain(written.error));
  const node = subject.kind === 'node' ? subject.node : null;
  return outcome('ok', `${node === null ? '' : `${node}: `}${pauseText(record, call.io.now())}`, {
    node,
    pause: record,
  });
}

async function runResume(call: Call): Promise<Outcome> {
  call.io.doing('reading the cluster');
  const configuration = await readConfiguration(call.io.run);
  if (!configuration.known) return failed(configuration.reason, 'unknown');
  const { cluster } = configuration.value;
  const subject = subjectOf(call, configuration.value);
  if (subject.kind === 'not-there') return failed(subject.text);
  const node = subject.kind === 'node' ? subject.node : null;
  const before =
    node === null
      ? cluster.properties.get(PAUSE_PROPERTY)
      : cluster.nodes.find(({ name }) => name === node)?.permanent.get(PAUSE_ATTRIBUTE);
  if (before === undefined) {
    const others = cluster.nodes.filter(({ permanent }) => permanent.has(PAUSE_ATTRIBUTE));
    const hint = others.map(({ name }) => `; ${name} has one of its own: instance-ha resume --host ${name}`);
    return outcome('ok', `there is no pause${node === null ? hint.join('') : ` of ${node}`}`, {
      node,
      before: null,
    });
  }
  const ended = await write(call, subject, null);
  if (!ended.ok) return failed(explain(ended.error));
  const record = parsePause(before);
  return outcome('ok', `ended${record === null ? '' : `: ${pauseText(record, call.io.now())}`}`, {
    node,
    before: record,
  });
}

/** null takes it away. */
function write(
  { io: { run } }: Call,
  subject: Exclude<Subject, { kind: 'not-there' }>,
  value: string | null,
): Promise<Result<void>> {
  if (subject.kind === 'all') return writeProperty(PAUSE_PROPERTY, value, { run });
  return value === null
    ? deletePermanent(subject.node, PAUSE_ATTRIBUTE, { run })
    : writePermanent(subject.node, PAUSE_ATTRIBUTE, value, { run });
}

/** A pause in words. */
export function pauseText({ until, by, why }: PauseRecord, now: number): string {
  const state = until > now ? 'paused until' : 'was paused until';
  return `${state} ${momentText(until)} by ${by || 'somebody'} (${why || 'no reason given'})`;
}
