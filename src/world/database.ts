import { type Instance, type Migration, novaNow, type World } from './model.ts';

/** The instance of this id; null when there is none, or it is deleted. */
export function instanceOf(world: World, id: string): Instance | null {
  const instance = world.nova.instances.get(id);
  return instance === undefined || instance.deleted ? null : instance;
}

/** Writes an instance at Nova's time, and tells it as a fact; `why` is for that alone. That it makes sense is for the caller to know. */
export function changeInstance(
  world: World,
  instance: Instance,
  change: Partial<Pick<Instance, 'host' | 'vmState' | 'taskState' | 'fault' | 'locked' | 'deleted'>>,
  why: string,
): void {
  Object.assign(instance, change, { updatedAt: novaNow(world) });
  const { host, vmState, taskState } = instance;
  world.emit({ kind: 'instance', server: instance.id, host, vmState, taskState, why });
}

/** Writes a migration at Nova's time, and tells it as a fact: Nova's own doing, asked for by nobody. */
export function changeMigration(
  world: World,
  migration: Migration,
  change: Partial<Pick<Migration, 'status' | 'dest'>>,
): void {
  Object.assign(migration, change, { updatedAt: novaNow(world) });
  tellMigration(world, migration, null);
}

/** Tells a migration as it stands. `by`: who has asked for it; null: Nova has changed it. */
export function tellMigration(world: World, migration: Migration, by: string | null): void {
  const { id, server, source, dest, status } = migration;
  world.emit({ kind: 'migration', id, server, source, dest, status, by });
}
