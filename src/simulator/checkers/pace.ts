import { type CheckerKind, EFFECT_MS, isOurs, STEP_MS, underWay } from './checker.ts';

/** What adding up fractions of a millisecond may be off by, ms. */
const ROUNDING_MS = 0.001;

/** No more is in flight than the policy allows, in all and of one host, and no two requests come closer than its pause. */
export const pace: CheckerKind = {
  name: 'the bounds of the pace hold',
  invariants: [],
  make(scene) {
    const lastAsked = new Map<number, number>();
    return {
      line(process, { msg }) {
        if (!msg.startsWith('asking Nova to evacuate ')) return;
        const { now } = scene.world.agenda;
        const staggerMs = Math.min(...scene.policies(STEP_MS).map(({ pace }) => pace.staggerMs));
        const sinceMs = now - (lastAsked.get(process.id) ?? Number.NEGATIVE_INFINITY);
        if (sinceMs < staggerMs - ROUNDING_MS)
          scene.violate(
            `two requests within ${sinceMs} ms, though the policy has ${staggerMs} ms between them`,
          );
        lastAsked.set(process.id, now);
      },
      fact(fact) {
        if (fact.kind !== 'migration' || fact.status !== 'accepted' || !isOurs(fact.by)) return;
        const paces = scene.policies(EFFECT_MS).map((policy) => policy.pace);
        const maxInFlight = Math.max(...paces.map((each) => each.maxInFlight));
        const maxInFlightPerHost = Math.max(...paces.map((each) => each.maxInFlightPerHost));
        const all = underWay(scene.world);
        const own = all.filter(({ source }) => source === fact.source);
        if (all.length > maxInFlight)
          scene.violate(`${all.length} evacuations are in flight, more than ${maxInFlight}`);
        if (own.length > maxInFlightPerHost)
          scene.violate(
            `${own.length} evacuations of ${fact.source} are in flight, more than ${maxInFlightPerHost}`,
          );
      },
    };
  },
};
