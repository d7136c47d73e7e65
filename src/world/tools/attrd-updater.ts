import { setTransient } from '../attributes.ts';
import { escapeAttribute } from '../cib.ts';
import { isReachable } from '../machines.ts';
import { canWrite, isQuorate, seenFrom } from '../membership.ts';
import { machineOf, type World } from '../model.ts';
import {
  CONFIG,
  DISCONNECTED,
  exits,
  fails,
  readCall,
  says,
  type ToolResult,
  USAGE,
  VERSION,
} from './answer.ts';

const GRAMMAR = {
  names: {
    ...{
      '-n': 'name',
      '--name': 'name',
      '-N': 'node',
      '--node': 'node',
      '-U': 'update',
      '--update': 'update',
    },
    ...{
      '-A': 'all',
      '--query-all': 'all',
      '-Q': 'query',
      '--query': 'query',
      '-D': 'delete',
      '--delete': 'delete',
    },
    ...{ '-p': 'private', '--private': 'private', '--output-as': 'output', '--version': 'version' },
  },
  values: ['name', 'node', 'update', 'output'],
};

/** tools/attrd_updater.c: attrd's values, which live in memory only. */
export function attrdUpdater(world: World, on: string, args: readonly string[]): ToolResult {
  const call = readCall('attrd_updater', args, GRAMMAR);
  if ('exitCode' in call) return call;
  const { options } = call;
  if (options.has('version')) return exits(0, VERSION);
  const isRemote = machineOf(world, on).role === 'compute';
  const seen = isRemote ? seenByRemote(world, on) : seenFrom(world, on);
  if (seen === null) return fails(call, DISCONNECTED, 'Could not connect to pacemaker-attrd');
  const name = options.get('name');
  if (name === undefined) return fails(call, USAGE, 'Command requires --name argument');
  const node = options.get('node');
  const update = options.has('delete') ? '' : options.get('update');
  if (update !== undefined) {
    if (!options.has('private') && !world.cluster.transient.has(name)) world.cluster.published.add(name);
    // attrd takes the message; in a lost partition nobody else ever hears of it.
    if (isRemote || canWrite(world, on)) setTransient(world, node ?? on, name, update, on);
    return says(call, { xml: [], text: '' });
  }
  const values = seen.transient.get(name);
  if (values === undefined)
    return fails(call, CONFIG, `Could not query value of ${name}: attribute does not exist`);
  const rows =
    options.has('all') || node === undefined ? [...values] : [[node, values.get(node) ?? ''] as const];
  return says(call, {
    xml: rows.map(
      ([host, value]) => `<attribute name="${name}" value="${escapeAttribute(value)}" host="${host}"/>`,
    ),
    text: rows.map(([host, value]) => `name="${name}" host="${host}" value="${value}"\n`).join(''),
  });
}

/** A remote node's tools go through the connection that a controller holds to it. */
function seenByRemote(world: World, node: string): ReturnType<typeof seenFrom> {
  const remote = world.cluster.remotes.get(node);
  const isConnected = remote?.online === true && isReachable(machineOf(world, node)) && isQuorate(world);
  if (!isConnected) return null;
  const { permanent, transient } = world.cluster;
  return { permanent, transient, haveQuorum: true };
}
