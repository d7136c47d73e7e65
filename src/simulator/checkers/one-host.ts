import type { CheckerKind } from './checker.ts';

/** No guest runs on two hosts at the same time, whatever Nova's database says of it. */
export const oneHost: CheckerKind = {
  name: 'a guest runs on one host',
  invariants: [5],
  make: (scene) => ({
    fact(fact) {
      if (fact.kind !== 'guest' || fact.state !== 'running') return;
      for (const machine of scene.world.machines.values()) {
        if (machine.name === fact.host || machine.guests.get(fact.server) !== 'running') continue;
        const name = scene.world.nova.instances.get(fact.server)?.name ?? fact.server;
        scene.violate(`${name} was started on ${fact.host} while it still runs on ${machine.name}`);
      }
    },
  }),
};
