import { machineOf, type World } from '../model.ts';
import { exits, type ToolResult } from './answer.ts';
import { attrdUpdater } from './attrd-updater.ts';
import { cibadmin } from './cibadmin.ts';
import { crmAttribute } from './crm-attribute.ts';
import { crmMon } from './crm-mon.ts';
import { crmNode } from './crm-node.ts';
import { crmResource } from './crm-resource.ts';
import { stonithAdmin } from './stonith-admin.ts';

type Tool = (world: World, on: string, args: readonly string[]) => ToolResult;

/** Pacemaker's commands, as far as the agents and a person in the lab call them; all of 2.1.5. */
const TOOLS: Readonly<Record<string, Tool>> = {
  attrd_updater: attrdUpdater,
  cibadmin,
  crm_attribute: crmAttribute,
  crm_mon: crmMon,
  crm_node: crmNode,
  crm_resource: crmResource,
  stonith_admin: stonithAdmin,
};
export const TOOL_NAMES: readonly string[] = Object.keys(TOOLS);

/** Carries out one of Pacemaker's commands on a machine, here and now. */
export function runPacemakerTool(
  world: World,
  on: string,
  name: string,
  args: readonly string[],
): ToolResult {
  const machine = machineOf(world, on);
  if (machine.os !== 'up') return 'hangs';
  if (machine.role === 'compute' && name !== 'attrd_updater') {
    // domain.md: the death of this node would now hang the controller of its connection.
    world.emit({ kind: 'fault', what: `${name} was called on the remote node ${on}` });
    return exits(1, '', `${name}: not on a remote node`);
  }
  if (world.cluster.members.get(on)?.toolsHang) return 'hangs';
  return TOOLS[name]?.(world, on, args) ?? exits(127, '', `${name}: command not found`);
}
