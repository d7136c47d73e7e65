/**
 * What people write for true and for false in tags, extra specs and metadata: the words of oslo.utils'
 * `strutils.bool_from_string`, by which Masakari reads `HA_Enabled`; fence_evacuate's `true` is among them.
 */
const TRUE: ReadonlySet<string> = new Set(['true', 't', '1', 'yes', 'y', 'on']);
const FALSE: ReadonlySet<string> = new Set(['false', 'f', '0', 'no', 'n', 'off']);

/** Whether this is a word for true, in any case, with white space around it; undefined is none. Not to be true is not to be false. */
export function isTrue(text: string | undefined): boolean {
  return text !== undefined && TRUE.has(text.trim().toLowerCase());
}

/** Whether this is a word for false, in any case, with white space around it; undefined is none. */
export function isFalse(text: string | undefined): boolean {
  return text !== undefined && FALSE.has(text.trim().toLowerCase());
}

/** Order by code unit, the same under every locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Names in a sentence, the first few of them. */
export function listNames(names: readonly string[]): string {
  return names.slice(0, MAX_NAMED).join(', ') + (names.length > MAX_NAMED ? ', ...' : '');
}

const MAX_NAMED = 5;
