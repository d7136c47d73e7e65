import { describe, expect, it } from 'vitest';
import { castInOrder, hasToMove, isSpread, MIN_ORDERED, rankOf } from './cast.ts';
import type { DrillEvent, FrontWhat } from './events.ts';
import type { Facts, ScenarioNotes, Subject } from './facts.ts';
import type { MigrationTrack } from './observe.ts';
import { ownChecks } from './own-checks.ts';
import { CONTROLLER, ELSEWHERE, goodFacts, T0, uuid, VICTIM } from './testing.ts';

const failed = (facts: Facts): string[] =>
  ownChecks(facts)
    .filter((check) => !check.ok)
    .map((check) => check.id);
const passed = (facts: Facts): string[] =>
  ownChecks(facts)
    .filter((check) => check.ok)
    .map((check) => check.id);
const withNotes = (facts: Facts, notes: Partial<ScenarioNotes>): Facts => ({
  ...facts,
  notes: { ...facts.notes, ...notes },
});

const RESERVE = 'compute-3';
const reserveEnabled: DrillEvent = {
  kind: 'service',
  at: T0 + 5.9,
  host: RESERVE,
  fact: 'enabled',
  value: true,
  reason: null,
};
/** When each is asked for, s: the last after the others, dependents after the base is ready, one of the group at a time. */
const START_S = 6;
const SPAWN_S = 2;

function timesOf(subjects: readonly Subject[]): Map<string, number> {
  const plain = subjects.filter(({ name }) => rankOf(name) === null && !isSpread(name));
  const times = new Map<string, number>();
  for (const [n, { id }] of plain.entries()) times.set(id, START_S + 1 + n * 0.5);
  const end = START_S + 1 + plain.length * 0.5;
  const spread = subjects.filter(({ name }) => isSpread(name));
  for (const [n, { id }] of spread.entries()) times.set(id, 9 + n * 3);
  for (const { id, name } of subjects) {
    if (rankOf(name) === 'first') times.set(id, START_S);
    if (rankOf(name) === 'base') times.set(id, START_S + 1);
    if (rankOf(name) === 'upon') times.set(id, START_S + 1 + SPAWN_S + 5);
    if (rankOf(name) === 'last') times.set(id, end);
  }
  return times;
}

/** A good drill about the order; `at` says when each was asked for. */
function orderly(
  change: (times: Map<string, number>, idOf: (name: string) => string) => void = () => {},
): Facts {
  const base = goodFacts('order-and-room');
  const template = base.subjects[0] as Subject;
  const subjects = castInOrder(MIN_ORDERED).map(({ name, role }, n): Subject => {
    const stays = !hasToMove(role);
    const to = stays ? VICTIM : n % 2 === 0 ? ELSEWHERE : RESERVE;
    const after = { ...(template.after ?? template.before), host: to, boundTo: to };
    return { id: uuid(n + 1), name, role, before: template.before, after };
  });
  const times = timesOf(subjects);
  change(times, (name) => subjects.find((subject) => subject.name === name)?.id ?? '');
  const at = (id: string): number => times.get(id) ?? 0;
  const unplaced = ({ role }: Subject): boolean => role === 'unplaceable';
  const asked = subjects.filter(({ role }) => role !== 'paused');
  const requests = asked.map(
    ({ id }): DrillEvent => ({
      kind: 'request',
      at: T0 + at(id),
      client: CONTROLLER,
      method: 'POST',
      path: `/v2.1/servers/${id}/action`,
      status: 200,
      seconds: 0.2,
    }),
  );
  const arrivals = asked
    .filter((subject) => !unplaced(subject))
    .map(
      ({ id, after }): DrillEvent => ({
        kind: 'server',
        at: T0 + at(id) + SPAWN_S,
        server: id,
        host: after?.host ?? null,
        vmState: after?.vmState ?? '',
        taskState: null,
      }),
    );
  return {
    ...base,
    plan: {
      ...base.plan,
      moving: subjects
        .filter(({ role }) => role !== null && hasToMove(role))
        .map(({ id, name, after }) => ({ id, name, from: VICTIM, expected: after?.vmState ?? '' })),
    },
    subjects,
    operator: null,
    reserve: { host: RESERVE, reason: 'reserved: spare' },
    services: base.services.map((s) => ({ ...s, enabled: true, reason: null })),
    guests: subjects.map(({ id, after }) => ({
      host: after?.host ?? '',
      powered: true,
      server: id,
      state: 'running',
    })),
    migrations: asked.map((subject, n) => ({
      id: 100 + n,
      server: subject.id,
      source: VICTIM,
      dest: subject.after?.host ?? null,
      createdAt: Math.floor(T0 + at(subject.id)),
      status: unplaced(subject) ? 'error' : 'completed',
      firstSeenAt: T0 + at(subject.id),
      lastLiveAt: T0 + at(subject.id) + SPAWN_S - 0.2,
      endedAt: T0 + at(subject.id) + SPAWN_S,
      liveWith: [],
    })),
    events: [reserveEnabled, ...requests, ...arrivals],
  };
}

describe('order-and-room', () => {
  it('passes when all went in order', () => {
    expect(failed(orderly())).toEqual([]);
    expect(passed(orderly())).toEqual([
      'priorities',
      'dependency',
      'one-of-a-group',
      'reserve-used',
      'unplaced',
    ]);
  });
  it('fails when the first come later, the last earlier, or all at once', () => {
    expect(failed(orderly((times, id) => times.set(id('drill-first-2'), START_S + 4)))).toEqual([
      'priorities',
    ]);
    expect(failed(orderly((times, id) => times.set(id('drill-last-1'), START_S + 1)))).toEqual([
      'priorities',
    ]);
    const atOnce = orderly((times) => {
      for (const id of [...times.keys()]) times.set(id, START_S);
    });
    expect(failed(atOnce)).toContain('priorities');
  });
  it('fails when a dependent comes before the group is ready, or the group not at all', () => {
    const early = START_S + 1 + SPAWN_S + 2;
    expect(failed(orderly((times, id) => times.set(id('drill-upon-3'), early)))).toEqual(['dependency']);
    const facts = orderly();
    const lost = facts.subjects.find(({ name }) => name === 'drill-base-1')?.id;
    const events = facts.events.filter((e) => e.kind !== 'server' || e.server !== lost);
    expect(failed({ ...facts, events })).toEqual(['dependency']);
  });
  it('fails when two of a group are under way', () => {
    expect(failed(orderly((times, id) => times.set(id('drill-spread-2'), 9 + 1)))).toEqual([
      'one-of-a-group',
    ]);
  });
  it('fails when the reserved host was not enabled, not used, or disabled with instances on it', () => {
    const facts = orderly();
    const events = facts.events.filter((e) => e.kind !== 'service');
    expect(failed({ ...facts, events })).toEqual(['reserve-used']);
    expect(failed({ ...facts, reserve: null })).toEqual(['reserve-used']);
    const off = facts.services.map((s) => (s.host === RESERVE ? { ...s, enabled: false } : s));
    expect(failed({ ...facts, services: off })).toEqual(['reserve-used']);
    const unused = facts.subjects.map((s) =>
      s.after?.host === RESERVE ? { ...s, after: { ...s.after, host: ELSEWHERE } } : s,
    );
    expect(failed({ ...facts, subjects: unused })).toEqual(['reserve-used']);
  });
  it('fails when the instance without a place was not tried, moved, or is not accounted for', () => {
    const facts = orderly();
    const its = facts.subjects.find(({ role }) => role === 'unplaceable');
    const isIts = ({ server }: { readonly server: string }): boolean => server === its?.id;
    const without = facts.migrations.filter((m) => !isIts(m));
    expect(failed({ ...facts, migrations: without })).toEqual(['unplaced']);
    const open = facts.migrations.map((m) => (isIts(m) ? { ...m, status: 'accepted' } : m));
    expect(failed({ ...facts, migrations: open })).toEqual(['unplaced']);
    const guests = facts.guests.map((g) => (isIts(g) ? { ...g, host: ELSEWHERE } : g));
    expect(failed({ ...facts, guests })).toEqual(['unplaced']);
    const moved = facts.subjects.map((s) =>
      s === its && s.after ? { ...s, after: { ...s.after, host: ELSEWHERE } } : s,
    );
    expect(failed({ ...facts, subjects: moved })).toEqual(['unplaced']);
    const none = facts.subjects.filter((s) => s !== its);
    expect(failed({ ...facts, subjects: none })).toEqual(['unplaced']);
  });
});

const front = (at: number, what: FrontWhat, server = uuid(1)): DrillEvent => ({
  kind: 'front',
  at: T0 + at,
  what,
  client: CONTROLLER,
  method: 'POST',
  path: `/v2.1/servers/${server}/action`,
  status: 200,
});

describe('bad-api', () => {
  const events = [
    ...goodFacts().events,
    front(6.2, 'lost'),
    front(8.5, 'closed'),
    front(8.7, 'refused'),
    front(8.9, 'open'),
    front(8.95, 'unauthorized'),
    reserveEnabled,
  ];
  const reserve = { host: RESERVE, reason: 'operator: broken fan' };
  const good = withNotes(
    { ...goodFacts('bad-api'), events, reserve },
    { away: { from: T0 + 8.5, to: T0 + 8.9 } },
  );
  const without = (what: FrontWhat): Facts => ({
    ...good,
    events: events.filter((e) => e.kind !== 'front' || e.what !== what),
  });
  it('passes when all of it was survived', () => {
    expect(failed(good)).toEqual([]);
    expect(passed(good)).toEqual(['lost-answer', 'refused', 'token-renewed', 'reserve-back']);
  });
  it('fails when the reserved host was not claimed, was used, or is not as it was', () => {
    const unclaimed = events.filter((e) => e !== reserveEnabled);
    expect(failed({ ...good, events: unclaimed })).toEqual(['reserve-back']);
    expect(failed({ ...good, reserve: null })).toEqual(['reserve-back']);
    const used = good.subjects.map((s, n) =>
      n === 0 && s.after ? { ...s, after: { ...s.after, host: RESERVE } } : s,
    );
    expect(failed({ ...good, subjects: used })).toEqual(['reserve-back']);
    const services = good.services.map((s) => (s.host === RESERVE ? { ...s, enabled: true } : s));
    expect(failed({ ...good, services })).toEqual(['reserve-back']);
    expect(failed({ ...good, reserve: { ...reserve, reason: 'reserved: spare' } })).toEqual(['reserve-back']);
  });
  it('fails when a fault did not come', () => {
    expect(failed(without('lost'))).toEqual(['lost-answer']);
    expect(failed(without('refused'))).toEqual(['refused']);
    expect(failed(without('unauthorized'))).toEqual(['token-renewed']);
    expect(failed(withNotes(good, { trouble: 'no front' }))).toEqual(['lost-answer']);
    expect(failed(withNotes(good, { away: null }))).toEqual(['refused']);
  });
  it('fails when the request was repeated', () => {
    const again = { ...front(9, 'lost'), kind: 'request', seconds: 0.1 } as DrillEvent;
    expect(failed({ ...good, events: [...events, again] })).toEqual(['lost-answer']);
    const record = { ...(good.migrations[0] as MigrationTrack), id: 900 };
    expect(failed({ ...good, migrations: [...good.migrations, record] })).toEqual(['lost-answer']);
  });
  it('fails when nothing was done after it', () => {
    const early = events.filter((e) => e.kind !== 'request' || e.at < T0 + 8.8);
    expect(failed({ ...good, events: early })).toEqual(['refused', 'token-renewed']);
  });
});

const bmcOff = (at: number, node: string): DrillEvent => ({
  kind: 'bmc',
  at: T0 + at,
  node,
  action: 'off',
  text: 'power off done',
});

describe('two-hosts', () => {
  const base = goodFacts('two-hosts');
  const mark: DrillEvent = {
    kind: 'attribute',
    at: T0 + 6,
    node: ELSEWHERE,
    name: 'evacuate',
    value: 'yes',
    was: null,
  };
  const good: Facts = {
    ...base,
    plan: {
      ...base.plan,
      victims: [VICTIM, ELSEWHERE],
      moving: base.plan.moving.map((mover, n) => ({ ...mover, from: n < 3 ? ELSEWHERE : VICTIM })),
    },
    events: [...base.events, bmcOff(5.5, ELSEWHERE), mark],
  };
  it('passes when both were fenced, marked and evacuated', () => {
    expect(failed(good)).toEqual([]);
  });
  it('fails when one was not, or when one had nothing', () => {
    expect(failed({ ...good, events: base.events })).toEqual(['both-failed']);
    expect(failed({ ...good, events: [...base.events, mark] })).toEqual(['both-failed']);
    expect(failed({ ...good, plan: { ...good.plan, moving: base.plan.moving } })).toEqual(['both-failed']);
    expect(failed(base)).toEqual(['both-failed']);
  });
});

describe('destination-loss', () => {
  const base = goodFacts('destination-loss');
  const first = base.migrations[0] as MigrationTrack;
  const lost: MigrationTrack = { ...first, status: 'pre-migrating', endedAt: null, lastLiveAt: T0 + 40 };
  const again: MigrationTrack = { ...first, id: 900, dest: 'compute-3', createdAt: T0 + 20 };
  const good = withNotes(
    {
      ...base,
      plan: { ...base.plan, victims: [VICTIM, ELSEWHERE] },
      events: [...base.events, bmcOff(12, ELSEWHERE)],
      migrations: [lost, ...base.migrations.slice(1), again],
    },
    { faultAt: T0 + 7 },
  );
  it('passes when what was on its way was asked for again', () => {
    expect(failed(good)).toEqual([]);
  });
  it('fails when it was not, when the destination was not fenced, or when nothing was on its way', () => {
    expect(failed({ ...good, migrations: good.migrations.filter((m) => m.id !== 900) })).toEqual([
      'destination-died',
    ]);
    expect(failed({ ...good, events: base.events })).toEqual(['destination-died']);
    expect(failed(withNotes(good, { faultAt: null }))).toEqual(['destination-died']);
    const away = good.migrations.map((m) => ({ ...m, dest: 'compute-3' }));
    expect(failed({ ...good, migrations: away })).toEqual(['destination-died']);
  });
});
