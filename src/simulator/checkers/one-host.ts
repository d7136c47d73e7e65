import { nodeOfHost } from '../../world/model.ts';
import { byHand } from '../faults.ts';
import type { CheckerKind } from './checker.ts';

/** No guest runs on two hosts at the same time, whatever Nova's database says of it. */
export const oneHost: CheckerKind = {
  name: 'a guest runs on one host',
  invariants: [5],
  make: (scene) => ({
    fact(fact) {
      if (fact.kind !== 'guest' || fact.state !== 'running') return;
      const { migrations } = scene.world.nova;
      const sourceTo = (node: string): string | undefined =>
        migrations.find(
          ({ server, dest }) =>
            server === fact.server && dest !== null && nodeOfHost(scene.world, dest) === node,
        )?.source;
      for (const machine of scene.world.machines.values()) {
        if (machine.name === fact.host || machine.guests.get(fact.server) !== 'running') continue;
        // Of what an operator has evacuated by hand since we have looked last ours is a second one (one-evacuation.ts).
        const source = sourceTo(fact.host);
        if (scene.touched(byHand(fact.server)) && source !== undefined && source === sourceTo(machine.name))
          continue;
        const name = scene.world.nova.instances.get(fact.server)?.name ?? fact.server;
        scene.violate(`${name} was started on ${fact.host} while it still runs on ${machine.name}`);
      }
    },
  }),
};
