import { describe, expect, it } from 'vitest';
import { compareArrival } from './arrival.ts';
import { type HostView, known, type PortView, type ServerView, unknown } from './observation.ts';
import { aHostView, aServer, ELSEWHERE, SOURCE } from './testing.ts';

const BEFORE = aServer({
  addresses: { fixed: ['10.0.0.5'], floating: ['192.0.2.5'] },
  volumes: ['v1'],
  locked: true,
});
const port = (more: Partial<PortView> = {}): PortView => ({
  id: 'p1',
  boundHost: ELSEWHERE,
  status: 'ACTIVE',
  fixed: [],
  ...more,
});
const compare = (now: Partial<ServerView>, view: Partial<HostView> = {}) =>
  compareArrival(aHostView({ before: new Map([[BEFORE.id, BEFORE]]), ...view }), {
    ...BEFORE,
    host: ELSEWHERE,
    ...now,
  });

describe('an instance that has arrived', () => {
  it('as it was has no differences', () => {
    expect(compare({})).toEqual({ differences: [], unseen: null });
    expect(compare({}, { ports: new Map([[BEFORE.id, known([port()])]]) }).differences).toEqual([]);
  });

  it('with something missing, new or changed has each of it named', () => {
    expect(
      compare({
        addresses: { fixed: ['10.0.0.6'], floating: [] },
        volumes: [],
        vmState: 'stopped',
        locked: false,
        flavor: { ...BEFORE.flavor, name: 'large' },
      }).differences,
    ).toEqual([
      'flavor small is now large',
      'fixed address 10.0.0.5 is gone',
      'fixed address 10.0.0.6 is new',
      'floating address 192.0.2.5 is gone',
      'volume v1 is gone',
      'active is now stopped',
      'is not locked any more',
    ]);
    expect(compare({ powerState: 4 }).differences).toEqual(['power state 4, not running']);
  });

  it('may be ACTIVE where it was in ERROR', () => {
    const before = new Map([[BEFORE.id, { ...BEFORE, vmState: 'error', powerState: 0 }]]);
    expect(compare({ powerState: 1 }, { before }).differences).toEqual([]);
  });

  it('is to be stopped where it was about to be', () => {
    const before = new Map([[BEFORE.id, { ...BEFORE, taskState: 'powering-off' }]]);
    expect(compare({ vmState: 'stopped' }, { before }).differences).toEqual([]);
    expect(compare({}, { before }).differences).toEqual(['stopped is now active']);
  });

  it('is told of ports that Neutron has elsewhere, or down', () => {
    const ports = new Map([
      [BEFORE.id, known([port({ boundHost: SOURCE }), port({ id: 'p2', status: 'DOWN' })])],
    ]);
    expect(compare({}, { ports }).differences).toEqual(['port p1 is bound to compute-1', 'port p2 is DOWN']);
    // A guest that does not run has its ports down.
    const down = new Map([[BEFORE.id, known([port({ status: 'DOWN' })])]]);
    expect(compare({ vmState: 'stopped' }, { ports: down }).differences).toEqual(['active is now stopped']);
  });

  it('is not compared with what nobody has seen, and that is said', () => {
    expect(compare({ volumes: [] }, { before: new Map() })).toEqual({
      differences: [],
      unseen: 'how it was before was not seen by this evacuator',
    });
    const ports = new Map([[BEFORE.id, unknown('503')]]);
    expect(compare({}, { ports }).unseen).toContain('503');
    const stoppedInError = new Map([[BEFORE.id, unknown('403')]]);
    expect(compare({}, { stoppedInError }).unseen).toMatch(
      /had been stopped before .*ERROR is not known: 403/,
    );
    expect(compare({}, { stoppedInError: new Map([[BEFORE.id, known(true)]]) }).unseen).toBeNull();
  });
});
