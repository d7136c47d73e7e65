import { parseTimeMs } from '../../core/duration.ts';
import { formatPause, PAUSE_PROPERTY, type PauseRecord, parsePause } from '../../core/records.ts';
import { readConfiguration } from '../../doctor/gather.ts';
import { explain } from '../../pacemaker/errors.ts';
import { writeProperty } from '../../pacemaker/properties.ts';
import { operator } from '../audit.ts';
import { type Call, type CommandSpec, failed, type Outcome, outcome } from '../command.ts';

const DEFAULT_TIME = '1h';
/** A pause that nobody remembers is worse than none, ms. */
const MAX_PAUSE_MS = 7 * 86_400_000;
const MAX_WHY_CHARS = 200;

export const pause: CommandSpec = {
  path: ['pause'],
  summary: 'Begin no new evacuation for a time',
  description: [
    'For planned work, in which hosts may go down on purpose. Fencing goes on, and is recorded; a host that is being evacuated already is finished. What waits begins when the pause ends, by itself or by `instance-ha resume`.',
    'A pause always has an end. status and doctor show it, with who asked for it and why.',
  ],
  options: [
    {
      name: 'for',
      value: 'TIME',
      says: 'how long, such as 30m or 2h; at most 7 days',
      default: DEFAULT_TIME,
    },
    { name: 'why', value: 'TEXT', says: 'what is being done', isRequired: true },
  ],
  examples: [{ command: "instance-ha pause --for 2h --why 'new switch in rack 7'", says: 'two hours' }],
  exits: ['failed'],
  run: runPause,
};

export const resume: CommandSpec = {
  path: ['resume'],
  summary: 'End a pause',
  description: ['What has waited begins at once.'],
  examples: [{ command: 'instance-ha resume', says: 'before its time' }],
  exits: ['failed', 'unknown'],
  run: async (call) => {
    const configuration = await readConfiguration(call.io.run);
    if (!configuration.known) return failed(configuration.reason, 'unknown');
    const before = configuration.value.cluster.properties.get(PAUSE_PROPERTY);
    if (before === undefined) return outcome('ok', 'there is no pause', { before: null });
    const ended = await writeProperty(PAUSE_PROPERTY, null, { run: call.io.run });
    if (!ended.ok) return failed(explain(ended.error));
    const record = parsePause(before);
    return outcome('ok', `ended${record === null ? '' : `: ${pauseText(record, call.io.now())}`}`, {
      before: record,
    });
  },
};

async function runPause(call: Call): Promise<Outcome> {
  const ms = parseTimeMs(call.text('for') ?? DEFAULT_TIME);
  if (ms === null || ms <= 0 || ms > MAX_PAUSE_MS)
    return failed('--for takes a time, such as 30m or 2h; at most 7 days', 'usage');
  const why = call.text('why') ?? '';
  if (why.trim() === '' || why.length > MAX_WHY_CHARS)
    return failed(`--why takes up to ${MAX_WHY_CHARS} characters`, 'usage');
  const record: PauseRecord = { until: call.io.now() + ms, by: operator(), why };
  const written = await writeProperty(PAUSE_PROPERTY, formatPause(record), { run: call.io.run });
  if (!written.ok) return failed(explain(written.error));
  return outcome('ok', pauseText(record, call.io.now()), { pause: record });
}

/** A pause in words. */
export function pauseText({ until, by, why }: PauseRecord, now: number): string {
  const state = until > now ? 'paused until' : 'was paused until';
  return `${state} ${new Date(until).toISOString()} by ${by || 'somebody'} (${why || 'no reason given'})`;
}
