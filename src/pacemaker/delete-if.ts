import { isNodeName, type NodeName } from '../core/names.ts';
import { failure, type Result, success } from './errors.ts';
import { type CallOptions, exitError, runTool, TOOL_TIMEOUT_MS } from './tool.ts';

/** `CRM_EX_NOSUCH` and the bare ENXIO of older releases: nothing matched. */
const EXIT_NOTHING_MATCHED = [105, 6];
const SAFE_TEXT = /^[A-Za-z0-9_.:=,-]+$/;

/**
 * Deletes a permanent node attribute if its value contains `text`, in one step of the CIB: one that somebody
 * has written anew in the meantime stays. crm_attribute has no such condition, cibadmin's XPath has.
 * Nothing to delete is success. Not on a remote node.
 */
export async function deletePermanentIf(
  node: NodeName,
  name: string,
  text: string,
  options: CallOptions = {},
): Promise<Result<void>> {
  if (!isNodeName(node) || !SAFE_TEXT.test(name) || !SAFE_TEXT.test(text)) {
    throw new Error('not a node name, an attribute name or a record');
  }
  const run = options.run ?? runTool;
  const xpath =
    `/cib/configuration/nodes/node[@uname='${node}']/instance_attributes` +
    `/nvpair[@name='${name}' and contains(concat(@value,','),'${text}')]`;
  const output = await run('cibadmin', ['--delete', '--xpath', xpath], {
    timeoutMs: options.timeoutMs ?? TOOL_TIMEOUT_MS,
  });
  if (!output.ok) return output;
  const { exitCode } = output.value;
  if (exitCode === 0 || EXIT_NOTHING_MATCHED.includes(exitCode)) return success(undefined);
  return failure(exitError('cibadmin', output.value));
}
