import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../../agents/clock.ts';
import { removeStockOverlays } from '../../agents/compute-wait.ts';
import { bootToken, holdUntilReleased, NO_BOOT_TOKEN } from '../../agents/hold.ts';
import { systemFiles } from '../../agents/system-files.ts';
import { OCF } from '../../pacemaker/ocf-agent.ts';
import { type Call, type CommandSpec, failed, type Io, type Outcome, outcome } from '../command.ts';
import { spanMs, takesTime } from '../times.ts';

const DEFAULT_TIMEOUT = '1h';

/** The command with the clock of the caller. */
export const holdBy = (clockOf: (io: Io) => Clock): CommandSpec => ({
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
  run: (call) => runHold(call, clockOf(call.io)),
});

async function runHold(call: Call, clock: Clock): Promise<Outcome> {
  const limitMs = spanMs(call.text('timeout') ?? DEFAULT_TIMEOUT);
  if (limitMs === null) return failed(takesTime('timeout'), 'usage');
  const { run, progress, signal } = call.io;
  const token = bootToken(systemFiles);
  if (token === null) return failed(NO_BOOT_TOKEN.reason ?? '');
  await removeStockOverlays({ run, files: systemFiles }, progress);
  const ports = { run, clock, files: systemFiles, random: () => randomBytes(4).toString('hex') };
  const wait = { limitMs, node: null, signal, retriedBy: null, progress };
  const held = await holdUntilReleased(wait, ports, token);
  if (held === null) return outcome('ok', 'released: nova-compute may start', { released: true });
  const reason = held.reason ?? '';
  return held.code === OCF.ERR_INSTALLED
    ? failed(reason)
    : outcome('notYet', reason, { released: false, reason });
}

/** The machine's clock; Ctrl-C ends a pause. */
export const hold: CommandSpec = holdBy((io) => ({ ...systemClock, sleep: io.sleep }));
