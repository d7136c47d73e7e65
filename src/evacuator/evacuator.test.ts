import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeName } from '../core/names.ts';
import {
  EVACUATE_ATTRIBUTE,
  EVACUATION_ATTRIBUTE,
  parseEvacuation,
  RELEASE_ATTRIBUTE,
} from '../core/records.ts';
import { type Fate, World } from './testing.ts';
import { comeBack, isOver, isReleased, start, until } from './testing-runs.ts';

describe('a host that dies', () => {
  it('is evacuated, released, and enabled again when it is back', async () => {
    const world = new World(12);
    const process = start(world);
    await world.clock.advance(5_000);
    world.fence();
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(world.servers.every((s) => s.host === 'compute-2' && s.vmState === 'active')).toBe(true);
    expect(world.service(world.victimHost)).toMatchObject({ forcedDown: true, status: 'disabled' });
    expect(world.transient.get(`${world.victim} ${EVACUATE_ATTRIBUTE}`)).toBe('no');
    expect(await comeBack(world)).toBe(true);
    expect(world.service(world.victimHost)).toMatchObject({
      forcedDown: false,
      status: 'enabled',
      disabledReason: null,
      state: 'up',
    });
    expect(world.posts).toBe(12);
    expect(world.violations).toEqual([]);
    process.evacuator.stop();
    await world.clock.advance(1_000);
    await process.ended;
  });

  it('gets its first evacuate request within a second and a half of the mark', async () => {
    const world = new World(12);
    start(world);
    await world.clock.advance(5_000);
    world.fence();
    const marked = world.clock.time;
    await until(world, 5_000, () => world.posts > 0);
    expect(world.clock.time - marked).toBeLessThanOrEqual(1_500);
  });

  it('asks Nova no more than 1.35 times an instance, the way back included', async () => {
    const world = new World(50);
    world.fate = () => ({ spawnMs: 4_000, end: 'done', answer: 'given' });
    start(world);
    await world.clock.advance(5_000);
    world.gets = 0;
    world.fence();
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    expect(await comeBack(world)).toBe(true);
    expect(world.posts).toBe(50);
    expect((world.gets + world.posts) / 50).toBeLessThanOrEqual(1.35);
  });

  it('is settled in one look, however many of its instances arrive together', async () => {
    const world = new World(40);
    // All of them end in the same moment.
    world.fate = () => ({ spawnMs: 60_000 - world.clock.time, end: 'done', answer: 'given' });
    start(world);
    await world.clock.advance(5_000);
    world.fence();
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    // One to begin with, one at the end.
    expect(world.listings).toBe(2);
  });

  it('is left alone without quorum, and without proof that its power is off', async () => {
    for (const blind of ['quorum', 'topology', 'history'] as const) {
      const world = new World(3);
      start(world);
      await world.clock.advance(2_000);
      world.fence();
      if (blind === 'quorum') world.quorum = false;
      if (blind === 'topology') world.powerFencedFirst = false;
      if (blind === 'history') world.neverFenced();
      await world.clock.advance(30_000);
      expect(world.posts, blind).toBe(0);
      expect(world.service(world.victimHost).forcedDown, blind).toBe(false);
      expect(world.log.join('\n'), blind).toMatch(/no quorum|no power device|no successful fencing/);
    }
  });

  it('keeps what an operator had set: a disabled or forced down service is not enabled by us', async () => {
    for (const set of [
      { status: 'disabled', disabledReason: 'broken fan' },
      { forcedDown: true, state: 'down' },
    ] as const) {
      const world = new World(2);
      const before = { ...world.service(world.victimHost), ...set };
      world.services.set(world.victimHost, before);
      start(world);
      world.fence();
      expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
      expect(await comeBack(world)).toBe(true);
      expect(world.service(world.victimHost)).toMatchObject({
        status: before.status,
        disabledReason: before.disabledReason,
        forcedDown: before.forcedDown,
      });
    }
  });

  it('asks Nova about its return only when Pacemaker has started nova-compute', async () => {
    const world = new World(2);
    start(world);
    world.fence();
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    world.rejoin();
    world.novaCompute = 'stopped';
    await world.clock.advance(2_000);
    world.gets = 0;
    await world.clock.advance(30_000);
    expect(world.gets).toBeLessThanOrEqual(1);
    expect(world.startNovaCompute()).toBe(true);
    world.novaCompute = 'running';
    expect(await until(world, 10_000, () => isOver(world))).toBe(true);
  });

  it('does not disable a service again that an operator has enabled in the meantime', async () => {
    const world = new World(4);
    world.fate = () => ({ spawnMs: 10_000, end: 'done', answer: 'given' });
    start(world);
    world.fence();
    expect(await until(world, 10_000, () => world.service(world.victimHost).status === 'disabled')).toBe(
      true,
    );
    const service = world.service(world.victimHost);
    world.services.set(world.victimHost, { ...service, status: 'enabled', disabledReason: null });
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(world.service(world.victimHost)).toMatchObject({ status: 'enabled', forcedDown: true });
    expect(await comeBack(world)).toBe(true);
    expect(world.service(world.victimHost)).toMatchObject({ status: 'enabled', forcedDown: false });
  });

  it('does not enable a service that an operator took over in the meantime', async () => {
    const world = new World(2);
    start(world);
    world.fence();
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    world.services.set(world.victimHost, {
      ...world.service(world.victimHost),
      disabledReason: 'mine: do not touch',
    });
    expect(await comeBack(world)).toBe(true);
    expect(world.service(world.victimHost)).toMatchObject({
      status: 'disabled',
      disabledReason: 'mine: do not touch',
      forcedDown: false,
    });
  });

  it('leaves forced down what an operator forces down right after we have cleared it', async () => {
    const world = new World(1);
    start(world);
    world.fence();
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    world.rejoin();
    expect(await until(world, 60_000, () => world.startNovaCompute())).toBe(true);
    const isForced = (): boolean => world.service(world.victimHost).forcedDown;
    for (let passed = 0; passed < 60_000 && isForced(); passed += 10) await world.clock.advance(10);
    expect(isForced()).toBe(false);
    world.services.set(world.victimHost, { ...world.service(world.victimHost), forcedDown: true });
    expect(await until(world, 120_000, () => isOver(world))).toBe(true);
    expect(world.service(world.victimHost)).toMatchObject({ forcedDown: true, status: 'enabled' });
  });
});

describe('instances', () => {
  it('that cannot be moved are named and hold up neither the others nor the host', async () => {
    const world = new World(4);
    for (const [i, state] of ['paused', 'suspended', 'rescued', 'shelved'].entries())
      world.addServer(10 + i, state);
    const failing = world.addServer(20, 'active');
    world.fate = (_, server) => ({
      spawnMs: 1_000,
      end: server === failing ? 'failed' : 'done',
      answer: 'given',
    });
    start(world);
    world.fence();
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    const told = world.log.join('\n');
    for (const state of ['paused', 'suspended', 'rescued', 'shelved'])
      expect(told).toMatch(new RegExp(`\\(cannot\\).*${state}`));
    expect(told).toMatch(/vm-020 \(failed\): 3 evacuations failed: spawn failed/);
    expect(world.evacuations.filter((e) => e.server === failing.id)).toHaveLength(3);
    expect(world.servers.filter((s) => s.host === 'compute-2')).toHaveLength(4);
  });

  it('that were stopped stay stopped, also after a failed attempt has turned them into ERROR', async () => {
    const world = new World(0);
    const stopped = world.addServer(1, 'stopped');
    const seen = new Set<string>();
    world.fate = (n) => ({ spawnMs: 1_000, end: n === 0 ? 'error' : 'done', answer: 'given' });
    start(world);
    world.fence();
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(stopped).toMatchObject({ host: 'compute-2', vmState: 'stopped' });
    expect(seen.size).toBe(0);
  });

  it('whose request got no answer are adopted, not asked for twice', async () => {
    const world = new World(6);
    world.fate = () => ({ spawnMs: 25_000, end: 'done', answer: 'lost-after' });
    start(world);
    world.fence();
    expect(await until(world, 180_000, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(6);
    expect(world.violations).toEqual([]);
  });

  it('whose request was lost on the way are asked for again, once it cannot take effect any more', async () => {
    const world = new World(2);
    world.fate = (n) => ({ spawnMs: 1_000, end: 'done', answer: n < 2 ? 'lost-before' : 'given' });
    start(world);
    world.fence();
    expect(await until(world, 240_000, () => isReleased(world))).toBe(true);
    expect(world.servers.every((s) => s.host === 'compute-2')).toBe(true);
  });

  it('that turn up on the host after it was first listed are not forgotten', async () => {
    const world = new World(3);
    start(world);
    world.fence();
    // A migration to the host that ends after its death, say.
    world.clock.after(2_500, () => {
      const late = world.addServer(50, 'active');
      late.updatedAt = world.nova() - 3_600_000;
    });
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(world.servers.map((s) => s.host)).toEqual(Array(4).fill('compute-2'));
  });

  it('whose destination dies under them go elsewhere, though it is back long before they are', async () => {
    const world = new World(6);
    const second = nodeName('compute-2');
    world.fate = () => ({ spawnMs: 15_000, end: 'done', answer: 'given' });
    start(world);
    world.fence('first');
    const claimed = (): number => world.live().filter((e) => e.dest === 'compute-2').length;
    expect(await until(world, 10_000, () => claimed() === 6)).toBe(true);
    world.fence('second', second);
    await world.clock.advance(3_000);
    world.rejoin('boot-of-second', second);
    expect(await until(world, 20_000, () => world.startNovaCompute(second))).toBe(true);
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    expect(world.servers.every((s) => s.host !== 'compute-1' && s.vmState === 'active')).toBe(true);
    expect(world.violations).toEqual([]);
    expect(await comeBack(world)).toBe(true);
    expect([...world.services.values()].every((s) => s.status === 'enabled' && !s.forcedDown)).toBe(true);
  });

  it('are listed once more before the release, also where there was nothing to move', async () => {
    const world = new World(0);
    world.addServer(1, 'paused');
    start(world);
    world.fence();
    // One that turns up between the first list and the release, which here follow each other closely.
    const late = (): void => {
      if (world.listings === 0) world.clock.after(10, late);
      else world.addServer(2, 'active').updatedAt = world.nova() - 3_600_000;
    };
    late();
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(world.servers.map((s) => s.host)).toEqual(['compute-1', 'compute-2']);
  });

  it('that somebody deletes on their way do not hold up the host, though their records never end', async () => {
    const world = new World(4);
    world.fate = (_, server) => ({
      spawnMs: 3_000,
      end: server.name === 'vm-000' ? 'never' : 'done',
      answer: 'given',
    });
    start(world);
    world.fence();
    expect(await until(world, 10_000, () => world.live().length === 4)).toBe(true);
    await world.clock.advance(5_000);
    const deleted = world.servers.find((s) => s.name === 'vm-000');
    Object.assign(deleted ?? {}, {
      deleted: true,
      host: null,
      vmState: 'deleted',
      taskState: null,
      updatedAt: world.nova(),
    });
    world.gets = 0;
    expect(await until(world, 150_000, () => isReleased(world))).toBe(true);
    expect(world.log.join('\n')).toMatch(/vm-000 \(gone\): it was deleted/);
    expect(world.gets).toBeLessThanOrEqual(60);
  });

  it('wait out an API that is away, without counting it as a refusal', async () => {
    const world = new World(12);
    start(world);
    await world.clock.advance(3_000);
    world.fence();
    await until(world, 5_000, () => world.posts >= 4);
    world.cloudDown = true;
    await world.clock.advance(60_000);
    world.cloudDown = false;
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    expect(world.servers.every((s) => s.host === 'compute-2')).toBe(true);
    expect(world.violations).toEqual([]);
  });
});

describe('the evacuator itself', () => {
  it('goes on where a clean stop left it, without waiting', async () => {
    const world = new World(20);
    const first = start(world);
    world.fence();
    await until(world, 10_000, () => world.posts >= 5);
    first.evacuator.stop();
    await world.clock.advance(2_000);
    await first.ended;
    expect(parseEvacuation(world.attribute(EVACUATION_ATTRIBUTE) ?? '')?.clean).toBe(true);
    const second = start(world);
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(20);
    expect(world.violations).toEqual([]);
    second.evacuator.stop();
  });

  it('lets a node without an incident go even when Nova is away, and holds one with an incident', async () => {
    const world = new World(1);
    world.cloudDown = true;
    start(world);
    world.rejoin('boot-aaaa-0001');
    await world.clock.advance(3_000);
    expect(world.transient.get(`${world.victim} ${RELEASE_ATTRIBUTE}`)).toBe('released boot-aaaa-0001');
    world.fence();
    world.rejoin('boot-bbbb-0002');
    await world.clock.advance(3_000);
    expect(world.transient.get(`${world.victim} ${RELEASE_ATTRIBUTE}`)).toMatch(
      /^held boot-bbbb-0002 .*Nova/,
    );
  });

  it('keeps an incident that begins while the one before is being closed', async () => {
    const world = new World(3);
    start(world);
    world.fence('first');
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    for (const server of world.servers)
      Object.assign(server, { host: world.victimHost, updatedAt: world.nova() });
    world.fence('second');
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(world.servers.every((s) => s.host === 'compute-2')).toBe(true);
    expect(await comeBack(world)).toBe(true);
    expect(world.service(world.victimHost)).toMatchObject({ status: 'enabled', forcedDown: false });
  });

  it('neither doubles nor loses an instance, whatever happens', { timeout: 300_000 }, async () => {
    const fate: fc.Arbitrary<Fate> = fc.record({
      spawnMs: fc.integer({ min: 300, max: 40_000 }),
      end: fc.constantFrom('done', 'done', 'done', 'failed', 'error'),
      answer: fc.constantFrom('given', 'given', 'given', 'lost-after', 'lost-before', 'refused-connection'),
      queuedMs: fc.constantFrom(100, 100, 400, 6_000, 35_000),
    });
    const fault = fc.record({
      atMs: fc.integer({ min: 0, max: 60_000 }),
      kind: fc.constantFrom('kill', 'stop', 'cloud', 'rejoin', 'fence'),
      forMs: fc.integer({ min: 0, max: 20_000 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 14 }),
        fc.array(fc.constantFrom('active', 'stopped', 'error', 'paused'), { maxLength: 6 }),
        fc.array(fate, { minLength: 1, maxLength: 20 }),
        fc.array(fault, { maxLength: 5 }),
        async (count, states, fates, faults) => {
          const world = new World(count);
          for (const [i, state] of states.entries()) world.addServer(100 + i, state);
          const killed = faults.some((each) => each.kind === 'kill' || each.kind === 'stop');
          world.fate = (n, server) => {
            const next = fates[n % fates.length] ?? fates[0];
            if (next === undefined) throw new Error('no fate');
            // Two bad turns an instance at the most, or the bounds would rightly give it up.
            const bad = world.evacuations.filter((e) => e.server === server.id).length;
            const late = n >= 12;
            const answer = late ? 'given' : next.answer;
            // What a dead evacuator sent takes effect within the time that its successor waits.
            const queuedMs = late ? 100 : Math.min(next.queuedMs ?? 0, killed ? 8_000 : 45_000);
            return { ...next, answer, queuedMs, end: bad < 2 ? next.end : 'done' };
          };
          let process = start(world);
          world.fence('only');
          const begun = world.clock.time;
          for (const { atMs, kind, forMs } of [...faults].sort((a, b) => a.atMs - b.atMs)) {
            await world.clock.advance(Math.max(0, begun + atMs - world.clock.time));
            if (kind === 'kill') {
              process.kill();
              await world.clock.advance(forMs);
              process = start(world);
            } else if (kind === 'stop') {
              process.evacuator.stop();
              await world.clock.advance(26_000);
              process = start(world);
            } else if (kind === 'cloud') {
              world.cloudDown = true;
              await world.clock.advance(forMs);
              world.cloudDown = false;
            } else if (kind === 'rejoin') {
              world.rejoin();
              world.startNovaCompute();
            } else if (!isReleased(world)) {
              world.fence(`again${world.clock.time}`);
            }
          }
          expect(
            await until(world, 1_200_000, () => isReleased(world)),
            world.log.slice(-15).join('\n'),
          ).toBe(true);
          expect(world.violations).toEqual([]);
          for (const server of world.servers) {
            if (server.vmState === 'paused') expect(server.host).toBe('compute-1');
            else expect(`${server.name} ${server.host}`).toBe(`${server.name} compute-2`);
          }
          expect(await comeBack(world), world.log.slice(-15).join('\n')).toBe(true);
          expect(world.service(world.victimHost)).toMatchObject({ forcedDown: false, status: 'enabled' });
          process.evacuator.stop();
        },
      ),
      // A busy machine tries fewer, and does not fail by its slowness.
      { numRuns: 150, interruptAfterTimeLimit: 60_000 },
    );
  });
});
