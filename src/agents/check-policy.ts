import { loadPolicy } from '../policy/file.ts';

/** Reads a policy file as the evacuator would; gives what is wrong in one line, or null. */
export async function checkPolicy(path: string): Promise<string | null> {
  const none = { evacuateDelayMs: null, instanceFiltering: null, sharedStorage: null };
  const policy = await loadPolicy(path, none);
  return policy.ok ? null : policy.error;
}
