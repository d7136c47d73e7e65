import { planOf } from '../generate.ts';
import { run } from '../run.ts';
import type { Caught } from './build.ts';

/** Runs seeds until one fails. */
export async function hunt(from: number, count: number): Promise<Caught | null> {
  for (let seed = from; seed < from + count; seed++) {
    const { violation } = await run(planOf(seed));
    if (violation !== null) return { seed, violation };
  }
  return null;
}
