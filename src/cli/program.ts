import { Argument, Command, CommanderError, Option } from 'commander';
import { VERSION } from '../agents/version.ts';
import type { Call, CommandSpec, Io, OptionSpec, Outcome } from './command.ts';
import { EXIT_CODES } from './exit-codes.ts';

export const PROGRAM = 'instance-ha';
export const SUMMARY = 'Operate instance high availability for OpenStack on Pacemaker';

/** What a group of commands is for. */
export const GROUPS: Readonly<Record<string, string>> = {
  configure: "The cluster's configuration: plan, apply, undo, adopt",
};

/** The option that all commands have. */
export const OUTPUT_OPTION: OptionSpec = {
  name: 'output',
  short: 'o',
  value: 'FORMAT',
  says: 'for people, or for programs',
  choices: ['text', 'json'],
  default: 'text',
};

/** Options as they stand in help, man page and completion. */
export function optionsOf(spec: CommandSpec): readonly OptionSpec[] {
  return [...(spec.options ?? []), OUTPUT_OPTION];
}

export interface ProgramIo {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly io: (output: Io['output']) => Io;
}

/** Parses a command line, runs the command, prints how it ended, gives the exit code. */
export async function runProgram(
  specs: readonly CommandSpec[],
  argv: readonly string[],
  streams: ProgramIo,
): Promise<number> {
  let code: number = EXIT_CODES.ok.code;
  const program = buildProgram(specs, streams, async (spec, call) => {
    code = await perform(spec, call, streams);
  });
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // --help and --version end that way too, with 0.
    return error.exitCode === 0 ? EXIT_CODES.ok.code : EXIT_CODES.usage.code;
  }
}

async function perform(spec: CommandSpec, call: Call, streams: ProgramIo): Promise<number> {
  const ended = await spec.run(call);
  call.io.doing('');
  if (call.io.signal.aborted) {
    if (spec.interrupted !== undefined) streams.err(`${PROGRAM}: interrupted: ${spec.interrupted}\n`);
    return EXIT_CODES.interrupted.code;
  }
  printOutcome(ended, call.io.output, streams);
  return EXIT_CODES[ended.exit].code;
}

function printOutcome(ended: Outcome, output: Io['output'], streams: ProgramIo): void {
  if (output === 'json') {
    const data = typeof ended.data === 'object' && ended.data !== null ? ended.data : { result: ended.data };
    streams.out(`${JSON.stringify({ ...data, exit: ended.exit }, null, 2)}\n`);
    return;
  }
  if (ended.text === '') return;
  const text = `${ended.text.replace(/\n+$/, '')}\n`;
  if (ended.exit === 'failed' || ended.exit === 'unknown' || ended.exit === 'usage')
    streams.err(`${PROGRAM}: ${text}`);
  else streams.out(text);
}

function buildProgram(
  specs: readonly CommandSpec[],
  streams: ProgramIo,
  perform: (spec: CommandSpec, call: Call) => Promise<void>,
): Command {
  const program = new Command(PROGRAM)
    .description(SUMMARY)
    .version(VERSION)
    .configureOutput({ writeOut: streams.out, writeErr: streams.err })
    .showHelpAfterError(`(see ${PROGRAM} --help)`)
    .exitOverride()
    .addHelpText(
      'after',
      `\nExit codes:\n${exitRows(Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[])}`,
    );
  const groups = new Map<string, Command>();
  for (const spec of specs) {
    const [first, ...rest] = spec.path;
    if (rest.length === 0) {
      program.addCommand(commandOf(spec, streams, perform));
      continue;
    }
    let group = groups.get(first);
    if (group === undefined) {
      group = silent(new Command(first), [first], streams).description(GROUPS[first] ?? '');
      groups.set(first, group);
      program.addCommand(group);
    }
    group.addCommand(commandOf(spec, streams, perform));
  }
  return program;
}

function silent(command: Command, path: readonly string[], streams: ProgramIo): Command {
  return command
    .configureOutput({ writeOut: streams.out, writeErr: streams.err })
    .showHelpAfterError(`(see ${[PROGRAM, ...path].join(' ')} --help)`)
    .exitOverride();
}

function commandOf(
  spec: CommandSpec,
  streams: ProgramIo,
  perform: (spec: CommandSpec, call: Call) => Promise<void>,
): Command {
  const command = silent(new Command(spec.path.at(-1)), spec.path, streams)
    .summary(spec.summary)
    .description(`${spec.summary}.\n\n${spec.description.join('\n\n')}`)
    .addHelpText('after', helpTail(spec))
    .allowExcessArguments(false);
  for (const argument of spec.arguments ?? []) {
    const word = argument.isList ? `${argument.name}...` : argument.name;
    command.addArgument(new Argument(argument.isOptional ? `[${word}]` : `<${word}>`, argument.says));
  }
  for (const option of optionsOf(spec)) command.addOption(optionOf(option));
  command.action(async (...given: unknown[]) => {
    const values = command.opts() as Readonly<Record<string, string | boolean | undefined>>;
    const count = spec.arguments?.length ?? 0;
    const words = given.slice(0, count).flatMap((word) => (Array.isArray(word) ? word : [word]));
    await perform(spec, {
      arguments: words.filter((word): word is string => typeof word === 'string'),
      text: (name) => textOf(values[camelCase(name)]),
      flag: (name) => values[camelCase(name)] === true,
      io: resting(streams.io(values.output === 'json' ? 'json' : 'text')),
    });
  });
  return command;
}

/** While a command waits, asks or has shown what it found, it is no longer at what it named last. */
function resting(io: Io): Io {
  const rest = (): void => io.doing('');
  return {
    ...io,
    ask: (question) => {
      rest();
      return io.ask(question);
    },
    print: (text) => {
      rest();
      io.print(text);
    },
    sleep: (ms) => {
      // No time at all only lets others in: the work goes on.
      if (ms > 0) rest();
      return io.sleep(ms);
    },
  };
}

function textOf(value: string | boolean | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function optionOf(spec: OptionSpec): Option {
  const short = spec.short === undefined ? '' : `-${spec.short}, `;
  const option = new Option(
    `${short}--${spec.name}${spec.value === undefined ? '' : ` <${spec.value}>`}`,
    spec.says,
  );
  if (spec.choices !== undefined) option.choices([...spec.choices]);
  if (spec.default !== undefined) option.default(spec.default);
  if (spec.isRequired) option.makeOptionMandatory();
  return option;
}

function helpTail(spec: CommandSpec): string {
  const examples = spec.examples.map(({ command, says }) => `  ${command}\n      ${says}`).join('\n');
  return `\nExamples:\n${examples}\n\nExit codes:\n${exitRows(exitsOf(spec))}`;
}

/** The exits that a command can have, by their codes. */
export function exitsOf(spec: CommandSpec): readonly (keyof typeof EXIT_CODES)[] {
  return (['ok', ...spec.exits, 'usage', 'interrupted'] as const).toSorted(
    (a, b) => EXIT_CODES[a].code - EXIT_CODES[b].code,
  );
}

function exitRows(names: readonly (keyof typeof EXIT_CODES)[]): string {
  return names
    .map((name) => `  ${String(EXIT_CODES[name].code).padStart(3)}  ${EXIT_CODES[name].says}`)
    .join('\n');
}
