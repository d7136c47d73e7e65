import { expect, it } from 'vitest';
import { parseOptions } from './options.ts';

const parsed = (line: string): ReturnType<typeof parseOptions> =>
  parseOptions(line.split(' '), new Date('2026-03-04T05:06:07Z'));

it('says which seeds, of what, and with which faults besides', () => {
  expect(parsed('--date --seeds 10')).toMatchObject({ from: 2026030400000, seeds: 10, around: null });
  expect(parsed('--around 432 --seed 7')).toMatchObject({ around: 432, seed: 7 });
  expect(parsed('--more-faults 6 --of nova-slow,api')).toMatchObject({
    moreFaults: 6,
    kinds: ['api', 'nova-slow'],
  });
});

it('says what is wrong with a command line, and does nothing else than was meant', () => {
  expect(parsed('--more-faults 6 --of nova-slow,nonsense')).toMatch(/--of takes some of .*nonsense/);
  expect(parsed('--of api')).toMatch(/--more-faults/);
  expect(parsed('--around 432 --with affinity')).toMatch(/--around takes one seed as it is/);
  expect(parsed('--with nonsense')).toMatch(/--with takes one of/);
  expect(parsed('--seeds many')).toBe('--seeds takes a whole number, not many');
});
