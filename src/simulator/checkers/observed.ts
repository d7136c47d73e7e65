import type { CheckerKind } from './checker.ts';

/** What the evacuator calls moved has arrived: Nova has had the instance there, by a record that is done. */
export const observed: CheckerKind = {
  name: 'moved means moved',
  invariants: [4],
  make(scene) {
    const places = new Set<string>();
    const said = new Set<string>();
    for (const { id, host } of scene.plan.world.instances) places.add(`${id}@${host}`);
    return {
      fact(fact) {
        if (fact.kind === 'instance') places.add(`${fact.server}@${fact.host}`);
      },
      report(_process, report) {
        for (const verdict of report.verdicts) {
          for (const { id, name, outcome, to } of verdict.instances) {
            if (outcome !== 'moved') continue;
            const key = `${id}@${to}`;
            if (said.has(key)) continue;
            said.add(key);
            if (to === verdict.host || !places.has(key))
              scene.violate(`${name} is called moved to ${to}, where it has never been`);
          }
        }
      },
    };
  },
};
