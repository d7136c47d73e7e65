import { failure, type Result, success } from './errors.ts';
import { pacemakerResult } from './fixtures.ts';
import type { RunTool, ToolOptions, ToolOutput } from './tool.ts';
import { escapeXml } from './xml.ts';

/** A cluster in memory behind Pacemaker's commands, for tests: what they answer, with faults as inputs. */
export interface FakeCluster {
  readonly run: RunTool;
  readonly calls: string[][];
  readonly remotes: string[];
  readonly controllers: string[];
  /** node → name → value. */
  readonly permanent: Map<string, Map<string, string>>;
  /** name → node → value. */
  readonly transient: Map<string, Map<string, string>>;
  haveQuorum: boolean;
  /** Looks at each call first; an answer of its own replaces the true one. */
  fault: (tool: string, args: readonly string[], options: ToolOptions) => Result<ToolOutput> | null;
  /** The node that a remote call without `-N` comes from. */
  local: string;
}

/** Two controllers and two computes with nothing set, and quorum. Tools beyond cibadmin, crm_attribute and attrd_updater are missing. */
export function fakeCluster(): FakeCluster {
  const cluster: FakeCluster = {
    calls: [],
    controllers: ['controller-1', 'controller-2'],
    remotes: ['compute-1', 'compute-2'],
    permanent: new Map(),
    transient: new Map(),
    haveQuorum: true,
    fault: () => null,
    local: 'compute-1',
    run: async (tool, args, options) => {
      cluster.calls.push([tool, ...args]);
      return cluster.fault(tool, args, options) ?? answer(cluster, tool, args);
    },
  };
  return cluster;
}

/** The answer of a tool that has run to its end, whatever its exit code. */
export const exits = (exitCode: number, stdout = '', stderr = ''): Result<ToolOutput> =>
  success({ exitCode, stdout, stderr });
/** The answer of a tool that was killed at its bound; it says 10 s, whatever the bound was. */
export const hangs = (tool: string): Result<ToolOutput> =>
  failure({ code: 'timeout', tool, afterMs: 10_000 });

function answer(cluster: FakeCluster, tool: string, args: readonly string[]): Result<ToolOutput> {
  switch (tool) {
    case 'cibadmin':
      return exits(0, cibOf(cluster));
    case 'crm_attribute':
      return permanent(cluster, args);
    case 'attrd_updater':
      return transient(cluster, args);
    default:
      return failure({ code: 'tool-missing', tool });
  }
}

function after(args: readonly string[], option: string): string | undefined {
  const at = args.indexOf(option);
  return at < 0 ? undefined : args[at + 1];
}

function permanent(cluster: FakeCluster, args: readonly string[]): Result<ToolOutput> {
  const node = after(args, '--node') ?? '';
  const name = after(args, '--name') ?? '';
  if (![...cluster.controllers, ...cluster.remotes].includes(node)) {
    return exits(105, '', `crm_attribute: Could not map name=${node} to a UUID\n`);
  }
  const values = cluster.permanent.get(node) ?? new Map<string, string>();
  cluster.permanent.set(node, values);
  const update = after(args, '--update');
  if (update !== undefined) values.set(name, update);
  else if (args.includes('--delete')) values.delete(name);
  else {
    const value = values.get(name);
    if (value === undefined)
      return exits(105, '', 'crm_attribute: Error performing operation: No such device or address');
    return exits(0, pacemakerResult(`<attribute name="${name}" value="${escapeXml(value)}" scope="nodes"/>`));
  }
  return exits(0);
}

function transient(cluster: FakeCluster, args: readonly string[]): Result<ToolOutput> {
  const name = after(args, '-n') ?? '';
  const node = after(args, '-N');
  const update = args.includes('-D') ? '' : after(args, '-U');
  if (update !== undefined) {
    const values = cluster.transient.get(name) ?? new Map<string, string>();
    cluster.transient.set(name, values);
    values.set(node ?? cluster.local, update);
    return exits(0);
  }
  const values = cluster.transient.get(name);
  if (values === undefined) return exits(78);
  const rows = node === undefined ? [...values] : [[node, values.get(node) ?? ''] as const];
  const xml = rows.map(
    ([host, value]) => `<attribute name="${name}" value="${escapeXml(value)}" host="${host}"/>`,
  );
  return exits(0, pacemakerResult(xml.join('\n')));
}

function cibOf(cluster: FakeCluster): string {
  const node = (name: string, type: string): string => {
    const pairs = [...(cluster.permanent.get(name) ?? [])].map(
      ([key, value]) => `<nvpair id="${name}-${key}" name="${key}" value="${escapeXml(value)}"/>`,
    );
    return `<node id="${name}" uname="${name}"${type}><instance_attributes id="${name}-ia">${pairs.join('')}</instance_attributes></node>`;
  };
  const nodes = [
    ...cluster.controllers.map((name) => node(name, '')),
    ...cluster.remotes.map((name) => node(name, ' type="remote"')),
  ];
  return `<cib have-quorum="${cluster.haveQuorum ? 1 : 0}" dc-uuid="1"><configuration><crm_config/><nodes>${nodes.join('')}</nodes><resources/><constraints/></configuration><status/></cib>`;
}
