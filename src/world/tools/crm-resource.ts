import { seenFrom } from '../membership.ts';
import type { World } from '../model.ts';
import { DISCONNECTED, exits, fails, NO_SUCH, readCall, type ToolResult, USAGE } from './answer.ts';
import { cloneResources, singleResources } from './status.ts';

const GRAMMAR = {
  names: { '-r': 'resource', '--resource': 'resource', '-W': 'locate', '--locate': 'locate' },
  values: ['resource'],
};

/** tools/crm_resource.c: where a resource runs. */
export function crmResource(world: World, on: string, args: readonly string[]): ToolResult {
  const call = readCall('crm_resource', args, GRAMMAR);
  if ('exitCode' in call) return call;
  if (seenFrom(world, on) === null)
    return fails(call, DISCONNECTED, 'Could not connect to the CIB: Transport endpoint is not connected');
  const name = call.options.get('resource');
  if (name === undefined || !call.options.has('locate'))
    return fails(call, USAGE, 'in the lab only --locate');
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
