/** What an rc file sets. */
export interface RcFile {
  /** Variables whose name begins with `OS_`, with their final plain values. */
  readonly values: Readonly<Record<string, string>>;
  /** `OS_` variables whose value only a shell could work out (`$(...)`, `$VAR`, backticks, open quotes). */
  readonly computed: readonly string[];
}

const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)=/;
const NAME_WE_WANT = /^OS_[A-Z0-9_]+$/;

/** A word of a shell line, unquoted; `computed` when a shell would have expanded something in it. */
interface Word {
  readonly text: string;
  readonly computed: boolean;
}

/**
 * Reads an overcloudrc or openrc file as data: assignments with or without `export`, quoted in any way,
 * comments, CRLF. Everything else in it (loops, `if`, `unset`, PS1) is passed over; no shell is run.
 */
export function parseRcFile(text: string): RcFile {
  const values = new Map<string, string>();
  const computed = new Set<string>();
  for (const line of text.split(/\r?\n/)) {
    for (const command of splitCommands(line)) {
      for (const word of assignmentsOf(command)) {
        const name = ASSIGNMENT.exec(word.text)?.[1];
        if (name === undefined || !NAME_WE_WANT.test(name)) continue;
        values.delete(name);
        computed.delete(name);
        if (word.computed) computed.add(name);
        else values.set(name, word.text.slice(name.length + 1));
      }
    }
  }
  return { values: Object.fromEntries(values), computed: [...computed] };
}

/** `export A=1 B=2` and `A=1`; a command with a variable before it (`A=1 make`) assigns nothing that lasts. */
function assignmentsOf(words: readonly Word[]): readonly Word[] {
  const exported = words[0]?.text === 'export';
  const rest = exported ? words.slice(1) : words;
  if (!exported && !rest.every((word) => ASSIGNMENT.test(word.text))) return [];
  return rest;
}

/** Splits a line into commands at `;`, `&` and `|`, and each command into words, quotes taken away. */
function splitCommands(line: string): Word[][] {
  const commands: Word[][] = [[]];
  let text = '';
  let computed = false;
  let open = false;
  const endWord = () => {
    if (open) commands.at(-1)?.push({ text, computed });
    text = '';
    computed = false;
    open = false;
  };

  for (let at = 0; at < line.length; at += 1) {
    const char = line.charAt(at);
    const next = line.charAt(at + 1);
    if (char === "'" || char === '"') {
      const quoted = readQuoted(line, at);
      text += quoted.text;
      computed ||= quoted.computed;
      open = true;
      at = quoted.end;
    } else if (char === '\\' && next !== '') {
      text += next;
      open = true;
      at += 1;
    } else if (char === '$' && (next === '(' || next === '{')) {
      at = skipExpansion(line, at + 1);
      computed = true;
      open = true;
    } else if (';&|'.includes(char)) {
      endWord();
      commands.push([]);
    } else if (/\s/.test(char)) {
      endWord();
    } else if (char === '#' && !open) {
      break;
    } else {
      computed ||= char === '`' || (char === '$' && /[A-Za-z0-9_?!#*@'"-]/.test(next));
      text += char;
      open = true;
    }
  }
  endWord();
  return commands;
}

/** Reads from the quote at `start` to the one that closes it; `end` is where that stands. */
function readQuoted(line: string, start: number): Word & { readonly end: number } {
  const quote = line.charAt(start);
  let text = '';
  let computed = false;
  for (let at = start + 1; at < line.length; at += 1) {
    const char = line.charAt(at);
    const next = line.charAt(at + 1);
    if (char === quote) return { text, computed, end: at };
    if (quote === '"' && char === '\\' && next !== '' && '$`"\\'.includes(next)) {
      text += next;
      at += 1;
      continue;
    }
    if (quote === '"') computed ||= char === '`' || (char === '$' && /[A-Za-z0-9_({?!#*@-]/.test(next));
    text += char;
  }
  return { text, computed: true, end: line.length };
}

/** Steps over `$(...)` or `${...}`; `start` is its opening bracket. Gives where the closing one stands. */
function skipExpansion(line: string, start: number): number {
  const opening = line.charAt(start);
  const closing = opening === '(' ? ')' : '}';
  let depth = 0;
  for (let at = start; at < line.length; at += 1) {
    const char = line.charAt(at);
    if (char === "'" || char === '"') at = readQuoted(line, at).end;
    else if (char === opening) depth += 1;
    else if (char === closing) depth -= 1;
    if (depth === 0) return at;
  }
  return line.length;
}
