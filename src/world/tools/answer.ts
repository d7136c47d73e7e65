import { escapeAttribute } from '../cib.ts';

export interface ToolAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a command does; `hangs`: it gives no answer, and whoever called it kills it in the end. */
export type ToolResult = ToolAnswer | 'hangs' | Later;

/** An answer that comes when something has ended. */
export type Later = (reply: (answer: ToolAnswer) => void) => void;

/** A command that ends at once. */
export const exits = (exitCode: number, stdout = '', stderr = ''): ToolAnswer => ({
  exitCode,
  stdout,
  stderr,
});

/** `CRM_EX_*` with its words, pacemaker include/crm/common/results.h and lib/common/results.c crm_exit_str. */
const WORDS = {
  64: 'Incorrect usage',
  78: 'Invalid configuration',
  102: 'Not connected',
  105: 'No such object',
} as const;
export const USAGE = 64;
export const CONFIG = 78;
export const DISCONNECTED = 102;
export const NO_SUCH = 105;

/** A command as it was called. */
export interface Called {
  readonly tool: string;
  readonly args: readonly string[];
  /** Each option by its key, with its value or the empty string. */
  readonly options: ReadonlyMap<string, string>;
}

/** Options by the ways they can be written, each with its key; those of `values` take a value. */
export interface Grammar {
  readonly names: Readonly<Record<string, string>>;
  readonly values: readonly string[];
}

/** Reads a command line as popt and GOption do, or gives what they say to it. */
export function readCall(tool: string, args: readonly string[], grammar: Grammar): Called | ToolAnswer {
  const options = new Map<string, string>();
  const takes = (key = ''): boolean => grammar.values.includes(key);
  const left = [...args];
  for (let arg = left.shift(); arg !== undefined; arg = left.shift()) {
    // `-1A` is `-1 -A`; what stands behind a letter that takes a value is its value.
    const [, letter = '', behind] = /^(-[^-])([^=].*)$/s.exec(arg) ?? [];
    if (behind !== undefined) {
      const takesValue = Object.hasOwn(grammar.names, letter) && takes(grammar.names[letter]);
      left.unshift(letter, takesValue ? behind : `-${behind}`);
      continue;
    }
    const [, name = '', joined] = /^(-[^-]|--[^=]+)(?:=(.*))?$/s.exec(arg) ?? [];
    const key = Object.hasOwn(grammar.names, name) ? grammar.names[name] : undefined;
    if (key === undefined) return exits(USAGE, '', `${tool}: Unknown option ${arg}\n`);
    if (!takes(key)) {
      options.set(key, '');
      continue;
    }
    const value = joined ?? left.shift();
    if (value === undefined) return exits(USAGE, '', `${tool}: Missing argument for ${name}\n`);
    options.set(key, value);
  }
  return { tool, args, options };
}

export const VERSION = 'Pacemaker 2.1.5\nWritten by Andrew Beekhof and the Pacemaker project contributors\n';

const wantsXml = ({ options }: Called): boolean => options.get('output') === 'xml';

const request = ({ tool, args }: Called): string => escapeAttribute([tool, ...args].join(' '));

/** Success, in the form that was asked for. */
export function says(
  call: Called,
  form: { readonly xml: readonly string[]; readonly text: string },
): ToolAnswer {
  if (!wantsXml(call)) return exits(0, form.text);
  const lines = [
    `<pacemaker-result api-version="2.25" request="${request(call)}">`,
    ...form.xml.map((line) => `  ${line}`),
    '  <status code="0" message="OK"/>',
    '</pacemaker-result>',
  ];
  return exits(0, `${lines.join('\n')}\n`);
}

/** Failure: in XML on standard output, or in words on standard error (lib/common/output_{xml,text}.c). */
export function fails(call: Called, code: keyof typeof WORDS, words: string): ToolAnswer {
  const text = `${call.tool}: ${words}`;
  if (!wantsXml(call)) return exits(code, '', `${text}\n`);
  const lines = [
    `<pacemaker-result api-version="2.25" request="${request(call)}">`,
    `  <status code="${code}" message="${WORDS[code]}">`,
    `    <errors>\n      <error>${escapeAttribute(text)}</error>\n    </errors>`,
    '  </status>',
    '</pacemaker-result>',
  ];
  return exits(code, `${lines.join('\n')}\n`);
}

/** An element and what it holds; nothing where that is nothing. */
export const listed = (name: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`<${name}>`, ...lines.map((line) => `  ${line}`), `</${name}>`];

/** A list of which the number is told (lib/common/output_{xml,text}.c begin_list, end_list). */
export function counted(
  name: string,
  things: readonly [singular: string, plural: string],
  items: { readonly xml: readonly string[]; readonly text: readonly string[] },
): { readonly xml: readonly string[]; readonly text: string } {
  const count = items.xml.length;
  const list = `<list name="${name}" count="${count}"`;
  return {
    xml: count === 0 ? [`${list}/>`] : [`${list}>`, ...items.xml.map((line) => `  ${line}`), '</list>'],
    text: [...items.text, `${count} ${things[count === 1 ? 0 : 1]} found`]
      .map((line) => `${line}\n`)
      .join(''),
  };
}

/** A time as Pacemaker prints it where the offset is zero (lib/common/iso8601.c). */
export const printedTime = (ms: number): string =>
  `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`;

/** ... and for a person (ctime): `Sat Nov  7 20:23:36 2026`. */
export function readableTime(ms: number): string {
  const [day = '', date = '', month, year, time] = new Date(ms).toUTCString().split(' ');
  return `${day.slice(0, -1)} ${month} ${String(Number(date)).padStart(2)} ${time} ${year}`;
}
