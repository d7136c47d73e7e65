import { planOf } from '../generate.ts';
import { run } from '../run.ts';
import { type FeatureName, hasFeature } from '../sites.ts';
import type { Caught } from './build.ts';

/** Runs seeds until one fails; `feature`: only those among them that have it. */
export async function hunt(
  from: number,
  count: number,
  feature: FeatureName | null = null,
): Promise<Caught | null> {
  for (let seed = from; seed < from + count; seed++) {
    if (feature !== null && !hasFeature(seed, feature)) continue;
    const { violation } = await run(planOf(seed));
    if (violation !== null) return { seed, violation };
  }
  return null;
}
