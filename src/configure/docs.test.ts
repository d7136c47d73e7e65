import { readFileSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { timingTables, withTables } from './docs.ts';

it('the tables of times in the docs are those of the code (UPDATE_DOCS=1 writes them)', () => {
  const file = new URL('../../docs/cli-configure.md', import.meta.url);
  const text = readFileSync(file, 'utf8');
  const wanted = withTables(text, timingTables());
  if (process.env.UPDATE_DOCS === '1') writeFileSync(file, wanted);
  else expect(text).toBe(wanted);
});
