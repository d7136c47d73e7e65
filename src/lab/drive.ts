import { type Agenda, nextAt, step } from '../world/agenda.ts';

/** The world is looked after at least this often, ms: what comes from outside may have made appointments. */
const MAX_PAUSE_MS = 50;

/** Lets the world's time be the machine's; gives how to stop it. */
export function keepRealTime(agenda: Agenda, now: () => number): () => void {
  const begun = now() - agenda.now;
  let timer: NodeJS.Timeout | null = null;
  const turn = (): void => {
    const until = now() - begun;
    while (step(agenda, until)) {
      // Each appointment in its order, as if it had been kept in time.
    }
    agenda.now = Math.max(agenda.now, until);
    const waitMs = (nextAt(agenda) ?? Number.POSITIVE_INFINITY) - agenda.now;
    timer = setTimeout(turn, Math.max(0, Math.min(MAX_PAUSE_MS, waitMs)));
  };
  turn();
  return () => {
    if (timer !== null) clearTimeout(timer);
  };
}
