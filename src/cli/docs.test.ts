import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { withTables } from '../configure/docs.ts';
import { CHECKS } from '../doctor/checks.ts';
import { COMMANDS } from './commands.ts';
import { EXIT_CODES } from './exit-codes.ts';

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

it('the docs name every command', () => {
  const text = readFileSync(file, 'utf8');
  for (const { path } of COMMANDS)
    expect(text).toContain(path.length > 1 ? `\`${path[1]}\`` : `\`${path[0]}`);
});
