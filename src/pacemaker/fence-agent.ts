import { oneLine } from './errors.ts';
import { escapeXml } from './xml.ts';

/**
 * One parameter of a fence agent. The table of these makes the metadata, the reading of standard input and
 * of the command line, and the help.
 */
export interface FenceParameter {
  /** The key on standard input, with underscores. */
  readonly name: string;
  /** Older keys with the same meaning, such as `login` for `username`. */
  readonly obsolete?: readonly string[];
  /** Letter of the short option. */
  readonly letter?: string;
  /** Long option; without it the name with dashes. */
  readonly longopt?: string;
  /** What stands for the value in the help. */
  readonly placeholder?: string;
  readonly type: 'string' | 'boolean' | 'second' | 'integer';
  readonly default?: string;
  readonly required?: boolean;
  /** Its value is never shown. */
  readonly secret?: boolean;
  readonly shortdesc: string;
}

export interface FenceAction {
  readonly name: string;
  /** Pacemaker calls it by itself when a node joins (unfencing). */
  readonly automatic?: boolean;
}

export interface FenceAgent {
  readonly name: string;
  readonly version: string;
  readonly shortdesc: string;
  readonly longdesc: string;
  readonly parameters: readonly FenceParameter[];
  readonly actions: readonly FenceAction[];
  readonly defaultAction: string;
}

/** What the agent was asked. Only given parameters are in `values`; defaults are the reader's business. */
export interface FenceRequest {
  readonly action: string;
  readonly values: ReadonlyMap<string, string>;
  readonly help: boolean;
  readonly version: boolean;
  /** One line each, without values. */
  readonly warnings: readonly string[];
}

export const STDIN_LIMIT_BYTES = 256 * 1024;
const MAX_NAMES_IN_WARNING = 10;
const MAX_NAME_CHARS = 60;

/** What Pacemaker and fence-agents add by themselves: no parameters of any device, no reason to warn. */
const SILENT = /^(nodename|nodeid|crm_feature_set|(pcmk|CRM_meta|stonith)_.*|option|agent)$/;

/** Options that every agent of fence-agents has (its lib/fencing.py.py `DEPENDENCY_OPT`); see fence-options.ts for what they do. */
export const GENERAL_PARAMETERS: readonly FenceParameter[] = [
  {
    name: 'quiet',
    letter: 'q',
    type: 'boolean',
    shortdesc: 'Nothing on standard error; errors still go to syslog, and all of it to debug_file',
  },
  {
    name: 'verbose',
    letter: 'v',
    type: 'boolean',
    shortdesc: 'Say more on standard error; -vv and so on for a higher level',
  },
  {
    name: 'verbose_level',
    placeholder: 'level',
    type: 'integer',
    shortdesc: '0 switches verbose off, more switches it on. Default: how often verbose is given',
  },
  {
    name: 'debug_file',
    obsolete: ['debug'],
    letter: 'D',
    placeholder: 'debugfile',
    type: 'string',
    shortdesc: 'Append what is logged, verbose or not, to this file',
  },
  { name: 'version', letter: 'V', type: 'boolean', shortdesc: 'Display version information and exit' },
  { name: 'help', letter: 'h', type: 'boolean', shortdesc: 'Display help and exit' },
  {
    name: 'plug_separator',
    placeholder: 'char',
    type: 'string',
    default: ',',
    shortdesc: 'Separator for plug when it names more than one node',
  },
  {
    name: 'separator',
    letter: 'C',
    placeholder: 'char',
    type: 'string',
    default: ',',
    shortdesc: "Separator in the output of 'list'",
  },
  {
    name: 'delay',
    placeholder: 'seconds',
    type: 'second',
    default: '0',
    shortdesc: 'Wait this long before off and reboot',
  },
  {
    name: 'power_wait',
    placeholder: 'seconds',
    type: 'second',
    default: '0',
    shortdesc: 'Wait this long after on and off',
  },
  {
    name: 'power_timeout',
    placeholder: 'seconds',
    type: 'second',
    shortdesc: 'How long on and off may take. Default: 55 and 40; without effect where timeouts are disabled',
  },
  {
    name: 'shell_timeout',
    placeholder: 'seconds',
    type: 'second',
    shortdesc:
      'How long one command of the cluster may take. Default: 10; without effect where timeouts are disabled',
  },
  {
    name: 'login_timeout',
    placeholder: 'seconds',
    type: 'second',
    shortdesc:
      'How long the cloud may take to answer monitor and validate-all. Default: 5 and 20; without effect where timeouts are disabled',
  },
  {
    name: 'disable_timeout',
    placeholder: 'true/false',
    type: 'string',
    shortdesc: 'Whether the three timeouts above are disabled. Default: true when Pacemaker calls',
  },
  {
    name: 'stonith_status_sleep',
    placeholder: 'seconds',
    type: 'second',
    default: '1',
    shortdesc: 'Pause between two looks at the cluster',
  },
  {
    name: 'retry_on',
    placeholder: 'attempts',
    type: 'integer',
    default: '1',
    shortdesc: 'How many more times on waits for power_timeout',
  },
];

/** Reads the lines that a fencer writes to standard input: `key=value`, comments, blank lines. Never fails. */
export function parseFenceStdin(agent: FenceAgent, text: string): FenceRequest {
  const raw = new Map<string, string>();
  let garbage = 0;
  for (const line of text.split('\n').map((each) => each.trim())) {
    if (line === '' || line.startsWith('#')) continue;
    const at = line.indexOf('=');
    if (at < 1) garbage++;
    else raw.set(line.slice(0, at).trim(), withoutQuotes(line.slice(at + 1).trim()));
  }
  // The line itself may be half a password: it is counted, not shown.
  const warnings = garbage === 0 ? [] : [`${garbage} line(s) of standard input ignored: not key=value`];
  return requestOf(agent, raw, warnings);
}

/** fencing.py takes one pair of double quotes around a value away. */
function withoutQuotes(value: string): string {
  return /^"(.*)"$/.exec(value)?.[1] ?? value;
}

/**
 * Reads a command line in the style of fence-agents (getopt.gnu_getopt): `-n x`, `-nx`, `-vv`, `--plug=x`,
 * `--plug x`, `--act x` where that is unambiguous, `--` before what is no option. What is no option is
 * ignored with a warning.
 */
export function parseFenceArguments(
  agent: FenceAgent,
  argv: readonly string[],
): { readonly ok: true; readonly value: FenceRequest } | { readonly ok: false; readonly problem: string } {
  const raw = new Map<string, string>();
  const warnings: string[] = [];
  const rest = [...argv];
  let verbose = 0;
  let unused = 0;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '--') {
      unused += rest.length;
      break;
    }
    if (!word.startsWith('-') || word === '-') {
      unused++;
      continue;
    }
    const options = word.startsWith('--') ? longOption(agent, word) : shortOptions(agent, word);
    if (options === null) return { ok: false, problem: `unknown option ${shown(word.split('=')[0] ?? '')}` };
    for (const { parameter, value } of options) {
      const given = value ?? (parameter.type === 'boolean' ? '1' : rest.shift());
      if (given === undefined)
        return { ok: false, problem: `option --${longoptOf(parameter)} needs a value` };
      if (parameter.secret) {
        warnings.push(
          `--${longoptOf(parameter)} on a command line can be read by every user of this machine`,
        );
      }
      if (parameter.name === 'verbose' && isTrue(given)) verbose++;
      raw.set(parameter.name, given);
    }
  }
  if (verbose > 1 && !raw.has('verbose_level')) raw.set('verbose_level', String(verbose));
  // Not shown: somebody may have put a password behind an option that takes none.
  if (unused > 0) warnings.push(`${unused} argument(s) that are no option ignored`);
  return { ok: true, value: requestOf(agent, raw, warnings) };
}

interface GivenOption {
  readonly parameter: FenceParameter;
  /** null: it is to follow, or the parameter is a switch. */
  readonly value: string | null;
}

function longOption(agent: FenceAgent, word: string): GivenOption[] | null {
  const at = word.indexOf('=');
  const name = word.slice(2, at < 0 ? undefined : at).replaceAll('-', '_');
  const parameter =
    fenceParameters(agent).find((each) => longoptOf(each).replaceAll('-', '_') === name) ??
    parameterOf(agent, name) ??
    abbreviated(agent, name);
  if (parameter === null) return null;
  return [{ parameter, value: at < 0 ? null : word.slice(at + 1) }];
}

/** The one option that begins so, or null. */
function abbreviated(agent: FenceAgent, start: string): FenceParameter | null {
  const fitting = fenceParameters(agent).filter((each) =>
    longoptOf(each).replaceAll('-', '_').startsWith(start),
  );
  return start !== '' && fitting.length === 1 ? (fitting[0] ?? null) : null;
}

function shortOptions(agent: FenceAgent, word: string): GivenOption[] | null {
  if (!/^-[A-Za-z]/.test(word)) return null;
  const options: GivenOption[] = [];
  for (let at = 1; at < word.length; at++) {
    const parameter = fenceParameters(agent).find((each) => each.letter === word[at]);
    if (parameter === undefined) return null;
    if (parameter.type !== 'boolean') {
      const value = word.slice(at + 1);
      return [...options, { parameter, value: value === '' ? null : value }];
    }
    options.push({ parameter, value: null });
  }
  return options;
}

/** What counts as true or false. */
const BOOLEAN = /^\s*(1|0|yes|no|on|off|true|false|y|n|t|f)\s*$/i;

const OLD_ACTIONS: ReadonlyMap<string, string> = new Map([
  ['enable', 'on'],
  ['disable', 'off'],
  ['meta-data', 'metadata'],
]);

function requestOf(
  agent: FenceAgent,
  raw: ReadonlyMap<string, string>,
  warnings: readonly string[],
): FenceRequest {
  const values = new Map<string, string>();
  const unknown: string[] = [];
  const undecided: string[] = [];
  for (const [key, value] of raw) {
    const parameter = parameterOf(agent, key.replaceAll('-', '_'));
    if (parameter === null) {
      if (key === 'nodename') values.set('nodename', value);
      else if (!SILENT.test(key)) unknown.push(key);
    } else if (!values.has(parameter.name) || parameter.name === key) {
      // A parameter given under its own and an old name counts by its own, whatever came first.
      values.set(parameter.name, value);
      if (parameter.type === 'boolean' && !BOOLEAN.test(value)) undecided.push(parameter.name);
    }
  }
  // An empty action is one that nobody knows: taken for the default it would record a fencing that nobody asked for.
  const action = (values.get('action') ?? agent.defaultAction).toLowerCase();
  return {
    action: OLD_ACTIONS.get(action) ?? action,
    values,
    help: isTrue(values.get('help')),
    version: isTrue(values.get('version')),
    warnings: [
      ...warnings,
      ...(unknown.length === 0 ? [] : [`unknown parameter(s) ignored: ${listed(unknown)}`]),
      ...(undecided.length === 0 ? [] : [`ignored, being neither true nor false: ${listed(undecided)}`]),
    ],
  };
}

/** How fence-agents reads a boolean. */
export function isTrue(text: string | undefined): boolean {
  return ['1', 'yes', 'on', 'true', 'y', 't'].includes(text?.trim().toLowerCase() ?? '');
}

/** What is wrong with the values by their types alone: one sentence each, without the value of a secret. */
export function fenceProblems(agent: FenceAgent, request: FenceRequest): string[] {
  return fenceParameters(agent).flatMap((parameter) => {
    const value = request.values.get(parameter.name) ?? '';
    if (value === '') return parameter.required ? [`${parameter.name} is missing`] : [];
    return valueProblem(parameter, value) ?? [];
  });
}

/** What fence-agents asks of every call: numbers that are numbers. A wrong verbose_level has a warning of its own. */
export function numberProblems(request: FenceRequest): string[] {
  return GENERAL_PARAMETERS.flatMap((parameter) => {
    const value = request.values.get(parameter.name) ?? '';
    const isAsked = isNumber(parameter) && parameter.name !== 'verbose_level' && value !== '';
    return (isAsked ? valueProblem(parameter, value) : null) ?? [];
  });
}

function isNumber({ type }: FenceParameter): boolean {
  return type === 'second' || type === 'integer';
}

function valueProblem(parameter: FenceParameter, value: string): string | null {
  const said = parameter.secret ? '' : ` (it is ${shown(value)})`;
  if (parameter.type === 'boolean' && !BOOLEAN.test(value)) {
    return `${parameter.name} must be true or false${said}`;
  }
  if (isNumber(parameter) && !/^\d{1,9}(s|sec)?$/.test(value.trim())) {
    const unit = parameter.type === 'second' ? ' of seconds' : '';
    return `${parameter.name} must be a whole number${unit}${said}`;
  }
  return null;
}

/** The metadata that `action=metadata` prints; valid against fence-agents' metadata.rng. */
export function fenceMetadata(agent: FenceAgent): string {
  return [
    '<?xml version="1.0" ?>',
    `<resource-agent name="${escapeXml(agent.name)}" shortdesc="${escapeXml(agent.shortdesc)}" >`,
    `<longdesc>${escapeXml(agent.longdesc)}</longdesc>`,
    '<vendor-url></vendor-url>',
    '<parameters>',
    ...fenceParameters(agent).flatMap(parameterXml),
    '</parameters>',
    '<actions>',
    ...agent.actions.map(({ name, automatic }) =>
      automatic === undefined
        ? `\t<action name="${name}" />`
        : `\t<action name="${name}" automatic="${automatic ? 1 : 0}"/>`,
    ),
    '</actions>',
    '</resource-agent>',
    '',
  ].join('\n');
}

function parameterXml(parameter: FenceParameter): string[] {
  const old = parameter.obsolete ?? [];
  const obsoletes = old[0] === undefined ? '' : ` obsoletes="${old[0]}"`;
  return [
    ...parameterElement(parameter, parameter.name, obsoletes),
    ...old.flatMap((name) => parameterElement(parameter, name, ' deprecated="1"')),
  ];
}

function parameterElement(parameter: FenceParameter, name: string, relation: string): string[] {
  const fallback = parameter.default === undefined ? '' : ` default="${escapeXml(parameter.default)}"`;
  return [
    `\t<parameter name="${name}" unique="0" required="${parameter.required ? 1 : 0}"${relation}>`,
    `\t\t<getopt mixed="${escapeXml(optionText(parameter))}" />`,
    `\t\t<content type="${parameter.type}"${fallback} />`,
    `\t\t<shortdesc lang="en">${escapeXml(parameter.shortdesc)}</shortdesc>`,
    '\t</parameter>',
  ];
}

/** The text of `--help`. */
export function fenceHelp(agent: FenceAgent): string {
  const rows = fenceParameters(agent).map((parameter) => {
    const option = optionText(parameter);
    const fallback = parameter.default ? ` (default: ${parameter.default})` : '';
    return `   ${option.padEnd(32)} ${parameter.shortdesc}${fallback}`;
  });
  return [
    `${agent.name}: ${agent.shortdesc}`,
    '',
    'Usage:',
    `\t${agent.name} [options]`,
    `\t${agent.name} < FILE    with key=value lines, as Pacemaker calls it`,
    `Actions: ${agent.actions.map((action) => action.name).join(', ')}`,
    'Options:',
    ...rows,
    '',
  ].join('\n');
}

/** Its own parameters and the general ones. */
export function fenceParameters(agent: FenceAgent): readonly FenceParameter[] {
  return [...agent.parameters, ...GENERAL_PARAMETERS];
}

function parameterOf(agent: FenceAgent, name: string): FenceParameter | null {
  const fits = (each: FenceParameter): boolean =>
    each.name === name || (each.obsolete?.some((old) => old.replaceAll('-', '_') === name) ?? false);
  return fenceParameters(agent).find(fits) ?? null;
}

function longoptOf(parameter: FenceParameter): string {
  return parameter.longopt ?? parameter.name.replaceAll('_', '-');
}

/** The option on a command line, as help and metadata show it. */
export function optionText(parameter: FenceParameter): string {
  const short = parameter.letter === undefined ? '' : `-${parameter.letter}, `;
  const value = parameter.type === 'boolean' ? '' : `=[${parameter.placeholder ?? parameter.type}]`;
  return `${short}--${longoptOf(parameter)}${value}`;
}

function shown(text: string): string {
  const line = oneLine(text);
  return line.length <= MAX_NAME_CHARS ? line : `${line.slice(0, MAX_NAME_CHARS)}...`;
}

function listed(names: readonly string[]): string {
  const few = names.slice(0, MAX_NAMES_IN_WARNING).map(shown).join(', ');
  return names.length > MAX_NAMES_IN_WARNING ? `${few} and ${names.length - MAX_NAMES_IN_WARNING} more` : few;
}
