import { after } from './agenda.ts';
import { changeInstance, instanceOf } from './database.ts';
import { between, type Instance, machineOf, nodeOfHost, type World } from './model.ts';
import { isUp, pickHost, type Refusal } from './nova.ts';

/**
 * `os-migrateLive` (nova/compute/api.py live_migrate): accepted, and carried out later. What finds no host stays where
 * it is (nova/conductor/tasks/live_migrate.py), as it does when one of the two hosts dies.
 */
export function liveMigrate(world: World, server: string, wanted: string | null): Refusal {
  const instance = instanceOf(world, server);
  if (instance === null) return { status: 404, message: `Instance ${server} could not be found.` };
  const { vmState, taskState, host } = instance;
  if (vmState !== 'active' && vmState !== 'paused') return invalid(server, `vm_state ${vmState}`);
  if (taskState !== null) return invalid(server, `task_state ${taskState}`);
  const service = host === null ? undefined : world.nova.services.get(host);
  if (host === null || service === undefined || !isUp(world, service))
    return { status: 400, message: `Compute service of ${host} is unavailable at this time.` };
  changeInstance(world, instance, { taskState: 'migrating' }, 'live migration accepted');
  after(world.agenda, between(world, world.spec.nova.conductorMs, 'live', server, world.counter++), () =>
    begin(world, instance, host, wanted),
  );
  return null;
}

const invalid = (server: string, state: string): Refusal => ({
  status: 409,
  message: `Cannot 'os-migrateLive' instance ${server} while it is in ${state}`,
});

/** Whether it is still on its way: nobody else has changed it meanwhile. */
const isMoving = ({ deleted, taskState, host }: Instance, source: string): boolean =>
  !deleted && taskState === 'migrating' && host === source;

function begin(world: World, instance: Instance, source: string, wanted: string | null): void {
  if (!isMoving(instance, source)) return;
  const dest = pickHost(world, instance, { key: world.counter++, source }, wanted);
  const compute = dest === null ? undefined : world.nova.computes.get(dest);
  if (dest === null || compute?.state !== 'running') {
    const fault = 'No valid host was found. There are not enough hosts available.';
    changeInstance(world, instance, { taskState: null, fault }, 'no valid host');
    return;
  }
  const { process } = compute;
  const from = world.nova.computes.get(source);
  const sourceProcess = from?.process;
  after(
    world.agenda,
    between(world, world.spec.nova.spawnMs, 'live-move', instance.id, world.counter++),
    () => {
      // A nova-compute that has gone takes its part of the move with it; the record stays `migrating`.
      if (!isMoving(instance, source) || from?.process !== sourceProcess) return;
      if (compute.process !== process) {
        changeInstance(
          world,
          instance,
          { taskState: null, fault: 'Live migration failed.' },
          'destination died',
        );
        return;
      }
      const [old, next] = [source, dest].map((host) => machineOf(world, nodeOfHost(world, host)));
      old?.guests.delete(instance.id);
      next?.guests.set(instance.id, 'running');
      if (old !== undefined)
        world.emit({ kind: 'guest', host: old.name, server: instance.id, state: 'gone' });
      if (next !== undefined)
        world.emit({ kind: 'guest', host: next.name, server: instance.id, state: 'running' });
      changeInstance(world, instance, { host: dest, taskState: null }, 'moved alive');
    },
  );
}
