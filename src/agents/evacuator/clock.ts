import { performance } from 'node:perf_hooks';
import { newPause } from '../../evacuator/pause.ts';
import type { Clock } from '../../evacuator/ports.ts';

/** The real clock. */
export function createClock(): Clock {
  const mono = (): number => performance.now();
  return {
    now: () => Date.now(),
    mono,
    ...newPause({
      mono,
      after(ms, run) {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    }),
  };
}
