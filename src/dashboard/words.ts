import type { HostState, OutcomeKind } from '../view/model.ts';

/** How a state is named, and its sign: it is never told by colour alone. */
export const STATE_WORDS: Readonly<Record<HostState, { readonly word: string; readonly sign: string }>> = {
  up: { word: 'up', sign: '●' },
  disabled: { word: 'disabled', sign: '○' },
  unknown: { word: 'unknown', sign: '?' },
  unprotected: { word: 'not protected', sign: '△' },
  returning: { word: 'returning', sign: '↺' },
  releasing: { word: 'releasing', sign: '↺' },
  held: { word: 'held', sign: '‖' },
  evacuating: { word: 'evacuating', sign: '→' },
  down: { word: 'down', sign: '✕' },
  blocked: { word: 'blocked', sign: '!' },
};

export const OUTCOME_WORDS: Readonly<Record<OutcomeKind, string>> = {
  moved: 'moved',
  restoring: 'restoring',
  moving: 'moving',
  unanswered: 'no answer',
  verifying: 'verifying',
  ready: 'next',
  waiting: 'waiting',
  excluded: 'excluded',
  cannot: 'cannot',
  failed: 'failed',
  gone: 'gone',
};

/** States in which a host is shown large: something goes on, or should. */
export const NEEDS_A_LOOK: ReadonlySet<HostState> = new Set([
  'blocked',
  'down',
  'evacuating',
  'held',
  'releasing',
  'returning',
]);

const clock = new Intl.DateTimeFormat(undefined, {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const day = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric' });
const plain = new Intl.NumberFormat();

/** The time of day, with the day where it is not today. */
export function sayTime(ms: number, now: number): string {
  const isToday = new Date(ms).toDateString() === new Date(now).toDateString();
  return isToday ? clock.format(ms) : `${day.format(ms)} ${clock.format(ms)}`;
}

/** A span of ms in words, by its two largest units: `3 min 05 s`; in whole days from 48 h on, and `0 s` for one below 0. */
export function sayDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} days`;
}

/** A number with the separators of the reader's locale. */
export const sayNumber = (n: number): string => plain.format(n);

/** `1 host`, `2 hosts`. */
export const sayCount = (n: number, one: string): string => `${sayNumber(n)} ${one}${n === 1 ? '' : 's'}`;

const byName = new Intl.Collator('en', { numeric: true });
let sorted: readonly string[] = [];

/** Names in the order in which people count; the same array as long as the names are the same. */
export function inOrder(names: ReadonlyMap<string, unknown>): readonly string[] {
  if (sorted.length !== names.size || !sorted.every((name) => names.has(name)))
    sorted = [...names.keys()].sort(byName.compare);
  return sorted;
}
