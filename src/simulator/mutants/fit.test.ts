import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { edited } from './build.ts';
import { MUTANTS } from './mutants.ts';
import { ROOT } from './testing.ts';

// In a moment, where a hunt takes minutes: what moves a line that a mutant edits is told so at once.
it('every mutant fits the code', () => {
  const outdated = MUTANTS.flatMap(({ name, edits }) =>
    edits.flatMap((edit) => {
      try {
        edited(readFileSync(resolve(ROOT, edit.file), 'utf8'), edit);
        return [];
      } catch (error) {
        return [`${name}: ${error instanceof Error ? error.message : String(error)}`];
      }
    }),
  );
  expect(outdated).toEqual([]);
});
