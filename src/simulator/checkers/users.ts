import type { CheckerKind } from './checker.ts';

/** In the end what was stopped is stopped, what was locked is locked, and what ran and could be moved runs. */
export const users: CheckerKind = {
  name: "the user's own state is kept",
  invariants: [17],
  make: (scene) => ({
    end() {
      for (const instance of scene.world.nova.instances.values()) {
        if (instance.deleted || scene.touched(instance.id)) continue;
        const { spec, name, vmState } = instance;
        if (spec.vmState === 'stopped' && vmState === 'active')
          scene.violate(`${name} was stopped and runs now`);
        if (spec.vmState === 'active' && vmState === 'stopped' && spec.taskState === null)
          scene.violate(`${name} ran and is stopped now`);
        if (spec.locked !== instance.locked) scene.violate(`the lock of ${name} has changed`);
      }
    },
  }),
};
