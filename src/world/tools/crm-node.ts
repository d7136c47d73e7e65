import { isQuorate, seenFrom } from '../membership.ts';
import type { World } from '../model.ts';
import { DISCONNECTED, exits, fails, readCall, type ToolResult, USAGE } from './answer.ts';

const GRAMMAR = {
  names: {
    ...{
      '-n': 'name',
      '--name': 'name',
      '-i': 'id',
      '--cluster-id': 'id',
      '-q': 'quorum',
      '--quorum': 'quorum',
    },
    ...{ '-l': 'list', '--list': 'list', '-p': 'partition', '--partition': 'partition' },
  },
  values: [],
};

/** tools/crm_node.c: who one is, and who else there is. */
export function crmNode(world: World, on: string, args: readonly string[]): ToolResult {
  const call = readCall('crm_node', args, GRAMMAR);
  if ('exitCode' in call) return call;
  const { controllers } = world.spec;
  const seen = seenFrom(world, on);
  if (seen === null) return fails(call, DISCONNECTED, 'Could not connect to cluster');
  const members = controllers.filter((name) => world.cluster.agreed.has(name));
  if (call.options.has('name')) return exits(0, `${on}\n`);
  if (call.options.has('id')) return exits(0, `${controllers.indexOf(on) + 1}\n`);
  if (call.options.has('quorum')) return exits(0, `${isQuorate(world) ? 1 : 0}\n`);
  if (call.options.has('partition')) return exits(0, `${members.join(' ')} \n`);
  if (!call.options.has('list')) return fails(call, USAGE, 'not in the lab');
  const line = (name: string, index: number): string =>
    `${index + 1} ${name} ${members.includes(name) ? 'member' : 'lost'}\n`;
  return exits(0, controllers.map(line).join(''));
}
