import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { DEFAULT_POLICY } from '../../core/policy.ts';
import type { PolicyState } from './journal.ts';
import { policyInForce } from './policy-in-force.ts';

const directory = mkdtempSync(join(tmpdir(), 'policy-in-force-'));
afterEach(() => rmSync(directory, { recursive: true }));

it('is the file’s as soon as it is read again, and the old one while the file is broken', async () => {
  const policyFile = join(directory, 'policy.yaml');
  const states: PolicyState[] = [];
  const told: string[] = [];
  let now = 1000;
  const wake = vi.fn();
  const inForce = policyInForce(
    DEFAULT_POLICY,
    {
      policyFile,
      overrides: { evacuateDelayMs: 7000, instanceFiltering: null, sharedStorage: null },
    },
    { event: ({ level, msg }) => told.push(`${level} ${msg}`), policy: (state) => states.push(state) },
    { now: () => now++, mono: () => 0, thawedAt: () => -1, sleep: async () => {}, wake },
  );
  const readAgain = async (text: string): Promise<void> => {
    writeFileSync(policyFile, text);
    inForce.readAgain();
    const before = states.length;
    await vi.waitFor(() => expect(states.length).toBeGreaterThan(before));
  };

  expect(inForce.current().retry.maxAttempts).toBe(DEFAULT_POLICY.retry.maxAttempts);
  await readAgain('retry: { max_attempts: 7 }');
  expect(inForce.current()).toEqual({
    ...DEFAULT_POLICY,
    retry: { ...DEFAULT_POLICY.retry, maxAttempts: 7 },
    delays: { evacuateDelayMs: 7000 },
  });
  expect(wake).toHaveBeenCalledTimes(1);
  await readAgain('retry: { max_attempts: none }');
  expect(inForce.current().retry.maxAttempts).toBe(7);
  expect(states.at(-1)).toMatchObject({
    readAt: states.at(-2)?.readAt,
    trouble: expect.stringContaining('retry.max_attempts must be a whole number'),
  });
  expect(told.at(-1)).toMatch(/^error .*the policy read before stays in force$/);
});
