import type { RunTool } from '../pacemaker/tool.ts';
import type { Clock } from './clock.ts';

/** Less than this is no chance for a tool; the little that it runs over is in the reserve of every bound. */
const MIN_CALL_MS = 100;

/** The same port, but no call lasts beyond the deadline (on the clock's `now`), however many are made. */
export function boundedRun(run: RunTool, clock: Clock, deadlineMs: number): RunTool {
  return (tool, args, options) => {
    const leftMs = Math.max(MIN_CALL_MS, deadlineMs - clock.now());
    return run(tool, args, { ...options, timeoutMs: Math.min(options.timeoutMs, leftMs) });
  };
}
