import { describe, expect, it } from 'vitest';
import type { DrillEvent } from './events.ts';
import { figuresOf, inService, requestCounts } from './figures.ts';
import { goodFacts, T0, uuid, VICTIM } from './testing.ts';
import { arrivals, evacuateRequests, timelineOf } from './timeline.ts';

const lineOf = (events: readonly DrillEvent[]): Record<string, number> =>
  Object.fromEntries(
    [...timelineOf(events, goodFacts().plan)].map(([key, value]) => [key, Math.round(value * 100) / 100]),
  );

describe('timelineOf', () => {
  it('finds every milestone of a good drill', () => {
    expect(lineOf(goodFacts().events)).toEqual({
      detected: 4,
      poweredOff: 5,
      incident: 5.6,
      mark: 5.7,
      forcedDown: 5.9,
      firstRequest: 6,
      lastRequest: 16,
      allElsewhere: 18,
      migrationsEnded: 18,
      booted: 8,
      rejoined: 12,
      released: 20,
      exec: 22,
      heartbeat: 26,
      completed: 27,
      unforced: 28,
      enabled: 29,
      schedulable: 29.5,
    });
  });
  it('takes a host for off from the beginning when its BMC says so', () => {
    const events = goodFacts().events.filter((e) => e.kind !== 'bmc');
    const plan = { ...goodFacts().plan, offFromStart: true };
    expect(timelineOf(events, plan).get('poweredOff')).toBe(0);
    expect(timelineOf(events, goodFacts().plan).has('poweredOff')).toBe(false);
  });
  it('leaves the requests and the instances of another failed host to that one', () => {
    const { plan, events } = goodFacts();
    const moving = plan.moving.map((mover, n) => (n === 0 ? { ...mover, from: 'compute-3' } : mover));
    const both = { ...plan, victims: [VICTIM, 'compute-3'], moving };
    expect(timelineOf(events, both).get('firstRequest')).toBeCloseTo(7);
    expect(timelineOf(events, { ...both, victim: 'compute-3' }).get('lastRequest')).toBeCloseTo(6);
    expect(timelineOf(events, { ...both, victim: 'compute-3' }).get('allElsewhere')).toBeCloseTo(8);
  });
  it('counts the last arrival of an instance that had to move twice', () => {
    const { plan, events } = goodFacts();
    const again: DrillEvent = {
      kind: 'server',
      at: T0 + 30,
      server: uuid(1),
      host: 'compute-3',
      vmState: 'active',
      taskState: null,
    };
    expect(arrivals([...events, again], plan).get(uuid(1))).toBeCloseTo(30);
    expect(arrivals([...events, { ...again, host: 'compute-2' }], plan).get(uuid(1))).toBeCloseTo(8);
  });
  it('says nothing of what was not seen', () => {
    const events = goodFacts().events.filter((e) => e.kind !== 'server' || e.server !== uuid(1));
    expect(lineOf(events).allElsewhere).toBeUndefined();
    expect(lineOf([])).toEqual({});
  });
  it('leaves out what happened before the power loss', () => {
    expect(lineOf([{ kind: 'node', at: T0 - 5, node: VICTIM, what: 'BOOT' }])).toEqual({});
  });
  it('takes no "online" for a return before the node is lost', () => {
    const early: DrillEvent = {
      kind: 'cluster',
      at: T0 + 1,
      subject: 'node',
      name: VICTIM,
      value: 'online',
      was: null,
    };
    expect(lineOf([early, ...goodFacts().events]).rejoined).toBe(12);
  });
  it('knows no completed records while one is only done', () => {
    const events = goodFacts().events.filter(
      (e) => !(e.kind === 'migration' && e.status === 'completed' && e.id === 100),
    );
    expect(lineOf(events).completed).toBeUndefined();
  });
  it('counts the last time that the host was enabled', () => {
    const again: DrillEvent = {
      kind: 'service',
      at: T0 + 35,
      host: VICTIM,
      fact: 'enabled',
      value: true,
      reason: null,
    };
    expect(lineOf([...goodFacts().events, again]).enabled).toBe(35);
  });
});

describe('arrivals and requests', () => {
  it('counts an instance only in the state that it has to have, with nothing under way', () => {
    const { plan } = goodFacts();
    const at = (vmState: string, taskState: string | null, host: string | null): DrillEvent[] => [
      { kind: 'server', at: T0 + 9, server: uuid(1), host, vmState, taskState },
    ];
    expect(arrivals(at('active', null, 'compute-2'), plan).size).toBe(1);
    expect(arrivals(at('active', 'rebuild_spawning', 'compute-2'), plan).size).toBe(0);
    expect(arrivals(at('error', null, 'compute-2'), plan).size).toBe(0);
    expect(arrivals(at('active', null, VICTIM), plan).size).toBe(0);
    expect(arrivals(at('active', null, null), plan).size).toBe(0);
  });
  it('counts only actions that controllers asked for', () => {
    const { events, plan } = goodFacts();
    expect(evacuateRequests(events, plan)).toHaveLength(11);
    const others = events.map((e) => (e.kind === 'request' ? { ...e, client: '10.99.0.250' } : e));
    expect(evacuateRequests(others, plan)).toHaveLength(0);
  });
});

describe('figures', () => {
  it('reckons them from the time line', () => {
    const values = figuresOf(goodFacts()).map((figure) =>
      figure.value === null ? null : Math.round(figure.value * 100) / 100,
    );
    // 0.3 s from the mark; all elsewhere; from the first request; 29.5 - 18 - (26 - 22); in service; 11 requests for 11.
    expect(values).toEqual([0.3, 18, 12, 7.5, 29.5, 1]);
  });
  it('gives none that was not measured', () => {
    const facts = { ...goodFacts(), events: [] };
    expect(figuresOf(facts).map((figure) => figure.value)).toEqual([null, null, null, null, null, 0]);
    expect(
      inService(
        new Map([
          ['heartbeat', 3],
          ['forcedDown', 1],
        ]),
      ),
    ).toBeNull();
  });
  it('counts requests without their ids', () => {
    expect([...requestCounts(goodFacts())]).toEqual([['POST /v2.1/servers/{id}/action 200', 11]]);
  });
});
