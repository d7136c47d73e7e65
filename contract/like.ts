/** Comparisons that say where they fail. */
import { AssertionError } from 'node:assert';

/**
 * What an answer has to be like: a plain value is equal, a RegExp matches, a function agrees, an array has these
 * items, an object has at least these members. `absent` is no member at all.
 */
export type Pattern =
  | string
  | number
  | boolean
  | null
  | RegExp
  | typeof absent
  | ((actual: never) => boolean)
  | readonly Pattern[]
  | { readonly [name: string]: Pattern };

export const absent = Symbol('absent');

/** Throws where `actual` is not like the pattern, with the path to it. */
export function like(actual: unknown, pattern: Pattern, path = 'it'): void {
  if (pattern === absent) {
    if (actual !== undefined) fail(path, actual, 'absent');
  } else if (pattern instanceof RegExp) {
    if (typeof actual !== 'string' || !pattern.test(actual)) fail(path, actual, String(pattern));
  } else if (typeof pattern === 'function') {
    if (!(pattern as (actual: unknown) => boolean)(actual)) fail(path, actual, String(pattern));
  } else if (Array.isArray(pattern)) {
    if (!Array.isArray(actual) || actual.length !== pattern.length)
      fail(path, actual, `${pattern.length} items`);
    for (const [index, each] of (pattern as readonly Pattern[]).entries())
      like((actual as unknown[])[index], each, `${path}[${index}]`);
  } else if (typeof pattern === 'object' && pattern !== null) {
    if (typeof actual !== 'object' || actual === null) fail(path, actual, 'an object');
    for (const [name, each] of Object.entries(pattern as Record<string, Pattern>))
      like((actual as Record<string, unknown>)[name], each, `${path}.${name}`);
  } else if (actual !== pattern) {
    fail(path, actual, JSON.stringify(pattern));
  }
}

const MAX_SHOWN_CHARS = 1_500;

function fail(path: string, actual: unknown, expected: string): never {
  const shown = actual === undefined ? 'absent' : (JSON.stringify(actual) ?? String(actual));
  const message = `${path} is ${shown.slice(0, MAX_SHOWN_CHARS)}, not ${expected}`;
  throw new AssertionError({ message, actual, expected, operator: 'like' });
}

type Json = Readonly<Record<string, unknown>>;

/** A member deep in an answer; undefined where there is none. */
export function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === 'object' && inner !== null
        ? (inner as Record<string | number, unknown>)[name]
        : undefined,
    value,
  );
}

/** A list deep in an answer. */
export function listAt(value: unknown, ...path: readonly (string | number)[]): readonly Json[] {
  const list = at(value, ...path);
  if (!Array.isArray(list)) fail(path.join('.'), list, 'a list');
  return list as Json[];
}

const LOOK_PAUSE_MS = 100;

/** Looks again and again until a look is like the pattern; gives that look. After the limit the last failure is thrown. */
export async function eventually<T>(look: () => Promise<T>, pattern: Pattern, limitMs: number): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    try {
      like(seen, pattern);
      return seen;
    } catch (error) {
      if (performance.now() > end) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_PAUSE_MS));
  }
}
