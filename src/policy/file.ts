import { open } from 'node:fs/promises';
import { DEFAULT_POLICY, type OperatorPolicy } from '../core/policy.ts';
import { failure, type Result, success } from '../core/result.ts';
import { POLICY_FILE } from './path.ts';
import { MAX_POLICY_CHARS, readPolicy } from './read.ts';

/** Values from elsewhere that hold whatever the file says; null leaves it to the file. */
export interface PolicyOverrides {
  readonly evacuateDelayMs: number | null;
  readonly instanceFiltering: boolean | null;
  readonly sharedStorage: boolean | null;
}

/** Reads the policy of a file, with the overrides over it. The error is one line that names the file. */
export async function loadPolicy(
  path: string,
  overrides: PolicyOverrides,
): Promise<Result<OperatorPolicy, string>> {
  const text = await readBounded(path);
  if (!text.ok) {
    if (text.error === 'ENOENT' && path === POLICY_FILE) return success(override(DEFAULT_POLICY, overrides));
    return failure(`the policy file ${path} can't be read (${text.error}): check policy_file`);
  }
  const policy = readPolicy(text.value);
  return policy.ok
    ? success(override(policy.value, overrides))
    : failure(`the policy file ${path}: ${policy.error.join('; ')}`);
}

function override(policy: OperatorPolicy, overrides: PolicyOverrides): OperatorPolicy {
  const { selection, storage, delays } = policy;
  return {
    ...policy,
    selection: {
      ...selection,
      instanceFiltering: overrides.instanceFiltering ?? selection.instanceFiltering,
    },
    storage: { ...storage, shared: overrides.sharedStorage ?? storage.shared },
    delays: { ...delays, evacuateDelayMs: overrides.evacuateDelayMs ?? delays.evacuateDelayMs },
  };
}

/** A file's text, but no more of it than shows that it is too long: it may be a device without an end. */
async function readBounded(path: string): Promise<Result<string, string>> {
  try {
    const file = await open(path, 'r');
    try {
      if (!(await file.stat()).isFile()) return failure('it is no file');
      const buffer = Buffer.alloc(4 * MAX_POLICY_CHARS + 1);
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      return success(buffer.toString('utf8', 0, bytesRead));
    } finally {
      await file.close();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return failure(typeof code === 'string' ? code : 'unknown');
  }
}
