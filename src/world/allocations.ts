import type { World } from './model.ts';

/**
 * What Placement has of an instance: the hosts that give it resources. A choice of the scheduler adds its host to all that is there
 * (nova/scheduler/client/report.py _move_operation_alloc_request). A nova-compute takes back its own alone: of an evacuation that
 * fails with it, and at its start of those that have left it (remove_provider_tree_from_instance_allocation); its periodic task
 * leaves what it finds of others (nova/compute/resource_tracker.py _remove_deleted_instances_allocations). What was chosen for an
 * evacuation that is lost therefore stays until the instance is deleted, or is evacuated from that very host. A live migration is a
 * consumer too, of what its instance has on the source.
 */
export function allocate(world: World, server: string, host: string): void {
  const held = world.nova.allocations.get(server);
  if (held === undefined) world.nova.allocations.set(server, new Set([host]));
  else held.add(host);
}

/** What one host gives to an instance is free again. Nothing where it gave none, and for null: no host was chosen. */
export function takeBack(world: World, server: string, host: string | null): void {
  if (host !== null) world.nova.allocations.get(server)?.delete(host);
}

const NONE: ReadonlySet<string> = new Set();

/** The hosts that give resources to an instance. */
export function givers(world: World, server: string): ReadonlySet<string> {
  return world.nova.allocations.get(server) ?? NONE;
}

/** Host → how many it gives to. */
export function loadOfHosts(world: World): ReadonlyMap<string, number> {
  const load = new Map<string, number>();
  for (const hosts of world.nova.allocations.values())
    for (const host of hosts) load.set(host, (load.get(host) ?? 0) + 1);
  return load;
}
