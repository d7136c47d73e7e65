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

it('a policy that was written over by a broken one before anybody read it puts none out of force', () => {
  const [first, second, third] = [another(1), another(2), another(3)];
  const policies = newPolicies(first);
  const heard = policies.write(second, { at: 1_000, readers: 1 });
  policies.write(null, { at: 2_000, readers: 1 });
  heard(3_000);
  expect(policies.within(60_000)).toEqual([first, second]);
  // One that is written over by another is as good as read: whoever reads has the newer one.
  const late = policies.write(third, { at: 61_000, readers: 1 });
  policies.write(first, { at: 62_000, readers: 0 });
  late(63_000);
  expect(policies.within(64_000)).toEqual([first, first]);
});
