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
  for (let at = 0; at < args.length; at++) {
    const [, name = '', joined] = /^(-[^-]|--[^=]+)(?:=(.*))?$/s.exec(args[at] ?? '') ?? [];
    const key = Object.hasOwn(grammar.names, name) ? grammar.names[name] : undefined;
    if (key === undefined) return exits(USAGE, '', `${tool}: Unknown option ${args[at]}\n`);
    if (!grammar.values.includes(key)) {
      options.set(key, '');
      continue;
    }
    const value = joined ?? args[++at];
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

/** A time as Pacemaker prints it where the offset is zero (lib/common/iso8601.c). */
export const printedTime = (ms: number): string =>
  `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}Z`;
