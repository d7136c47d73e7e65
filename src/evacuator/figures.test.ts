import { describe, expect, it } from 'vitest';
import { ControlPlane, CrowdedPlane, type Plane, SharedPlane, WidePlane } from '../core/testing-planes.ts';
import { bestLoopMs, figuresOf } from './testing-figures.ts';

const queue = (workMs: number, spawnS: number) => (): Plane => new ControlPlane(workMs, spawnS * 1_000);
const shared = (workMs: number, spawnS: number) => (): Plane => new SharedPlane(workMs, spawnS * 1_000);
const crowded = (workMs: number, destinationMs: number, spawnS: number) => (): Plane =>
  new CrowdedPlane(workMs, destinationMs, spawnS * 1_000);
const wide = (workMs: number, spawnS: number, sideBySide: number) => (): Plane =>
  new WidePlane(workMs, spawnS * 1_000, sideBySide);

/** Looks at the cluster a second: one, two while claims come faster than one a second, and a few for answers. */
const mostLooks = (plane: Plane): number =>
  plane.workMs >= 1_000 && !(plane instanceof WidePlane) ? 1.6 : 2.6;

/** The whole evacuator over modelled control planes that it has not been told of, beside the best of the bare loops there. */
describe(
  'requests to Nova for each instance, and the time beside the best bare loop',
  { timeout: 300_000 },
  () => {
    for (const [name, instances, plane, mostEach, mostTime] of [
      ['one claim after the other, 0.35 s each', 50, queue(350, 0), 1.3, 1.1],
      ['0.35 s each, and 2 s to spawn', 50, queue(350, 2), 1.3, 1.1],
      ['0.35 s each, and 8 s to spawn', 50, queue(350, 8), 1.3, 1.1],
      ['0.7 s each', 50, queue(700, 0), 1.32, 1.1],
      ['0.4 s of work that all in flight share', 50, shared(400, 0), 1.3, 1.1],
      ['0.4 s of shared work, and 8 s to spawn', 50, shared(400, 8), 1.3, 1.1],
      ['one claim after the other, 0.35 s each', 200, queue(350, 0), 1.15, 1.1],
      ['0.35 s each, and 8 s to spawn', 200, queue(350, 8), 1.15, 1.1],
      ['0.4 s of work that all in flight share', 200, shared(400, 0), 1.15, 1.1],
      ['0.4 s each, then 1.5 s that all share on the destination', 50, crowded(400, 1_500, 0), 1.32, 1.1],
      ['0.4 s each, then 1.5 s that all share on the destination', 200, crowded(400, 1_500, 0), 1.15, 1.1],
      ['0.4 s each, then 1.5 s shared there, and 8 s to spawn', 200, crowded(400, 1_500, 8), 1.17, 1.15],
      ['0.3 s each, then 2.4 s that all share on the destination', 200, crowded(300, 2_400, 0), 1.2, 1.1],
      // Slower ones, where each takes longer than 10 s, and a much faster one.
      ['1 s each, and 8 s to spawn', 50, queue(1_000, 8), 1.34, 1.1],
      ['2.5 s each, and 8 s to spawn', 50, queue(2_500, 8), 1.48, 1.1],
      ['0.2 s each', 50, queue(200, 0), 1.3, 1.2],
      // Large clouds, where only the window is a limit: the best loop knows from the beginning that it may have 64.
      ['four at once, 1 s each', 200, wide(1_000, 0, 4), 1.15, 1.1],
      ['four at once, 1 s each, and 8 s to spawn', 200, wide(1_000, 8, 4), 1.15, 1.2],
      ['64 at once, 2 s each, and 8 s to spawn', 200, wide(2_000, 8, 64), 1.15, 2],
    ] as const) {
      it(`${instances} instances: ${name}`, async () => {
        const figures = await figuresOf({
          plane: plane(),
          instances,
          questionMs: (unfinished) => 50 + 40 * unfinished,
          startMs: 20_000,
        });
        const { asked } = figures;
        expect(asked.filter((each) => each.includes(' evacuate '))).toHaveLength(instances);
        expect(figures.toRelease / instances, asked.join('\n')).toBeLessThanOrEqual(mostEach);
        expect(figures.tookMs / bestLoopMs(plane, instances)).toBeLessThanOrEqual(mostTime);
        expect(figures.widest).toBeLessThanOrEqual(64);
        expect(figures.looksPerSecond).toBeLessThanOrEqual(mostLooks(plane()));
        expect(figures.releaseMs).toBeLessThanOrEqual(15_000);
      });
    }
  },
);

it('lists the services seldom while evacuations are under way', async () => {
  const { asked, tookMs } = await figuresOf({
    plane: queue(350, 80)(),
    instances: 8,
    questionMs: () => 50,
    startMs: 20_000,
  });
  expect(tookMs).toBeGreaterThan(80_000);
  const seconds = asked
    .filter((each) => each.includes(' listServices '))
    .map((each) => Number.parseFloat(each))
    .filter((at) => at < tookMs / 1_000);
  expect(seconds).toHaveLength(1);
});
