/** The command line of the drill. Pure. */
import { DrillError } from './run.ts';
import { SCENARIOS, type Scenario, scenarioOf } from './scenarios.ts';

export type How = 'kill' | 'off' | 'crash' | 'isolate';

export interface Options {
  readonly scenarios: readonly Scenario[];
  /** null: what the scenario is made for. */
  readonly instances: number | null;
  /** null: what the scenario is made for. */
  readonly spawnDelayS: number | null;
  readonly how: How;
  readonly operator: boolean;
  readonly keep: boolean;
  /** Seconds; null: reckoned from scenario, instances and spawn delay. */
  readonly limitS: number | null;
  readonly json: string | null;
  readonly reportDir: string;
}

const MAX_INSTANCES = 200;
const DEFAULT_REPORT_DIR = '/var/log/instance-ha-drill';
const HOWS: ReadonlySet<string> = new Set(['kill', 'off', 'crash', 'isolate']);

/** A plain drill of 12 takes about a minute. */
const BASE_LIMIT_S = 240;
/** Ten spawns at a time go on on a host (nova's max_concurrent_builds), and a second a piece for the control plane. */
const SPAWNS_AT_A_TIME = 5;
const SECONDS_AN_INSTANCE = 3;

function number(flag: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value) || value < min || value > max) {
    throw new DrillError(`${flag} takes a number from ${min} to ${max}, not "${text}"`);
  }
  return value;
}

const WITH_VALUE: ReadonlySet<string> = new Set([
  '--scenario',
  '--instances',
  '--spawn-delay',
  '--how',
  '--limit',
  '--json',
  '--report-dir',
]);
const FLAGS: ReadonlySet<string> = new Set(['--all', '--keep', '--down', '--no-operator']);

export function parseOptions(args: readonly string[]): Options {
  const values = new Map<string, string>();
  const flags = new Set<string>();
  const rest = args.flatMap((arg) => {
    const match = /^(--[a-z-]+)=(.*)$/.exec(arg);
    return match ? [match[1] ?? '', match[2] ?? ''] : [arg];
  });
  for (let i = 0; i < rest.length; i += 1) {
    const arg = rest[i] ?? '';
    if (FLAGS.has(arg)) flags.add(arg);
    else if (WITH_VALUE.has(arg)) {
      i += 1;
      const value = rest[i];
      if (value === undefined) throw new DrillError(`${arg} needs a value`);
      values.set(arg, value);
    } else throw new DrillError(`unknown option ${arg}; see ./drill --help`);
  }
  if (flags.has('--all') && values.has('--scenario'))
    throw new DrillError('--all and --scenario exclude each other');
  if (
    flags.has('--keep') &&
    (flags.has('--down') || flags.has('--all') || values.get('--scenario')?.includes(','))
  ) {
    throw new DrillError(
      '--keep leaves one drill’s servers in place: not with several of them, --all or --down',
    );
  }
  const how = values.get('--how') ?? 'kill';
  if (!HOWS.has(how)) throw new DrillError(`--how takes ${[...HOWS].join(', ')}, not "${how}"`);
  const instances = values.get('--instances');
  const delay = values.get('--spawn-delay');
  const limit = values.get('--limit');
  return {
    scenarios: flags.has('--all')
      ? SCENARIOS
      : (values.get('--scenario') ?? 'power-loss').split(',').map(scenarioOf),
    instances:
      instances === undefined ? null : Math.floor(number('--instances', instances, 1, MAX_INSTANCES)),
    spawnDelayS: delay === undefined ? null : number('--spawn-delay', delay, 0, 600),
    how: how as How,
    operator: !flags.has('--no-operator'),
    keep: flags.has('--keep'),
    limitS: limit === undefined ? null : number('--limit', limit, 10, 7_200),
    json: values.get('--json') ?? null,
    reportDir: values.get('--report-dir') ?? DEFAULT_REPORT_DIR,
  };
}

/** How long a drill may take before it is said to have failed. */
export function limitOf(scenario: Scenario, instances: number, spawnDelayS: number): number {
  const spawns = Math.ceil(instances / SPAWNS_AT_A_TIME) * spawnDelayS;
  return BASE_LIMIT_S + scenario.extraS + Math.ceil(spawns) + instances * SECONDS_AN_INSTANCE;
}
