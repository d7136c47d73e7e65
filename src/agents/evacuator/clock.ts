import { performance } from 'node:perf_hooks';
import type { Clock } from '../../evacuator/ports.ts';

/** The real clock. A wake-up while nobody sleeps makes the next sleep end at once. */
export function createClock(): Clock {
  let woken = false;
  let end: (() => void) | null = null;
  return {
    now: () => Date.now(),
    mono: () => performance.now(),
    sleep: (ms) =>
      new Promise((resolve) => {
        if (woken) {
          woken = false;
          resolve();
          return;
        }
        const timer = setTimeout(() => end?.(), ms);
        end = () => {
          clearTimeout(timer);
          end = null;
          resolve();
        };
      }),
    wake: () => {
      if (end) end();
      else woken = true;
    },
  };
}
