/** How the evacuator's tests run one, or several, over a small world. */
import { DEFAULT_POLICY, type Policy } from '../core/policy.ts';
import { EVACUATION_ATTRIBUTE, INCIDENT_ATTRIBUTE } from '../core/records.ts';
import { createEvacuator, type Evacuator } from './loop.ts';
import type { CloudPort } from './ports.ts';
import type { World } from './testing.ts';

export interface Process {
  readonly evacuator: Evacuator;
  readonly ended: Promise<void>;
  kill(): void;
}

let started = 0;

/** `change`: what of the cloud answers otherwise. */
export function start(
  world: World,
  policy: Policy = DEFAULT_POLICY,
  change: (cloud: CloudPort) => Partial<CloudPort> = () => ({}),
): Process {
  const ports = world.ports();
  const cloud = { ...ports.cloud, ...change(ports.cloud) };
  const evacuator = createEvacuator(
    { ...ports, cloud },
    {
      owner: `controller-1:${++started}`,
      policy: () => policy,
      domain: null,
    },
  );
  return { evacuator, ended: evacuator.run(), kill: ports.kill };
}

/** Runs until `done` or the bound; gives whether it came. */
export async function until(world: World, limitMs: number, done: () => boolean): Promise<boolean> {
  for (let passed = 0; passed < limitMs; passed += 250) {
    if (done()) return true;
    await world.clock.advance(250);
  }
  return done();
}

export const isReleased = (world: World, node = world.victim): boolean =>
  !world.permanent.has(`${node} ${INCIDENT_ATTRIBUTE}`);
export const isOver = (world: World): boolean =>
  isReleased(world) && world.attribute(EVACUATION_ATTRIBUTE) === undefined;

/** The node boots and its nova-compute starts as soon as nothing holds it. */
export async function comeBack(world: World, limitMs = 120_000): Promise<boolean> {
  world.rejoin();
  if (!(await until(world, limitMs, () => world.startNovaCompute()))) return false;
  const over = await until(world, limitMs, () => isOver(world));
  if (!over) console.log(world.log.slice(-15).join('\n'), world.reports.at(-1)?.verdicts);
  return over;
}
