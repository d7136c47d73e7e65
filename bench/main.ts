/** Entry point of the bench; the wrapper bench/evacuation starts it in the cloud's network namespace. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openCloud } from '../testbed/drill/cloud.ts';
import { openDatabase } from '../testbed/drill/db.ts';
import { openSession, readRig } from '../testbed/drill/rig.ts';
import { DrillError, Interrupted } from '../testbed/drill/run.ts';
import { tidyUp } from '../testbed/drill/stage.ts';
import type { Measured } from './measure.ts';
import { type BenchOptions, nameOf, parseBenchOptions, trialsOf } from './options.ts';
import { windowPlot } from './plot.ts';
import { openStaging } from './staging.ts';
import { benchTable, benchTargets } from './table.ts';
import { type Bench, runTrial, VICTIM } from './trial.ts';

const ENV_FILE = '/var/lib/instance-ha-testbed/run/env';
const EXIT_FAILED = 1;
const EXIT_USAGE = 64;
const EXIT_INTERRUPTED = 130;

const say = (text: string): void => console.log(`${new Date().toTimeString().slice(0, 8)}  ${text}`);

/** Writes what has been measured so far: a run of hours that is interrupted has not been for nothing. */
function writeResults(options: BenchOptions, all: readonly Measured[]): void {
  mkdirSync(options.outDir, { recursive: true });
  const report = [
    '# The evacuator against bare loops',
    benchTable(all),
    ['```', ...benchTargets(all), '```'].join('\n'),
    ...all.flatMap((each) => (each.trial.method.kind === 'engine' ? [`![window](${plotName(each)})`] : [])),
  ];
  writeFileSync(join(options.outDir, 'evacuation.md'), `${report.join('\n\n')}\n`);
  writeFileSync(join(options.outDir, 'evacuation.json'), `${JSON.stringify(all, null, 1)}\n`);
}

function plotName({ trial }: Measured): string {
  return `window-${trial.instances}-servers-${trial.delayS}s-round-${trial.round + 1}.svg`;
}

async function measureAll(bench: Bench, options: BenchOptions): Promise<boolean> {
  const all: Measured[] = [];
  let complete = true;
  for (const trial of trialsOf(options)) {
    try {
      const measured = await runTrial(bench, trial);
      all.push(measured);
      complete &&= measured.seconds !== null;
      const took = measured.seconds === null ? 'not all arrived' : `${measured.seconds.toFixed(1)} s`;
      say(
        `${nameOf(trial.method)}: ${took}, ${measured.posts} requests to evacuate, ${measured.failed} failed`,
      );
      if (trial.method.kind === 'engine') {
        mkdirSync(options.outDir, { recursive: true });
        writeFileSync(join(options.outDir, plotName(measured)), windowPlot(measured));
      }
      writeResults(options, all);
    } catch (error) {
      if (bench.signal.aborted || !(error instanceof DrillError)) throw error;
      say(`${nameOf(trial.method)} could not be measured: ${error.message}`);
      complete = false;
    }
  }
  console.log(
    `\n${benchTable(all)}\n\n${benchTargets(all).join('\n')}\n\nreport: ${join(options.outDir, 'evacuation.md')}`,
  );
  return complete;
}

async function main(args: readonly string[]): Promise<number> {
  let options: BenchOptions;
  try {
    options = parseBenchOptions(args.filter((arg) => arg !== '--check-options'));
  } catch (error) {
    if (!(error instanceof DrillError)) throw error;
    console.error(`bench: ${error.message}`);
    return EXIT_USAGE;
  }
  if (args.includes('--check-options')) return 0;
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupt.abort());
  const rig = readRig(ENV_FILE);
  if (rig.agents === 'none')
    throw new DrillError('the testbed runs without agents: TESTBED_AGENTS=dist testbed/up');
  const session = openSession(rig);
  const db = openDatabase(rig.mysqlSocket);
  const { signal } = interrupt;
  const cloud = openCloud(rig.rcFile);
  const staging = openStaging({ rig, cloud, signal, say, host: VICTIM });
  const bench: Bench = { rig, cloud, db, ask: session.ask, signal, say, staging };
  try {
    const complete = await measureAll(bench, options);
    await tidyUp({ rig, cloud, signal, say });
    return complete ? 0 : EXIT_FAILED;
  } catch (error) {
    if (!(error instanceof Interrupted) && !signal.aborted) throw error;
    say('interrupted. What was measured is in the report; the next run, or a drill, tidies up');
    return EXIT_INTERRUPTED;
  } finally {
    staging.close();
    session.close();
    db.close();
  }
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof DrillError ? `bench: ${error.message}` : error);
    process.exit(EXIT_FAILED);
  },
);
