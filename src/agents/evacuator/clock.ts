import { performance } from 'node:perf_hooks';
import { newPause } from '../../evacuator/pause.ts';
import { type Clock, STILL_MS } from '../../evacuator/ports.ts';

const BEAT_MS = 1_000;

/** The real clock. Its beat keeps no process alive. */
export function createClock(): Clock {
  const mono = (): number => performance.now();
  const thaw = newThaw({ mono, now: Date.now });
  setInterval(thaw, BEAT_MS).unref();
  return {
    now: () => Date.now(),
    mono,
    thawedAt: thaw,
    ...newPause({
      mono,
      after(ms, run) {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
    }),
  };
}

/**
 * To be called each second; tells when the process was found to have stood still last. The clock that only goes forward may stand as
 * well while a virtual machine is paused: then it is the other one that jumps. So it does when it is put right, which
 * costs one look more.
 */
export function newThaw({ mono, now }: Pick<Clock, 'mono' | 'now'>): () => number {
  let beat = { mono: mono(), now: now() };
  let thawedAt = -1;
  return () => {
    const at = { mono: mono(), now: now() };
    if (Math.max(at.mono - beat.mono, at.now - beat.now) > STILL_MS) thawedAt = at.mono;
    beat = at;
    return thawedAt;
  };
}
