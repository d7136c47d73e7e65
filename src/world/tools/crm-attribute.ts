import { setPermanent, setProperty } from '../attributes.ts';
import { escapeAttribute } from '../cib.ts';
import { seenFrom } from '../membership.ts';
import type { World } from '../model.ts';
import {
  type Called,
  DISCONNECTED,
  fails,
  NO_SUCH,
  readCall,
  says,
  type ToolResult,
  USAGE,
} from './answer.ts';

const GRAMMAR = {
  names: {
    ...{ '-N': 'node', '--node': 'node', '-n': 'name', '--name': 'name', '-t': 'type', '--type': 'type' },
    ...{ '-l': 'lifetime', '--lifetime': 'lifetime', '-v': 'update', '--update': 'update' },
    ...{ '-G': 'query', '--query': 'query', '-D': 'delete', '--delete': 'delete', '--output-as': 'output' },
  },
  values: ['node', 'name', 'type', 'lifetime', 'update', 'output'],
};

/** Where a value stands, and how it is changed. */
interface Place {
  readonly scope: 'nodes' | 'crm_config';
  readonly value: string | undefined;
  /** What the deletion of one calls it. */
  readonly kind: string;
  readonly id: string;
  readonly set: (value: string | null) => boolean;
}

/** tools/crm_attribute.c: permanent node attributes (`--lifetime forever`) and cluster properties (`--type crm_config`). */
export function crmAttribute(world: World, on: string, args: readonly string[]): ToolResult {
  const call = readCall('crm_attribute', args, GRAMMAR);
  if ('exitCode' in call) return call;
  const { options } = call;
  const seen = seenFrom(world, on);
  if (seen === null)
    return fails(call, DISCONNECTED, 'Could not connect to the CIB: Transport endpoint is not connected');
  const name = options.get('name') ?? '';
  if (options.get('type') === 'crm_config') {
    return answer(call, name, {
      scope: 'crm_config',
      value: world.cluster.properties.get(name),
      kind: 'crm_config option',
      id: 'cib-bootstrap-options',
      set: (value) => setProperty(world, on, name, value, on),
    });
  }
  // What else it can do nobody here asks it for.
  if (options.get('lifetime') !== 'forever')
    return fails(call, USAGE, 'in the lab only --lifetime forever and --type crm_config');
  const node = options.get('node') ?? on;
  const isNode = world.cluster.members.has(node) || world.cluster.remotes.has(node);
  if (!isNode) return fails(call, NO_SUCH, `Could not map name=${node} to a UUID`);
  return answer(call, name, {
    scope: 'nodes',
    value: seen.permanent.get(node)?.get(name),
    kind: 'nodes attribute',
    id: `nodes-${node}`,
    set: (value) => setPermanent(world, on, node, name, value, on),
  });
}

function answer(call: Called, name: string, { scope, value, kind, id, set }: Place): ToolResult {
  const update = call.options.get('update');
  if (update !== undefined) return set(update) ? says(call, { xml: [], text: '' }) : 'hangs';
  if (call.options.has('delete')) {
    // One that is not there is deleted in silence (measured); older releases exited with ENXIO.
    if (!set(null)) return 'hangs';
    return says(call, {
      xml: [],
      text: value === undefined ? '' : `Deleted ${kind}: id=${id}-${name} name=${name}\n`,
    });
  }
  if (value === undefined)
    return fails(call, NO_SUCH, 'Error performing operation: No such device or address');
  return says(call, {
    xml: [`<attribute name="${name}" value="${escapeAttribute(value)}" scope="${scope}"/>`],
    text: `scope=${scope}  name=${name} value=${value}\n`,
  });
}
