import { REBOOTING, STARTING } from '../../world/nova.ts';
import { type CheckerKind, UNRECORDED } from './checker.ts';

/** Outcomes with which an instance may be left where it is, with its reason. */
const EXPLAINED: ReadonlySet<string> = new Set(['failed', 'cannot', 'excluded']);

/** Who starts an instance in the moment in which it is looked whether somebody has can't be seen, ms: a slow Nova takes long for that. */
const RACE_MS = 20_000;

/**
 * In the end what was stopped is stopped, what was locked is locked, and what ran and could be moved runs. What its user has started is
 * not stopped.
 */
export const users: CheckerKind = {
  name: "the user's own state is kept",
  invariants: [9, 17],
  make(scene) {
    const explained = new Set<string>();
    /** Names of those that have been on their way for so long that a person is told to stop them when they have arrived. */
    const late = new Set<string>();
    /** Those of which a verdict says that a guest may run where Nova does not know of it: a person looks for that. */
    const left = new Set<string>();
    /** Server → when its user has started it where it is. */
    const started = new Map<string, number>();
    /** Hosts that have been down: only there an instance can have stopped running. */
    const runsSomewhere = (id: string): boolean =>
      [...scene.world.machines.values()].some((machine) => machine.guests.get(id) === 'running');
    return {
      fact(fact) {
        if (fact.kind === 'instance' && (fact.taskState === STARTING || fact.taskState === REBOOTING))
          started.set(fact.server, scene.world.agenda.now);
        if (fact.kind === 'migration' && fact.status === 'accepted') started.delete(fact.server);
      },
      sending(_process, { call, path, body }) {
        if (call !== 'POST action' || body === null || typeof body !== 'object' || !('os-stop' in body))
          return;
        for (const [server, at] of started)
          if (path.includes(`/${server}/`) && scene.world.agenda.now - at > RACE_MS)
            scene.violate(
              `${scene.world.nova.instances.get(server)?.name} is stopped, and its user has started it`,
            );
      },
      report(_process, report) {
        for (const { text } of report.verdicts)
          for (const name of /may arrive running yet: stop them then: ([^;]*)/.exec(text)?.[1]?.split(', ') ??
            [])
            late.add(name);
        for (const { instances } of report.verdicts)
          for (const { id, outcome, text } of instances) {
            if (EXPLAINED.has(outcome)) explained.add(id);
            if (outcome === 'failed' && text.includes('may run on')) left.add(id);
          }
      },
      end() {
        for (const instance of scene.world.nova.instances.values()) {
          const { spec, name, vmState, host, taskState } = instance;
          if (instance.deleted || scene.touched(instance.id) || scene.touched(host ?? '')) continue;
          if (scene.touched(UNRECORDED + spec.host)) continue;
          // Before Zed Nova evacuates none whose stopping was cut off by the death of its host: that is explained.
          const isLeftStarted = vmState === 'active' && !explained.has(instance.id);
          // It may have been told to stop right then.
          const isStopping = taskState === 'powering-off';
          if (
            spec.vmState === 'stopped' &&
            !isStopping &&
            !late.has(name) &&
            (isLeftStarted || (runsSomewhere(instance.id) && !left.has(instance.id)))
          )
            scene.violate(`${name} was stopped and runs now`);
          if (spec.vmState === 'active' && vmState === 'stopped' && spec.taskState === null)
            scene.violate(`${name} ran and is stopped now`);
          if (spec.locked !== instance.locked) scene.violate(`the lock of ${name} has changed`);
          const shouldRun = spec.vmState === 'active' && spec.taskState === null && taskState === null;
          // Its destination died with the guest when the source had not finished: Nova has it on a host that lives.
          const isLostOnItsWay = scene.world.nova.liveMigrations.some(
            ({ server, status, source }) =>
              server === instance.id && source === host && (status === 'error' || status === 'completed'),
          );
          if (
            shouldRun &&
            vmState === 'active' &&
            !isLostOnItsWay &&
            !explained.has(instance.id) &&
            !runsSomewhere(instance.id)
          )
            scene.violate(`${name} ran, could have been moved, and does not run anywhere now`);
        }
      },
    };
  },
};
