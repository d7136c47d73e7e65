import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openLab } from './lab.ts';
import { openShell } from './shell.ts';
import { DEFAULT_LAB, labSpec } from './spec.ts';
import { newestReport, playStory, sayFact } from './story.ts';

const USAGE = `demo [--hosts N] [--instances N] [--spawn SECONDS] [--port N] [--fail N] [--shape SHAPE] [--story] [--verbose]
demo --shell [--port N] [MACHINE [COMMAND ...]]
  A cloud and a cluster in one process, with the real agents and the real evacuator: no root, nothing installed.
  Without --story it runs until Ctrl-C, and a browser shows it and breaks things in it.
  --fail N        the next N spawns on one of the hosts fail
  --shape unfence nova-compute is a unit that asks 'instance-ha hold', and fence_compute is called for unfencing
                  (--shape minimal: nova-compute-wait and nova-compute are Pacemaker's)
  --story         plays the power loss of a compute in the terminal, and ends with the incident's report
  --shell         in a second terminal: a shell on a machine of the demo that runs (controller-1 where none is named),
                  with instance-ha and Pacemaker's commands; or one COMMAND there
`;
const DEFAULT_PORT = 7475;
const MAX_HOSTS = 1_000;
const MAX_INSTANCES = 20_000;
/** How long the evacuator has to begin, ms. */
const BEGIN_LIMIT_MS = 30_000;

interface ShellOptions {
  /** The port of the demo that is meant; null: the only one. */
  readonly port: number | null;
  readonly machine: string | null;
  readonly command: readonly string[];
}

interface Options {
  readonly shape: 'minimal' | 'unfence';
  readonly hosts: number;
  readonly instances: number;
  readonly spawnS: number;
  readonly port: number;
  readonly failingSpawns: number;
  readonly isStory: boolean;
  readonly isVerbose: boolean;
}

/** The options of a command line, or what is wrong with them. */
function readOptions(args: readonly string[]): Options | ShellOptions | string {
  try {
    const { values, positionals, tokens } = parseArgs({
      args: optionsOf(args),
      allowPositionals: args.includes('--shell'),
      tokens: true,
      options: {
        shell: { type: 'boolean', default: false },
        shape: { type: 'string', default: 'minimal' },
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
      const value = text.trim() === '' ? Number.NaN : Number(text);
      if (!Number.isFinite(value) || value < min || value > max)
        throw new Error(`--${name} is a number from ${min} to ${max}, not ${text}`);
      return value;
    };
    const whole = (name: string, text: string, min: number, max: number): number => {
      if (!/^\d+$/.test(text))
        throw new Error(`--${name} is a whole number from ${min} to ${max}, not ${text}`);
      return number(name, text, min, max);
    };
    if (values.shell) {
      const [machine = null] = positionals;
      const isAsked = tokens.some((token) => token.kind === 'option' && token.name === 'port');
      const port = isAsked ? whole('port', values.port, 1, 65_535) : null;
      return { port, machine, command: args.slice(optionsOf(args).length) };
    }
    const { shape } = values;
    if (shape !== 'minimal' && shape !== 'unfence')
      throw new Error(`--shape is minimal or unfence, not ${shape}`);
    return {
      shape,
      hosts: whole('hosts', values.hosts, 2, MAX_HOSTS),
      instances: whole('instances', values.instances, 0, MAX_INSTANCES),
      spawnS: number('spawn', values.spawn, 0.1, 600),
      port: whole('port', values.port, 0, 65_535),
      failingSpawns: whole('fail', values.fail, 0, MAX_INSTANCES),
      isStory: values.story,
      isVerbose: values.verbose,
    };
  } catch (error) {
    return error instanceof Error ? error.message : 'wrong options';
  }
}

/** What is the demo's own of a command line: behind `--shell MACHINE` stands another command. */
function optionsOf(args: readonly string[]): string[] {
  const shell = args.indexOf('--shell');
  if (shell < 0) return [...args];
  for (let at = 0; at < args.length; at++) {
    if (args[at] === '--port') at++;
    else if (!args[at]?.startsWith('-')) return args.slice(0, at + 1);
  }
  return [...args];
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (typeof options === 'string') {
    if (options === '') process.stdout.write(USAGE);
    else process.stderr.write(`demo: ${options}\n${USAGE}`);
    return options === '' ? 0 : 64;
  }
  if ('command' in options) return openShell(options);
  return runLab(options);
}

async function runLab(options: Options): Promise<number> {
  const begun = performance.now();
  const say = (text: string): void => {
    process.stdout.write(`+${((performance.now() - begun) / 1000).toFixed(1).padStart(5)} s  ${text}\n`);
  };
  const opened = await openLab({
    spec: labSpec(options, Date.now()),
    // The story may run beside a demo.
    port: options.isStory ? 0 : options.port,
    dist: join(__dirname, '..'),
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
      say('In a second terminal: ./demo --shell   instance-ha and crm_mon on a controller of this cluster');
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
