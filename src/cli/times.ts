import { parseTimeMs } from '../core/duration.ts';

/** How an option says that its value is no time. */
export const takesTime = (option: string): string => `--${option} takes a time, such as 90s, 30m or 2h`;

/** The time of an option, ms; null: it is none, or no time at all. */
export function spanMs(text: string): number | null {
  const ms = parseTimeMs(text);
  return ms === 0 ? null : ms;
}

/** A moment as people read it: to the second, in UTC. */
export function momentText(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}
