import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openLab } from './lab.ts';
import { DEFAULT_LAB, labSpec } from './spec.ts';
import { newestReport, playStory, sayFact } from './story.ts';

const USAGE = `demo [--hosts N] [--instances N] [--spawn SECONDS] [--port N] [--fail N] [--story] [--verbose]
  A cloud and a cluster in one process, with the real agents and the real evacuator: no root, nothing installed.
  Without --story it runs until Ctrl-C, and a browser shows it and breaks things in it.
  --fail N  the next N spawns on one of the hosts fail
  --story   plays the power loss of a compute in the terminal, and ends with the incident's report
`;
const DEFAULT_PORT = 7475;
const MAX_HOSTS = 1_000;
const MAX_INSTANCES = 20_000;
/** How long the evacuator has to begin, ms. */
const BEGIN_LIMIT_MS = 30_000;

interface Options {
  readonly hosts: number;
  readonly instances: number;
  readonly spawnS: number;
  readonly port: number;
  readonly failingSpawns: number;
  readonly isStory: boolean;
  readonly isVerbose: boolean;
}

/** The options of a command line, or what is wrong with them. */
function readOptions(args: readonly string[]): Options | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        hosts: { type: 'string', default: String(DEFAULT_LAB.hosts) },
        instances: { type: 'string', default: String(DEFAULT_LAB.instances) },
        spawn: { type: 'string', default: String(DEFAULT_LAB.spawnS) },
        port: { type: 'string', default: String(DEFAULT_PORT) },
        fail: { type: 'string', default: '0' },
        story: { type: 'boolean', default: false },
        verbose: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return '';
    const number = (name: string, text: string, min: number, max: number): number => {
      const value = Number(text);
      if (!Number.isFinite(value) || value < min || value > max)
        throw new Error(`--${name} is a number from ${min} to ${max}, not ${text}`);
      return value;
    };
    return {
      hosts: Math.floor(number('hosts', values.hosts, 2, MAX_HOSTS)),
      instances: Math.floor(number('instances', values.instances, 0, MAX_INSTANCES)),
      spawnS: number('spawn', values.spawn, 0.1, 600),
      port: Math.floor(number('port', values.port, 0, 65_535)),
      failingSpawns: Math.floor(number('fail', values.fail, 0, MAX_INSTANCES)),
      isStory: values.story,
      isVerbose: values.verbose,
    };
  } catch (error) {
    return error instanceof Error ? error.message : 'wrong options';
  }
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    process.stderr.write(options === '' ? USAGE : `demo: ${options}\n${USAGE}`);
    return options === '' ? 0 : 64;
  }
  const begun = performance.now();
  const say = (text: string): void => {
    process.stdout.write(`+${((performance.now() - begun) / 1000).toFixed(1).padStart(5)} s  ${text}\n`);
  };
  const opened = await openLab({
    spec: labSpec(options, Date.now()),
    // The story may run beside a demo.
    port: options.isStory ? 0 : options.port,
    layer: join(__dirname, '..', 'layer'),
    onFact(_, fact) {
      const text = options.isStory || options.isVerbose ? sayFact(fact) : null;
      if (text !== null) say(text);
    },
  });
  if (!opened.ok) {
    process.stderr.write(`demo: ${opened.error}; another demo may be running, or give it --port N\n`);
    return 1;
  }
  const lab = opened.value;
  const stopped = new Promise<'stopped'>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve('stopped'));
  });
  try {
    const first = await Promise.race([begins(lab.url), stopped]);
    if (first === 'stopped') return 130;
    if (!first) {
      process.stderr.write(`demo: the evacuator does not begin; see ${lab.agents.logFile}\n`);
      return 1;
    }
    if (options.failingSpawns > 0) lab.act({ kind: 'fail-spawns', count: options.failingSpawns });
    if (!options.isStory) {
      say(
        `${options.hosts} hosts, ${options.instances} instances. Open ${lab.url} and break something; Ctrl-C ends it.`,
      );
      await stopped;
      return 0;
    }
    const isGood = await Promise.race([playStory(lab, 'compute-1', say), stopped]);
    if (isGood === 'stopped') return 130;
    process.stdout.write(`\n${newestReport(lab) ?? 'No report was written.'}\n`);
    return isGood && newestReport(lab) !== null ? 0 : 1;
  } finally {
    await lab.close();
  }
}

/** Waits for the evacuator's first tick. */
async function begins(url: string): Promise<boolean> {
  const limit = performance.now() + BEGIN_LIMIT_MS;
  while (performance.now() < limit) {
    const response = await fetch(`${url}healthz`).catch(() => null);
    if (response?.ok) return true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return false;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(
      `demo: ended by an unexpected error: ${error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exit(1);
  },
);
