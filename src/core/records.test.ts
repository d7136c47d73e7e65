import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hostFinder, hostName, hostOfNode, nodeName } from './names.ts';
import {
  disabledReason,
  type EvacuationRecord,
  formatEvacuation,
  formatHistory,
  formatHoldAnswer,
  formatIncident,
  formatPause,
  type IncidentRecord,
  isOurMarker,
  parseEvacuation,
  parseHistory,
  parseHoldAnswer,
  parseIncident,
  parsePause,
} from './records.ts';
import { aRecord } from './testing.ts';

const time = fc.integer({ min: 0, max: 4e12 });
const word = fc.stringMatching(/^[A-Za-z0-9_.:-]{1,20}$/);

describe('records', () => {
  it('say the same after they were written and read', () => {
    const incident: fc.Arbitrary<IncidentRecord> = fc.record({
      id: word,
      at: time,
      by: fc.constantFrom('fencer', 'operator', 'mark'),
      on: word,
    });
    fc.assert(
      fc.property(incident, (record) => {
        expect(parseIncident(formatIncident(record))).toEqual(record);
      }),
    );
    const evacuation: fc.Arbitrary<EvacuationRecord> = fc.record({
      incident: word,
      phase: fc.constantFrom('evacuating', 'returning'),
      fencedAt: time,
      since: time,
      begunAt: time,
      outage: fc.option(fc.record({ id: word, at: time }), { nil: null }),
      before: fc.record({ status: fc.constantFrom('enabled', 'disabled'), forcedDown: fc.boolean() }),
      owner: word,
      clean: fc.boolean(),
      releasedAt: fc.option(time, { nil: null }),
      letGoByHand: fc.boolean(),
      stopped: fc.array(fc.stringMatching(/^[0-9a-f]{8}$/), { maxLength: 5 }),
      stoppedInError: fc.array(fc.stringMatching(/^[0-9a-f]{8}$/), { maxLength: 5 }),
      lost: fc.array(fc.record({ id: fc.nat(), claimed: fc.boolean() }), { maxLength: 5 }),
      reserves: fc.array(
        fc.record({
          host: fc.string({ minLength: 1 }).map(hostName),
          reason: fc.string({ unit: 'grapheme' }),
          aggregate: fc.option(fc.nat(), { nil: null }),
        }),
        { maxLength: 3 },
      ),
    });
    fc.assert(
      fc.property(evacuation, (record) => {
        expect(parseEvacuation(formatEvacuation(record))).toEqual(record);
      }),
    );
  });

  it('of a node’s past and of a pause say the same too, in whatever words', () => {
    const incident = fc.record({ id: word, at: time, novaAt: fc.option(fc.nat(), { nil: null }) });
    const past = fc.record({ incidents: fc.array(incident, { maxLength: 5 }) });
    fc.assert(
      fc.property(past, (record) => {
        expect(parseHistory(formatHistory(record))).toEqual(record);
      }),
    );
    expect(parseHistory('v=1,incidents=5:a+6:b')).toEqual({
      incidents: [
        { id: 'a', at: 5, novaAt: null },
        { id: 'b', at: 6, novaAt: null },
      ],
    });
    const pause = fc.record({ until: time, by: fc.string(), why: fc.string({ unit: 'grapheme' }) });
    fc.assert(
      fc.property(pause, (record) => {
        expect(parsePause(formatPause(record))).toEqual(record);
      }),
    );
    expect(parsePause(formatPause({ until: 0, by: 'a\ud800b', why: '' }))?.by).toBe('a\uFFFDb');
  });

  it('of a thousand instances, each stopped and each lost three times, fit into a node attribute', () => {
    const record = aRecord({
      stopped: Array.from({ length: 1_000 }, (_, i) => i.toString(16).padStart(8, '0')),
      lost: Array.from({ length: 3_000 }, (_, i) => ({ id: 1_000_000 + i, claimed: true })),
    });
    // What pacemaker/attributes.ts lets through, and what the command line of crm_attribute takes.
    expect(formatEvacuation(record).length).toBeLessThan(64 * 1024);
  });

  it('that are none of ours are not read', () => {
    for (const text of [
      '',
      'yes',
      'v=2,id=a,at=2026-01-01T00:00:00Z,by=fencer,on=c',
      'v=1,id=a,at=never,by=fencer',
      'v=1,at=2026-01-01T00:00:00Z,by=fencer',
    ]) {
      expect(parseIncident(text)).toBeNull();
      expect(parseEvacuation(text)).toBeNull();
    }
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect([parseIncident(text), parseEvacuation(text)]).toEqual([null, null]);
      }),
    );
  });

  it('that could not be written again are not read: a hand may have left a blank in one', () => {
    const incident = formatIncident({ id: 'i', at: 0, by: 'fencer', on: 'c' });
    expect(parseIncident(incident)).not.toBeNull();
    expect(parseIncident(`${incident} `)).toBeNull();
    const written = formatEvacuation(aRecord());
    expect(parseEvacuation(`${written} `)).toBeNull();
    expect(parseEvacuation(written.replace(/owner=[^,]*/, 'owner=a/b'))).toBeNull();
    const history = formatHistory({ incidents: [{ id: 'i', at: 1, novaAt: 2 }] });
    fc.assert(
      fc.property(fc.nat(), fc.string({ minLength: 1, maxLength: 2 }), (n, typed) => {
        const put = (text: string): string => {
          const at = n % (text.length + 1);
          return `${text.slice(0, at)}${typed}${text.slice(at)}`;
        };
        const [first, second, third] = [
          parseIncident(put(incident)),
          parseEvacuation(put(written)),
          parseHistory(put(history)),
        ] as const;
        if (first) formatIncident(first);
        if (second) formatEvacuation(second);
        if (third) formatHistory(third);
      }),
    );
  });

  it('without one of the fields that they can’t do without are not read', () => {
    const without = (text: string, field: string): string =>
      text
        .split(',')
        .filter((pair) => !pair.startsWith(`${field}=`))
        .join(',');
    const evacuation = formatEvacuation(aRecord());
    expect(parseEvacuation(without(evacuation, 'none'))).not.toBeNull();
    for (const field of ['v', 'incident', 'phase', 'fenced', 'since', 'status'])
      expect([field, parseEvacuation(without(evacuation, field))]).toEqual([field, null]);
    const incident = formatIncident({ id: 'i', at: 0, by: 'fencer', on: 'c' });
    expect(parseIncident(without(incident, 'none'))).not.toBeNull();
    for (const field of ['v', 'id', 'at', 'by'])
      expect([field, parseIncident(without(incident, field))]).toEqual([field, null]);
  });

  it('never hold a character that the CIB, a shell or attrd would change', () => {
    expect(() => formatIncident({ id: 'a b', at: 0, by: 'fencer', on: 'c' })).toThrow('forbidden');
    expect(() => formatIncident({ id: 'a', at: 0, by: 'fencer', on: 'c",x="' })).toThrow('forbidden');
  });
});

describe('the answer to a hold', () => {
  it('is for one boot only', () => {
    const released = formatHoldAnswer('token-of-boot-1', { released: true });
    expect(parseHoldAnswer(released, 'token-of-boot-1')).toEqual({ released: true });
    expect(parseHoldAnswer(released, 'token-of-boot-2')).toBeNull();
    expect(parseHoldAnswer('', 'token-of-boot-1')).toBeNull();
    expect(parseHoldAnswer('released', 'token-of-boot-1')).toBeNull();
  });

  it('says why', () => {
    const held = formatHoldAnswer('token-of-boot-1', { released: false, reason: '3 to go' });
    expect(parseHoldAnswer(held, 'token-of-boot-1')).toEqual({ released: false, reason: '3 to go' });
  });
});

describe('names', () => {
  const hosts = ['compute-1', 'compute-2.example.org', 'x'].map(hostName);
  it('match exactly or by the domain, never by guessing', () => {
    expect(hostOfNode(nodeName('compute-1'), hosts, null)).toBe('compute-1');
    expect(hostOfNode(nodeName('compute-2'), hosts, null)).toBeNull();
    expect(hostOfNode(nodeName('compute-2'), hosts, 'example.org')).toBe('compute-2.example.org');
    expect(hostOfNode(nodeName('compute'), hosts, 'example.org')).toBeNull();
  });

  it('are found among many by the same rule', () => {
    const names = ['compute-1', 'compute-1.example.org', 'x', 'x', 'y.example.org'].map(hostName);
    for (const domain of [null, 'example.org']) {
      const find = hostFinder(names, domain);
      for (const node of ['compute-1', 'compute-1.example.org', 'x', 'y', 'z'].map(nodeName))
        expect(find(node)).toBe(hostOfNode(node, names, domain));
    }
  });

  it('that fit twice fit nobody', () => {
    const twice = ['compute-1', 'compute-1.example.org'].map(hostName);
    expect(hostOfNode(nodeName('compute-1'), twice, 'example.org')).toBeNull();
  });
});

describe('the marker', () => {
  it('is told from an operator’s own reason', () => {
    expect(isOurMarker(disabledReason('i1'))).toBe(true);
    expect(isOurMarker('broken fan')).toBe(false);
    expect(isOurMarker(null)).toBe(false);
  });
});
