import type { Clock } from './ports.ts';

/** The timers of a clock. */
export interface Timers {
  /** A clock that only goes forward, ms. */
  mono(): number;
  /** Calls `run` after `ms`; what it gives calls that off. */
  after(ms: number, run: () => void): () => void;
}

interface Sleeper {
  readonly until: number;
  readonly end: () => void;
  readonly callOff: () => void;
}

/** The loop's pause over these timers. A wake-up while nobody sleeps cuts the next sleep short. */
export function newPause({ mono, after }: Timers): Pick<Clock, 'sleep' | 'wake'> {
  let sleeper: Sleeper | null = null;
  /** When the next sleep has to end at the latest, by what was asked for while nobody slept. */
  let wakeAt = Number.POSITIVE_INFINITY;

  function sleepUntil(until: number, end: () => void): void {
    const mine: Sleeper = {
      until,
      end,
      callOff: after(until - mono(), () => {
        if (sleeper !== mine) return;
        sleeper = null;
        end();
      }),
    };
    sleeper = mine;
  }

  return {
    sleep: (ms) =>
      new Promise((resolve) => {
        const until = Math.min(mono() + ms, wakeAt);
        wakeAt = Number.POSITIVE_INFINITY;
        if (until <= mono()) resolve();
        else sleepUntil(until, resolve);
      }),
    wake(withinMs = 0) {
      const at = mono() + withinMs;
      if (sleeper === null) {
        wakeAt = Math.min(wakeAt, at);
        return;
      }
      const { until, end, callOff } = sleeper;
      if (at >= until) return;
      callOff();
      sleeper = null;
      if (withinMs > 0) sleepUntil(at, end);
      else end();
    },
  };
}
