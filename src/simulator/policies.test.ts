import { expect, it } from 'vitest';
import { DEFAULT_POLICY, type Policy } from '../core/policy.ts';
import { newPolicies } from './policies.ts';

const another = (maxAttempts: number): Policy => ({
  ...DEFAULT_POLICY,
  retry: { ...DEFAULT_POLICY.retry, maxAttempts },
});

it('a policy counts until the last of its readers has heard of the next, and a broken one never', () => {
  const [first, second] = [another(1), another(2)];
  const policies = newPolicies(first);
  const heard = policies.write(second, { at: 1_000, readers: 2 });
  heard(1_000);
  expect(policies.within(9_000)).toEqual([first, second]);
  heard(5_000);
  expect(policies.within(5_000)).toEqual([first, second]);
  expect(policies.within(5_001)).toEqual([second]);
  policies.write(null, { at: 6_000, readers: 1 })(6_000);
  expect([policies.file, policies.last]).toEqual([null, second]);
  expect(policies.within(7_000)).toEqual([second]);
  policies.write(first, { at: 8_000, readers: 0 });
  expect(policies.within(8_001)).toEqual([first]);
});
