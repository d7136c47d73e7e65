import { isNodeName, type NodeName, nodeName } from '../core/names.ts';
import { failure, type Result, success } from './errors.ts';
import { type CallOptions, exitError, lastWords, runTool, TOOL_TIMEOUT_MS, type ToolOutput } from './tool.ts';
import { attributeOf, childrenOf, parsePacemakerResult } from './xml.ts';

/** `CRM_EX_CONFIG`: what attrd_updater 2.1.5 makes of "attribute does not exist" (tools/attrd_updater.c `send_attrd_query`). */
const EXIT_NO_SUCH_ATTRIBUTE = 78;
/** `CRM_EX_NOSUCH`, what crm_attribute 2.x makes of ENXIO; 1.1 exited with the bare errno 6. */
const EXIT_NOT_SET = [105, 6];
const MAX_ANSWER_CHARS = 4 * 1024 * 1024;
const MAX_VALUE_CHARS = 64 * 1024;

/**
 * The values of a transient attribute on all nodes. Nodes where it is unset, or was never set, are left out:
 * attrd keeps an unset attribute as the empty string.
 */
export async function readTransient(
  name: string,
  options: CallOptions = {},
): Promise<Result<Map<NodeName, string>>> {
  const output = await call('attrd_updater', ['-n', name, '-A', '--output-as=xml'], options);
  return output.ok ? transientValues(name, output.value) : output;
}

/**
 * The value of a transient attribute on one node, null when it is unset. The only reading call besides
 * `readTransient` that may be made on a remote node. The node must be named: without `-N` attrd_updater
 * 2.1.5 in a clean environment answers for all nodes (daemons/attrd/attrd_ipc.c `build_query_reply`).
 */
export async function readOwnTransient(
  name: string,
  node: NodeName,
  options: CallOptions = {},
): Promise<Result<string | null>> {
  const output = await call(
    'attrd_updater',
    ['-n', name, '-Q', '-N', checked(node), '--output-as=xml'],
    options,
  );
  if (!output.ok) return output;
  const values = transientValues(name, output.value);
  return values.ok ? success(values.value.get(node) ?? null) : values;
}

/**
 * Sets a private transient attribute; an empty value unsets it. Success means that attrd took the message,
 * not that the value stands: any node name is accepted, and the write is spread later. Read it back.
 *
 * Without a node it is the local one; that holds on a remote node too, where the controller's proxy fills
 * the name in (lib/lrmd/proxy_common.c).
 */
export async function writeTransient(
  name: string,
  node: NodeName | null,
  value: string,
  options: CallOptions = {},
): Promise<Result<void>> {
  const where = node === null ? [] : ['-N', checked(node)];
  const what = value === '' ? ['-D'] : ['-U', checkedValue(value)];
  const output = await call('attrd_updater', ['-n', name, '-p', ...where, ...what], options);
  if (!output.ok) return output;
  return output.value.exitCode === 0 ? success(undefined) : failure(exitError('attrd_updater', output.value));
}

/** Sets a permanent node attribute in the CIB. Never on a remote node: see docs on what may be called there. */
export async function writePermanent(
  node: NodeName,
  name: string,
  value: string,
  options: CallOptions = {},
): Promise<Result<void>> {
  const output = await permanent(node, name, ['--update', checkedValue(value)], options);
  if (!output.ok) return output;
  return output.value.exitCode === 0 ? success(undefined) : failure(attributeError(node, output.value));
}

/** Deletes a permanent node attribute; one that is not there is deleted already. */
export async function deletePermanent(
  node: NodeName,
  name: string,
  options: CallOptions = {},
): Promise<Result<void>> {
  const output = await permanent(node, name, ['--delete'], options);
  if (!output.ok) return output;
  const { exitCode } = output.value;
  if (exitCode === 0 || (EXIT_NOT_SET.includes(exitCode) && !isUnknownNode(output.value))) {
    return success(undefined);
  }
  return failure(attributeError(node, output.value));
}

/** The value of a permanent node attribute, null when it is not set. */
export async function readPermanent(
  node: NodeName,
  name: string,
  options: CallOptions = {},
): Promise<Result<string | null>> {
  const output = await permanent(node, name, ['--query', '--output-as=xml'], options);
  if (!output.ok) return output;
  if (isUnknownNode(output.value)) return failure(attributeError(node, output.value));
  if (EXIT_NOT_SET.includes(output.value.exitCode)) return success(null);
  if (output.value.exitCode !== 0) return failure(attributeError(node, output.value));
  return permanentValue(name, output.value.stdout);
}

/** Reads what `attrd_updater --output-as=xml` printed: node to value, unset ones left out. */
export function parseTransient(name: string, xml: string): Result<Map<NodeName, string>> {
  const root = parsePacemakerResult('attrd_updater', xml, MAX_ANSWER_CHARS);
  if (!root.ok) return root;
  const values = new Map<NodeName, string>();
  for (const element of childrenOf(root.value, 'attribute')) {
    const host = attributeOf(element, 'host');
    const value = attributeOf(element, 'value');
    if (attributeOf(element, 'name') !== name || host === null || value === null || !isNodeName(host)) {
      return failure({
        code: 'bad-answer',
        tool: 'attrd_updater',
        detail: 'an <attribute> that was not asked for',
      });
    }
    if (value !== '') values.set(nodeName(host), value);
  }
  return success(values);
}

function transientValues(name: string, output: ToolOutput): Result<Map<NodeName, string>> {
  if (output.exitCode === EXIT_NO_SUCH_ATTRIBUTE) return success(new Map());
  if (output.exitCode !== 0) return failure(exitError('attrd_updater', output));
  return parseTransient(name, output.stdout);
}

function permanentValue(name: string, xml: string): Result<string | null> {
  const root = parsePacemakerResult('crm_attribute', xml, MAX_ANSWER_CHARS);
  if (!root.ok) return root;
  const [first, second] = childrenOf(root.value, 'attribute').filter(
    (each) => attributeOf(each, 'name') === name,
  );
  if (first === undefined || second !== undefined) {
    const detail = first === undefined ? 'no <attribute>' : `${name} is there more than once`;
    return failure({ code: 'bad-answer', tool: 'crm_attribute', detail });
  }
  return success(attributeOf(first, 'value') ?? '');
}

function permanent(
  node: NodeName,
  name: string,
  command: readonly string[],
  options: CallOptions,
): Promise<Result<ToolOutput>> {
  const args = ['--node', checked(node), '--name', name, '--lifetime', 'forever', ...command];
  return call('crm_attribute', args, options);
}

function call(tool: string, args: readonly string[], options: CallOptions): Promise<Result<ToolOutput>> {
  return (options.run ?? runTool)(tool, args, { timeoutMs: options.timeoutMs ?? TOOL_TIMEOUT_MS });
}

/** An unknown node has the exit code of an unset attribute; only the words differ (tools/crm_attribute.c `main`). */
function isUnknownNode(output: ToolOutput): boolean {
  return output.exitCode !== 0 && /could not map name/i.test(lastWords(output));
}

function attributeError(node: NodeName, output: ToolOutput) {
  if (isUnknownNode(output)) return { code: 'unknown-node', tool: 'crm_attribute', node } as const;
  return exitError('crm_attribute', output);
}

/** A name that reaches a command line was checked where it came in; one that was not is a bug. */
function checked(node: NodeName): string {
  if (!isNodeName(node)) throw new Error('not a node name');
  return node;
}

function checkedValue(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters do not survive XML
  if (value === '' || value.startsWith('-') || /[\u0000-\u001f\u007f]/.test(value)) {
    throw new Error('not a value for a node attribute');
  }
  if (value.length > MAX_VALUE_CHARS)
    throw new Error(`attribute value of more than ${MAX_VALUE_CHARS} characters`);
  return value;
}
