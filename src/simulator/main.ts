import { type ChildProcess, execFileSync, fork } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { planOf, variationOf } from './generate.ts';
import { type Options, parseOptions, USAGE } from './options.ts';
import type { Plan } from './plan.ts';
import { type Result, run } from './run.ts';
import { shrink } from './shrink.ts';
import { featureCount, hasFeature } from './sites.ts';
import { tellStory } from './story.ts';

const PROGRESS_MS = 1_000;
/** A seed that takes longer than this, ms, has got stuck: its worker is ended, and it counts as failed. Most take less than 0.1 s. */
const SEED_LIMIT_MS = 900_000;
/** Where the stories of failures go. */
const FAILURES = 'dist/simulator-failures';

/** What became of a seed. */
interface Outcome {
  readonly seed: number;
  readonly evacuations: number;
  readonly virtualMs: number;
  /** Why it failed; null: it holds. */
  readonly failed: string | null;
}

const lost = (seed: number, failed: string): Outcome => ({ seed, evacuations: 0, virtualMs: 0, failed });

/** What a number stands for, and how it is said in a command line. */
type Meaning = Pick<Options, 'around' | 'moreFaults' | 'kinds'>;

const planFor = (seed: number, { around, moreFaults, kinds }: Meaning): Plan =>
  around === null ? planOf(seed, moreFaults, kinds) : variationOf(planOf(around, moreFaults, kinds), seed);

function asArguments(seed: number, { around, moreFaults, kinds }: Meaning): string {
  const more = moreFaults === 0 ? [] : [`--more-faults ${moreFaults}`];
  const which = kinds.length === 0 ? [] : [`--of ${kinds.join(',')}`];
  return [`--seed ${seed}`, ...(around === null ? [] : [`--around ${around}`]), ...more, ...which].join(' ');
}

/** Runs a seed; one that throws is a failure like any other. */
async function runSeed(seed: number, meaning: Meaning): Promise<Outcome> {
  // A run lets nothing else have its turn: signals and the line of progress have it here.
  await new Promise((resolve) => setImmediate(resolve));
  try {
    const result = await run(planFor(seed, meaning));
    const { evacuations, virtualMs, violation } = result;
    return { seed, evacuations, virtualMs, failed: violation === null ? null : inWords(result) };
  } catch (error) {
    return lost(seed, `the simulator itself: ${error instanceof Error ? error.stack : String(error)}`);
  }
}

function inWords({ violation }: Result): string {
  if (violation === null) return 'nothing';
  return `${violation.checker}: ${violation.text} (at ${(violation.atMs / 1000).toFixed(1)} s)`;
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    return 'an unknown commit';
  }
}

/** Many seeds, on several cores, with one line of progress. Gives the exit code. */
async function campaign(options: Options): Promise<number> {
  const begun = performance.now();
  const where = commit();
  const end = options.from + options.seeds;
  const { feature, leastFeatures, around } = options;
  const isWanted = (seed: number): boolean =>
    (feature === null || hasFeature(seed, feature)) &&
    (leastFeatures === 0 || featureCount(seed) >= leastFeatures);
  const failed: number[] = [];
  const total = { seeds: 0, evacuations: 0, virtualMs: 0 };
  let next = options.from;
  let isStopped = false;
  const stop = (): void => {
    isStopped = true;
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const isTerminal = process.stdout.isTTY === true;
  const rate = (): string => `${Math.round((total.seeds / (performance.now() - begun)) * 60_000)} a minute`;
  const progress = (): string =>
    `${total.seeds}${feature === null ? '' : ` with ${feature}`}${leastFeatures === 0 ? '' : ` with ${leastFeatures} features or more`}${around === null ? '' : ` around ${around}`} of ${options.seeds} seeds, ${rate()}, ${total.evacuations} evacuations, ${Math.round(total.virtualMs / 3_600_000)} h of the world's time, ${failed.length} failed`;
  const timer = setInterval(
    () => process.stdout.write(isTerminal ? `\r${progress()}\u001b[K` : `${progress()}\n`),
    isTerminal ? PROGRESS_MS : 30 * PROGRESS_MS,
  );
  const take = (): number | null => {
    while (next < end && !isWanted(next)) next++;
    return isStopped || next >= end || failed.length >= options.failures ? null : next++;
  };
  const add = (outcome: Outcome): void => {
    total.seeds++;
    total.evacuations += outcome.evacuations;
    total.virtualMs += outcome.virtualMs;
    if (outcome.failed === null) return;
    failed.push(outcome.seed);
    const lead = isTerminal ? '\r\u001b[K' : '';
    process.stdout.write(
      `${lead}FAILED seed ${outcome.seed}: ${outcome.failed}\n  npm run simulate -- ${asArguments(outcome.seed, options)}    # on ${where}\n`,
    );
  };
  if (options.jobs === 1) {
    for (let seed = take(); seed !== null; seed = take()) add(await runSeed(seed, options));
  } else {
    await Promise.all(Array.from({ length: options.jobs }, () => work(take, add, options)));
  }
  clearInterval(timer);
  if (isTerminal) process.stdout.write('\r\u001b[K');
  process.stdout.write(`${progress()}\n`);
  if (failed.length > 0)
    process.stdout.write(`failed on ${where}: ${failed.sort((a, b) => a - b).join(' ')}\n`);
  if (isStopped) process.stdout.write(`stopped; go on with --from ${next}\n`);
  return failed.length > 0 ? 1 : isStopped ? 130 : 0;
}

/**
 * Seeds in a process of their own until there are none. A process that ends in the middle of one, or is ended because
 * it takes too long, is followed by another one.
 */
async function work(
  take: () => number | null,
  add: (outcome: Outcome) => void,
  { around, moreFaults, kinds }: Meaning,
): Promise<void> {
  const meaning: Meaning = { around, moreFaults, kinds };
  for (let seed = take(); seed !== null; seed = take()) {
    const worker = fork(process.argv[1] ?? '', ['--worker', JSON.stringify(meaning)]);
    for (; seed !== null; seed = take()) {
      const outcome = await askWorker(worker, seed);
      add(outcome);
      if (!worker.connected) break;
    }
    if (worker.connected) worker.disconnect();
  }
}

function askWorker(worker: ChildProcess, seed: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const end = (outcome: Outcome): void => {
      clearTimeout(limit);
      worker.removeAllListeners();
      resolve(outcome);
    };
    const limit = setTimeout(() => {
      worker.disconnect();
      worker.kill('SIGKILL');
      end(lost(seed, `not at its end after ${SEED_LIMIT_MS / 60_000} min`));
    }, SEED_LIMIT_MS);
    worker.on('message', (outcome: Outcome) => end(outcome));
    worker.on('error', (error) => end(lost(seed, `its process: ${error.message}`)));
    worker.on('exit', (code, signal) => end(lost(seed, `its process ended (${signal ?? code})`)));
    worker.send(seed);
  });
}

function serveSeeds(meaning: Meaning): void {
  // The terminal's Ctrl-C goes to all; the parent lets us finish.
  process.on('SIGINT', () => {});
  process.on('message', (seed: number) => {
    void runSeed(seed, meaning).then((outcome) => process.send?.(outcome));
  });
  process.on('disconnect', () => process.exit(0));
}

const nameOf = (seed: number, { around }: Meaning): string =>
  around === null ? `seed-${seed}` : `seed-${around}-variation-${seed}`;

/** One plan again, with its story; a failure is shrunk, and the smaller plan and its story written down. */
async function replay(plan: Plan, options: Options, name: string): Promise<number> {
  const story = tellStory(options.trace);
  const result = await run(plan, { audience: story.audience });
  if (options.trace || result.violation === null) process.stdout.write(`${story.lines.join('\n')}\n`);
  if (result.violation === null) {
    process.stdout.write(
      `\n${name} holds: ${result.evacuations} evacuations, ${Math.round(result.virtualMs / 1000)} s of the world's time\n`,
    );
    return 0;
  }
  process.stdout.write(`\nFAILED ${name}: ${inWords(result)}\nshrinking ...\n`);
  const small = await shrink(plan, result.violation);
  const again = tellStory(true);
  await run(small.plan, { audience: again.audience });
  mkdirSync(FAILURES, { recursive: true });
  const base = `${FAILURES}/${name.replaceAll(/[^a-z0-9-]+/gi, '-')}`;
  writeFileSync(`${base}.json`, `${JSON.stringify(small.plan, null, 1)}\n`);
  writeFileSync(
    `${base}.log`,
    `${again.lines.join('\n')}\n${inWords({ ...result, violation: small.violation })}\n`,
  );
  const { world, faults } = small.plan;
  process.stdout.write(`${again.lines.slice(-60).join('\n')}\n
${small.violation.checker}: ${small.violation.text}
left after ${small.runs} runs: ${world.controllers.length} controllers, ${world.computes.length} computes, ${world.instances.length} instances, ${faults.length} faults
${faults.map((fault) => `  ${JSON.stringify(fault)}`).join('\n')}
the story: ${base}.log
again:     npm run simulate -- --plan ${base}.json --trace    # on ${commit()}
`);
  return 1;
}

async function main(args: readonly string[]): Promise<number | null> {
  if (args[0] === '--worker') {
    serveSeeds(JSON.parse(args[1] ?? '') as Meaning);
    return null;
  }
  const options = parseOptions(args, new Date());
  if (typeof options === 'string') {
    process.stderr.write(options === '' ? USAGE : `simulate: ${options}\n\n${USAGE}`);
    return options === '' ? 0 : 64;
  }
  if (options.plan !== null) {
    // A file that a failure has left: the plan of this program, as it wrote it.
    const plan = JSON.parse(readFileSync(options.plan, 'utf8')) as Plan;
    return replay(plan, options, `plan-${plan.seed}`);
  }
  return options.seed === null
    ? campaign(options)
    : replay(planFor(options.seed, options), options, nameOf(options.seed, options));
}

// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', () => process.exit(0));

// The exit code is set, and not taken: what a pipe has not yet read is still on its way.
main(process.argv.slice(2)).then(
  (code) => {
    if (code !== null) process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`simulate: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exitCode = 1;
  },
);
