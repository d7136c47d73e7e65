import { after } from './agenda.ts';
import { canWrite } from './membership.ts';
import type { World } from './model.ts';
import { manageChain } from './resources.ts';

/** The scheduler of Pacemaker acts on a change of the CIB after about so long, ms. */
export const TRANSITION_MS = 200;

/** Sets (or with null deletes) a permanent node attribute. False: the cluster can't take it. */
export function setPermanent(
  world: World,
  from: string,
  node: string,
  name: string,
  value: string | null,
  by: string,
): boolean {
  if (!canWrite(world, from)) return false;
  const { permanent } = world.cluster;
  const values = permanent.get(node) ?? new Map<string, string>();
  permanent.set(node, values);
  const before = values.get(name) ?? null;
  if (value === null) values.delete(name);
  else values.set(name, value);
  if (before !== value) world.emit({ kind: 'attribute', node, name, value, lifetime: 'forever', by });
  const remote = world.cluster.remotes.get(node);
  if (remote !== undefined && (before === null) !== (value === null)) {
    after(world.agenda, TRANSITION_MS, () => manageChain(world, remote));
  }
  return true;
}

/** Sets (or with null deletes) a cluster property. False: the cluster can't take it. */
export function setProperty(
  world: World,
  from: string,
  name: string,
  value: string | null,
  by: string,
): boolean {
  if (!canWrite(world, from)) return false;
  const before = world.cluster.properties.get(name) ?? null;
  if (value === null) world.cluster.properties.delete(name);
  else world.cluster.properties.set(name, value);
  if (before !== value) world.emit({ kind: 'property', name, value, by });
  return true;
}

/** Deletes a permanent node attribute only while its value contains `text`, in one step of the CIB. */
export function deletePermanentIf(
  world: World,
  from: string,
  node: string,
  name: string,
  text: string,
  by: string,
): boolean {
  if (!canWrite(world, from)) return false;
  const value = world.cluster.permanent.get(node)?.get(name);
  if (value !== undefined && `${value},`.includes(text)) setPermanent(world, from, node, name, null, by);
  return true;
}

/** Sets a transient attribute. attrd takes any node's name (measured); an empty value is an unset one. */
export function setTransient(world: World, node: string, name: string, value: string, by: string): void {
  const values = world.cluster.transient.get(name) ?? new Map<string, string>();
  world.cluster.transient.set(name, values);
  const before = values.get(node) ?? '';
  values.set(node, value);
  if (before !== value) {
    world.emit({ kind: 'attribute', node, name, value: value === '' ? null : value, lifetime: 'reboot', by });
  }
}

/** What attrd does with a remote node that is lost, and again when it rejoins (`attrd_peer_remove`, measured). */
export function eraseTransients(world: World, node: string): void {
  for (const [name, values] of world.cluster.transient) {
    const had = values.get(node);
    values.delete(node);
    if (had !== undefined && had !== '')
      world.emit({ kind: 'attribute', node, name, value: null, lifetime: 'reboot', by: 'attrd' });
  }
}
