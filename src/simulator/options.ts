import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { KINDS } from './generate.ts';
import type { Fault } from './plan.ts';
import { type FeatureName, featureNames } from './sites.ts';

export interface Options {
  readonly seeds: number;
  readonly from: number;
  /** One seed to be replayed. */
  readonly seed: number | null;
  /** A plan in a file instead of a seed. */
  readonly plan: string | null;
  /** Only the seeds that have this in what their operators have set up; null: all. */
  readonly feature: FeatureName | null;
  /** Only the seeds that have so many of these or more. */
  readonly leastFeatures: number;
  /** So many faults beyond those that a seed draws by itself. */
  readonly moreFaults: number;
  /** They are of these kinds; empty: of any. */
  readonly kinds: readonly Fault['do'][];
  /** The numbers are those of variations of this seed; null: they are seeds. */
  readonly around: number | null;
  readonly trace: boolean;
  readonly jobs: number;
  /** Ends after so many failures; infinite: never before the last seed. */
  readonly failures: number;
}

export const USAGE = `simulate: the real evacuator and agents over a model of the cloud, in virtual time

  npm run simulate -- [--seeds N] [--from S] [--date]
                      [--with NAME] [--with-many N]
                      [--more-faults N [--of KIND,...]]
                      [--jobs N] [--failures N | --keep-going]
  npm run simulate -- --around S [--seeds N] [--more-faults N [--of KIND,...]]
  npm run simulate -- --seed S [--around S] [--more-faults N [--of KIND,...]]
                      [--trace]
  npm run simulate -- --plan FILE [--trace]

  --seeds N     how many seeds, 2000 without it
  --from S      the first seed, 1 without it
  --date        the first seed is made of today's date, so every day has seeds of its own
  --with NAME   of these seeds only those whose operators have set this up:
                ${inLines(featureNames(), 5).join(',\n                ')}
  --with-many N of these seeds only those that have N of these or more, whichever
  --more-faults N
                so many faults beyond those that each seed draws by itself: what
                only several together bring about comes about much oftener
  --of KIND,... these are of the kinds named:
                ${inLines(KINDS, 5).join(',\n                ')}
  --around S    the numbers are those of variations of seed S instead of seeds:
                its cluster, with other latencies and the faults moved somewhat,
                some missing, up to two more. What may still be next to a finding
  --seed S      replays one seed; when it fails, shrinks it and writes the story
  --plan FILE   replays a plan, such as the shrunk one that a failure leaves behind
  --trace       prints every step of the story
  --jobs N      processes side by side, one a core without it
  --failures N  ends after so many failures, 5 without it
  --keep-going  ends after the last seed, however many fail; they are listed at the end
`;

/** Names, so many a line. */
function inLines(names: readonly string[], each: number): readonly string[] {
  const count = Math.ceil(names.length / each);
  return Array.from({ length: count }, (_, at) => names.slice(at * each, (at + 1) * each).join(', '));
}

/** The options in a command line; text: what is wrong with it. */
export function parseOptions(args: readonly string[], today: Date): Options | string {
  let values: Record<string, string | boolean | undefined>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        seeds: { type: 'string' },
        from: { type: 'string' },
        date: { type: 'boolean' },
        with: { type: 'string' },
        'with-many': { type: 'string' },
        'more-faults': { type: 'string' },
        of: { type: 'string' },
        around: { type: 'string' },
        seed: { type: 'string' },
        plan: { type: 'string' },
        trace: { type: 'boolean' },
        jobs: { type: 'string' },
        failures: { type: 'string' },
        'keep-going': { type: 'boolean' },
        help: { type: 'boolean' },
      },
    }));
  } catch (cause) {
    return cause instanceof Error ? cause.message : 'not understood';
  }
  if (values.help) return '';
  const problems: string[] = [];
  const number = (name: string, otherwise: number): number => {
    const text = values[name];
    if (typeof text !== 'string') return otherwise;
    if (!/^\d{1,15}$/.test(text)) problems.push(`--${name} takes a whole number, not ${text}`);
    return Number(text);
  };
  const feature = featureNames().find((each) => each === values.with) ?? null;
  if (values.with !== undefined && feature === null)
    problems.push(`--with takes one of ${featureNames().join(', ')}, not ${values.with}`);
  if (values.around !== undefined && (feature !== null || values['with-many'] !== undefined))
    problems.push('--around takes one seed as it is: --with and --with-many choose among seeds');
  const named = typeof values.of === 'string' ? values.of.split(',') : [];
  const kinds = KINDS.filter((kind) => named.includes(kind));
  if (kinds.length < new Set(named).size)
    problems.push(`--of takes some of ${KINDS.join(', ')}, with commas, not ${values.of}`);
  const ofToday = Number(today.toISOString().slice(0, 10).replaceAll('-', '')) * 100_000;
  if (kinds.length > 0 && values['more-faults'] === undefined)
    problems.push('--of says of which kinds the faults of --more-faults are, which is missing');
  const options: Options = {
    seeds: number('seeds', 2_000),
    from: values.date ? ofToday : number('from', 1),
    seed: values.seed === undefined ? null : number('seed', 0),
    plan: typeof values.plan === 'string' ? values.plan : null,
    feature,
    leastFeatures: number('with-many', 0),
    moreFaults: number('more-faults', 0),
    kinds,
    around: values.around === undefined ? null : number('around', 0),
    trace: values.trace === true,
    jobs: Math.max(1, number('jobs', availableParallelism())),
    failures: values['keep-going'] ? Number.POSITIVE_INFINITY : Math.max(1, number('failures', 5)),
  };
  return problems.length > 0 ? problems.join('; ') : options;
}
