import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { withTables } from '../configure/docs.ts';
import { CHECKS } from '../doctor/checks.ts';
import { outcome } from './command.ts';
import { COMMANDS } from './commands.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { GROUPS } from './program.ts';
import { runCli } from './testing.ts';

const file = new URL('../../docs/cli.md', import.meta.url);

it('the checks and exit codes in the docs are those of the code (UPDATE_DOCS=1 writes them)', () => {
  const rows = Object.values(EXIT_CODES).map(({ code, says }) => `| ${code} | ${says} |`);
  const text = readFileSync(file, 'utf8');
  const checks = CHECKS.map(({ id, title, looksAt }) => `| ${id} | ${title} | ${looksAt} |`);
  const wanted = withTables(text, {
    checks: ['| check | right is | looks at |', '| --- | --- | --- |', ...checks].join('\n'),
    'exit codes': ['| code | |', '| --- | --- |', ...rows].join('\n'),
  });
  if (process.env.UPDATE_DOCS === '1') writeFileSync(file, wanted);
  else expect(text).toBe(wanted);
});

/** The commands in the first cells of the table; of a group, its name stands before those of its commands. */
function commandsIn(text: string): string[] {
  const cells = [...text.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell = '']) =>
    [...cell.matchAll(/`([^` ]+)[^`]*`/g)].map(([, word = '']) => word),
  );
  return cells.flatMap(([first = '', ...others]) =>
    first in GROUPS ? others.map((other) => `${first} ${other}`) : [first, ...others],
  );
}

it('the table of the docs has every command, and no other', () => {
  const named = commandsIn(readFileSync(file, 'utf8')).filter((word) => !word.startsWith('-'));
  expect(new Set(named)).toEqual(new Set(COMMANDS.map(({ path }) => path.join(' '))));
});

/** Every call of instance-ha in a document: a line of an indented block, or a code span. */
function callsIn(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  const lines = text.match(/^ {4}(?:sudo )?instance-ha .*$/gm) ?? [];
  const spans = [...text.matchAll(/`instance-ha ([^`]*)`/g)].map(([span]) => span.slice(1, -1));
  return [...lines, ...spans]
    .map((call) =>
      call
        .trim()
        .replace(/^sudo /, '')
        .replace(/ +#.*$/, ''),
    )
    .filter((call) => !Object.keys(GROUPS).some((group) => call === `instance-ha ${group}`));
}

/** As a shell parts it, as far as the documents need it. */
function wordsOf(call: string): string[] {
  const [first = ''] = call.split(/ (?:\||&&|;) /);
  return (first.match(/'[^']*'|"[^"]*"|\S+/g) ?? [])
    .slice(1)
    .map((word) => word.replace(/^(['"])(.*)\1$/, '$2'));
}

const DOCUMENTS = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

it('every call in the docs is one that the program takes', async () => {
  const calls = DOCUMENTS.flatMap((document) => callsIn(document).map((call) => ({ document, call })));
  expect(calls.length).toBeGreaterThan(8);
  const specs = COMMANDS.map((spec) => ({ ...spec, run: async () => outcome('ok', '', {}) }));
  for (const { document, call } of calls) {
    const { code, err } = await runCli(specs, wordsOf(call));
    expect(code, `${document}: ${call}\n${err}`).toBe(0);
  }
});
