import { execFileSync, fork } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { planOf } from './generate.ts';
import { type Options, parseOptions, USAGE } from './options.ts';
import type { Plan } from './plan.ts';
import { type Result, run } from './run.ts';
import { shrink } from './shrink.ts';
import { tellStory } from './story.ts';

/** Seeds that a worker takes at a time. */
const BATCH = 20;
const PROGRESS_MS = 1_000;
/** Where the stories of failures go. */
const FAILURES = 'dist/simulator-failures';

interface Batch {
  readonly from: number;
  readonly count: number;
}
interface Done {
  readonly count: number;
  readonly evacuations: number;
  readonly virtualMs: number;
  readonly failed: readonly { readonly seed: number; readonly text: string }[];
}

/** Runs a batch; a seed that throws is a failure like any other. */
async function runBatch({ from, count }: Batch): Promise<Done> {
  const failed: { seed: number; text: string }[] = [];
  let evacuations = 0;
  let virtualMs = 0;
  for (let seed = from; seed < from + count; seed++) {
    try {
      const result = await run(planOf(seed));
      evacuations += result.evacuations;
      virtualMs += result.virtualMs;
      if (result.violation !== null) failed.push({ seed, text: inWords(result) });
    } catch (error) {
      failed.push({
        seed,
        text: `the simulator itself: ${error instanceof Error ? error.stack : String(error)}`,
      });
    }
  }
  return { count, evacuations, virtualMs, failed };
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
  const failures: Done['failed'][number][] = [];
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
    `${total.seeds} of ${options.seeds} seeds, ${rate()}, ${total.evacuations} evacuations, ${Math.round(total.virtualMs / 3_600_000)} h of the world's time, ${failures.length} failed`;
  const timer = setInterval(
    () => process.stdout.write(isTerminal ? `\r${progress()}\u001b[K` : `${progress()}\n`),
    isTerminal ? PROGRESS_MS : 30 * PROGRESS_MS,
  );
  const take = (): Batch | null => {
    if (isStopped || next >= end || failures.length >= options.failures) return null;
    const batch = { from: next, count: Math.min(BATCH, end - next) };
    next += batch.count;
    return batch;
  };
  const add = (done: Done): void => {
    total.seeds += done.count;
    total.evacuations += done.evacuations;
    total.virtualMs += done.virtualMs;
    failures.push(...done.failed);
    for (const { seed, text } of done.failed) {
      const lead = isTerminal ? '\r\u001b[K' : '';
      process.stdout.write(
        `${lead}FAILED seed ${seed}: ${text}\n  npm run simulate -- --seed ${seed}    # on ${where}\n`,
      );
    }
  };
  if (options.jobs === 1) {
    for (let batch = take(); batch !== null; batch = take()) add(await runBatch(batch));
  } else {
    await Promise.all(Array.from({ length: options.jobs }, () => work(take, add)));
  }
  clearInterval(timer);
  if (isTerminal) process.stdout.write('\r\u001b[K');
  process.stdout.write(`${progress()}\n`);
  if (isStopped) process.stdout.write(`stopped; go on with --from ${next}\n`);
  return failures.length > 0 ? 1 : isStopped ? 130 : 0;
}

/** One worker process: asks for batches until there are none. */
function work(take: () => Batch | null, add: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = fork(process.argv[1] ?? '', ['--worker']);
    const feed = (): void => {
      const batch = take();
      if (batch === null) worker.disconnect();
      else worker.send(batch);
    };
    worker.on('message', (done: Done) => {
      add(done);
      feed();
    });
    worker.on('error', reject);
    worker.on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`a worker ended with ${code}`))));
    feed();
  });
}

function serveBatches(): void {
  // The terminal's Ctrl-C goes to all; the parent lets us finish.
  process.on('SIGINT', () => {});
  process.on('message', (batch: Batch) => {
    void runBatch(batch).then((done) => process.send?.(done));
  });
  process.on('disconnect', () => process.exit(0));
}

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
    serveBatches();
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
    : replay(planOf(options.seed), options, `seed-${options.seed}`);
}

main(process.argv.slice(2)).then(
  (code) => {
    // Timers of dead processes' sessions may still be there.
    if (code !== null) process.exit(code);
  },
  (error: unknown) => {
    process.stderr.write(`simulate: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
