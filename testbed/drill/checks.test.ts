import { describe, expect, it } from 'vitest';
import { checksOf } from './checks.ts';
import type { DrillEvent } from './events.ts';
import type { Facts, ScenarioName, Snapshot, Subject } from './facts.ts';
import type { MigrationTrack, ServiceRow } from './observe.ts';
import { CONTROLLER, goodFacts, T0, uuid, VICTIM } from './testing.ts';

const failed = (facts: Facts): string[] =>
  checksOf(facts)
    .filter((check) => !check.ok)
    .map((check) => check.id);

const FIRST = uuid(1);
/** The good drill with one server as it should not be. */
const withAfter = (
  change: Partial<Snapshot> | null,
  which: (subject: Subject) => boolean = (s) => s.id === FIRST,
): Facts => {
  const facts = goodFacts();
  return {
    ...facts,
    subjects: facts.subjects.map((subject) => {
      if (!which(subject)) return subject;
      const after = change === null || subject.after === null ? null : { ...subject.after, ...change };
      return { ...subject, after };
    }),
  };
};
const paused = (subject: Subject): boolean => subject.role === 'paused';
const withService = (host: string, change: Partial<ServiceRow>): Facts => {
  const facts = goodFacts();
  return { ...facts, services: facts.services.map((s) => (s.host === host ? { ...s, ...change } : s)) };
};
const withEvents = (...more: DrillEvent[]): Facts => ({
  ...goodFacts(),
  events: [...goodFacts().events, ...more],
});
const withMigration = (id: number, change: Partial<MigrationTrack>): Facts => {
  const facts = goodFacts();
  return { ...facts, migrations: facts.migrations.map((m) => (m.id === id ? { ...m, ...change } : m)) };
};
const post = (at: number, server: string, status = 200, client = CONTROLLER): DrillEvent => ({
  kind: 'request',
  at: T0 + at,
  client,
  method: 'POST',
  path: `/v2.1/servers/${server}/action`,
  status,
  seconds: 0.1,
});
const second = (change: Partial<MigrationTrack>): MigrationTrack => ({
  ...(goodFacts().migrations[0] as MigrationTrack),
  id: 900,
  ...change,
});

describe('a good drill', () => {
  it('passes every check', () => {
    expect(failed(goodFacts())).toEqual([]);
    expect(checksOf(goodFacts()).length).toBeGreaterThan(20);
  });
});

describe('every check can fail', () => {
  const cases: readonly (readonly [string, Facts, readonly string[]])[] = [
    ['it did not settle', { ...goodFacts(), settled: false }, ['settled']],
    [
      'a guest ran twice',
      withEvents({
        kind: 'guest',
        at: T0 + 9,
        host: 'compute-2',
        what: 'DUAL',
        server: FIRST,
        text: 'also-on=compute-1',
      }),
      ['never-twice'],
    ],
    ['an instance was left behind', withAfter({ host: VICTIM, boundTo: VICTIM }), ['moved', 'guest']],
    [
      'an instance is gone',
      withAfter(null),
      ['moved', 'state', 'lock', 'fixed-address', 'floating-address', 'flavor', 'guest'],
    ],
    ['wrong state', withAfter({ vmState: 'error' }), ['state']],
    ['a task is under way', withAfter({ taskState: 'rebuilding' }), ['state']],
    ['the lock is gone', withAfter({ locked: false }, (s) => s.role === 'locked'), ['lock']],
    ['a lock came from nowhere', withAfter({ locked: true }), ['lock']],
    ['another fixed address', withAfter({ fixed: ['172.30.9.9'] }), ['fixed-address']],
    ['the port is bound to the old host', withAfter({ boundTo: VICTIM }), ['fixed-address']],
    ['the floating address is gone', withAfter({ floating: [] }), ['floating-address']],
    ['another flavor', withAfter({ flavor: 'm1.other' }), ['flavor']],
    [
      'a second copy of a guest',
      {
        ...goodFacts(),
        guests: [
          ...goodFacts().guests,
          { host: 'compute-3', powered: true, server: FIRST, state: 'running' },
        ],
      },
      ['guest'],
    ],
    [
      'a guest in the wrong state',
      { ...goodFacts(), guests: goodFacts().guests.map((g) => ({ ...g, state: 'running' })) },
      ['guest'],
    ],
    [
      'no guest at all',
      { ...goodFacts(), guests: goodFacts().guests.filter((g) => g.server !== FIRST) },
      ['guest'],
    ],
    ['the paused one was moved', withAfter({ host: 'compute-2' }, paused), ['left-in-place']],
    ['the paused one is in ERROR', withAfter({ vmState: 'error' }, paused), ['left-in-place']],
    ['nobody named the paused one', { ...goodFacts(), productLines: [] }, ['left-and-named']],
    [
      'it was named before the power loss only',
      { ...goodFacts(), productLines: goodFacts().productLines.map((line) => ({ ...line, at: T0 - 60 })) },
      ['left-and-named'],
    ],
    [
      'a control was moved',
      {
        ...goodFacts(),
        controls: goodFacts().controls.map((c) => ({
          ...c,
          after: c.after && { ...c.after, host: 'compute-2' },
        })),
      },
      ['control'],
    ],
    ['a control was asked for', withEvents(post(9, uuid(99), 400)), ['control']],
    ['a request before the power off', withEvents(post(4.5, FIRST)), ['fencing-first']],
    [
      'a request before anybody could know, for a host that was off from the beginning',
      { ...withEvents(post(3, FIRST)), plan: { ...goodFacts().plan, offFromStart: true } },
      ['fencing-first'],
    ],
    [
      'no power off at all',
      { ...goodFacts(), events: goodFacts().events.filter((e) => e.kind !== 'bmc') },
      ['fencing-first'],
    ],
    [
      'two evacuations at a time, in one look',
      { ...goodFacts(), migrations: [...goodFacts().migrations, second({ liveWith: [100] })] },
      ['one-at-a-time', 'only-one'],
    ],
    [
      'two evacuations at a time, by their times',
      {
        ...goodFacts(),
        migrations: [
          ...goodFacts().migrations.map((m) => (m.id === 100 ? { ...m, lastLiveAt: T0 + 12 } : m)),
          second({ createdAt: T0 + 9 }),
        ],
      },
      ['one-at-a-time', 'only-one'],
    ],
    [
      'a second evacuation after the first',
      { ...goodFacts(), migrations: [...goodFacts().migrations, second({ createdAt: T0 + 15 })] },
      ['only-one'],
    ],
    ['a record for ever in pre-migrating', withMigration(100, { status: 'pre-migrating' }), ['all-ended']],
    ['a record that nova-compute did not complete', withMigration(100, { status: 'done' }), ['all-ended']],
    [
      'nova-compute started while a record was at work',
      withMigration(100, { lastLiveAt: T0 + 23 }),
      ['compute-held'],
    ],
    ['an evacuation began after nova-compute', withMigration(100, { createdAt: T0 + 30 }), ['compute-held']],
    ['the host is forced down', withService(VICTIM, { forcedDown: true }), ['service-back']],
    ['the host is disabled', withService(VICTIM, { enabled: false }), ['service-back']],
    ['the host does not report', { ...goodFacts(), beating: new Set() }, ['service-back']],
    ['the host gets no instances', withService(VICTIM, { schedulable: false }), ['schedulable']],
    ['a reason was left', withService(VICTIM, { reason: 'instance-ha: evacuation' }), ['reason-empty']],
    ['the operator’s host was enabled', withService('compute-3', { enabled: true }), ['operator-kept']],
    ['the operator’s reason was changed', withService('compute-3', { reason: null }), ['operator-kept']],
    [
      'the operator’s host was enabled for a while',
      withEvents({
        kind: 'service',
        at: T0 + 9,
        host: 'compute-3',
        fact: 'enabled',
        value: true,
        reason: null,
      }),
      ['operator-kept'],
    ],
    [
      'the incident is still there',
      { ...goodFacts(), attributes: new Map([[VICTIM, new Map([['instance-ha-incident', 'v=1']])]]) },
      ['records-gone'],
    ],
    [
      'the record is still there',
      { ...goodFacts(), attributes: new Map([[VICTIM, new Map([['instance-ha-evacuation', 'v=1']])]]) },
      ['records-gone'],
    ],
    [
      'the mark is still there',
      { ...goodFacts(), attributes: new Map([[VICTIM, new Map([['evacuate', 'yes']])]]) },
      ['records-gone'],
    ],
    [
      'there never was a mark',
      {
        ...goodFacts(),
        events: goodFacts().events.filter((e) => e.kind !== 'attribute' || e.name !== 'evacuate'),
      },
      ['records-gone'],
    ],
    [
      'a controller was fenced',
      withEvents({ kind: 'bmc', at: T0 + 30, node: 'controller-2', action: 'off', text: 'power off done' }),
      ['nobody-else-fenced'],
    ],
    ['a node is offline', { ...goodFacts(), clusterTrouble: ['compute-1 is offline'] }, ['cluster-whole']],
  ];
  it.each(cases)('%s', (_, facts, expected) => {
    expect(failed(facts)).toEqual(expected);
  });

  it('no case is missing', () => {
    const covered = new Set(cases.flatMap(([, , ids]) => ids));
    expect(checksOf(goodFacts()).filter((check) => !covered.has(check.id))).toEqual([]);
  });
});

describe('where a destination died as well', () => {
  const facts = goodFacts('destination-loss');
  const ELSE = 'compute-2';
  const off: DrillEvent = { kind: 'bmc', at: T0 + 12, node: ELSE, action: 'off', text: 'power off done' };
  const lost = { status: 'pre-migrating', lastLiveAt: T0 + 40, endedAt: null } as const;
  const again = second({ createdAt: T0 + 20, dest: 'compute-3', liveWith: [100] });
  const drill = (more: Partial<Facts>, at = 12): string[] => {
    const migrations = [...withMigration(100, lost).migrations, again];
    const events = [...facts.events, { ...off, at: T0 + at }];
    const plan = { ...facts.plan, victims: [VICTIM] };
    return failed({ ...facts, plan, migrations, events, ...more }).filter(
      (id) => !['nobody-else-fenced', 'destination-died'].includes(id),
    );
  };
  it('a record that died with it does not count as under way', () => {
    expect(drill({})).toEqual([]);
  });
  it('but one whose destination lives does, and so does one that was followed before the death', () => {
    expect(drill({ events: facts.events })).toEqual(['one-at-a-time', 'all-ended', 'compute-held']);
    expect(drill({}, 30)).toEqual(['one-at-a-time']);
  });
  it('an instance may come back to where it began, but not without an evacuation', () => {
    const home = facts.subjects.map((s) =>
      s.id === FIRST && s.after !== null ? { ...s, after: { ...s.after, host: VICTIM, boundTo: VICTIM } } : s,
    );
    const guests = facts.guests.map((g) => (g.server === FIRST ? { ...g, host: VICTIM } : g));
    expect(drill({ subjects: home, guests })).toEqual(['moved']);
    const back = second({ id: 901, createdAt: T0 + 30, source: ELSE, dest: VICTIM });
    const migrations = [...facts.migrations, back];
    expect(drill({ subjects: home, guests, migrations })).toEqual([]);
  });
});

describe('what only one scenario checks', () => {
  const story = (
    scenario: ScenarioName,
    notes: Partial<Facts['notes']>,
    more: Partial<Facts> = {},
  ): Facts => {
    const facts = goodFacts(scenario);
    return { ...facts, ...more, notes: { ...facts.notes, ...notes } };
  };

  it('controller-loss: another one takes over', () => {
    const { events } = goodFacts();
    const notes = {
      faultAt: T0 + 9,
      killedController: 'controller-1',
      evacuatorBefore: 'controller-1',
      evacuatorAfter: 'controller-2',
    };
    expect(failed(story('controller-loss', notes))).toEqual([]);
    expect(failed(story('controller-loss', { ...notes, faultAt: null }))).toEqual(['taken-over']);
    expect(failed(story('controller-loss', { ...notes, faultAt: T0 + 38 }))).toEqual(['taken-over']);
    const half = goodFacts().migrations.slice(0, 3);
    const early = events.filter((e) => e.kind !== 'request' || e.at < T0 + 9);
    expect(failed(story('controller-loss', notes, { events: early, migrations: half }))).toEqual([
      'taken-over',
    ]);
    expect(failed(story('controller-loss', { ...notes, trouble: 'no request' }, { events }))).toEqual([
      'taken-over',
    ]);
    expect(failed(story('controller-loss', { ...notes, evacuatorAfter: null }, { events }))).toEqual([
      'taken-over',
    ]);
    const fenced: DrillEvent = { kind: 'bmc', at: T0 + 12, node: 'controller-1', action: 'off', text: '' };
    expect(failed(story('controller-loss', notes, { events: [...events, fenced] }))).toEqual([]);
    expect(
      failed(story('controller-loss', notes, { events: [...events, { ...fenced, node: 'controller-3' }] })),
    ).toEqual(['nobody-else-fenced']);
    // More than one record is no mistake here, two at work at a time are.
    const migrations = [...goodFacts().migrations, second({ createdAt: T0 + 15 })];
    expect(failed(story('controller-loss', notes, { events, migrations }))).toEqual([]);
  });

  it('api-away: nothing is answered meanwhile, and the work is done', () => {
    const away = { from: T0 + 5.8, to: T0 + 5.95 };
    const faultAt = away.from;
    expect(failed(story('api-away', { faultAt, away }))).toEqual([]);
    expect(failed(story('api-away', {}))).toEqual(['api-was-away']);
    expect(failed(story('api-away', { faultAt, away: { from: T0 + 5.8, to: T0 + 8.5 } }))).toEqual([
      'api-was-away',
    ]);
    expect(failed(story('api-away', { faultAt: T0 + 30, away: { from: T0 + 30, to: T0 + 31 } }))).toEqual([
      'api-was-away',
    ]);
  });

  it('fast-rejoin: back before the evacuation is complete, and held', () => {
    const heldBecause = ['the incident'];
    expect(failed(story('fast-rejoin', { heldBecause }))).toEqual([]);
    expect(failed(story('fast-rejoin', {}))).toEqual(['back-too-early']);
    const back: DrillEvent = {
      kind: 'cluster',
      at: T0 + 19,
      subject: 'node',
      name: VICTIM,
      value: 'online',
      was: 'unclean',
    };
    const late = goodFacts().events.map((e) => (e.kind === 'cluster' && e.value === 'online' ? back : e));
    expect(failed(story('fast-rejoin', { heldBecause }, { events: late }))).toEqual(['back-too-early']);
    const never = goodFacts().events.filter((e) => !(e.kind === 'cluster' && e.value === 'online'));
    expect(failed(story('fast-rejoin', { heldBecause }, { events: never }))).toEqual(['back-too-early']);
  });

  it('clean-stop: nothing is sent while it is stopped, and it goes on elsewhere', () => {
    const notes = {
      faultAt: T0 + 7.5,
      evacuatorBefore: 'controller-1',
      evacuatorAfter: 'controller-2',
      away: { from: T0 + 8.1, to: T0 + 8.9 },
    };
    expect(failed(story('clean-stop', notes))).toEqual([]);
    expect(failed(story('clean-stop', { ...notes, evacuatorAfter: 'controller-1' }))).toEqual([
      'stopped-and-resumed',
    ]);
    expect(failed(story('clean-stop', { ...notes, away: { from: T0 + 8.1, to: T0 + 10.5 } }))).toEqual([
      'stopped-and-resumed',
    ]);
    expect(failed(story('clean-stop', { ...notes, faultAt: null, away: null }))).toEqual([
      'stopped-and-resumed',
    ]);
    expect(failed(story('clean-stop', { ...notes, trouble: 'did not stop' }))).toEqual([
      'stopped-and-resumed',
    ]);
  });
});

describe('a drill in which nothing was evacuated', () => {
  it('passes no check that is about evacuations', () => {
    const facts = goodFacts();
    const events = facts.events.filter((e) => e.kind !== 'request' && e.kind !== 'migration');
    expect(failed({ ...facts, events, migrations: [] })).toEqual([
      'fencing-first',
      'one-at-a-time',
      'only-one',
      'all-ended',
      'compute-held',
    ]);
  });
});

describe('the product’s reason', () => {
  it('is found in the status when the log does not say', () => {
    const id = goodFacts().subjects.find(paused)?.id ?? '';
    const status = JSON.stringify({ hosts: [{ node: VICTIM, instances: [{ id, text: 'it is paused' }] }] });
    const facts = { ...goodFacts(), productLines: [], statusTexts: ['no JSON', status] };
    expect(failed(facts)).toEqual([]);
    const check = checksOf(facts).find(({ id: which }) => which === 'left-and-named');
    expect(check?.detail).toContain('it is paused');
  });
});
