/** Entry point of the drill; the wrapper `drill` at the root of the project starts it in the cloud's network namespace. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { openCloud } from './cloud.ts';
import { openDatabase } from './db.ts';
import { type DrillResult, notRun, runScenario } from './drill.ts';
import { type Options, parseOptions } from './options.ts';
import { markdownReport, sumLine, terminalReport } from './report.ts';
import { readRig } from './rig.ts';
import { DrillError } from './run.ts';
import { openScreen, type Screen } from './screen.ts';

const ENV_FILE = '/var/lib/instance-ha-testbed/run/env';
const EXIT_FAILED = 1;
const EXIT_USAGE = 64;
const EXIT_INTERRUPTED = 130;

/** Maps are written as objects. */
const plain = (_key: string, value: unknown): unknown =>
  value instanceof Map ? Object.fromEntries(value) : value instanceof Set ? [...value] : value;

function writeReports(options: Options, results: readonly DrillResult[], screen: Screen): void {
  const reports = results.map((result) => result.report);
  const stamp = new Date().toISOString().slice(0, 19).replaceAll(':', '');
  const markdown = join(options.reportDir, `${stamp}.md`);
  mkdirSync(options.reportDir, { recursive: true });
  writeFileSync(markdown, markdownReport(reports));
  writeFileSync(join(options.reportDir, 'drill-report.md'), markdownReport(reports));
  screen.print(`report: ${markdown}`);
  if (options.json === null) return;
  mkdirSync(dirname(options.json), { recursive: true });
  const all = {
    scenarios: results.map(({ report, facts }) => ({ ...report, facts })),
    passed: reports.reduce((sum, report) => sum + report.passed, 0),
    failed: reports.reduce((sum, report) => sum + report.failed, 0),
  };
  writeFileSync(options.json, `${JSON.stringify(all, plain, 2)}\n`);
  screen.print(`report: ${options.json}`);
}

async function main(args: readonly string[]): Promise<number> {
  const screen = openScreen(process.stdout);
  let options: Options;
  try {
    options = parseOptions(args.filter((arg) => arg !== '--check-options'));
  } catch (error) {
    if (!(error instanceof DrillError)) throw error;
    console.error(`drill: ${error.message}`);
    return EXIT_USAGE;
  }
  if (args.includes('--check-options')) return 0;

  const interrupt = new AbortController();
  process.on('SIGTERM', () => interrupt.abort());
  process.on('SIGINT', () => {
    if (interrupt.signal.aborted) process.exit(EXIT_INTERRUPTED);
    screen.print('');
    screen.say('stopping (Ctrl-C again: at once)');
    interrupt.abort();
  });

  const rig = readRig(ENV_FILE);
  const context = {
    rig,
    cloud: openCloud(rig.rcFile),
    db: openDatabase(rig.mysqlSocket),
    options,
    screen,
    signal: interrupt.signal,
  };
  const results: DrillResult[] = [];
  try {
    for (const scenario of options.scenarios) {
      const result = await runScenario(context, scenario).catch((error: unknown) => {
        if (interrupt.signal.aborted) return null;
        return notRun(
          scenario,
          error instanceof DrillError ? error.message : String((error as Error).stack ?? error),
        );
      });
      if (result === null) break;
      results.push(result);
      if (result.facts === null) screen.print(terminalReport(result.report));
    }
  } finally {
    context.db.close();
  }
  if (interrupt.signal.aborted) {
    screen.say(
      `interrupted. The testbed stays up; ${join(rig.dir, 'down')} takes it down, the next drill tidies up`,
    );
    return EXIT_INTERRUPTED;
  }
  const reports = results.map((result) => result.report);
  screen.print('');
  writeReports(options, results, screen);
  if (options.keep)
    screen.print(`servers and faults are left as they are; look with ${join(rig.dir, 'status')}`);
  screen.print(sumLine(reports));
  return reports.every((report) => report.failed === 0) ? 0 : EXIT_FAILED;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error instanceof DrillError ? `drill: ${error.message}` : error);
    process.exit(EXIT_FAILED);
  },
);
