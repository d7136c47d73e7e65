import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { failure, type Result, success } from '../core/result.ts';
import { element, parseTree, serializeTree, type TreeElement } from '../pacemaker/cib-tree.ts';
import { explain, oneLine, type ToolError } from '../pacemaker/errors.ts';
import { exitError, type RunTool, TOOL_TIMEOUT_MS, type ToolOutput } from '../pacemaker/tool.ts';

/** Why a change did not come about; nothing has changed then, unless it says otherwise. */
export type ChangeError =
  | { readonly code: 'cluster'; readonly detail: string }
  /** The result would not be a valid configuration: Pacemaker's own words. */
  | { readonly code: 'does-not-verify'; readonly problems: readonly string[] }
  /** Somebody else changed the CIB at the same time, again and again. */
  | { readonly code: 'busy'; readonly tries: number }
  /** It verified before, not after, and was taken back (or not). */
  | { readonly code: 'taken-back'; readonly problems: readonly string[]; readonly isBack: boolean };

/** Why a change did not come about, whether anything is changed now, and what an operator can do: one line. */
export function explainChange(error: ChangeError): string {
  switch (error.code) {
    case 'cluster':
      return error.detail;
    case 'does-not-verify':
      return `crm_verify refuses the result, so nothing was changed: ${error.problems.join('; ')}`;
    case 'busy':
      return `the CIB changed under us ${error.tries} times, so nothing was changed: try again when the cluster is quieter (crm_mon -1)`;
    case 'taken-back':
      return error.isBack
        ? `the cluster's configuration did not verify after the change, which was taken back: ${error.problems.join('; ')}`
        : `the cluster's configuration does not verify after the change, and it could not be taken back: ${error.problems.join('; ')}. The CIB before stands in the backup`;
    default:
      return error satisfies never;
  }
}

/** How often a change is worked out anew because the CIB has moved on: its status section changes with every operation. */
const MAX_TRIES = 10;
/** `CRM_EX_CONFIG`: crm_verify found something, errors or warnings. */
const EXIT_INVALID = 78;
/** crm_diff's word for "they differ", and Pacemaker's for "nothing to do". */
const EXIT_DIFFERENT = 1;
/** `CRM_EX_OLD` and the errors of a patch whose source is another version (lib/common/patchset.c xml_patch_version_check). */
const MOVED_ON =
  /older than existing|Update does not conform|diff failed|Application of an update diff failed|Local copy is/i;
const EXIT_OLD = 103;

/** The live CIB as its text. `CIB_file` in the environment is heeded, as by all of Pacemaker's tools. */
export async function readCib(run: RunTool): Promise<Result<TreeElement, ChangeError>> {
  const output = await call(run, 'cibadmin', ['--query', '--local']);
  if (!output.ok) return output;
  if (output.value.exitCode !== 0) return toolFailed('cibadmin', output.value);
  const tree = parseTree('cibadmin', output.value.stdout);
  return tree.ok ? tree : failure({ code: 'cluster', detail: explain(tree.error) });
}

export interface ChangeOptions {
  /** Called with the CIB as it is, once, before the first try. */
  readonly beforeChange?: (cib: TreeElement) => Promise<void>;
  /** A problem that is no reason to refuse. */
  readonly tolerate?: (problem: string) => boolean;
}

/** A cluster without fencing devices starts nothing: that is how it was before the first `apply` (lib/pengine/unpack.c `unpack_resources`). */
export function isLackOfFencing(problem: string): boolean {
  return /no STONITH resources have been defined|Either configure some or disable STONITH|Clusters with shared data need STONITH/i.test(
    problem,
  );
}

export interface Applied {
  readonly before: TreeElement;
  /** Null: there was nothing to change. */
  readonly after: TreeElement | null;
}

/**
 * Works out a change of the CIB and brings it in as one patch: all of it or nothing. The result is verified before,
 * the cluster's configuration after. A CIB that has moved on meanwhile is read and worked on anew.
 */
export async function changeCib(
  run: RunTool,
  work: (cib: TreeElement) => TreeElement | null,
  { beforeChange = async () => {}, tolerate = () => false }: ChangeOptions = {},
): Promise<Result<Applied, ChangeError>> {
  const directory = await mkdtemp(join(tmpdir(), 'instance-ha-'));
  try {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const before = await readCib(run);
      if (!before.ok) return before;
      const after = work(before.value);
      if (after === null) return success({ before: before.value, after: null });
      const refused = await newProblems(run, directory, before.value, after);
      if (!refused.ok) return refused;
      const problems = refused.value.filter((problem) => !tolerate(problem));
      if (problems.length > 0) return failure({ code: 'does-not-verify', problems });
      if (tries === 0) await beforeChange(before.value);
      const patched = await patch(run, directory, before.value, after);
      if (!patched.ok) return patched;
      if (patched.value === 'moved-on') continue;
      return await confirm(run, directory, before.value, after, tolerate);
    }
    return failure({ code: 'busy', tries: MAX_TRIES });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What crm_verify says against the result and did not say against what was there. */
async function newProblems(
  run: RunTool,
  directory: string,
  before: TreeElement,
  after: TreeElement,
): Promise<Result<readonly string[], ChangeError>> {
  const old = await verify(run, directory, before);
  if (!old.ok) return old;
  const now = await verify(run, directory, after);
  if (!now.ok) return now;
  return success(now.value.filter((problem) => !old.value.includes(problem)));
}

/**
 * The configuration alone: with the status crm_verify also complains of what runs and is to go. A clone that is taken
 * away is an orphan on every node, "might be active on 3 nodes" (lib/pengine/native.c native_add_running), and just
 * stopped.
 */
async function verify(
  run: RunTool,
  directory: string,
  cib: TreeElement,
): Promise<Result<readonly string[], ChangeError>> {
  const file = join(directory, 'verify.xml');
  await writeFile(file, serializeTree(withoutStatus(cib)), { mode: 0o600 });
  const output = await call(run, 'crm_verify', ['--xml-file', file, '-VV']);
  if (!output.ok) return output;
  const { exitCode, stderr, stdout } = output.value;
  if (exitCode === 0) return success([]);
  const errors = `${stderr}\n${stdout}`
    .split('\n')
    .map((line) => /\berror:\s*(.*)$/.exec(line)?.[1])
    .filter((text) => text !== undefined)
    .map(oneLine);
  if (errors.length > 0) return success([...new Set(errors)]);
  // Warnings alone: of a node that is down, of a quorum that is missing.
  return exitCode === EXIT_INVALID ? success([]) : toolFailed('crm_verify', output.value);
}

function withoutStatus(cib: TreeElement): TreeElement {
  const children = cib.children.map((child) =>
    child.kind === 'element' && child.name === 'status' ? element('status') : child,
  );
  return { ...cib, children };
}

async function patch(
  run: RunTool,
  directory: string,
  before: TreeElement,
  after: TreeElement,
): Promise<Result<'done' | 'moved-on', ChangeError>> {
  const [from, to, file] = ['before.xml', 'after.xml', 'patch.xml'].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  const epoch = Number(before.attributes.epoch ?? '0') + 1;
  const next: TreeElement = { ...after, attributes: { ...after.attributes, epoch: String(epoch) } };
  await writeFile(from, serializeTree(before), { mode: 0o600 });
  await writeFile(to, serializeTree(next), { mode: 0o600 });
  const made = await call(run, 'crm_diff', ['--original', from, '--new', to]);
  if (!made.ok) return made;
  if (made.value.exitCode !== EXIT_DIFFERENT && made.value.exitCode !== 0)
    return toolFailed('crm_diff', made.value);
  await writeFile(file, made.value.stdout, { mode: 0o600 });
  const output = await call(run, 'cibadmin', ['--patch', '--xml-file', file, '--sync-call']);
  if (!output.ok) return output;
  const { exitCode, stderr } = output.value;
  if (exitCode === 0) return success('done');
  return exitCode === EXIT_OLD || MOVED_ON.test(stderr)
    ? success('moved-on')
    : toolFailed('cibadmin', output.value);
}

/** The result was verified beforehand; what counts is what the cluster made of it. */
async function confirm(
  run: RunTool,
  directory: string,
  before: TreeElement,
  after: TreeElement,
  tolerate: (problem: string) => boolean,
): Promise<Result<Applied, ChangeError>> {
  const there = await readCib(run);
  if (!there.ok) return there;
  const found = await newProblems(run, directory, before, there.value);
  if (!found.ok) return found;
  const problems = found.value.filter((problem) => !tolerate(problem));
  if (problems.length === 0) return success({ before, after });
  const back = await patch(run, directory, there.value, {
    ...before,
    attributes: there.value.attributes,
    children: there.value.children.map((child) =>
      child.kind === 'element' && child.name === 'configuration'
        ? (before.children.find((old) => old.kind === 'element' && old.name === 'configuration') ?? child)
        : child,
    ),
  });
  return failure({
    code: 'taken-back',
    problems,
    isBack: back.ok && back.value === 'done',
  });
}

async function call(
  run: RunTool,
  tool: string,
  args: readonly string[],
): Promise<Result<ToolOutput, ChangeError>> {
  const output = await run(tool, args, { timeoutMs: 3 * TOOL_TIMEOUT_MS });
  return output.ok ? output : failure(clusterError(output.error));
}

function clusterError(error: ToolError): ChangeError {
  return { code: 'cluster', detail: explain(error) };
}

function toolFailed(tool: string, output: ToolOutput): { readonly ok: false; readonly error: ChangeError } {
  return failure(clusterError(exitError(tool, output)));
}
