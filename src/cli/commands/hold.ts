import { randomBytes } from 'node:crypto';
import { systemClock } from '../../agents/clock.ts';
import { computeWaitAgent } from '../../agents/compute-wait.ts';
import { systemFiles } from '../../agents/system-files.ts';
import { parseTimeMs } from '../../core/duration.ts';
import { OCF, runOcfAgent } from '../../pacemaker/ocf-agent.ts';
import { type Call, type CommandSpec, failed, type Outcome, outcome } from '../command.ts';

/** One question to the evacuator waits so long before it is asked anew, s. */
const ROUND_S = 60;
/** Less is no time for an answer, and the reason would be lost behind "no answer", s. */
const LEAST_ROUND_S = 5;
const DEFAULT_TIMEOUT = '1h';
const DEFAULT_STATE_DIRECTORY = '/run/resource-agents';

export const hold: CommandSpec = {
  path: ['hold'],
  summary: 'Return when nova-compute may start on this compute',
  description: [
    'For units and container wrappers that start nova-compute without Pacemaker (the shape unfence): ExecStartPre=/usr/bin/instance-ha hold. It asks the evacuator, as nova-compute-wait does, and returns with 0 when that has let this very boot go. The absence of an answer is no answer: at the end of its time it fails, and the unit is to be started again.',
    'It calls attrd_updater and nothing else: that is all that is safe on a remote node.',
  ],
  options: [
    {
      name: 'timeout',
      short: 't',
      value: 'TIME',
      says: 'how long to wait, such as 90s, 15m or 2h',
      default: DEFAULT_TIMEOUT,
    },
  ],
  examples: [{ command: 'instance-ha hold --timeout 30m && exec nova-compute', says: 'in a wrapper' }],
  exits: ['failed', 'notYet'],
  interrupted: 'nova-compute is not let go',
  run: runHold,
};

async function runHold(call: Call): Promise<Outcome> {
  const limitMs = parseTimeMs(call.text('timeout') ?? DEFAULT_TIMEOUT);
  if (limitMs === null || limitMs === 0)
    return failed('--timeout takes a time, such as 90s, 15m or 2h', 'usage');
  const agent = computeWaitAgent({
    run: call.io.run,
    clock: systemClock,
    files: systemFiles,
    random: () => randomBytes(4).toString('hex'),
  });
  let said = '';
  const action = (name: 'start' | 'stop', seconds: number): Promise<number> =>
    runOcfAgent(agent, {
      argv: [name],
      env: {
        OCF_RESOURCE_INSTANCE: 'instance-ha-hold',
        HA_RSCTMP: process.env.HA_RSCTMP ?? DEFAULT_STATE_DIRECTORY,
        OCF_RESKEY_evacuation_delay: String(seconds),
      },
      out: () => {},
      err: (text) => {
        said = /^ocf-exit-reason:(.*)/.exec(text)?.[1] ?? said;
      },
      signal: call.io.signal,
    });
  // What an earlier start of this boot was told is no answer to this one.
  await action('stop', ROUND_S);
  const end = systemClock.now() + limitMs;
  for (;;) {
    const leftS = Math.ceil((end - systemClock.now()) / 1000);
    const code = await action('start', Math.max(1, Math.min(ROUND_S, leftS)));
    if (code === OCF.SUCCESS) return outcome('ok', 'released: nova-compute may start', { released: true });
    if (code === OCF.ERR_INSTALLED) return failed(said);
    if (call.io.signal.aborted || end - systemClock.now() < LEAST_ROUND_S * 1000)
      return outcome('notYet', said, { released: false, reason: said });
    call.io.progress(said);
  }
}
