import { expect, it } from 'vitest';
import { buildMutant } from './build.ts';
import { huntEveryOther, ROOT } from './testing.ts';

huntEveryOther(0);

it('the checkers leave the code as it is alone', { timeout: 300_000 }, async () => {
  const hunt = await buildMutant(null, ROOT);
  expect(await hunt(1, 100)).toBe(null);
});

it('a mutant that no longer fits the code is an error', async () => {
  const edits = [{ file: 'src/core/hold.ts', find: 'no such text', put: '' }];
  await expect(
    buildMutant({ name: 'outdated', edits, within: 1, from: 1, feature: null }, ROOT),
  ).rejects.toThrow('stands 0 times');
});
