import type { Plan } from './plan.ts';
import { type Result, type RunOptions, run, type Violation } from './run.ts';

/** Runs that a shrink may take: a bound, not a wish. */
const MAX_RUNS = 300;

export interface Shrunk {
  readonly plan: Plan;
  readonly violation: Violation;
  readonly runs: number;
}

/**
 * A smaller plan that still breaks the same invariant: fewer faults, instances, hosts. Whatever is taken away
 * leaves the rest as it was, because the dice are thrown by keys and not in a row.
 */
export async function shrink(plan: Plan, violation: Violation, options: RunOptions = {}): Promise<Shrunk> {
  let best = { plan, violation };
  let runs = 0;
  const isStill = async (candidate: Plan): Promise<boolean> => {
    if (++runs > MAX_RUNS) return false;
    let result: Result;
    try {
      result = await run(candidate, options);
    } catch {
      return false;
    }
    if (result.violation?.checker !== violation.checker) return false;
    best = { plan: candidate, violation: result.violation };
    return true;
  };
  for (let isSmaller = true; isSmaller && runs < MAX_RUNS; ) {
    isSmaller = false;
    for (const make of [withFaults, withInstances, withComputes]) {
      const count = make.countOf(best.plan);
      for (let size = count; size >= 1; size = Math.floor(size / 2)) {
        for (let at = 0; at < make.countOf(best.plan) && runs < MAX_RUNS; ) {
          if (await isStill(make.without(best.plan, at, size))) isSmaller = true;
          else at += size;
        }
      }
    }
  }
  return { ...best, runs };
}

interface Cut {
  countOf(plan: Plan): number;
  without(plan: Plan, at: number, size: number): Plan;
}

function cut<T>(items: readonly T[], at: number, size: number): T[] {
  return [...items.slice(0, at), ...items.slice(at + size)];
}

const withFaults: Cut = {
  countOf: (plan) => plan.faults.length,
  without: (plan, at, size) => ({ ...plan, faults: cut(plan.faults, at, size) }),
};

const withInstances: Cut = {
  countOf: (plan) => plan.world.instances.length,
  without(plan, at, size) {
    const instances = cut(plan.world.instances, at, size);
    const left = new Set(instances.map((instance) => instance.id));
    const faults = plan.faults.filter((fault) => !('server' in fault) || left.has(fault.server));
    return { ...plan, world: { ...plan.world, instances }, faults };
  },
};

const withComputes: Cut = {
  countOf: (plan) => Math.max(0, plan.world.computes.length - 2),
  without(plan, at, size) {
    const computes = cut(plan.world.computes, at + 2, size);
    const nodes = new Set(computes.flatMap(({ node, host }) => [node, host]));
    const instances = plan.world.instances.filter((each) => each.host === null || nodes.has(each.host));
    const servers = new Set(instances.map((instance) => instance.id));
    const isThere = (name: string): boolean => nodes.has(name) || plan.world.controllers.includes(name);
    const faults = plan.faults.filter(
      (fault) =>
        (!('server' in fault) || servers.has(fault.server)) &&
        (!('machine' in fault) || isThere(fault.machine)) &&
        (!('host' in fault) || isThere(fault.host)) &&
        (!('node' in fault) || isThere(fault.node)),
    );
    return { ...plan, world: { ...plan.world, computes, instances }, faults };
  },
};
