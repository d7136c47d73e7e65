import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { buildMutant } from './build.ts';
import { MUTANTS } from './mutants.ts';

const ROOT = resolve(import.meta.dirname, '../../..');

afterAll(() => rmSync(resolve(ROOT, 'node_modules/.cache/mutants'), { recursive: true, force: true }));

describe('the checkers bite', { timeout: 300_000 }, () => {
  it('and leave the code as it is alone', async () => {
    const hunt = await buildMutant(null, ROOT);
    expect(await hunt(1, 100)).toBe(null);
  });

  it.each(MUTANTS)('$name (within $within seeds)', async (mutant) => {
    const hunt = await buildMutant(mutant, ROOT);
    const { from, within, feature } = mutant;
    expect(await hunt(from, within - from + 1, feature)).not.toBe(null);
  });

  it('a mutant that no longer fits the code is an error', async () => {
    const edits = [{ file: 'src/core/hold.ts', find: 'no such text', put: '' }];
    await expect(
      buildMutant({ name: 'outdated', edits, within: 1, from: 1, feature: null }, ROOT),
    ).rejects.toThrow('stands 0 times');
  });
});
