import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Member } from './member.ts';
import { hostName, serverId } from './names.ts';
import { known, type Maybe, type ServerGroupView, unknown } from './observation.ts';
import { notesOf, plan } from './order.ts';
import { DEFAULT_POLICY, type OrderPolicy } from './policy.ts';
import { priorityOf } from './priority.ts';
import { aServer } from './testing.ts';

const ORDER = DEFAULT_POLICY.order;

interface Some {
  readonly host?: string;
  readonly state?: Member['state'];
  readonly arrivedAt?: number | null;
  readonly project?: string;
}

function member(name: string, metadata: Record<string, string> = {}, some: Some = {}): Member {
  return {
    server: aServer({ id: serverId(name), name, metadata, projectId: some.project ?? 'p' }),
    host: hostName(some.host ?? 'compute-1'),
    state: some.state ?? 'ready',
    arrivedAt: some.arrivedAt ?? null,
    novaNow: 100_000,
  };
}

const planned = (
  members: readonly Member[],
  groups: Maybe<readonly ServerGroupView[]> = known([]),
  policy: Partial<OrderPolicy> = {},
) => plan(members, groups, { ...ORDER, ...policy });
/** ... and what is noted where nobody may be asked for. */
const noted = (members: readonly Member[]): unknown => notesOf(members, ORDER);
const names = (...args: Parameters<typeof planned>): string[] =>
  planned(...args).order.map(({ server }) => server.name);

describe('the order', () => {
  it('goes by priority, whoever’s word is used, and by name among equals', () => {
    const members = [
      member('low', { 'instance-ha:priority': '10' }),
      member('b'),
      member('a'),
      member('high', { 'instanceha:restart_priority': '900' }),
    ];
    expect(names(members)).toEqual(['high', 'a', 'b', 'low']);
  });

  it('takes a priority within 1 to 1000 and nothing else', () => {
    const of = (text: string): number =>
      priorityOf(aServer({ metadata: { 'instance-ha:priority': text } }), ORDER);
    expect(['7', '0', '99999', 'high', '-3', '1.5', ''].map(of)).toEqual([7, 1, 1000, 500, 500, 500, 500]);
  });

  it('puts HA_Enabled before every priority, if the policy says so', () => {
    const members = [member('big', { 'instance-ha:priority': '1000' }), member('ha', { HA_Enabled: 'true' })];
    expect(names(members)).toEqual(['ha', 'big']);
    expect(names(members, known([]), { haEnabledFirst: false })).toEqual(['big', 'ha']);
  });

  it('lets hosts take turns among equals, so that a large one does not hold up a small one', () => {
    const large = ['a1', 'a2', 'a3'].map((name) => member(name, {}, { host: 'a' }));
    const small = [member('b1', {}, { host: 'b' })];
    expect(names([...large, ...small])).toEqual(['a1', 'b1', 'a2', 'a3']);
  });

  it('gives a restart group the highest priority in it', () => {
    const group = { 'instance-ha:group': 'db' };
    const members = [
      member('web', { 'instance-ha:priority': '600' }),
      member('db-1', group),
      member('db-2', { ...group, 'instance-ha:priority': '700' }),
    ];
    expect(names(members)).toEqual(['db-1', 'db-2', 'web']);
    const theirs = members.map(({ server: { name, metadata } }) => {
      const { 'instance-ha:group': own, ...others } = metadata;
      return member(name, own === undefined ? others : { ...others, 'instanceha:restart_group': own });
    });
    expect(names(theirs)).toEqual(['db-1', 'db-2', 'web']);
  });

  it('waits for the higher ranks where the policy says so', () => {
    const members = [member('high', { 'instance-ha:priority': '900' }), member('low')];
    const { order, held } = planned(members, known([]), { waitForHigherRanks: true });
    expect(order.map(({ server }) => server.name)).toEqual(['high']);
    expect(held.get(serverId('low'))).toContain('higher');
  });
});

describe('a dependency', () => {
  const db = { 'instance-ha:group': 'db' };
  const app = { 'instance-ha:after': 'db' };

  it('waits until all of the group are ACTIVE for long enough', () => {
    const held = (...members: Member[]) =>
      planned([...members, member('app', app)]).held.get(serverId('app'));
    expect(held(member('db-1', db))).toContain('to arrive');
    expect(held(member('db-1', db, { state: 'in-flight' }))).toContain('group db');
    expect(held(member('db-1', db, { state: 'arrived', arrivedAt: 80_000 }))).toContain('30 s');
    expect(held(member('db-1', db, { state: 'arrived', arrivedAt: 70_000 }))).toBeUndefined();
    expect(held()).toBeUndefined();
    // One that is stopped has nothing to get ready.
    const arrived = member('db-1', db, { state: 'arrived', arrivedAt: 99_000 });
    expect(held({ ...arrived, server: { ...arrived.server, vmState: 'stopped' } })).toBeUndefined();
  });

  it('goes on without what did not arrive, and says so', () => {
    const { order, notes } = planned([member('db-1', db, { state: 'ended' }), member('app', app)]);
    expect(order).toHaveLength(1);
    expect(notes.get(serverId('app'))).toContain('without db-1');
    expect(noted([member('db-1', db, { state: 'ended' }), member('app', app)])).toEqual(notes);
  });

  it('is one within a project', () => {
    const members = [member('db-1', db, { project: 'theirs' }), member('app', app)];
    expect(names(members)).toEqual(['app', 'db-1']);
  });

  it('lends its priority to what it waits for', () => {
    const members = [
      member('other', { 'instance-ha:priority': '600' }),
      member('db-1', db),
      member('app', { ...app, 'instance-ha:priority': '900' }),
    ];
    expect(names(members)).toEqual(['db-1', 'other']);
  });

  it('in a circle is broken in the same place each time, and named', () => {
    const members = [
      member('a', { 'instance-ha:group': 'a', 'instance-ha:after': 'c' }),
      member('b', { 'instance-ha:group': 'b', 'instance-ha:after': 'a' }),
      member('c', { 'instance-ha:group': 'c', 'instance-ha:after': 'b' }),
    ];
    const { order, held, notes } = planned(members);
    expect(order.map(({ server }) => server.name)).toEqual(['b']);
    expect(notes.get(serverId('b'))).toContain('circle');
    expect(noted(members)).toEqual(notes);
    expect([...held.keys()].sort()).toEqual(['a', 'c']);
    expect(names([...members].reverse())).toEqual(['b']);
    // Each of three after both others, named in whatever order, and whoever is met first.
    const knot = (after: (a: string, b: string) => string) =>
      ['a', 'b', 'c'].map((name, i, all) => {
        const [one = '', other = ''] = all.filter((each) => each !== name);
        const metadata = { 'instance-ha:group': name, 'instance-ha:after': after(one, other) };
        return member(`${2 - i}-${name}`, metadata);
      });
    const forwards = knot((one, other) => `${one},${other}`);
    const backwards = knot((one, other) => `${other}, ${one}`);
    for (const each of [forwards, [...forwards].reverse(), backwards, [...backwards].reverse()])
      expect(names(each)).toEqual(['0-c']);
    const self = [member('x', { 'instance-ha:group': 'x', 'instance-ha:after': 'x' })];
    expect(names(self)).toEqual(['x']);
  });
});

describe('a server group', () => {
  const group = (policy: ServerGroupView['policy'], ...members: string[]): ServerGroupView => ({
    id: policy,
    policy,
    members: members.map(serverId),
  });

  it('has one member in flight at a time, whoever asked for it', () => {
    for (const policy of ['affinity', 'anti-affinity'] as const) {
      const groups = known([group(policy, 'a', 'b')]);
      expect(names([member('a'), member('b'), member('c')], groups)).toEqual(['a', 'c']);
      const { order, held } = planned([member('a', {}, { state: 'in-flight' }), member('b')], groups);
      expect(order).toEqual([]);
      expect(held.get(serverId('b'))).toContain('server group');
    }
    expect(names([member('a'), member('b')], known([group('soft-anti-affinity', 'a', 'b')]))).toEqual([
      'a',
      'b',
    ]);
  });

  it('may be any two while the groups can’t be read', () => {
    const { order, held } = planned([member('a'), member('b')], unknown('503'));
    expect(order).toHaveLength(1);
    expect(held.get(serverId('b'))).toContain('503');
  });
});

describe('a plan', () => {
  const groupNames = ['a', 'b', 'c', 'd'];
  const members: fc.Arbitrary<Member[]> = fc
    .array(
      fc.record({
        host: fc.constantFrom('h1', 'h2', 'h3'),
        state: fc.constantFrom<Member['state']>(
          'ready',
          'ready',
          'ready',
          'in-flight',
          'waiting',
          'arrived',
          'ended',
        ),
        priority: fc.option(fc.integer({ min: -5, max: 2000 }), { nil: null }),
        group: fc.option(fc.constantFrom(...groupNames), { nil: null }),
        after: fc.option(fc.constantFrom(...groupNames), { nil: null }),
        ha: fc.boolean(),
      }),
      { maxLength: 40 },
    )
    .map((list) =>
      list.map(({ host, state, priority, group, after, ha }, i) =>
        member(
          `vm-${i}`,
          {
            ...(priority === null ? {} : { 'instance-ha:priority': String(priority) }),
            ...(group === null ? {} : { 'instance-ha:group': group }),
            ...(after === null ? {} : { 'instance-ha:after': after }),
            ...(ha ? { HA_Enabled: 'yes' } : {}),
          },
          { host, state, arrivedAt: 0 },
        ),
      ),
    );
  const groups = fc.array(
    fc.record({
      id: fc.uuid(),
      policy: fc.constantFrom<ServerGroupView['policy']>('affinity', 'anti-affinity', 'soft-affinity'),
      members: fc.array(
        fc.nat(39).map((i) => serverId(`vm-${i}`)),
        { maxLength: 6 },
      ),
    }),
    { maxLength: 4 },
  );

  it('drops nobody: each that is ready is in the order once, or held with a reason', () => {
    fc.assert(
      fc.property(members, groups, fc.boolean(), (list, its, waitForHigherRanks) => {
        const { order, held } = planned(list, known(its), { waitForHigherRanks });
        const placed = [...order.map(({ server }) => server.id), ...held.keys()].sort();
        const ready = list.filter(({ state }) => state === 'ready').map(({ server }) => server.id);
        expect(placed).toEqual(ready.sort());
        expect([...held.values()].every((reason) => reason.length > 0)).toBe(true);
      }),
    );
  });

  it('is a total order: the same whatever the order of what was observed', () => {
    fc.assert(
      fc.property(members, groups, fc.infiniteStream(fc.nat()), (list, its, dice) => {
        const shuffled = [...list]
          .map((each) => ({ each, key: dice.next().value ?? 0 }))
          .sort((a, b) => a.key - b.key)
          .map(({ each }) => each);
        expect(names(shuffled, known([...its].reverse()))).toEqual(names(list, known(its)));
      }),
    );
  });

  it('has at most one of a hard server group in it or in flight', () => {
    fc.assert(
      fc.property(members, groups, (list, its) => {
        const calm = list.map((each) =>
          each.state === 'in-flight' ? { ...each, state: 'waiting' as const } : each,
        );
        const placed = new Set(planned(calm, known(its)).order.map(({ server }) => server.id));
        for (const { policy, members: of } of its)
          if (policy !== 'soft-affinity')
            expect(of.filter((id, i) => placed.has(id) && of.indexOf(id) === i).length).toBeLessThanOrEqual(
              1,
            );
      }),
    );
  });

  it('comes to an end: whoever is asked for arrives, and in the end nobody waits', () => {
    fc.assert(
      fc.property(members, groups, fc.boolean(), (list, its, waitForHigherRanks) => {
        let now = list.map((each) =>
          each.state === 'waiting' || each.state === 'in-flight'
            ? { ...each, state: 'ready' as Member['state'] }
            : each,
        );
        for (let step = 0; step <= list.length; step++) {
          const { order } = planned(now, known(its), { waitForHigherRanks });
          const next = order[0];
          if (next === undefined) break;
          now = now.map((each) => (each.server.id === next.server.id ? { ...each, state: 'arrived' } : each));
        }
        expect(now.filter(({ state }) => state === 'ready')).toEqual([]);
      }),
    );
  });
});
