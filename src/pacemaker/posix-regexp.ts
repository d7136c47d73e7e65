/** `[[:NAME:]]` as it stands inside of a JavaScript bracket expression; node names are ASCII. */
const CLASSES: ReadonlyMap<string, string> = new Map([
  ['alpha', 'A-Za-z'],
  ['digit', '0-9'],
  ['alnum', 'A-Za-z0-9'],
  ['upper', 'A-Z'],
  ['lower', 'a-z'],
  ['space', ' \\t\\n\\r\\f\\v'],
  ['blank', ' \\t'],
  ['punct', '!-\\/:-@\\[-`{-~'],
  ['xdigit', 'A-Fa-f0-9'],
  ['print', ' -~'],
  ['graph', '!-~'],
  ['cntrl', '\\x00-\\x1f\\x7f'],
]);

/** What glibc's regcomp knows beyond POSIX. */
const GNU_ESCAPES: ReadonlyMap<string, string> = new Map([
  ['w', '\\w'],
  ['W', '\\W'],
  ['s', '\\s'],
  ['S', '\\S'],
  ['b', '\\b'],
  ['B', '\\B'],
  ['<', '\\b(?=\\w)'],
  ['>', '\\b(?<=\\w)'],
]);

/** Means something in JavaScript alone: groups with options, and quantifiers that take as little as they can. */
const NOT_POSIX = /^(?:\(\?|[*+?}][*+?])/;

/** One part of a pattern in JavaScript's words, and how long it is in POSIX'. */
interface Part {
  readonly text: string;
  readonly length: number;
}

/**
 * A POSIX extended regular expression, as regcomp(3) with REG_EXTENDED reads it, for JavaScript. null: it is none, or
 * it has something that can't be said here (`[.x.]`, `[=x=]`); it then matches nothing.
 */
export function posixRegExp(pattern: string): RegExp | null {
  let text = '';
  for (let at = 0; at < pattern.length; ) {
    const part = partAt(pattern.slice(at));
    if (part === null) return null;
    text += part.text;
    at += part.length;
  }
  try {
    return new RegExp(text);
  } catch {
    return null;
  }
}

function partAt(rest: string): Part | null {
  if (NOT_POSIX.test(rest)) return null;
  if (rest.startsWith('[')) return bracketAt(rest);
  if (rest.startsWith('\\')) return escapeAt(rest);
  return { text: rest.charAt(0), length: 1 };
}

/** A letter that has no meaning stands for itself: `\d` is a d. */
function escapeAt(rest: string): Part | null {
  const next = rest.charAt(1);
  if (next === '') return null;
  const text = GNU_ESCAPES.get(next) ?? (/[A-Za-z]/.test(next) ? next : `\\${next}`);
  return { text, length: 2 };
}

/** `[...]`: the first `]` stands for itself, and so does every backslash. */
function bracketAt(rest: string): Part | null {
  const isNegated = rest.charAt(1) === '^';
  let text = isNegated ? '[^' : '[';
  const first = isNegated ? 2 : 1;
  for (let at = first; at < rest.length; ) {
    if (rest.charAt(at) === ']' && at > first) return { text: `${text}]`, length: at + 1 };
    const part = memberAt(rest.slice(at));
    if (part === null) return null;
    text += part.text;
    at += part.length;
  }
  return null;
}

function memberAt(rest: string): Part | null {
  if (/^\[[.=]/.test(rest)) return null;
  if (rest.startsWith('[:')) {
    const name = /^\[:([a-z]+):\]/.exec(rest)?.[1];
    const text = name === undefined ? undefined : CLASSES.get(name);
    return name === undefined || text === undefined ? null : { text, length: name.length + 4 };
  }
  const char = rest.charAt(0);
  return { text: /[\\\][^]/.test(char) ? `\\${char}` : char, length: 1 };
}
