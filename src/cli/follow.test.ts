import { describe, expect, it } from 'vitest';
import type { EvacuationRecord } from '../core/records.ts';
import { advance, beginning, type Followed, news, reportText, type Sight } from './follow.ts';
import type { NodeRecords } from './situation.ts';

const FOLLOWED: readonly Followed[] = [
  { id: 'a', name: 'vm-a', expected: true },
  { id: 'b', name: 'vm-b', expected: false },
];
const evacuation = { incident: 'i', phase: 'evacuating' } as EvacuationRecord;
const incident = { id: 'i', at: 0, by: 'fencer', on: 'c' } as const;
const records = (changes: Partial<NodeRecords> = {}): NodeRecords => ({
  node: 'n',
  online: true,
  isUnclean: false,
  isMaintained: false,
  isTakenOut: false,
  incident: null,
  evacuation: null,
  mark: null,
  pause: null,
  ...changes,
});
const sight = (at: number, changes: Partial<NodeRecords> = {}, host = 'n', serviceIsFine = true): Sight => ({
  at,
  records: records(changes),
  serviceIsFine,
  instances: new Map([['a', { host, vmState: 'active', taskState: null }]]),
});
const through = (sights: readonly Sight[]) =>
  sights.reduce((progress, each) => advance(progress, each, 'n', FOLLOWED), beginning(0));

describe('following a recovery', () => {
  it('sees each step once, in its order', () => {
    const progress = through([
      sight(1_000),
      sight(5_000, { incident, online: false }),
      sight(6_000, { incident, evacuation, online: false }, 'n', false),
      sight(20_000, { incident, evacuation, online: false }, 'm', false),
      sight(25_000, { evacuation }, 'm', false),
      sight(40_000, {}, 'm'),
      sight(50_000, {}, 'm'),
    ]);
    expect(progress).toMatchObject({
      recorded: 5_000,
      proven: 6_000,
      evacuated: 20_000,
      released: 25_000,
      back: 40_000,
    });
    expect(reportText(progress, FOLLOWED)).toContain('vm-a (a): on m after 20.0 s');
    expect(reportText(progress, FOLLOWED)).toContain('vm-b (b): stayed, as foreseen');
  });

  it('takes a host that has not died yet for neither released nor back', () => {
    expect(through([sight(1_000), sight(2_000)])).toMatchObject({
      recorded: null,
      released: null,
      back: null,
    });
  });

  it('learns nothing from what could not be read', () => {
    const before = through([sight(5_000, { incident })]);
    const blind: Sight = { at: 9_000, records: null, instances: null, serviceIsFine: null };
    expect(advance(before, blind, 'n', FOLLOWED)).toEqual(before);
  });

  it('an instance in ERROR or in the middle of something has not arrived', () => {
    const base = sight(5_000, { incident });
    for (const seen of [
      { host: 'm', vmState: 'error', taskState: null },
      { host: 'm', vmState: 'active', taskState: 'rebuilding' },
    ])
      expect(
        advance(beginning(0), { ...base, instances: new Map([['a', seen]]) }, 'n', FOLLOWED).moved.size,
      ).toBe(0);
  });

  it('tells what is new, and only that', () => {
    const first = through([sight(5_000, { incident })]);
    expect(news(beginning(0), first)).toHaveLength(1);
    expect(news(first, first)).toEqual([]);
  });
});
