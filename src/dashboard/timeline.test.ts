import { describe, expect, it } from 'vitest';
import { nodeName, serverId } from '../core/names.ts';
import type { IncidentRow, LineRow } from '../view/model.ts';
import { timelineOf } from './timeline.ts';

const ROW: IncidentRow = {
  node: nodeName('compute-1'),
  host: null,
  phase: 'evacuating',
  text: '',
  by: 'fencer',
  recordedAt: 1_000,
  fencedAt: 2_000,
  begunAt: null,
  releasedAt: null,
  endedAt: null,
  progress: null,
};
const line = (at: number, text: string, more: Partial<LineRow> = {}): LineRow => ({
  at,
  level: 'info',
  text,
  node: ROW.node,
  incident: 'i1',
  server: null,
  ...more,
});

describe('the timeline of an incident', () => {
  it('has what the records say and what was said, in order', () => {
    const entries = timelineOf('i1', ROW, [line(1_500, 'waiting for the proof'), line(2_500, 'asking Nova')]);
    expect(entries.map(({ text }) => text)).toEqual([
      'fenced by Pacemaker; incident recorded',
      'waiting for the proof',
      'power confirmed off',
      'asking Nova',
    ]);
  });

  it('does not have the proof before the last word of waiting for it, within the second that the history cuts', () => {
    const row = { ...ROW, begunAt: 1_900 };
    const said = [line(2_400, 'waiting for the proof that its power is off'), line(2_500, 'telling Nova')];
    expect(timelineOf('i1', row, said).map(({ text }) => text)).toEqual([
      'fenced by Pacemaker; incident recorded',
      'waiting for the proof that its power is off',
      'power confirmed off',
      'evacuation begun',
      'telling Nova',
    ]);
    // A later incident's waiting, or one a long time after, has nothing to do with it.
    const late = [line(4_000, 'waiting for the proof that its power is off')];
    expect(timelineOf('i1', ROW, late)[1]).toMatchObject({ at: 2_000, text: 'power confirmed off' });
  });

  it('draws lines together that only count on', () => {
    const counted = [3, 4, 5].map((n) => line(3_000 + n, `evacuating: ${n} of 24 instances moved`));
    expect(timelineOf('i1', ROW, counted).at(-1)).toMatchObject({
      at: 3_003,
      until: 3_005,
      text: 'evacuating: 5 of 24 instances moved',
    });
  });

  it('leaves out other incidents, and of single instances what went well', () => {
    const server = serverId('s');
    const entries = timelineOf('i1', ROW, [
      line(3_000, 'another', { incident: 'i2' }),
      line(3_000, 'vm-1 (moved)', { server }),
      line(3_100, 'vm-2 (failed)', { server, level: 'warn' }),
    ]);
    expect(entries.map(({ text }) => text).slice(2)).toEqual(['vm-2 (failed)']);
  });
});
