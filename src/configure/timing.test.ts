import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FENCE_COMPUTE_OFF_LIMIT_S,
  FENCE_COMPUTE_ON_LIMIT_S,
  TIMING_INPUTS,
  type TimingInput,
  timingOf,
} from './timing.ts';

const inputs = fc.record(
  Object.fromEntries(
    Object.entries(TIMING_INPUTS).map(([name, { min, max }]) => [name, fc.integer({ min, max })]),
  ),
) as unknown as fc.Arbitrary<TimingInput>;

describe('the times', () => {
  it('fit each other, whatever the operator sets', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const timing = timingOf(input);
        expect(timing.waitStart).toBeGreaterThan(timing.evacuationDelay);
        expect(timing.stonithTimeout).toBeGreaterThan(
          Math.max(FENCE_COMPUTE_OFF_LIMIT_S, FENCE_COMPUTE_ON_LIMIT_S),
        );
        expect(timing.stonithTimeout).toBeGreaterThan(input.powerTimeoutS);
        expect(timing.waitFailure).toBeLessThanOrEqual(timing.recheckInterval);
        expect(timing.evacuateFailure).toBeGreaterThan(
          timing.evacuateMonitorInterval + timing.evacuateMonitorTimeout,
        );
      }),
    );
  });
});
