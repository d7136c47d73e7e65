/** The command line of the bench, and the order in which it measures. Pure. */
import { DrillError } from '../testbed/drill/run.ts';

export type Method =
  | { readonly kind: 'engine' }
  /** So many requests at once, the next as soon as one is answered. */
  | { readonly kind: 'flood'; readonly atOnce: number }
  /** At most so many evacuations unfinished. */
  | { readonly kind: 'window'; readonly unfinished: number };

export interface BenchOptions {
  readonly instances: readonly number[];
  readonly delaysS: readonly number[];
  readonly methods: readonly Method[];
  readonly rounds: number;
  readonly outDir: string;
}

export interface Trial {
  readonly method: Method;
  readonly instances: number;
  readonly delayS: number;
  readonly round: number;
}

const DEFAULTS: Readonly<Record<string, string>> = {
  '--instances': '50,200',
  '--delays': '0,8',
  '--methods': 'engine,flood-1,flood-8,flood-32,window-4,window-8,window-16',
  '--rounds': '2',
  '--out': '/var/log/instance-ha-bench',
};
const MAX_INSTANCES = 900;
const MAX_DELAY_S = 600;
const MAX_ROUNDS = 100;
const MAX_AT_ONCE = 1000;

export function parseBenchOptions(args: readonly string[]): BenchOptions {
  const values = new Map(Object.entries(DEFAULTS));
  for (let i = 0; i < args.length; i += 2) {
    const name = args[i] ?? '';
    const value = args[i + 1];
    if (!values.has(name)) throw new DrillError(`unknown option ${name}; see bench/evacuation --help`);
    if (value === undefined) throw new DrillError(`${name} needs a value`);
    values.set(name, value);
  }
  const list = (name: string): string[] => (values.get(name) ?? '').split(',').filter((each) => each !== '');
  const numbers = (name: string, min: number, max: number): number[] => {
    const found = list(name).map((each) => wholeNumber(name, each, min, max));
    if (found.length === 0) throw new DrillError(`${name} needs at least one number`);
    return found;
  };
  const methods = list('--methods').map(methodOf);
  if (methods.length === 0) throw new DrillError('--methods needs at least one method');
  return {
    instances: numbers('--instances', 1, MAX_INSTANCES),
    delaysS: numbers('--delays', 0, MAX_DELAY_S),
    methods,
    rounds: wholeNumber('--rounds', values.get('--rounds') ?? '', 1, MAX_ROUNDS),
    outDir: values.get('--out') ?? '',
  };
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const number = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(number) || number < min || number > max)
    throw new DrillError(`${name} takes whole numbers from ${min} to ${max}, not "${text}"`);
  return number;
}

function methodOf(text: string): Method {
  if (text === 'engine') return { kind: 'engine' };
  const match = /^(flood|window)-(\d+)$/.exec(text);
  if (match === null) throw new DrillError(`--methods takes engine, flood-N and window-N, not "${text}"`);
  const number = wholeNumber('--methods', match[2] ?? '', 1, MAX_AT_ONCE);
  return match[1] === 'flood' ? { kind: 'flood', atOnce: number } : { kind: 'window', unfinished: number };
}

export function nameOf(method: Method): string {
  switch (method.kind) {
    case 'engine':
      return 'engine';
    case 'flood':
      return `flood-${method.atOnce}`;
    case 'window':
      return `window-${method.unfinished}`;
    default:
      return method satisfies never;
  }
}

/**
 * What is measured, in order: all methods in turn, every other round backwards, so that a machine that gets slower (or a
 * database that grows) is nobody's advantage.
 */
export function trialsOf(options: BenchOptions): readonly Trial[] {
  const trials: Trial[] = [];
  for (const instances of options.instances) {
    for (const delayS of options.delaysS) {
      for (let round = 0; round < options.rounds; round += 1) {
        const methods = round % 2 === 0 ? options.methods : [...options.methods].reverse();
        trials.push(...methods.map((method) => ({ method, instances, delayS, round })));
      }
    }
  }
  return trials;
}
