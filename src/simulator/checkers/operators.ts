import { policyOf } from '../plan.ts';
import { type CheckerKind, isOurs, isReservedBy } from './checker.ts';

/** What an operator does in the moment in which we act on what we have just read can't be seen, ms. */
const RACE_MS = 3_500;

interface Hand {
  readonly what: string;
  readonly by: string;
  readonly at: number;
}

/** A service that an operator disabled or forced down is not touched; only our own marker is cleared. */
export const operators: CheckerKind = {
  name: "the operator's settings are kept",
  invariants: [16],
  make(scene) {
    const { reservedHosts } = policyOf(scene.plan.policy).destinations;
    // Whoever has kept a host for failures means it to be enabled then (reserves.ts); any other is theirs.
    const disabled = scene.plan.world.computes.filter(
      ({ disabledReason }) =>
        disabledReason !== undefined && !(reservedHosts && isReservedBy(disabledReason)),
    );
    const status = new Map<string, Hand>(
      disabled.map(({ host }) => [host, { what: 'disabled', by: 'operator', at: Number.NEGATIVE_INFINITY }]),
    );
    const forced = new Map<string, Hand>();
    /** Hosts of which we have asked Nova to take them as down: who of two has done it then, Nova does not say. */
    const asked = new Set<string>();
    const isTheirs = (hand: Hand | undefined, what: string): boolean =>
      hand !== undefined &&
      hand.what === what &&
      !isOurs(hand.by) &&
      scene.world.agenda.now - hand.at > RACE_MS;
    return {
      sending(_process, { call, path, body }) {
        if (call !== 'PUT os-services' || body === null || typeof body !== 'object') return;
        if (!('forced_down' in body) || body.forced_down !== true) return;
        const host = [...scene.world.nova.services.values()].find(({ id }) => path.endsWith(`/${id}`))?.host;
        if (host === undefined) return;
        asked.add(host);
        // What was set since our last look passes for ours as well.
        if (scene.world.agenda.now - (forced.get(host)?.at ?? 0) <= RACE_MS) forced.delete(host);
      },
      fact(fact) {
        if (fact.kind !== 'service') return;
        const { host, what, by } = fact;
        const hand = { what, by, at: scene.world.agenda.now };
        if (what === 'enabled' || what === 'disabled') {
          if (isOurs(by) && isTheirs(status.get(host), 'disabled'))
            scene.violate(`${host} was ${what} by us though an operator had disabled it`);
          status.set(host, hand);
        } else if (what.endsWith('forced down')) {
          if (isOurs(by) && what === 'no longer forced down' && isTheirs(forced.get(host), 'forced down'))
            scene.violate(`forced_down of ${host} was cleared by us though an operator had set it`);
          if (what === 'no longer forced down') asked.delete(host);
          if (!asked.has(host)) forced.set(host, hand);
        }
      },
    };
  },
};
