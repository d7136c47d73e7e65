import { describe, expect, it } from 'vitest';
import type { Gate } from '../core/decision.ts';
import { nodeName, serverId } from '../core/names.ts';
import { NO_MOMENTS, type ReportDraft, type ReportedInstance } from '../core/report.ts';
import { completeReport, newReports, noteGates } from './reports.ts';

const NODE = nodeName('compute-1');
const gate = (id: Gate['id'], node: string | null, text = 'closed'): Gate => ({
  id,
  text,
  opens: 'later',
  node: node === null ? null : nodeName(node),
});
const draft = (more: Partial<ReportDraft> = {}): ReportDraft => ({
  incident: 'i1',
  node: NODE,
  host: null,
  state: 'released',
  text: '',
  moments: NO_MOMENTS,
  timeline: [{ at: 1_000, text: 'the incident was recorded' }],
  instances: [],
  ...more,
});
const instance = (more: Partial<ReportedInstance>): ReportedInstance => ({
  id: serverId('a'),
  name: 'a',
  outcome: 'moved',
  to: null,
  attempts: 1,
  disk: 'kept',
  startedAt: null,
  endedAt: null,
  durationMs: null,
  reason: 'runs',
  differences: [],
  ...more,
});

describe('the gates of a report', () => {
  it('are those that this node met, in their newest words, from when to when', () => {
    const reports = newReports();
    noteGates(reports, [gate('blind', null)], 100);
    noteGates(reports, [], 200);
    noteGates(reports, [gate('paused', null), gate('failed-hosts', 'compute-2')], 900);
    noteGates(reports, [gate('paused', null, 'still closed')], 1_100);
    noteGates(reports, [], 1_500);
    noteGates(reports, [gate('no-proof', NODE)], 1_600);
    expect(completeReport(reports, draft()).gates).toEqual([
      { gate: gate('paused', null, 'still closed'), from: 900, until: 1_500 },
      { gate: gate('no-proof', NODE), from: 1_600, until: null },
    ]);
  });
});

describe('the report at the end', () => {
  it('keeps what was said at the release, with what was compared since', () => {
    const reports = newReports();
    completeReport(reports, draft({ instances: [instance({ reason: 'said' })] }));
    const later = draft({
      state: 'closed',
      instances: [instance({ reason: 'records', differences: ['x'] })],
    });
    expect(completeReport(reports, later).instances).toEqual([
      instance({ reason: 'said', differences: ['x'] }),
    ]);
    // Closing the record may take more than one try.
    expect(completeReport(reports, later).instances).toHaveLength(1);
    expect(completeReport(newReports(), later).instances).toEqual(later.instances);
  });

  it('keeps when the last instance arrived', () => {
    const reports = newReports();
    const recorded = { at: 1_000, text: 'the incident was recorded' };
    const arrived = { at: 5_000, text: 'the last instance arrived' };
    completeReport(
      reports,
      draft({ moments: { ...NO_MOMENTS, lastArrivedAt: 5_000 }, timeline: [recorded, arrived] }),
    );
    const back = { at: 9_000, text: 'back' };
    const closed = draft({
      state: 'closed',
      moments: { ...NO_MOMENTS, closedAt: 9_000 },
      // Nova's clock against ours is measured anew.
      timeline: [{ ...recorded, at: 1_003 }, back],
    });
    const { moments, timeline } = completeReport(reports, closed);
    expect(moments).toEqual({ ...NO_MOMENTS, lastArrivedAt: 5_000, closedAt: 9_000 });
    expect(timeline).toEqual([recorded, arrived, back]);
  });
});
