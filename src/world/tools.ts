import { deletePermanentIf, setPermanent, setTransient } from './attributes.ts';
import { cibXml, escapeAttribute } from './cib.ts';
import { isReachable } from './machines.ts';
import { canWrite, isQuorate, seenFrom } from './membership.ts';
import { machineOf, type World } from './model.ts';

export interface ToolAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a command does; `hangs`: it gives no answer, and whoever called it kills it in the end. */
export type ToolResult = ToolAnswer | 'hangs';

const exits = (exitCode: number, stdout = '', stderr = ''): ToolAnswer => ({ exitCode, stdout, stderr });

/** `CRM_EX_*`, pacemaker include/crm/common/results.h. */
const DISCONNECTED = 102;
const NO_SUCH = 105;
const CONFIG = 78;
const UNSUPPORTED = 64;

/** Carries out one of Pacemaker's commands on a machine, as 2.1.5 does it, here and now. */
export function runPacemakerTool(
  world: World,
  on: string,
  tool: string,
  args: readonly string[],
): ToolResult {
  const machine = machineOf(world, on);
  if (machine.os !== 'up') return 'hangs';
  const isRemote = machine.role === 'compute';
  if (isRemote && tool !== 'attrd_updater') {
    // domain.md: the death of this node would now hang the controller of its connection.
    world.emit({ kind: 'fault', what: `${tool} was called on the remote node ${on}` });
    return exits(1, '', `${tool}: not on a remote node`);
  }
  if (world.cluster.members.get(on)?.toolsHang) return 'hangs';
  switch (tool) {
    case 'attrd_updater':
      return attrdUpdater(world, on, args, isRemote);
    case 'crm_attribute':
      return crmAttribute(world, on, args);
    case 'cibadmin':
      return cibadmin(world, on, args);
    case 'stonith_admin':
      return stonithAdmin(world, on, args);
    default:
      return exits(127, '', `${tool}: command not found`);
  }
}

function after(args: readonly string[], option: string): string | null {
  const at = args.indexOf(option);
  return at < 0 ? null : (args[at + 1] ?? null);
}

/** The form of `--output-as=xml`, with its status last. */
function xmlResult(inner: string): string {
  return `<pacemaker-result api-version="2.25" request="">\n${inner}\n  <status code="0" message="OK"/>\n</pacemaker-result>\n`;
}

function attrdUpdater(world: World, on: string, args: readonly string[], isRemote: boolean): ToolResult {
  if (args.includes('--version')) return exits(0, 'Pacemaker 2.1.5\n');
  const seen = isRemote ? seenByRemote(world, on) : seenFrom(world, on);
  if (seen === null) return exits(DISCONNECTED, '', 'attrd_updater: Could not connect to pacemaker-attrd');
  const name = after(args, '-n') ?? '';
  const node = after(args, '-N');
  const update = args.includes('-D') ? '' : after(args, '-U');
  if (update !== null) {
    // attrd takes the message; in a lost partition nobody else ever hears of it.
    if (isRemote || canWrite(world, on)) setTransient(world, node ?? on, name, update, on);
    return exits(0);
  }
  const values = seen.transient.get(name);
  if (values === undefined)
    return exits(CONFIG, '', `attrd_updater: Could not query value of ${name}: attribute does not exist`);
  const rows = args.includes('-A') || node === null ? [...values] : [[node, values.get(node) ?? ''] as const];
  const lines = rows.map(
    ([host, value]) => `  <attribute name="${name}" value="${escapeAttribute(value)}" host="${host}"/>`,
  );
  return exits(0, xmlResult(lines.join('\n')));
}

/** A remote node's tools go through the connection that a controller holds to it. */
function seenByRemote(world: World, node: string): ReturnType<typeof seenFrom> {
  const remote = world.cluster.remotes.get(node);
  const isConnected = remote?.online === true && isReachable(machineOf(world, node)) && isQuorate(world);
  if (!isConnected) return null;
  const { permanent, transient } = world.cluster;
  return { permanent, transient, haveQuorum: true };
}

function isNode(world: World, name: string): boolean {
  return world.cluster.members.has(name) || world.cluster.remotes.has(name);
}

function crmAttribute(world: World, on: string, args: readonly string[]): ToolResult {
  const seen = seenFrom(world, on);
  if (seen === null)
    return exits(
      DISCONNECTED,
      '',
      'crm_attribute: Could not connect to the CIB: Transport endpoint is not connected',
    );
  const node = after(args, '--node') ?? '';
  const name = after(args, '--name') ?? '';
  if (!isNode(world, node)) return exits(NO_SUCH, '', `crm_attribute: Could not map name=${node} to a UUID`);
  const update = after(args, '--update');
  if (update !== null) return setPermanent(world, on, node, name, update, on) ? exits(0) : 'hangs';
  if (args.includes('--delete')) return setPermanent(world, on, node, name, null, on) ? exits(0) : 'hangs';
  const value = seen.permanent.get(node)?.get(name);
  if (value === undefined)
    return exits(NO_SUCH, '', 'crm_attribute: Error performing operation: No such device or address');
  return exits(0, xmlResult(`  <attribute name="${name}" value="${escapeAttribute(value)}" scope="nodes"/>`));
}

const CONDITIONAL_DELETE =
  /^\/cib\/configuration\/nodes\/node\[@uname='([^']+)'\]\/instance_attributes\/nvpair\[@name='([^']+)' and contains\(concat\(@value,','\),'([^']+)'\)\]$/;

function cibadmin(world: World, on: string, args: readonly string[]): ToolResult {
  const seen = seenFrom(world, on);
  if (seen === null) return exits(DISCONNECTED, '', 'cibadmin: Could not connect to the CIB');
  if (args.includes('--query')) return exits(0, cibXml(world, seen));
  const [, node, name, text] = CONDITIONAL_DELETE.exec(after(args, '--xpath') ?? '') ?? [];
  if (!args.includes('--delete') || node === undefined || name === undefined || text === undefined)
    return exits(UNSUPPORTED, '', 'cibadmin: usage');
  const value = world.cluster.permanent.get(node)?.get(name);
  if (!deletePermanentIf(world, on, node, name, text, on)) return 'hangs';
  return value !== undefined && `${value},`.includes(text) ? exits(0) : exits(NO_SUCH);
}

/** `--history NODE --verbose`: the fencers' memory, pending first, then the newest; times in whole seconds. */
function stonithAdmin(world: World, on: string, args: readonly string[]): ToolResult {
  if (seenFrom(world, on) === null)
    return exits(DISCONNECTED, '', 'stonith_admin: Could not connect to fencer');
  const node = after(args, '--history');
  if (node === null) return exits(UNSUPPORTED, '', 'stonith_admin: usage');
  // `*` is all of them (lib/pacemaker/pcmk_fence.c pcmk__fence_history).
  const targets = node === '*' ? [...world.cluster.history.keys()] : [node];
  const records = targets.flatMap((target) =>
    (world.cluster.history.get(target) ?? []).map((record) => ({ target, record })),
  );
  const events = records.map(({ target, record }) => {
    const when =
      record.completedAt === null
        ? ''
        : ` completed="${new Date(record.completedAt).toISOString().slice(0, 19).replace('T', ' ')}Z"`;
    return `    <fence_event action="${record.action}" target="${target}" client="pacemaker-controld" origin="${record.delegate}" status="${record.status}" delegate="${record.delegate}"${when}/>`;
  });
  return exits(
    0,
    xmlResult(`  <list name="Fencing history" count="${events.length}">\n${events.join('\n')}\n  </list>`),
  );
}
