import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { buildMutant, MUTANTS_DIR } from './build.ts';
import { MUTANTS } from './mutants.ts';

export const ROOT = resolve(import.meta.dirname, '../../..');

/** Every other mutant, from the first or the second on: what hunts is a core's work, so two test files share it. */
export function huntEveryOther(from: 0 | 1): void {
  afterAll(() => rmSync(resolve(ROOT, MUTANTS_DIR), { recursive: true, force: true }));

  describe('the checkers bite', { timeout: 300_000 }, () => {
    it.each(
      MUTANTS.filter((_mutant, index) => index % 2 === from),
    )('$name (within $within seeds)', async (mutant) => {
      const hunt = await buildMutant(mutant, ROOT);
      const { from, within, feature } = mutant;
      expect(await hunt(from, within - from + 1, feature)).not.toBe(null);
    });
  });
}
