import { describe, expect, it } from 'vitest';
import { nodeName } from './names.ts';
import type { StoragePolicy } from './policy.ts';
import { admitByStorage, diskFate, sayDisk } from './storage.ts';
import { aServer } from './testing.ts';

const policy = (localDisk: StoragePolicy['localDisk'], shared = false): StoragePolicy => ({
  shared,
  localDisk,
});
const admit = (storage: StoragePolicy, answer: string | null = null, imageId: string | null = 'image') =>
  admitByStorage(aServer({ imageId }), storage, { node: nodeName('compute-1'), incident: 'i7', answer });

describe('the disk of an instance', () => {
  it('is kept on a volume or on shared storage, and otherwise made afresh', () => {
    expect(diskFate(aServer({ imageId: null }), policy('evacuate'))).toBe('kept');
    expect(diskFate(aServer(), policy('evacuate', true))).toBe('kept');
    expect(diskFate(aServer(), policy('evacuate'))).toBe('rebuilt');
    expect(sayDisk(aServer(), policy('evacuate'))).toContain('lost');
  });

  it('that would be lost is given up, kept with its host, or asked about', () => {
    expect(admit(policy('evacuate')).kind).toBe('admitted');
    expect(admit(policy('skip')).kind).toBe('excluded');
    expect(admit(policy('ask'))).toMatchObject({
      kind: 'held',
      reason: expect.stringContaining("'evacuate i7'"),
    });
    expect(admit(policy('ask'), 'evacuate i7').kind).toBe('admitted');
    expect(admit(policy('ask'), 'skip i7').kind).toBe('excluded');
    for (const other of ['evacuate i8', 'evacuate', 'yes', ' evacuate i7'])
      expect(admit(policy('ask'), other).kind).toBe('held');
  });

  it('that is kept is no question', () => {
    for (const localDisk of ['skip', 'ask'] as const) {
      expect(admit(policy(localDisk, true)).kind).toBe('admitted');
      expect(admit(policy(localDisk), null, null).kind).toBe('admitted');
    }
  });
});
