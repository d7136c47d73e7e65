import { describe, expect, it } from 'vitest';
import { hostName, type NodeName, nodeName, serverId } from '../core/names.ts';
import { DEFAULT_POLICY, type Policy } from '../core/policy.ts';
import {
  EVACUATION_ATTRIBUTE,
  HISTORY_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  LOCAL_DISK_ATTRIBUTE,
  RELEASE_ATTRIBUTE,
} from '../core/records.ts';
import { type FakeServer, World } from './testing.ts';
import { comeBack, isReleased, start, until } from './testing-runs.ts';

/** The default policy with some sections changed. */
function policy(more: { [section in keyof Policy]?: Partial<Policy[section]> }): Policy {
  const merged = Object.entries(DEFAULT_POLICY).map(([section, value]) => [
    section,
    { ...value, ...more[section as keyof Policy] },
  ]);
  return Object.fromEntries(merged) as Policy;
}

const names = (world: World): string[] => world.asked.map(({ server }) => server.name);
const askedAt = (world: World, server: FakeServer): number =>
  world.asked.find((each) => each.server === server)?.at ?? -1;
const told = (world: World): string => world.log.join('\n');

/** The most evacuations that were unfinished at one time. */
function mostAtOnce({ evacuations }: World): number {
  const running = (at: number): number =>
    evacuations.filter((e) => e.createdAt <= at && e.updatedAt > at).length;
  return Math.max(...evacuations.map(({ createdAt }) => running(createdAt)));
}

function reserve(world: World, name: string, more: object = {}): void {
  const host = hostName(name);
  world.services.set(host, {
    ...world.service(host),
    status: 'disabled',
    disabledReason: 'reserved: spare, see ticket 7',
    ...more,
  });
}

describe('the selection', () => {
  it('evacuates nothing that Glance decides about while Glance is away, and goes on when it is back', async () => {
    const world = new World(2);
    world.silent.add('images');
    start(world);
    world.fence();
    await world.clock.advance(20_000);
    expect(world.posts).toBe(0);
    expect(told(world)).toMatch(/vm-000 \(waiting\): .*images can't be read: no answer/);
    world.silent.delete('images');
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(2);
  });

  it('goes on with other hosts while Glance hangs', async () => {
    const world = new World(6);
    world.fate = () => ({ spawnMs: 40_000, end: 'done', answer: 'given' });
    world.addServer(50, 'active', { host: hostName('compute-2') });
    start(world);
    world.fence('first');
    expect(await until(world, 10_000, () => world.posts === 6)).toBe(true);
    world.hangs.add('images');
    await world.clock.advance(DEFAULT_POLICY.timing.factAgeMs);
    world.fence('second', nodeName('compute-2'));
    await world.clock.advance(25_000);
    const ticks = world.reports.length;
    await world.clock.advance(60_000);
    // Once it has failed it holds nobody up: there are as many ticks as ever.
    expect(world.reports.length - ticks).toBeGreaterThan(100);
    expect(names(world)).not.toContain('vm-050');
    world.hangs.delete('images');
    const both = (): boolean => isReleased(world) && isReleased(world, nodeName('compute-2'));
    expect(await until(world, 120_000, both)).toBe(true);
  });

  it('leaves out what is not selected, names it, and releases the host', async () => {
    const world = new World(1);
    world.addServer(10, 'active', { metadata: { 'instance-ha:evacuate': 'false' } });
    world.addServer(11, 'active', { imageId: 'gold' });
    world.images = [{ id: 'gold', name: 'gold', tags: ['evacuable'], properties: {} }];
    start(world);
    world.fence();
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(names(world)).toEqual(['vm-011']);
    expect(told(world)).toMatch(/vm-010 \(excluded\): its metadata says instance-ha:evacuate=false/);
    expect(told(world)).toMatch(/vm-000 \(excluded\): .*tagged evacuable/);
    expect(told(world)).toMatch(/1 moved, 2 not selected/);
  });
});

describe('the order', () => {
  it('asks by priority, and for what comes after a group when that is up for long enough', async () => {
    const world = new World(0);
    const metadata = (pairs: Record<string, string>) => ({ metadata: pairs });
    const app = world.addServer(1, 'active', metadata({ 'instance-ha:after': 'db' }));
    world.addServer(2, 'active', metadata({ 'instance-ha:priority': '10' }));
    const db = world.addServer(3, 'active', metadata({ 'instance-ha:group': 'db' }));
    world.addServer(4, 'active', metadata({ 'instance-ha:priority': '900' }));
    start(world);
    world.fence();
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    expect(names(world)).toEqual(['vm-004', 'vm-003', 'vm-002', 'vm-001']);
    const arrived = world.evacuations.find(({ server }) => server === db.id)?.updatedAt ?? 0;
    const since = askedAt(world, app) - (arrived - world.nova() + world.clock.time);
    expect(since).toBeGreaterThanOrEqual(DEFAULT_POLICY.order.readyMs);
    expect(since).toBeLessThan(DEFAULT_POLICY.order.readyMs + 3_000);
    expect(told(world)).toMatch(/vm-001 \(ready\): waiting for group db/);
  });

  it('goes on without what finally failed, and says so', async () => {
    const world = new World(0);
    const db = world.addServer(1, 'active', { metadata: { 'instance-ha:group': 'db' } });
    const app = world.addServer(2, 'active', { metadata: { 'instance-ha:after': 'db' } });
    world.fate = (_, server) => ({
      spawnMs: 1_000,
      end: server === db ? 'failed' : 'done',
      answer: 'given',
    });
    start(world);
    world.fence();
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    expect(app.host).toBe('compute-2');
    expect(told(world)).toMatch(/vm-002 \(ready\): .*goes on without vm-001 of group db/);
  });

  it('has one member of a server group in flight at a time', async () => {
    const world = new World(6);
    world.serverGroups = [
      {
        id: 'group',
        policy: 'anti-affinity',
        members: world.servers.slice(0, 4).map((server) => serverId(server.id)),
      },
    ];
    start(world);
    world.fence();
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    const members = world.evacuations.filter(({ server }) => world.serverGroups[0]?.members.includes(server));
    expect(members).toHaveLength(4);
    for (const [i, next] of members.slice(1).entries())
      expect(next.createdAt).toBeGreaterThanOrEqual(members[i]?.updatedAt ?? 0);
  });
});

describe('a reserved host', () => {
  const POLICY = policy({ destinations: { reservedHosts: true, targetReserved: true } });

  it('of the same aggregate is claimed in the record, enabled and used; it stays enabled', async () => {
    const world = new World(3, 5);
    world.aggregates = [
      {
        id: 7,
        name: 'rack-1',
        availabilityZone: null,
        hosts: ['compute-1', 'compute-4'].map(hostName),
        metadata: {},
      },
    ];
    reserve(world, 'compute-3');
    reserve(world, 'compute-4');
    start(world, POLICY);
    world.fence();
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(world.servers.map(({ host }) => host)).toEqual(Array(3).fill('compute-4'));
    expect(await comeBack(world)).toBe(true);
    expect(world.service(hostName('compute-4')).status).toBe('enabled');
    expect(world.service(hostName('compute-3'))).toMatchObject({ status: 'disabled' });
    const claimed = world.log.findIndex((line) => /writing down the evacuation/.test(line));
    const enabled = world.log.findIndex((line) => /enabling compute-4/.test(line));
    expect(claimed).toBeGreaterThan(-1);
    expect(enabled).toBeGreaterThan(claimed);
  });

  it('to which nothing came is given back with the reason that it had, and leaves the aggregate again', async () => {
    const world = new World(3, 4);
    world.aggregates = [
      { id: 7, name: 'rack-1', availabilityZone: null, hosts: [hostName('compute-1')], metadata: {} },
    ];
    reserve(world, 'compute-4');
    start(world, policy({ destinations: { reservedHosts: true, addToAggregate: true } }));
    world.fence();
    const isIn = (): boolean => world.aggregates[0]?.hosts.includes(hostName('compute-4')) ?? false;
    expect(await until(world, 10_000, isIn)).toBe(true);
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(await until(world, 30_000, () => !isIn())).toBe(true);
    await world.clock.advance(5_000);
    expect(world.service(hostName('compute-4'))).toMatchObject({
      status: 'disabled',
      disabledReason: 'reserved: spare, see ticket 7',
    });
    expect(world.log.filter((line) => /adding compute-4 to aggregate/.test(line))).toHaveLength(1);
    expect(await comeBack(world)).toBe(true);
  });

  it('that dies in the middle is followed by the next', async () => {
    const world = new World(4, 5);
    for (const name of ['compute-4', 'compute-5']) reserve(world, name);
    world.fate = () => ({ spawnMs: 15_000, end: 'done', answer: 'given' });
    start(world, POLICY);
    world.fence('first');
    const claimed = (): boolean => world.live().filter(({ dest }) => dest === 'compute-4').length === 4;
    expect(await until(world, 10_000, claimed)).toBe(true);
    await until(world, 5_000, () => world.live().every(({ status }) => status === 'pre-migrating'));
    world.fence('second', nodeName('compute-4'));
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    expect(world.servers.map(({ host }) => host)).toEqual(Array(4).fill('compute-5'));
    expect(world.violations).toEqual([]);
  });

  it('that dies while it is claimed comes back as the operator had it: reserved, and not forced down', async () => {
    const spare = nodeName('compute-4');
    const world = new World(4, 5);
    reserve(world, spare);
    world.fate = () => ({ spawnMs: 15_000, end: 'done', answer: 'given' });
    start(world, POLICY);
    world.fence('first');
    const claimed = (): boolean => world.live().filter((e) => e.status === 'pre-migrating').length === 4;
    expect(await until(world, 10_000, claimed)).toBe(true);
    world.fence('second', spare);
    expect(await until(world, 120_000, () => isReleased(world) && isReleased(world, spare))).toBe(true);
    world.rejoin('boot-of-spare', spare);
    expect(await until(world, 60_000, () => world.startNovaCompute(spare))).toBe(true);
    const isClosed = (): boolean => !world.permanent.has(`${spare} ${EVACUATION_ATTRIBUTE}`);
    expect(await until(world, 60_000, isClosed)).toBe(true);
    expect(world.service(hostName(spare))).toMatchObject({
      status: 'disabled',
      disabledReason: 'reserved: spare, see ticket 7',
      forcedDown: false,
    });
    expect(world.log.filter((line) => /enabling compute-4/.test(line))).toHaveLength(1);
    expect(await comeBack(world)).toBe(true);
    expect(world.service(hostName(spare)).status).toBe('disabled');
  });

  it('stays claimed when the evacuator dies between the claim and the act', async () => {
    const world = new World(2, 4);
    reserve(world, 'compute-4');
    const first = start(world, POLICY);
    world.fence();
    const record = (): string => world.attribute(EVACUATION_ATTRIBUTE) ?? '';
    for (let ms = 0; ms < 5_000 && !record().includes('compute-4'); ms += 5) await world.clock.advance(5);
    first.kill();
    expect(record()).toContain('compute-4');
    start(world, POLICY);
    expect(await until(world, 90_000, () => isReleased(world))).toBe(true);
    expect(world.servers.map(({ host }) => host)).toEqual(Array(2).fill('compute-4'));
    expect(world.violations).toEqual([]);
  });

  it('that can’t join the aggregate, or leave it, holds up neither the evacuation nor the way back', async () => {
    const world = new World(2, 4);
    world.aggregates = [
      { id: 7, name: 'rack-1', availabilityZone: null, hosts: [hostName('compute-1')], metadata: {} },
    ];
    reserve(world, 'compute-4');
    world.silent.add('aggregate change');
    start(world, policy({ destinations: { reservedHosts: true, addToAggregate: true } }));
    world.fence();
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(told(world)).toMatch(/adding the reserved host compute-4 to the aggregate rack-1: no answer/);
    expect(await comeBack(world)).toBe(true);
    expect(world.service(hostName('compute-4')).status).toBe('disabled');
    expect(world.service(world.victimHost).status).toBe('enabled');
  });

  it('is given back when somebody lets the node go by hand before anything came to it', async () => {
    const world = new World(2, 4);
    reserve(world, 'compute-4');
    start(world, policy({ destinations: { reservedHosts: true } }));
    world.fate = () => ({ spawnMs: 60_000, end: 'done', answer: 'given' });
    world.fence();
    const spare = (): string => world.service(hostName('compute-4')).status;
    expect(await until(world, 10_000, () => spare() === 'enabled' && world.posts > 0)).toBe(true);
    world.permanent.delete(`${world.victim} ${INCIDENT_ATTRIBUTE}`);
    expect(await until(world, 20_000, () => spare() === 'disabled')).toBe(true);
    expect(world.incidents.at(-1)).toMatchObject({
      state: 'released',
      text: expect.stringContaining('let go'),
    });
  });

  it('is not claimed twice, and one that is down is passed over', async () => {
    const world = new World(2, 6);
    for (const server of [30, 31]) world.addServer(server, 'active', { host: hostName('compute-2') });
    reserve(world, 'compute-4', { state: 'down' });
    reserve(world, 'compute-5');
    reserve(world, 'compute-6');
    start(world, POLICY);
    world.fence('first');
    world.fence('second', nodeName('compute-2'));
    expect(
      await until(world, 90_000, () => isReleased(world) && isReleased(world, nodeName('compute-2'))),
    ).toBe(true);
    const targets = new Map(world.asked.map(({ server, options }) => [server.name, options.host]));
    expect(targets.get('vm-000')).toBe('compute-5');
    expect(targets.get('vm-030')).toBe('compute-6');
    expect(world.service(hostName('compute-4')).status).toBe('disabled');
  });
});

describe('the pace', () => {
  it('keeps the pause between two requests, and the number from one host', async () => {
    const world = new World(6);
    start(world, policy({ pace: { staggerMs: 1_500 } }));
    world.fence();
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    for (const [i, next] of world.asked.slice(1).entries())
      expect(next.at - (world.asked[i]?.at ?? 0)).toBeGreaterThanOrEqual(1_500);
    const crowded = new World(8);
    start(crowded, policy({ pace: { maxInFlightPerHost: 2 } }));
    crowded.fence();
    expect(await until(crowded, 60_000, () => isReleased(crowded))).toBe(true);
    expect(mostAtOnce(crowded)).toBe(2);
  });

  it('has never more in flight than the policy allows, whatever is presumed to have ended', async () => {
    const world = new World(60);
    // They become slower all the time, so that more is presumed than has ended.
    world.fate = (n) => ({ spawnMs: 3_000 + 300 * n, end: 'done', answer: 'given' });
    start(world, policy({ pace: { maxInFlight: 10 } }));
    world.fence();
    expect(await until(world, 600_000, () => isReleased(world))).toBe(true);
    expect(mostAtOnce(world)).toBe(10);
  });
});

describe('the delay after the fencing', () => {
  it('ends though the controller’s clock jumps back', async () => {
    const world = new World(1);
    start(world, policy({ delays: { evacuateDelayMs: 20_000 } }));
    world.fence();
    await world.clock.advance(10_000);
    expect(world.posts).toBe(0);
    world.clockMs = -3_600_000;
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
  });

  it.each([
    -60_000, 0, 60_000, 3_600_000,
  ])('is waited for where the evacuator’s clock is %i ms ahead of the one that fenced', async (aheadMs) => {
    const world = new World(1);
    world.clockMs = aheadMs;
    start(world, policy({ delays: { evacuateDelayMs: 30_000 } }));
    await world.clock.advance(5_000);
    const fencedAt = world.clock.time;
    world.fence();
    expect(await until(world, 120_000, () => world.posts > 0)).toBe(true);
    expect((world.asked[0]?.at ?? 0) - fencedAt).toBeGreaterThanOrEqual(30_000);
    expect((world.asked[0]?.at ?? 0) - fencedAt).toBeLessThan(40_000);
  });

  it('is not waited for anew by a successor', async () => {
    const world = new World(1);
    const delays = { evacuateDelayMs: 60_000 };
    const first = start(world, policy({ delays }));
    world.fence();
    await world.clock.advance(40_000);
    first.evacuator.stop();
    await world.clock.advance(5_000);
    await first.ended;
    expect(world.posts).toBe(0);
    start(world, policy({ delays }));
    expect(await until(world, 20_000, () => world.posts > 0)).toBe(true);
  });
});

describe('a gate', () => {
  it('that a pause closes holds new incidents, not those under way, and opens by itself', async () => {
    const world = new World(12);
    world.addServer(50, 'active', { host: hostName('compute-2') });
    world.fate = () => ({ spawnMs: 20_000, end: 'done', answer: 'given' });
    start(world);
    world.fence('first');
    expect(await until(world, 10_000, () => world.posts > 0)).toBe(true);
    world.pause = { until: world.nova() + 120_000, by: 'ada', why: 'power works in room 2' };
    world.fence('second', nodeName('compute-2'));
    expect(await until(world, 110_000, () => isReleased(world))).toBe(true);
    expect(isReleased(world, nodeName('compute-2'))).toBe(false);
    expect(names(world)).not.toContain('vm-050');
    expect(told(world)).toMatch(/paused by ada \(power works in room 2\).*opens when the pause ends at/);
    expect(await until(world, 150_000, () => isReleased(world, nodeName('compute-2')))).toBe(true);
  });

  it('is told to a boot that asks, on one line whatever the words', async () => {
    const world = new World(1);
    world.pause = { until: world.nova() + 60_000, by: 'ada', why: 'works\nin room 2\u0007' };
    start(world);
    world.fence();
    world.rejoin('boot-aaaa-0001');
    await world.clock.advance(5_000);
    const answer = world.transient.get(`${world.victim} ${RELEASE_ATTRIBUTE}`) ?? '';
    expect(answer).toMatch(/^held boot-aaaa-0001 paused by ada \(works in room 2 \)/);
    // That it died is written down all the same.
    expect(world.attribute(HISTORY_ATTRIBUTE)).toMatch(/incidents=\d+:/);
  });

  it('for too many failures at once lets no new incident in; a successor goes on with what was let in', async () => {
    const world = new World(10, 6);
    for (const i of [3, 4]) world.addServer(50 + i, 'active', { host: hostName(`compute-${i}`) });
    const strict = policy({ gates: { maxFailedHosts: 2 } });
    world.fate = () => ({ spawnMs: 15_000, end: 'done', answer: 'given' });
    const first = start(world, strict);
    world.fence('first');
    expect(await until(world, 10_000, () => world.posts > 0)).toBe(true);
    world.fence('third', nodeName('compute-3'));
    world.fence('fourth', nodeName('compute-4'));
    await world.clock.advance(3_000);
    first.kill();
    start(world, strict);
    await world.clock.advance(15_000);
    expect(told(world)).toMatch(/too many failures at once.*3 have failed, more than 2/);
    expect(names(world)).not.toContain('vm-053');
    // The first is released, so that two are left, and those are let in.
    const all = ['compute-1', 'compute-3', 'compute-4'].map(nodeName);
    expect(await until(world, 240_000, () => all.every((node) => isReleased(world, node)))).toBe(true);
    expect(world.violations).toEqual([]);
  });

  it('stays closed without a conductor or a destination, and while Nova hears nobody', async () => {
    for (const [close, words] of [
      [
        (world: World) => (world.control = world.control.filter((c) => c.binary !== 'nova-conductor')),
        /names no nova-conductor/,
      ],
      [
        (world: World) => (world.control = world.control.map((c) => ({ ...c, state: 'down' }))),
        /no nova-scheduler is up/,
      ],
      [(world: World) => ['compute-2', 'compute-3'].map((name) => reserve(world, name)), /nowhere to go/],
      [
        (world: World) =>
          [...world.services.values()].map((s) => world.services.set(s.host, { ...s, state: 'down' })),
        /all 3 compute services are down/,
      ],
    ] as const) {
      const world = new World(2);
      start(world);
      await world.clock.advance(2_000);
      close(world);
      // The list of the services is a few seconds old at most when an incident begins.
      await world.clock.advance(4_000);
      world.fence();
      await world.clock.advance(20_000);
      expect(world.posts).toBe(0);
      expect(world.service(world.victimHost).forcedDown).toBe(false);
      expect(told(world)).toMatch(words);
    }
  });

  it('that the death of the conductor closes in the middle holds the requests; what is under way is followed', async () => {
    const world = new World(40);
    world.fate = () => ({ spawnMs: 20_000, end: 'done', answer: 'given' });
    start(world, policy({ pace: { startInFlight: 4, maxInFlight: 4 } }));
    world.fence();
    expect(await until(world, 10_000, () => world.posts === 4)).toBe(true);
    const control = world.control;
    world.control = control.filter(({ binary }) => binary !== 'nova-conductor');
    // The list of the services is two minutes old at most; until then the window bounds what waits for a conductor.
    await world.clock.advance(121_000);
    expect(world.posts).toBeLessThan(40);
    expect(told(world)).toMatch(/vm-039 \(ready\): Nova names no nova-conductor; it is asked for when/);
    const asked = world.posts;
    await world.clock.advance(60_000);
    expect(world.posts).toBe(asked);
    expect(world.servers.filter(({ host }) => host === 'compute-2')).toHaveLength(asked);
    expect(isReleased(world)).toBe(false);
    world.control = control;
    expect(await until(world, 300_000, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(40);
  });

  it('lets only so many hosts begin within an interval', async () => {
    const world = new World(0, 12);
    const dead = Array.from({ length: 5 }, (_, i) => nodeName(`compute-${i + 1}`));
    for (const [i, node] of dead.entries()) world.addServer(i, 'active', { host: hostName(node) });
    start(world, policy({ gates: { startsPerInterval: 2, startIntervalMs: 20_000 } }));
    for (const node of dead) world.fence(`i-${node}`, node);
    await world.clock.advance(15_000);
    expect(world.posts).toBe(2);
    expect(await until(world, 90_000, () => dead.every((node) => isReleased(world, node)))).toBe(true);
  });
});

describe('a host that fails again and again', () => {
  it('is evacuated and released, but left disabled for a person', async () => {
    const world = new World(1);
    const twice = policy({ gates: { quarantineIncidents: 2 } });
    start(world, twice);
    world.fence('first');
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(await comeBack(world)).toBe(true);
    expect(world.service(world.victimHost).status).toBe('enabled');
    world.fence('second');
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(await comeBack(world)).toBe(true);
    expect(world.service(world.victimHost)).toMatchObject({
      status: 'disabled',
      forcedDown: false,
      disabledReason: expect.stringMatching(/instance-ha: quarantine after 2 incidents/),
    });
    expect(world.attribute(HISTORY_ATTRIBUTE)).toMatch(/:first\+\d+:second,/);
  });
});

describe('a host that is fenced again while it is being evacuated', () => {
  it('has failed once: it is enabled again', async () => {
    const world = new World(1);
    world.fate = () => ({ spawnMs: 20_000, end: 'done', answer: 'given' });
    start(world, policy({ gates: { quarantineIncidents: 2 } }));
    world.fence('first');
    expect(await until(world, 10_000, () => world.posts === 1)).toBe(true);
    world.fence('again');
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(await comeBack(world)).toBe(true);
    expect(world.attribute(HISTORY_ATTRIBUTE)).toMatch(/:first,/);
    expect(world.service(world.victimHost).status).toBe('enabled');
  });
});

describe('local disks', () => {
  it('that would be lost are asked about, and the answer counts for this incident alone', async () => {
    const world = new World(2);
    world.addServer(5, 'active', { imageId: null });
    start(world, policy({ storage: { shared: false, localDisk: 'ask' } }));
    world.fence('first');
    await world.clock.advance(30_000);
    expect(names(world)).toEqual(['vm-005']);
    const asked = world.gets;
    await world.clock.advance(60_000);
    expect(world.gets - asked).toBeLessThanOrEqual(6);
    expect(told(world)).toMatch(/vm-000 \(waiting\): .*crm_attribute --node compute-1 .*'evacuate first'/);
    world.permanent.set(`${world.victim} ${LOCAL_DISK_ATTRIBUTE}`, 'evacuate another');
    await world.clock.advance(10_000);
    expect(world.posts).toBe(1);
    world.permanent.set(`${world.victim} ${LOCAL_DISK_ATTRIBUTE}`, 'evacuate first');
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(3);
    // A Nova below 2.14 is told so, and has it the other way by default.
    expect(world.asked.map(({ options }) => options.onSharedStorage)).toEqual([false, false, false]);
    const shared = new World(1);
    start(shared);
    shared.fence();
    expect(await until(shared, 60_000, () => isReleased(shared))).toBe(true);
    expect(shared.asked.map(({ options }) => options.onSharedStorage)).toEqual([true]);
    expect(told(world)).toMatch(/vm-000 \(moved\): .*rebuilt from its image/);
    expect(told(world)).toMatch(/vm-005 \(moved\): .*keeps its disk \(booted from a volume\)/);
  });
});

describe('an instance that has arrived', () => {
  it('is compared with what it was before; a difference is told and holds nothing up', async () => {
    const world = new World(1);
    const server = world.addServer(1, 'active', {
      addresses: { fixed: ['10.0.0.5'], floating: ['192.0.2.5'] },
      volumes: ['v1'],
    });
    world.portsOf = () => [{ id: 'p1', boundHost: hostName('compute-1'), status: 'ACTIVE', fixed: [] }];
    world.clock.after(4_000, () =>
      Object.assign(server, { addresses: { fixed: ['10.0.0.5'], floating: [] }, updatedAt: world.nova() }),
    );
    start(world);
    world.fence();
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    expect(told(world)).toMatch(/vm-001 \(moved\): .*not as before: floating address 192.0.2.5 is gone/);
    expect(told(world)).toMatch(/vm-000 \(moved\): runs on compute-2 as before/);
  });
});

describe('the report of an incident', () => {
  it('tells at the release what became of each instance, and is completed when the host is back', async () => {
    const world = new World(2);
    world.addServer(3, 'paused');
    const failing = world.addServer(4, 'active');
    world.fate = (_, server) => ({
      spawnMs: 2_000,
      end: server === failing ? 'failed' : 'done',
      answer: 'given',
    });
    world.portsOf = () => [{ id: 'p1', boundHost: hostName('compute-1'), status: 'ACTIVE', fixed: [] }];
    world.pause = { until: world.nova() + 8_000, by: 'ada', why: 'works' };
    start(world);
    world.fence('first');
    expect(await until(world, 120_000, () => isReleased(world))).toBe(true);
    const released = world.incidents.at(-1);
    expect(released).toMatchObject({
      incident: 'first',
      node: 'compute-1',
      state: 'released',
      host: 'compute-1',
    });
    expect(released?.text).toBe('evacuation complete: 2 moved, 2 not (each with its reason)');
    expect(released?.gates).toMatchObject([{ gate: { id: 'paused' }, until: expect.any(Number) }]);
    expect(released?.instances.map(({ name, outcome, attempts }) => [name, outcome, attempts])).toEqual([
      ['vm-000', 'moved', 1],
      ['vm-001', 'moved', 1],
      ['vm-003', 'cannot', 0],
      ['vm-004', 'failed', 3],
    ]);
    expect(released?.instances[0]).toMatchObject({
      to: 'compute-2',
      durationMs: 2_000,
      disk: 'kept',
      differences: [],
    });
    const timeline = released?.timeline.map(({ text }) => text) ?? [];
    expect(timeline[0]).toBe('the incident was recorded');
    expect(timeline.at(-1)).toBe('the host was released');
    expect(timeline.filter((text) => /ended in failed/.test(text))).toHaveLength(3);
    expect(await comeBack(world)).toBe(true);
    const closed = world.incidents.at(-1);
    expect(closed).toMatchObject({ state: 'closed', text: 'back, enabled and schedulable' });
    expect(closed?.instances[0]).toMatchObject({
      reason: released?.instances[0]?.reason,
      differences: ['port p1 is bound to compute-1'],
    });
    expect(closed?.timeline.at(-1)?.text).toBe('back, enabled and schedulable');
  });

  it('comes out after a failover in the middle, with what Nova’s records tell', async () => {
    const world = new World(3);
    const first = start(world);
    world.fence('first');
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    first.kill();
    start(world);
    expect(await comeBack(world)).toBe(true);
    const closed = world.incidents.at(-1);
    expect(closed?.state).toBe('closed');
    expect(closed?.instances).toHaveLength(3);
    expect(closed?.instances[0]).toMatchObject({
      outcome: 'moved',
      to: 'compute-2',
      durationMs: null,
    });
  });
});

describe('a record left behind by a doubled evacuation', () => {
  it('is recognised when nova-compute has started, and the way out is named', async () => {
    const world = new World(1);
    start(world);
    world.fence('first');
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    world.rejoin();
    expect(await until(world, 30_000, () => world.startNovaCompute())).toBe(true);
    for (const evacuation of world.evacuations) evacuation.status = 'done';
    await world.clock.advance(120_000);
    expect(told(world)).toMatch(
      /1 evacuation records are still done .*Restart nova-compute on compute-1 once/,
    );
    expect(world.service(world.victimHost).forcedDown).toBe(true);
    expect(world.startNovaCompute()).toBe(true);
    expect(await until(world, 30_000, () => !world.service(world.victimHost).forcedDown)).toBe(true);
  });

  it('is not seen where the node only takes long to boot', async () => {
    const world = new World(1);
    start(world);
    world.fence('first');
    expect(await until(world, 60_000, () => isReleased(world))).toBe(true);
    await world.clock.advance(300_000);
    expect(await comeBack(world)).toBe(true);
    expect(world.log.join('\n')).not.toContain('Restart nova-compute');
  });
});

describe('many at once', () => {
  it('200 instances of one host', { timeout: 60_000 }, async () => {
    const world = new World(200);
    world.fate = () => ({ spawnMs: 8_000, end: 'done', answer: 'given' });
    start(world);
    await world.clock.advance(5_000);
    world.gets = 0;
    world.fence();
    expect(await until(world, 600_000, () => isReleased(world))).toBe(true);
    expect(world.posts).toBe(200);
    expect((world.gets + world.posts) / 200).toBeLessThanOrEqual(1.13);
    // A line for each change of an instance's verdict and one for each look, none for each change of a number in a queue.
    expect(world.log.length).toBeLessThanOrEqual(200 * 7 + 40);
  });

  it('a rack of 40 hosts', { timeout: 60_000 }, async () => {
    const world = new World(0, 90);
    const rack = Array.from({ length: 40 }, (_, i): NodeName => nodeName(`compute-${i + 1}`));
    for (const [i, node] of rack.entries())
      for (let n = 0; n < 5; n++) world.addServer(i * 5 + n, 'active', { host: hostName(node) });
    world.fate = () => ({ spawnMs: 5_000, end: 'done', answer: 'given' });
    start(world);
    for (const node of rack) world.fence(`i-${node}`, node);
    expect(await until(world, 1_200_000, () => rack.every((node) => isReleased(world, node)))).toBe(true);
    expect(world.posts).toBe(200);
    expect(world.violations).toEqual([]);
  });
});
