import { failure, type Result, success } from './errors.ts';
import { type CallOptions, exitError, runTool, TOOL_TIMEOUT_MS } from './tool.ts';

/** `CRM_EX_NOSUCH` and the bare ENXIO of older releases: it was not set. */
const EXIT_NOT_SET = [105, 6];
const SAFE_NAME = /^[a-z][a-z0-9-]*$/;

/** Sets a cluster property; null deletes it, and one that is not there is deleted already. Not on a remote node. */
export async function writeProperty(
  name: string,
  value: string | null,
  options: CallOptions = {},
): Promise<Result<void>> {
  if (!SAFE_NAME.test(name) || value?.startsWith('-')) throw new Error('not a property');
  const what = value === null ? ['--delete'] : ['--update', value];
  const output = await (options.run ?? runTool)(
    'crm_attribute',
    ['--type', 'crm_config', '--name', name, ...what],
    { timeoutMs: options.timeoutMs ?? TOOL_TIMEOUT_MS },
  );
  if (!output.ok) return output;
  const { exitCode } = output.value;
  if (exitCode === 0 || (value === null && EXIT_NOT_SET.includes(exitCode))) return success(undefined);
  return failure(exitError('crm_attribute', output.value));
}
