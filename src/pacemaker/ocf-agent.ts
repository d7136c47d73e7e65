import { parseTimeMs } from '../core/duration.ts';
import { oneLine } from './errors.ts';
import { escapeXml, parseBoolean } from './xml.ts';

/** Exit codes of an OCF resource agent (OCF Resource Agent API 1.0, Pacemaker Explained). */
export const OCF = {
  SUCCESS: 0,
  ERR_GENERIC: 1,
  ERR_ARGS: 2,
  ERR_UNIMPLEMENTED: 3,
  ERR_PERM: 4,
  ERR_INSTALLED: 5,
  ERR_CONFIGURED: 6,
  NOT_RUNNING: 7,
} as const;
export type OcfCode = (typeof OCF)[keyof typeof OCF];

/** How an action ended. The reason is one line; Pacemaker shows it in `crm_mon` beside the failure. */
export interface OcfResult {
  readonly code: OcfCode;
  readonly reason?: string;
}

export interface OcfParameter {
  readonly name: string;
  /** Other names with the same meaning; they stand in the metadata too, since pcs refuses what does not. */
  readonly aliases?: readonly string[];
  /** `seconds` takes what Pacemaker takes for a time: `120`, `120s`, `2min`, `500ms`. */
  readonly type: 'string' | 'integer' | 'seconds' | 'boolean';
  readonly default?: string;
  readonly required?: boolean;
  readonly unique?: boolean;
  /** Its value is never shown. */
  readonly secret?: boolean;
  /** Bounds of an integer, or of seconds. */
  readonly min?: number;
  readonly max?: number;
  readonly shortdesc: string;
  readonly longdesc?: string;
  /** What is wrong with a value that has the right type: the end of a sentence that starts with the name. */
  readonly check?: (value: string) => string | null;
}

export interface OcfAction {
  /** In seconds, the advice in the metadata. */
  readonly timeout: number;
  /** In seconds, of a `monitor`. */
  readonly interval?: number;
  readonly depth?: number;
  readonly role?: 'Started' | 'Promoted' | 'Unpromoted';
  /**
   * Whether it is refused when a parameter is missing or invalid. Default: yes, except `stop` and `monitor`:
   * a stop that fails because of a typing error gets the node fenced.
   */
  readonly strict?: boolean;
  readonly run: (context: OcfContext) => OcfResult | Promise<OcfResult>;
}

export interface OcfAgent {
  readonly name: string;
  readonly version: string;
  readonly shortdesc: string;
  readonly longdesc: string;
  readonly parameters: readonly OcfParameter[];
  /** `meta-data`, `usage` and `help` are there by themselves, and so is `validate-all` that checks the parameters alone. */
  readonly actions: Readonly<Partial<Record<OcfActionName, OcfAction>>>;
}

export type OcfActionName =
  | 'start'
  | 'stop'
  | 'monitor'
  | 'validate-all'
  | 'reload'
  | 'notify'
  | 'promote'
  | 'demote';

/** What an action sees. Asking for a parameter that is not in the table, or as another type, is a bug and throws. */
export interface OcfContext {
  readonly action: OcfActionName;
  /** OCF_RESOURCE_INSTANCE; the agent's name when called by hand. */
  readonly instance: string;
  /** The operation's timeout, null when called by hand. */
  readonly timeoutMs: number | null;
  readonly intervalMs: number;
  /** A monitor without an interval: "is it running here at all?" */
  readonly isProbe: boolean;
  /** Pacemaker's name of the node this runs on (OCF_RESKEY_CRM_meta_on_node), null when called by hand. */
  readonly node: string | null;
  /** Where state files live until the next boot. */
  readonly stateDirectory: string;
  /** Fires at SIGTERM: the result counts no more, so clean up and end. */
  readonly signal: AbortSignal;
  /** A parameter that is not set and has no default is null, and so is an invalid one where the action is not strict. */
  text(name: string): string | null;
  integer(name: string): number | null;
  /** A `seconds` parameter in ms. */
  milliseconds(name: string): number | null;
  boolean(name: string): boolean | null;
  /** Names of the parameters that are set, as they are spelled in the table. */
  given(): readonly string[];
  /** All text values that are set, for a reader with rules of its own (credentials). Holds secrets. */
  raw(): Readonly<Record<string, string>>;
  /** A line on standard error; Pacemaker puts it into its log. */
  log(line: string): void;
}

/** The process, as far as an agent needs it. */
export interface OcfIo {
  readonly argv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly signal: AbortSignal;
}

const DEFAULT_STATE_DIRECTORY = '/run/resource-agents';
const META_DATA_TIMEOUT_S = 5;
const VALIDATE_TIMEOUT_S = 30;

/** The real process. SIGTERM (Pacemaker's first word at a timeout) becomes the signal. */
export function processIo(): OcfIo {
  const controller = new AbortController();
  process.once('SIGTERM', () => controller.abort());
  return {
    argv: process.argv.slice(2),
    env: process.env,
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    signal: controller.signal,
  };
}

/** Runs the action that the command line names and gives the exit code. Never rejects, never prints a stack trace. */
export async function runOcfAgent(agent: OcfAgent, io: OcfIo = processIo()): Promise<number> {
  const result = await dispatch(agent, io);
  if (result.reason !== undefined) io.err(`ocf-exit-reason:${oneLine(result.reason)}\n`);
  return result.code;
}

async function dispatch(agent: OcfAgent, io: OcfIo): Promise<OcfResult> {
  const name = io.argv[0];
  if (name === 'meta-data') {
    io.out(ocfMetadata(agent));
    return { code: OCF.SUCCESS };
  }
  if (name === 'usage' || name === 'help' || name === '--help' || name === '-h') {
    io.out(ocfUsage(agent));
    return { code: OCF.SUCCESS };
  }
  const action = actionsOf(agent).find(([known]) => known === name);
  // Not in the metadata, but a clone that was configured with notify=true for the stock agent goes on calling it.
  if (action === undefined && name === 'notify') return { code: OCF.SUCCESS };
  if (action === undefined) {
    io.err(ocfUsage(agent));
    return { code: name === undefined ? OCF.ERR_ARGS : OCF.ERR_UNIMPLEMENTED };
  }
  return perform(agent, action[0], action[1], io);
}

async function perform(
  agent: OcfAgent,
  name: OcfActionName,
  action: OcfAction,
  io: OcfIo,
): Promise<OcfResult> {
  const { values, problems } = readParameters(agent, io.env);
  const strict = action.strict ?? (name !== 'stop' && name !== 'monitor');
  if (strict && problems.length > 0) return { code: OCF.ERR_CONFIGURED, reason: problems.join('; ') };
  if (io.signal.aborted) return interrupted(name);
  const over = new AbortController();
  try {
    const context = contextOf(agent, name, values, io);
    // The race: a SIGTERM ends the action even while it waits for a tool that doesn't answer.
    return await Promise.race([
      action.run(context),
      aborted(io.signal, over.signal).then(() => interrupted(name)),
    ]);
  } catch (cause) {
    const what = cause instanceof Error ? `${cause.name}: ${cause.message}` : 'unknown';
    return {
      code: OCF.ERR_GENERIC,
      reason: `internal error in ${agent.name} ${name}: ${withoutSecrets(agent, values, what)}`,
    };
  } finally {
    over.abort();
  }
}

function interrupted(name: string): OcfResult {
  return { code: OCF.ERR_GENERIC, reason: `${name} was ended by SIGTERM (the timeout of the operation?)` };
}

/** Resolves when the signal fires; listens no more once `over` does. */
function aborted(signal: AbortSignal, over: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener('abort', () => resolve(), { once: true, signal: over }),
  );
}

function withoutSecrets(agent: OcfAgent, values: ReadonlyMap<string, string>, text: string): string {
  let clean = text;
  for (const parameter of agent.parameters) {
    const value = parameter.secret ? values.get(parameter.name) : undefined;
    if (value) clean = clean.replaceAll(value, '***');
  }
  return clean;
}

function actionsOf(agent: OcfAgent): [OcfActionName, OcfAction][] {
  const validate: OcfAction = { timeout: VALIDATE_TIMEOUT_S, run: () => ({ code: OCF.SUCCESS }) };
  return Object.entries({ 'validate-all': validate, ...agent.actions }) as [OcfActionName, OcfAction][];
}

/** Invalid values are left out, so that an action which is not strict meets its default. */
function readParameters(
  agent: OcfAgent,
  env: OcfIo['env'],
): { readonly values: ReadonlyMap<string, string>; readonly problems: readonly string[] } {
  const values = new Map<string, string>();
  const problems: string[] = [];
  for (const parameter of agent.parameters) {
    const value = [parameter.name, ...(parameter.aliases ?? [])]
      .map((name) => env[`OCF_RESKEY_${name}`])
      .find((text) => text !== undefined && text !== '');
    if (value === undefined) {
      if (parameter.required)
        problems.push(`parameter ${parameter.name} is missing: ${oneLine(parameter.shortdesc)}`);
      continue;
    }
    const problem = problemOf(parameter, value);
    if (problem === null) values.set(parameter.name, value);
    else problems.push(`parameter ${parameter.name} ${problem}`);
  }
  return { values, problems };
}

function problemOf(parameter: OcfParameter, value: string): string | null {
  const said = parameter.secret ? '' : ` (it is ${oneLine(value).slice(0, 80)})`;
  switch (parameter.type) {
    case 'string':
      return parameter.check?.(value) ?? null;
    case 'boolean':
      return parseBoolean(value) === null
        ? `must be true or false${said}`
        : (parameter.check?.(value) ?? null);
    case 'integer':
    case 'seconds': {
      const number = parameter.type === 'integer' ? parseInteger(value) : parseTimeMs(value);
      if (number === null) {
        return `must be ${parameter.type === 'integer' ? 'a whole number' : 'a time such as 120 or 120s'}${said}`;
      }
      const unit = parameter.type === 'seconds' ? 1000 : 1;
      const word = parameter.type === 'seconds' ? ' s' : '';
      if (parameter.min !== undefined && number < parameter.min * unit)
        return `must be at least ${parameter.min}${word}${said}`;
      if (parameter.max !== undefined && number > parameter.max * unit)
        return `must be at most ${parameter.max}${word}${said}`;
      return parameter.check?.(value) ?? null;
    }
    default:
      return parameter.type satisfies never;
  }
}

function parseInteger(text: string): number | null {
  return /^-?\d{1,15}$/.test(text) ? Number(text) : null;
}

function contextOf(
  agent: OcfAgent,
  action: OcfActionName,
  values: ReadonlyMap<string, string>,
  io: OcfIo,
): OcfContext {
  const value = (name: string, type: OcfParameter['type']): string | null => {
    const parameter = agent.parameters.find((each) => each.name === name);
    if (parameter?.type !== type) throw new Error(`${agent.name} has no ${type} parameter ${name}`);
    return values.get(name) ?? parameter.default ?? null;
  };
  const meta = (name: string): string | null => io.env[`OCF_RESKEY_CRM_meta_${name}`] || null;
  const intervalMs = parseInteger(meta('interval') ?? '') ?? 0;
  return {
    action,
    instance: io.env.OCF_RESOURCE_INSTANCE || agent.name,
    timeoutMs: parseInteger(meta('timeout') ?? ''),
    intervalMs,
    isProbe: action === 'monitor' && intervalMs === 0,
    node: meta('on_node'),
    stateDirectory: io.env.HA_RSCTMP || DEFAULT_STATE_DIRECTORY,
    signal: io.signal,
    text: (name) => value(name, 'string'),
    integer: (name) => parseInteger(value(name, 'integer') ?? ''),
    milliseconds: (name) => parseTimeMs(value(name, 'seconds') ?? ''),
    boolean: (name) => parseBoolean(value(name, 'boolean')),
    given: () => [...values.keys()],
    raw: () => Object.fromEntries(values),
    log: (line) => io.err(`${agent.name}: ${oneLine(withoutSecrets(agent, values, line))}\n`),
  };
}

/** The meta-data; valid against ra-api-1.dtd and metadata.rng of resource-agents. */
export function ocfMetadata(agent: OcfAgent): string {
  return [
    '<?xml version="1.0"?>',
    '<!DOCTYPE resource-agent SYSTEM "ra-api-1.dtd">',
    `<resource-agent name="${escapeXml(agent.name)}" version="${escapeXml(agent.version)}">`,
    '<version>1.0</version>',
    `<longdesc lang="en">\n${escapeXml(agent.longdesc)}\n</longdesc>`,
    `<shortdesc lang="en">${escapeXml(agent.shortdesc)}</shortdesc>`,
    '<parameters>',
    ...agent.parameters.flatMap((parameter) => [
      parameterXml(parameter, parameter.name),
      ...(parameter.aliases ?? []).map((alias) => parameterXml(parameter, alias)),
    ]),
    '</parameters>',
    '<actions>',
    ...actionsOf(agent).map(([name, action]) => actionXml(name, action)),
    `<action name="meta-data" timeout="${META_DATA_TIMEOUT_S}s" />`,
    '</actions>',
    '</resource-agent>',
    '',
  ].join('\n');
}

/** resource-agents' DTD calls a time `time` and its RELAX NG schema `second`; what both know and `120s` fits in is `string`. */
const CONTENT_TYPE = { string: 'string', integer: 'integer', seconds: 'string', boolean: 'boolean' } as const;

function parameterXml(parameter: OcfParameter, name: string): string {
  const isAlias = name !== parameter.name;
  const shortdesc = isAlias ? `Another name of ${parameter.name}` : parameter.shortdesc;
  const longdesc = isAlias ? `${shortdesc}.` : (parameter.longdesc ?? parameter.shortdesc);
  const fallback =
    parameter.default === undefined || isAlias ? '' : ` default="${escapeXml(parameter.default)}"`;
  const required = parameter.required && !isAlias ? 1 : 0;
  return [
    `<parameter name="${name}" unique="${parameter.unique ? 1 : 0}" required="${required}">`,
    `<longdesc lang="en">${escapeXml(longdesc)}</longdesc>`,
    `<shortdesc lang="en">${escapeXml(shortdesc)}</shortdesc>`,
    `<content type="${CONTENT_TYPE[parameter.type]}"${fallback} />`,
    '</parameter>',
  ].join('\n');
}

function actionXml(name: string, action: OcfAction): string {
  const interval = action.interval === undefined ? '' : ` interval="${action.interval}s"`;
  const depth = action.depth === undefined ? '' : ` depth="${action.depth}"`;
  const role = action.role === undefined ? '' : ` role="${action.role}"`;
  return `<action name="${name}" timeout="${action.timeout}s"${interval}${depth}${role} />`;
}

/** The text of `usage`. */
export function ocfUsage(agent: OcfAgent): string {
  const names = [...actionsOf(agent).map(([name]) => name), 'meta-data', 'usage'];
  const rows = agent.parameters.map((parameter) => {
    const fallback = parameter.default === undefined ? '' : ` (default: ${parameter.default})`;
    return `  OCF_RESKEY_${parameter.name}  ${parameter.shortdesc}${parameter.required ? ' (required)' : fallback}`;
  });
  return [
    `usage: ${agent.name} {${names.join('|')}}`,
    agent.shortdesc,
    'Parameters, from the environment:',
    ...rows,
    '',
  ].join('\n');
}
