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
import { constraintText } from './constraint-text.ts';
import { cloneResources, singleResources } from './status.ts';

const GRAMMAR = {
  names: {
    ...{ '-r': 'resource', '--resource': 'resource', '-W': 'locate', '--locate': 'locate' },
    ...{ '-a': 'constraints', '--constraints': 'constraints', '-A': 'constraints', '--stack': 'constraints' },
    ...{ '-m': 'meta', '--meta': 'meta', '-p': 'set', '--set-parameter': 'set' },
    ...{ '-v': 'value', '--parameter-value': 'value', '-d': 'delete', '--delete-parameter': 'delete' },
  },
  values: ['resource', 'set', 'value', 'delete'],
};

/** The one meta attribute that somebody sets in the lab. */
const TARGET_ROLE = 'target-role';

/** tools/crm_resource.c: where a resource runs and may run, and whether a remote node is to be connected (`target-role`). */
export function crmResource(world: World, on: string, args: readonly string[]): ToolResult {
  const call = readCall('crm_resource', args, GRAMMAR);
  if ('exitCode' in call) return call;
  const seen = seenFrom(world, on);
  if (seen === null)
    return fails(call, DISCONNECTED, 'Could not connect to the CIB: Transport endpoint is not connected');
  const name = call.options.get('resource');
  if (name !== undefined && call.options.has('meta')) return changeRole(world, on, call, name);
  if (!call.options.has('locate') && !call.options.has('constraints'))
    return fails(
      call,
      USAGE,
      'in the lab only --locate, --constraints, and the target-role of a remote node',
    );
  if (name === undefined) return fails(call, USAGE, 'Must supply a resource id with -r');
  const clone = cloneResources(world).find(({ id }) => id === name || id === `${name}-clone`);
  const instances = clone?.instances ?? singleResources(world).filter(({ id }) => id === name);
  if (instances.length === 0) return noSuch(name);
  // Constraints are the clone's, whoever of the two is asked for.
  if (call.options.has('constraints')) return exits(0, constraintText(world, seen, clone?.id ?? name));
  const places = instances.flatMap(({ role, on: where }) =>
    role === 'Stopped' || where === null ? [] : [where],
  );
  if (places.length === 0) return exits(0, `resource ${name} is NOT running\n`);
  return exits(0, places.map((where) => `resource ${name} is running on: ${where}\n`).join(''));
}

const noSuch = (name: string): ToolResult =>
  exits(
    NO_SUCH,
    '',
    `crm_resource: Resource '${name}' not found\nError performing operation: No such object\n`,
  );

/** `--meta --set-parameter target-role --parameter-value Stopped|Started`, `--meta --delete-parameter target-role`. */
function changeRole(world: World, on: string, call: Called, node: string): ToolResult {
  const remote = world.cluster.remotes.get(node);
  if (remote === undefined) return noSuch(node);
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
