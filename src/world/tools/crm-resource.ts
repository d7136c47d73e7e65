import { seenFrom } from '../membership.ts';
import type { World } from '../model.ts';
import { setTargetRole } from '../remotes.ts';
import {
  type Called,
  DISCONNECTED,
  exits,
  fails,
  NO_SUCH,
  readCall,
  type ToolResult,
  USAGE,
} from './answer.ts';
import { cloneResources, singleResources } from './status.ts';

const GRAMMAR = {
  names: {
    ...{ '-r': 'resource', '--resource': 'resource', '-W': 'locate', '--locate': 'locate' },
    ...{ '-m': 'meta', '--meta': 'meta', '-p': 'set', '--set-parameter': 'set' },
    ...{ '-v': 'value', '--parameter-value': 'value', '-d': 'delete', '--delete-parameter': 'delete' },
  },
  values: ['resource', 'set', 'value', 'delete'],
};

/** The one meta attribute that somebody sets in the lab. */
const TARGET_ROLE = 'target-role';

/** tools/crm_resource.c: where a resource runs, and whether a remote node is to be connected (`target-role`). */
export function crmResource(world: World, on: string, args: readonly string[]): ToolResult {
  const call = readCall('crm_resource', args, GRAMMAR);
  if ('exitCode' in call) return call;
  if (seenFrom(world, on) === null)
    return fails(call, DISCONNECTED, 'Could not connect to the CIB: Transport endpoint is not connected');
  const name = call.options.get('resource');
  if (name !== undefined && call.options.has('meta')) return changeRole(world, on, call, name);
  if (name === undefined || !call.options.has('locate'))
    return fails(call, USAGE, 'in the lab only --locate, and the target-role of a remote node');
  const instances =
    cloneResources(world).find(({ id }) => id === name || id === `${name}-clone`)?.instances ??
    singleResources(world).filter(({ id }) => id === name);
  if (instances.length === 0)
    return exits(
      NO_SUCH,
      '',
      `crm_resource: Resource '${name}' not found\nError performing operation: No such object\n`,
    );
  const places = instances.flatMap(({ role, on: where }) =>
    role === 'Stopped' || where === null ? [] : [where],
  );
  if (places.length === 0) return exits(0, `resource ${name} is NOT running\n`);
  return exits(0, places.map((where) => `resource ${name} is running on: ${where}\n`).join(''));
}

/** `--meta --set-parameter target-role --parameter-value Stopped|Started`, `--meta --delete-parameter target-role`. */
function changeRole(world: World, on: string, call: Called, node: string): ToolResult {
  const remote = world.cluster.remotes.get(node);
  if (remote === undefined)
    return exits(
      NO_SUCH,
      '',
      `crm_resource: Resource '${node}' not found\nError performing operation: No such object\n`,
    );
  const value = call.options.get('value');
  const id = `${node}-meta_attributes`;
  if (call.options.get('delete') === TARGET_ROLE) {
    const had = remote.targetRole !== null;
    if (!setTargetRole(world, remote, on, null)) return 'hangs';
    // One that is not there is deleted in silence (tools/crm_resource_runtime.c cli_resource_delete_attribute).
    const text = `Deleted '${node}' option: id=${id}-${TARGET_ROLE} name=${TARGET_ROLE}\n`;
    return exits(0, had ? text : '');
  }
  if (call.options.get('set') !== TARGET_ROLE || (value !== 'Stopped' && value !== 'Started'))
    return fails(call, USAGE, 'in the lab only target-role, Stopped or Started');
  if (!setTargetRole(world, remote, on, value)) return 'hangs';
  const set = `id=${id}-${TARGET_ROLE} set=${id} name=${TARGET_ROLE} value=${value}`;
  return exits(0, `Set '${node}' option: ${set}\n`);
}
