import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { credentialsFile } from '../../configure/cloud-file.ts';
import type { Change } from '../../configure/draft.ts';
import { fileState, filesOf, type SecretFile, writeSecretFile } from '../../configure/files.ts';
import { type ClusterInput, readInput } from '../../configure/input.ts';
import { changeCib, explainChange, isLackOfFencing, readCib } from '../../configure/live.ts';
import { describeItem, devicesOf, itemsOf } from '../../configure/model.ts';
import { quiesceOwned, STOP_ORDER } from '../../configure/quiesce.ts';
import { type Reconciled, reconcile, reconcileUndo } from '../../configure/reconcile.ts';
import { crmCommands, pcsCommands } from '../../configure/render-commands.ts';
import { timingFigures } from '../../configure/timing.ts';
import { INCIDENT_ATTRIBUTE } from '../../core/records.ts';
import { failure, type Result, success } from '../../core/result.ts';
import { element, parseTree, serializeTree, type TreeElement, walkTree } from '../../pacemaker/cib-tree.ts';
import { explain } from '../../pacemaker/errors.ts';
import { readStatus } from '../../pacemaker/status.ts';
import { refusal } from '../asking.ts';
import { type Call, type CommandSpec, failed, type OptionSpec, type Outcome, outcome } from '../command.ts';

const DEFAULT_INPUT = '/etc/instance-ha/cluster.yaml';
/** How long what is ours may take to stop: nova-compute's own stop timeout on a slow host, and its remote node after it, ms. */
const STOP_LIMIT_MS = 300_000;
const LOOK_PAUSE_MS = 1_000;
const BACKUP_DIRECTORY = '/var/lib/instance-ha/backup';

const INPUT: OptionSpec = {
  name: 'input',
  short: 'i',
  value: 'FILE',
  says: 'the description of the cluster (YAML)',
  default: DEFAULT_INPUT,
  offers: 'file',
};
const YES: OptionSpec = { name: 'yes', short: 'y', says: 'do not ask' };
const CIB: OptionSpec = {
  name: 'cib',
  value: 'FILE',
  says: 'compare with a CIB in a file, not with the live one',
  offers: 'file',
};
const RESTART_COMPUTES: OptionSpec = {
  name: 'restart-computes',
  says: 'also take the credentials out of nova-compute-checkevacuate: nova-compute restarts on every compute, guests go on',
};
const ADOPT: OptionSpec = { name: 'adopt', says: 'show what `configure adopt` would do' };

const BY_ONE_PATCH =
  'the change is in the cluster as a whole, or not at all: instance-ha configure plan says which';

const plan: CommandSpec = {
  path: ['configure', 'plan'],
  summary: 'Show what apply would change, and change nothing',
  description: [
    'Compares what the input asks for with the cluster as it is: + is added, ~ changed, - taken away. What is there and is not ours is kept, and named; what stands in the way is a conflict.',
    'The files with credentials are compared on this controller only.',
  ],
  options: [INPUT, CIB, ADOPT, RESTART_COMPUTES],
  examples: [{ command: 'instance-ha configure plan', says: `what ${DEFAULT_INPUT} would change` }],
  exits: ['failed', 'differs', 'conflict'],
  run: async (call) => {
    const input = await loadInput(call);
    if (!input.ok) return failed(input.error);
    const cib = await loadCib(call);
    if (!cib.ok) return failed(cib.error);
    const planned = reconcile(cib.value, input.value.input, {
      mode: call.flag('adopt') ? 'adopt' : 'apply',
      restartComputes: call.flag('restart-computes'),
    });
    const files = await fileChanges(input.value.files);
    const exit =
      planned.conflicts.length > 0
        ? 'conflict'
        : planned.changes.length + files.length > 0
          ? 'differs'
          : 'ok';
    return outcome(exit, planText(planned, files, input.value.input), planData(planned, files));
  },
};

const apply: CommandSpec = {
  path: ['configure', 'apply'],
  summary: 'Bring the configuration into the cluster, as one change',
  description: [
    'Writes the files with credentials on this controller, then changes the CIB by one patch: all of it or nothing. The result is verified with crm_verify before, the cluster after; a change that does not verify is taken back. It can be run again at any time and changes only what differs.',
    'What is not ours is never changed. What is ours is named by the tag instance-ha in the CIB itself.',
    'Run `configure files` on every other controller first: nova-evacuate can run on any of them.',
    `The CIB before is kept in ${BACKUP_DIRECTORY}.`,
  ],
  options: [INPUT, YES],
  examples: [
    { command: 'instance-ha configure apply', says: 'show the plan, ask, apply' },
    { command: 'instance-ha configure apply --yes --output json', says: 'from a program' },
  ],
  exits: ['failed', 'conflict', 'declined'],
  interrupted: BY_ONE_PATCH,
  run: (call) => bringIn(call, 'apply'),
};

const adopt: CommandSpec = {
  path: ['configure', 'adopt'],
  summary: 'Take a stock set-up over, without a moment of unprotected time',
  description: [
    'As apply, and it may change what is there: fence-nova and nova-evacuate take their credentials from the file instead of the CIB, levels get fence-nova behind their power devices, the compute chain is kept off a node while its incident stands, operations get timeouts that fit. All in one change; fencing goes on all the time, and the evacuator takes up after its restart what it finds.',
    'Remote nodes and power devices stay as they are: a new parameter would restart them. So does nova-compute-checkevacuate, unless --restart-computes is given.',
    'First put the new agents on every node, then `configure files` on every controller, then this.',
  ],
  options: [INPUT, YES, RESTART_COMPUTES],
  examples: [
    { command: 'instance-ha configure plan --adopt', says: 'what would change' },
    { command: 'instance-ha configure adopt', says: 'show it, ask, do it' },
  ],
  exits: ['failed', 'conflict', 'declined'],
  interrupted: BY_ONE_PATCH,
  run: (call) => bringIn(call, 'adopt'),
};

const files: CommandSpec = {
  path: ['configure', 'files'],
  summary: "Write this controller's files with credentials, and nothing else",
  description: [
    'The credentials of the cloud and one script a power device that prints its password; all for root only. To be run on every controller, never on a compute.',
  ],
  options: [INPUT],
  examples: [{ command: 'instance-ha configure files', says: 'on each controller, before the first apply' }],
  exits: ['failed'],
  run: async (call) => {
    const input = await loadInput(call);
    if (!input.ok) return failed(input.error);
    const written = await writeFiles(input.value.files);
    if (!written.ok) return failed(written.error);
    const text =
      written.value.length === 0
        ? 'all files are there'
        : written.value.map((path) => `wrote ${path}`).join('\n');
    return outcome('ok', text, { written: written.value });
  },
};

const undo: CommandSpec = {
  path: ['configure', 'undo'],
  summary: 'Take away exactly what is ours',
  description: [
    'First stops what is ours, the fencing devices last; then removes what the tag instance-ha in the CIB names, as one change: resources, constraints, levels, attributes and properties that apply has added. Everything else stays; a fencing level that is not ours loses the devices that go, and one that would have no power device left is a conflict. Files with credentials stay too, and are named. Guests run on.',
    'Refused while an incident stands: its node would be let go in the middle of an evacuation.',
  ],
  options: [YES, CIB],
  examples: [{ command: 'instance-ha configure undo', says: 'show what goes, ask, take it away' }],
  exits: ['failed', 'conflict', 'declined'],
  interrupted: 'what was asked to stop stays stopped: run undo again, or configure apply to have it back',
  run: runUndo,
};

const show: CommandSpec = {
  path: ['configure', 'show'],
  summary: 'Print the configuration that an input gives',
  description: [
    'The whole configuration, without a look at the cluster: in words, as the CIB would have it, or as pcs or crm commands for those who want to type them. Passwords are masked.',
  ],
  options: [
    INPUT,
    {
      name: 'as',
      value: 'FORM',
      says: 'the form',
      choices: ['text', 'xml', 'pcs', 'crm'],
      default: 'text',
    },
  ],
  examples: [{ command: 'instance-ha configure show --as pcs', says: 'the commands to type' }],
  exits: ['failed'],
  run: async (call) => {
    const input = await loadInput(call);
    if (!input.ok) return failed(input.error);
    const items = itemsOf(input.value.input);
    const figures = timingFigures(input.value.input.timing);
    const text = shown(call.text('as') ?? 'text', input.value.input);
    const masked = items.map((item) =>
      item.kind === 'resource' ? { ...item, parameters: maskAll(item.parameters) } : item,
    );
    return outcome('ok', text, { items: masked, timing: figures });
  },
};

export const configureCommands: readonly CommandSpec[] = [plan, apply, adopt, files, undo, show];

interface Loaded {
  readonly input: ClusterInput;
  readonly files: readonly SecretFile[];
}

async function loadInput(call: Call): Promise<Result<Loaded, string>> {
  const path = call.text('input') ?? DEFAULT_INPUT;
  const readText = (file: string): Promise<string> => readFile(file, 'utf8');
  let text: string;
  try {
    text = await readText(path);
  } catch {
    return failure(
      `${path} cannot be read: write the description of the cluster there (docs/cli-configure.md), or name another file with --input`,
    );
  }
  const input = await readInput(text, readText);
  if (!input.ok) return failure(`${path}:\n${input.error.map((problem) => `  ${problem}`).join('\n')}`);
  const holdsSecrets = devicesOf(input.value).some(({ password }) => password !== null);
  const mode = await stat(path).then(
    (found) => found.mode & 0o077,
    () => 0,
  );
  if (holdsSecrets && mode !== 0)
    return failure(`${path} holds passwords and can be read by others: chmod 600 ${path}`);
  if (input.value.cloud === null) return success({ input: input.value, files: filesOf(input.value, null) });
  const credentials = await credentialsFile(input.value.cloud, readText);
  if (!credentials.ok) return failure(credentials.error);
  return success({ input: input.value, files: filesOf(input.value, credentials.value) });
}

async function loadCib(call: Call): Promise<Result<TreeElement, string>> {
  const path = call.text('cib');
  if (path === null) {
    call.io.doing('reading the CIB');
    const live = await readCib(call.io.run);
    return live.ok ? live : failure(explainChange(live.error));
  }
  try {
    const tree = parseTree(path, await readFile(path, 'utf8'));
    return tree.ok ? tree : failure(explain(tree.error));
  } catch {
    return failure(`${path} cannot be read`);
  }
}

async function bringIn(call: Call, mode: 'apply' | 'adopt'): Promise<Outcome> {
  const loaded = await loadInput(call);
  if (!loaded.ok) return failed(loaded.error);
  const { input } = loaded.value;
  const options = { mode, restartComputes: call.flag('restart-computes') };
  call.io.doing('reading the CIB');
  const cib = await readCib(call.io.run);
  if (!cib.ok) return failed(explainChange(cib.error));
  const planned = reconcile(cib.value, input, options);
  const fileNames = await fileChanges(loaded.value.files);
  const text = planText(planned, fileNames, input);
  if (planned.conflicts.length > 0) return outcome('conflict', text, planData(planned, fileNames));
  const held = removesHeldNode(cib.value, planned);
  if (held !== null) return outcome('conflict', held, { error: held });
  if (planned.changes.length + fileNames.length === 0)
    return outcome('ok', 'nothing to change', planData(planned, fileNames));
  if (!call.flag('yes')) call.io.progress(text);
  const refused = await refusal(call, 'Change the cluster so?');
  if (refused !== null) return outcome('declined', refused, planData(planned, fileNames));

  // Files first: with the resource but without its file nova-evacuate would not start.
  const written = await writeFiles(loaded.value.files);
  if (!written.ok) return failed(written.error);
  let last = planned;
  let heldNow: string | null = null;
  let backup: string | null = null;
  call.io.doing('verifying and changing the CIB');
  const changed = await changeCib(
    call.io.run,
    (live) => {
      last = reconcile(live, input, options);
      // An incident may have begun since the plan was shown.
      heldNow = removesHeldNode(live, last);
      const isRefused = heldNow !== null || last.conflicts.length > 0;
      return isRefused || last.changes.length === 0 ? null : last.cib;
    },
    {
      beforeChange: async (before) => {
        backup = await backUp(before, call.io.now());
      },
    },
  );
  if (!changed.ok) return failed(explainChange(changed.error));
  if (heldNow !== null) return outcome('conflict', heldNow, { error: heldNow });
  if (last.conflicts.length > 0) return outcome('conflict', planText(last, [], input), planData(last, []));
  const done = [
    `${last.changes.length} changes in the cluster, ${written.value.length} files written here`,
    ...(backup === null ? [] : [`the CIB before: ${backup}`]),
    'Next: `instance-ha configure files` on every other controller, then `instance-ha doctor`',
  ].join('\n');
  return outcome('ok', done, { ...planData(last, written.value), backup });
}

async function runUndo(call: Call): Promise<Outcome> {
  const cib = await loadCib(call);
  if (!cib.ok) return failed(cib.error);
  const standing = incidentsIn(cib.value);
  if (standing.length > 0) {
    const why = `an incident stands on ${standing.join(', ')}: undo would let the node go in the middle of its evacuation. Wait for its end (instance-ha status)`;
    return outcome('conflict', why, { error: why, incidents: standing });
  }
  const planned = reconcileUndo(cib.value);
  if (planned.changes.length === 0)
    return outcome('ok', 'nothing in this cluster is ours', planData(planned, []));
  const text = changesText(planned);
  if (planned.conflicts.length > 0) return outcome('conflict', text, planData(planned, []));
  if (call.text('cib') !== null) return outcome('ok', text, planData(planned, []));
  if (!call.flag('yes')) call.io.progress(text);
  const refused = await refusal(call, 'Take this away?');
  if (refused !== null) return outcome('declined', refused, planData(planned, []));
  let backup: string | null = null;
  const backUpOnce = async (before: TreeElement): Promise<void> => {
    backup ??= await backUp(before, call.io.now());
  };
  for (const which of STOP_ORDER) {
    const why = await stopOwned(call, which, backUpOnce);
    if (why !== null)
      return failed(
        `${why}; nothing was taken away, and what is ours is asked to stop: run undo again, or configure apply to have it back`,
      );
  }
  let obstacle: string | null = null;
  call.io.doing('verifying and changing the CIB');
  const changed = await changeCib(
    call.io.run,
    (live) => {
      const next = reconcileUndo(live);
      obstacle = undoObstacle(live, next);
      return obstacle !== null || next.changes.length === 0 ? null : next.cib;
    },
    {
      tolerate: isLackOfFencing,
      beforeChange: backUpOnce,
    },
  );
  if (!changed.ok) return failed(explainChange(changed.error));
  if (obstacle !== null)
    return failed(`${obstacle}; nothing was taken away: configure apply lets run again what was stopped`);
  return outcome(
    'ok',
    `${planned.changes.length} things taken away; the CIB before: ${backup}\nThe files in /etc/instance-ha stay: remove them on every controller when nothing needs them`,
    { ...planData(planned, []), backup },
  );
}

/** What has come up since the plan was shown; null: nothing. */
function undoObstacle(live: TreeElement, next: Reconciled): string | null {
  if (incidentsIn(live).length > 0) return 'an incident began meanwhile';
  return next.conflicts[0] ?? null;
}

/** Asks a part of what is ours to stop, and waits for it; gives why it runs on, or null. */
async function stopOwned(
  call: Call,
  which: (typeof STOP_ORDER)[number],
  beforeChange: (before: TreeElement) => Promise<void>,
): Promise<string | null> {
  let ids: readonly string[] = [];
  call.io.doing('verifying and changing the CIB');
  const changed = await changeCib(
    call.io.run,
    (live) => {
      const quiet = quiesceOwned(live, which);
      ids = incidentsIn(live).length > 0 ? [] : quiet.ids;
      return ids.length === 0 ? null : quiet.cib;
    },
    { beforeChange },
  );
  return changed.ok ? waitForStop(call, ids) : explainChange(changed.error);
}

/** Waits until none of these runs; gives why not, or null. */
async function waitForStop(call: Call, ids: readonly string[]): Promise<string | null> {
  const { io } = call;
  const end = io.now() + STOP_LIMIT_MS;
  if (ids.length > 0) io.progress(`waiting for ${ids.join(', ')} to stop`);
  for (;;) {
    const status = await readStatus({ run: io.run });
    const running = status.ok
      ? status.value.resources.filter(({ id, role }) => ids.includes(id) && role !== 'Stopped')
      : [];
    if (status.ok && running.length === 0) return null;
    const why = status.ok
      ? `${[...new Set(running.map(({ id }) => id))].join(', ')} did not stop within ${STOP_LIMIT_MS / 1000} s`
      : explain(status.error);
    if (io.now() >= end) return why;
    if (io.signal.aborted) return 'interrupted';
    await io.sleep(LOOK_PAUSE_MS);
  }
}

/** A compute that is to go while it is being evacuated: that would let it go early. */
function removesHeldNode(cib: TreeElement, planned: Reconciled): string | null {
  const removed = planned.changes.filter(({ action }) => action === 'remove').map(({ what }) => what);
  const held = incidentsIn(cib).filter((node) => removed.some((what) => what.includes(node)));
  return held.length === 0
    ? null
    : `an incident stands on ${held.join(', ')}, which this would take out of the cluster, so the cluster was not changed: wait for its end (instance-ha status)`;
}

function incidentsIn(cib: TreeElement): string[] {
  const nodes = [...walkTree(cib)].filter(({ node }) => node.name === 'node');
  return nodes
    .filter(({ node }) =>
      [...walkTree(node)].some(({ node: pair }) => pair.attributes.name === INCIDENT_ATTRIBUTE),
    )
    .map(({ node }) => node.attributes.uname ?? '');
}

async function backUp(cib: TreeElement, now: number): Promise<string> {
  await mkdir(BACKUP_DIRECTORY, { recursive: true, mode: 0o700 });
  const path = `${BACKUP_DIRECTORY}/cib-${new Date(now).toISOString().replaceAll(/[:.]/g, '-')}.xml`;
  await writeFile(path, serializeTree(cib), { mode: 0o600 });
  return path;
}

async function fileChanges(list: readonly SecretFile[]): Promise<string[]> {
  const states = await Promise.all(list.map(async (file) => ({ file, state: await fileState(file) })));
  return states.filter(({ state }) => state !== 'same').map(({ file }) => file.path);
}

async function writeFiles(list: readonly SecretFile[]): Promise<Result<string[], string>> {
  const written: string[] = [];
  for (const file of list) {
    if ((await fileState(file)) === 'same') continue;
    try {
      await writeSecretFile(file);
    } catch (cause) {
      const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown';
      return failure(`${file.path} (${file.what}) cannot be written (${code}): be root`);
    }
    written.push(file.path);
  }
  return success(written);
}

const SIGNS = { add: '+', change: '~', remove: '-' } as const;

function changeText(change: Change): string {
  return [`${SIGNS[change.action]} ${change.what}`, ...change.details.map((detail) => `    ${detail}`)].join(
    '\n',
  );
}

function changesText({ conflicts, changes }: Reconciled): string {
  return [...conflicts.map((conflict) => `! ${conflict}`), ...changes.map(changeText)].join('\n');
}

function planText(planned: Reconciled, fileNames: readonly string[], input: ClusterInput): string {
  return [
    ...(planned.conflicts.length + planned.changes.length > 0 ? [changesText(planned)] : []),
    ...fileNames.map((path) => `+ file ${path} (here; for root only)`),
    ...planned.kept.map((kept) => `= ${kept}`),
    ...(planned.changes.length + fileNames.length === 0 ? ['nothing to change'] : []),
    '',
    ...timingFigures(input.timing).map(({ what, seconds }) => `${what}: ${seconds} s`),
  ].join('\n');
}

function planData(planned: Reconciled, fileNames: readonly string[]): Readonly<Record<string, unknown>> {
  const { changes, kept, conflicts } = planned;
  return { changes, kept, conflicts, files: fileNames };
}

const NOTHING = element('cib', {}, [
  element(
    'configuration',
    {},
    ['crm_config', 'nodes', 'resources', 'constraints'].map((name) => element(name)),
  ),
]);

function shown(form: string, input: ClusterInput): string {
  const items = itemsOf(input);
  switch (form) {
    case 'pcs':
      return pcsCommands(items).join('\n');
    case 'crm':
      return crmCommands(items).join('\n');
    case 'xml': {
      const controllers = input.controllers.map(({ name }, at) =>
        element('node', { id: String(at + 1), uname: name }),
      );
      const cib = structuredClone(NOTHING);
      for (const { node } of walkTree(cib)) if (node.name === 'nodes') node.children.push(...controllers);
      const result = reconcile(cib, input, { mode: 'apply' }).cib;
      for (const { node } of walkTree(result))
        if (node.attributes.name === 'password') node.attributes.value = '***';
      return serializeTree(result);
    }
    default:
      return items.map(describeItem).join('\n');
  }
}

function maskAll(parameters: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, name === 'password' ? '***' : value]),
  );
}
