import { setTimeout as pause } from 'node:timers/promises';

/** Time as the agents use it, so that tests run without waiting. */
export interface Clock {
  /** Epoch ms, for records. */
  wall(): number;
  /** Monotonic ms, for bounds. */
  now(): number;
  sleep(ms: number): Promise<void>;
}

/** The machine's clock. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  now: () => performance.now(),
  sleep: async (ms) => {
    await pause(ms);
  },
};
