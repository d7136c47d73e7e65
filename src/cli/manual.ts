import { VERSION } from '../agents/version.ts';
import type { CommandSpec } from './command.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { exitsOf, GROUPS, optionsOf, PROGRAM, SUMMARY } from './program.ts';

/** A page of the manual, and where it goes below /usr/share/man. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** One page for the program, one for each command; from the same tables as the parser. */
export function manualPages(specs: readonly CommandSpec[]): readonly Page[] {
  return [overview(specs), ...specs.map(commandPage)];
}

/** A page's name, and that of its file without section and suffix: `instance-ha-status`. */
export const pageName = (spec: CommandSpec): string => [PROGRAM, ...spec.path].join('-');

function header(name: string): string {
  return `.TH ${name.toUpperCase()} 8 "" "${PROGRAM} ${VERSION}" "System administration"`;
}

function overview(specs: readonly CommandSpec[]): Page {
  const rows = specs.flatMap((spec) => [
    '.TP',
    `.B ${roff(spec.path.join(' '))}`,
    `${roff(spec.summary)}; see \\fB${roff(pageName(spec))}\\fR(8)`,
  ]);
  const text = [
    header(PROGRAM),
    '.SH NAME',
    `${roff(PROGRAM)} \\- ${roff(SUMMARY)}`,
    '.SH SYNOPSIS',
    `.B ${roff(PROGRAM)}`,
    '.I COMMAND',
    '[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]',
    '.SH DESCRIPTION',
    ...Object.entries(GROUPS).map(([name, says]) => `\\fB${roff(name)}\\fR: ${roff(says)}.`),
    '.SH COMMANDS',
    ...rows,
    '.SH EXIT STATUS',
    ...exitLines(Object.keys(EXIT_CODES) as (keyof typeof EXIT_CODES)[]),
    '',
  ].join('\n');
  return { path: `man8/${PROGRAM}.8`, text };
}

function commandPage(spec: CommandSpec): Page {
  const name = pageName(spec);
  const words = (spec.arguments ?? []).map((argument) => {
    const word = `\\fI${roff(argument.name)}\\fR${argument.isList ? '...' : ''}`;
    return argument.isOptional ? `[${word}]` : word;
  });
  const text = [
    header(name),
    '.SH NAME',
    `${roff(name)} \\- ${roff(spec.summary)}`,
    '.SH SYNOPSIS',
    `.B ${roff([PROGRAM, ...spec.path].join(' '))}`,
    ['[\\fIOPTION\\fR...]', ...words].join(' '),
    '.SH DESCRIPTION',
    ...spec.description.flatMap((paragraph) => ['.PP', roff(paragraph)]),
    ...((spec.arguments ?? []).length === 0 ? [] : ['.SH ARGUMENTS']),
    ...(spec.arguments ?? []).flatMap((argument) => [
      '.TP',
      `.I ${roff(argument.name)}`,
      roff(argument.says),
    ]),
    '.SH OPTIONS',
    ...optionsOf(spec).flatMap((option) => {
      const short = option.short === undefined ? '' : `\\-${option.short}, `;
      const value = option.value === undefined ? '' : ` \\fI${roff(option.value)}\\fR`;
      const choices = option.choices === undefined ? '' : ` (one of ${option.choices.join(', ')})`;
      const fallback = option.default === undefined ? '' : `; default: ${option.default}`;
      return [
        '.TP',
        `\\fB${short}\\-\\-${roff(option.name)}\\fR${value}`,
        roff(`${option.says}${choices}${fallback}`),
      ];
    }),
    '.SH EXAMPLES',
    ...spec.examples.flatMap((example) => ['.TP', `.B ${roff(example.command)}`, roff(example.says)]),
    '.SH EXIT STATUS',
    ...exitLines(exitsOf(spec)),
    '.SH SEE ALSO',
    `\\fB${roff(PROGRAM)}\\fR(8)`,
    '',
  ].join('\n');
  return { path: `man8/${name}.8`, text };
}

function exitLines(names: readonly (keyof typeof EXIT_CODES)[]): string[] {
  return names.flatMap((name) => ['.TP', `.B ${EXIT_CODES[name].code}`, roff(EXIT_CODES[name].says)]);
}

/** Text as roff takes it: no line may begin with a dot or a quote, dashes are dashes. */
function roff(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return /^['.]/.test(escaped) ? `\\&${escaped}` : escaped;
}
