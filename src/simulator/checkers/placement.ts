import type { CheckerKind } from './checker.ts';

/** An evacuation that has ended without success. */
interface Attempt {
  readonly by: string;
  /** Which time of Placement being away it ended in, if it ended in `error`; null: in none. */
  readonly outage: number | null;
}

/**
 * Nobody is given up all of whose attempts have ended in `error` while Placement was away, once: to the scheduler that is no valid
 * host. What a process before has asked for is its own count.
 */
export const placement: CheckerKind = {
  name: 'nobody is given up because Placement was away',
  invariants: [8, 17],
  make(scene) {
    const { world } = scene;
    const attempts = new Map<string, readonly Attempt[]>();
    const given = new Set<string>();
    let outage = 0;
    let isAway = false;
    const look = (): void => {
      const { up, failing } = world.apis.placement;
      if ((!up || failing) && !isAway) outage++;
      isAway = !up || failing;
    };
    return {
      fact(fact) {
        look();
        if (fact.kind !== 'migration' || (fact.status !== 'error' && fact.status !== 'failed')) return;
        const by = world.nova.migrations.find(({ id }) => id === fact.id)?.askedBy ?? '';
        const attempt = { by, outage: fact.status === 'error' && isAway ? outage : null };
        const key = `${fact.server} ${fact.source}`;
        attempts.set(key, [...(attempts.get(key) ?? []), attempt]);
      },
      report(process, { verdicts }) {
        look();
        for (const { host, incident, instances } of verdicts)
          for (const { id, name, outcome, text } of instances) {
            const count = Number(/^(\d+) evacuations failed/.exec(text)?.[1] ?? 0);
            const key = `${incident} ${id}`;
            if (outcome !== 'failed' || count === 0 || given.has(key)) continue;
            given.add(key);
            const last = (attempts.get(`${id} ${host}`) ?? []).slice(-count);
            const [first] = last;
            // One that was lost with its destination counts, too, and has nothing to do with Placement.
            const isOne =
              last.length === count &&
              last.every((each) => each.by === `evacuator:${process.id}` && each.outage === first?.outage);
            // The only one may have ended right before Placement was back.
            if (!isOne || first === undefined || first.outage === null) continue;
            if (count > 1 || (isAway && first.outage === outage))
              scene.violate(
                `${name} is given up after ${count} attempts, and Placement was away in all of them`,
              );
          }
      },
    };
  },
};
