import { isOurMarker } from '../../core/records.ts';
import { type CheckerKind, isOurs, UNRECORDED } from './checker.ts';

/** In the end nothing of ours is left: no marker, no forced_down that we set. */
export const givenBack: CheckerKind = {
  name: 'what was taken is given back',
  invariants: [18],
  make(scene) {
    const forced = new Map<string, string>();
    return {
      fact(fact) {
        if (fact.kind === 'service' && fact.what === 'forced down') forced.set(fact.host, fact.by);
      },
      end() {
        for (const service of scene.world.nova.services.values()) {
          if (isOurMarker(service.disabledReason)) scene.violate(`${service.host} is still disabled by us`);
          // What its record alone knew went with that: whoever deletes it by hand looks at the host.
          if (scene.touched(UNRECORDED + service.host)) continue;
          if (service.forcedDown && isOurs(forced.get(service.host) ?? null))
            scene.violate(`${service.host} is still forced down by us`);
        }
      },
    };
  },
};
