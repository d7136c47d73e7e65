import { describe, expect, it } from 'vitest';
import { hostName, nodeName } from '../core/names.ts';
import { DEFAULT_POLICY } from '../core/policy.ts';
import { EVACUATION_ATTRIBUTE } from '../core/records.ts';
import { type Fate, World } from './testing.ts';
import { comeBack, isReleased, start, until } from './testing-runs.ts';

const SECOND = nodeName('compute-2');
const MIN = 60_000;

/** The first request goes to compute-2, as `fate` has it, and compute-2 dies soon after; the rest is as usual. */
async function dyingDestination(
  fate: Partial<Fate>,
  world = new World(1),
  policy = DEFAULT_POLICY,
): Promise<World> {
  const usual: Fate = { spawnMs: 3_000, end: 'done', answer: 'given' };
  world.fate = (n) => (n === 0 ? { ...usual, ...fate } : usual);
  start(world, policy);
  world.fence('first');
  expect(await until(world, 10_000, () => world.evacuations.length > 0)).toBe(true);
  await world.clock.advance(500);
  world.fence('second', SECOND);
  return world;
}

async function secondComesBack(world: World): Promise<void> {
  world.rejoin('boot-of-second', SECOND);
  expect(await until(world, MIN, () => world.startNovaCompute(SECOND))).toBe(true);
}

const instanceTexts = (world: World): string =>
  (world.reports.at(-1)?.verdicts ?? []).flatMap((v) => v.instances.map((i) => i.text)).join('\n');

describe('an evacuation whose destination dies before its claim', () => {
  it('is asked for again when its message is gone with it, once the destination is back for a while', async () => {
    const world = await dyingDestination({ claimMs: 5_000 });
    await world.clock.advance(2 * MIN);
    expect(world.posts).toBe(1);
    expect(instanceTexts(world)).toMatch(/nobody has taken it up|sent to compute-2, which died/);
    await secondComesBack(world);
    await world.clock.advance(25_000);
    expect(world.posts).toBe(1);
    expect(await until(world, 2 * MIN, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(2);
    expect(world.log.join('\n')).toMatch(/1 evacuations were lost when compute-2 died under them/);
    expect(world.servers[0]).toMatchObject({ host: 'compute-2', vmState: 'active', taskState: null });
    // Nova took the lost record for the second request; the one of that request nobody goes on with.
    expect(world.evacuations.map((e) => e.status)).toEqual(['done', 'accepted']);
    expect(world.violations).toEqual([]);
    expect(await comeBack(world)).toBe(true);
  });

  it('takes no room that the instances of its destination need to let that come back', async () => {
    const world = new World(1, 4);
    world.addServer(9, 'active', { host: hostName('compute-2') });
    const { pace } = DEFAULT_POLICY;
    await dyingDestination({ claimMs: 5_000 }, world, {
      ...DEFAULT_POLICY,
      pace: { ...pace, maxInFlight: 1 },
    });
    expect(await until(world, 5 * MIN, () => isReleased(world, SECOND))).toBe(true);
    await secondComesBack(world);
    expect(await until(world, 3 * MIN, () => isReleased(world))).toBe(true);
    expect(world.violations).toEqual([]);
  });

  it('is left to its message when that waits in the queue: it is late, and nothing is asked for twice', async () => {
    const world = await dyingDestination({ sendMs: 3_000 });
    await world.clock.advance(2 * MIN);
    await secondComesBack(world);
    expect(await until(world, MIN, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(1);
    expect(world.servers[0]).toMatchObject({ host: 'compute-2', taskState: null });
    expect(world.violations).toEqual([]);
  });

  it('is held while the destination is away, and the way out is named', async () => {
    const world = await dyingDestination({ claimMs: 5_000 });
    await world.clock.advance(6 * MIN);
    expect(world.posts).toBe(1);
    expect(isReleased(world)).toBe(false);
    expect(instanceTexts(world)).toMatch(
      /sent to compute-2, which died.*30 s later.*never comes back.*delete_queue compute.compute-2/,
    );
  });

  it('is waited for while Placement does not say where it went', async () => {
    const world = await dyingDestination({ claimMs: 5_000 });
    world.silent.add('placement');
    await secondComesBack(world);
    await world.clock.advance(5 * MIN);
    expect(world.posts).toBe(1);
    expect(instanceTexts(world)).toMatch(/Placement can't be asked which host was chosen for it: no answer/);
    // A Placement that hangs keeps the evacuator from nothing.
    world.silent.clear();
    world.hangs.add('placement');
    const ticks = world.reports.length;
    await world.clock.advance(MIN);
    expect(world.reports.length - ticks).toBeGreaterThan(50);
    world.hangs.clear();
    expect(await until(world, 2 * MIN, () => isReleased(world))).toBe(true);
    expect(world.violations).toEqual([]);
  });

  it('is waited for while it was sent to a host that lives, whoever else has died', async () => {
    const world = new World(1, 4);
    world.fate = () => ({ spawnMs: 3_000, end: 'done', answer: 'given', claimMs: 4 * MIN });
    start(world);
    world.fence('first');
    expect(await until(world, 10_000, () => world.evacuations.length > 0)).toBe(true);
    await world.clock.advance(500);
    world.fence('third', nodeName('compute-3'));
    expect(await until(world, MIN, () => isReleased(world, nodeName('compute-3')))).toBe(true);
    await world.clock.advance(2 * MIN);
    expect(instanceTexts(world)).toMatch(/received by the nova-compute of compute-2; waiting for its claim/);
    expect(await until(world, 5 * MIN, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(1);
    expect(world.violations).toEqual([]);
  });

  it('is asked for again also by a successor, which waits anew', async () => {
    const world = new World(1);
    const usual: Fate = { spawnMs: 3_000, end: 'done', answer: 'given' };
    world.fate = (n) => (n === 0 ? { ...usual, claimMs: 5_000 } : usual);
    const first = start(world);
    world.fence('first');
    expect(await until(world, 10_000, () => world.evacuations.length > 0)).toBe(true);
    await world.clock.advance(500);
    world.fence('second', SECOND);
    await world.clock.advance(MIN);
    await secondComesBack(world);
    // Closed: what is left of its death is its history.
    const isClosed = (): boolean => !world.permanent.has(`${SECOND} ${EVACUATION_ATTRIBUTE}`);
    expect(await until(world, 25_000, isClosed)).toBe(true);
    first.kill();
    start(world);
    await world.clock.advance(30_000);
    expect(world.posts).toBe(1);
    expect(await until(world, 2 * MIN, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(2);
    expect(world.violations).toEqual([]);
  });

  it('moves in the end though that happens to it twice, the second time with the claim made', async () => {
    const world = await dyingDestination({ claimMs: 5_000 });
    await world.clock.advance(MIN);
    world.fate = () => ({ spawnMs: 20_000, end: 'done', answer: 'given' });
    await secondComesBack(world);
    expect(await until(world, 3 * MIN, () => world.live().some((e) => e.dest === 'compute-2'))).toBe(true);
    world.fence('again', SECOND);
    expect(await until(world, 2 * MIN, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(3);
    expect(world.servers[0]).toMatchObject({ host: 'compute-3', taskState: null });
    expect(world.violations).toEqual([]);
  });

  it('is the same where the request named the host, and the record with it', async () => {
    const world = new World(1);
    const policy = {
      ...DEFAULT_POLICY,
      destinations: { reservedHosts: true, addToAggregate: false, targetReserved: true },
    };
    const reserve = { status: 'disabled', disabledReason: 'reserved' } as const;
    world.services.set(hostName('compute-2'), { ...world.service(hostName('compute-2')), ...reserve });
    await dyingDestination({ sendMs: 3_000 }, world, policy);
    expect(world.evacuations[0]).toMatchObject({ dest: 'compute-2', status: 'accepted' });
    await world.clock.advance(2 * MIN);
    expect(world.posts).toBe(1);
    await secondComesBack(world);
    expect(await until(world, MIN, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(1);
    expect(world.violations).toEqual([]);
  });
});

describe('an evacuation that nova-conductor has given up with an error', () => {
  it('is asked for again when a look shows that nobody has closed its record', async () => {
    const world = new World(1);
    const usual: Fate = { spawnMs: 3_000, end: 'done', answer: 'given' };
    world.fate = (n) => (n === 0 ? { ...usual, end: 'given-up' } : usual);
    start(world);
    world.fence('first');
    await world.clock.advance(5 * MIN);
    expect(world.posts).toBe(1);
    expect(await until(world, MIN, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(2);
    expect(world.log.join('\n')).toMatch(
      /nova-conductor has given up 1 evacuations with an error.*asked for again/,
    );
    expect(world.evacuations.map((e) => e.status)).toEqual(['done', 'accepted']);
    expect(world.violations).toEqual([]);
  });

  it('counts as an attempt, so that it has an end', async () => {
    const world = new World(1);
    world.fate = () => ({ spawnMs: 3_000, end: 'given-up', answer: 'given' });
    start(world);
    world.fence('first');
    const isFailed = (): boolean =>
      /3 evacuations failed, the last of which Nova has left as accepted/.test(instanceTexts(world));
    expect(await until(world, 20 * MIN, isFailed)).toBe(true);
    expect(await until(world, MIN, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(DEFAULT_POLICY.retry.maxAttempts);
    expect(world.violations).toEqual([]);
  });
});
