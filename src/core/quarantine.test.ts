import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import { newDraft } from './draft.ts';
import { type ClusterView, known } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import {
  isQuarantine,
  quarantineReason,
  rememberOutages,
  reservedQuarantineReason,
  whyQuarantined,
} from './quarantine.ts';
import { isOurMarker, type PastIncident } from './records.ts';
import { A_CLUSTER, aNode, anObservation, aRecord } from './testing.ts';

const GATES = { ...DEFAULT_POLICY.gates, quarantineIncidents: 3, quarantineWindowMs: 1_000 };
const nodeAfter = (...times: number[]) =>
  aNode('compute-1', null, { past: { incidents: times.map((at) => ({ id: `i${at}`, at, novaAt: at })) } });

describe('a host that fails again and again', () => {
  it('is in quarantine after enough incidents within the window, and stays so', () => {
    expect(whyQuarantined(nodeAfter(0, 500), GATES)).toBeNull();
    expect(whyQuarantined(nodeAfter(0, 500, 900), GATES)).toContain('3 incidents');
    expect(whyQuarantined(nodeAfter(0, 500, 1_000), GATES)).toBeNull();
    expect(whyQuarantined(nodeAfter(0, 500, 900), { ...GATES, quarantineIncidents: 0 })).toBeNull();
    expect(whyQuarantined(aNode('compute-1', null), GATES)).toBeNull();
    // Its last one may not be written yet.
    const behind = { ...nodeAfter(0, 500), evacuation: aRecord({ outage: { id: 'i900', at: 900 } }) };
    expect(whyQuarantined(behind, GATES)).toContain('3 incidents');
    expect(whyQuarantined({ ...nodeAfter(500, 900), evacuation: behind.evacuation }, GATES)).toBeNull();
  });

  it('carries a reason that no evacuation of ours takes for its own', () => {
    const reason = quarantineReason('3 incidents within 60 min');
    expect(isQuarantine(reason)).toBe(true);
    expect(isOurMarker(reason)).toBe(false);
    expect(isQuarantine(null)).toBe(false);
    const reserved = reservedQuarantineReason('3 incidents within 60 min', `reserved ${'x'.repeat(300)}`);
    expect(isQuarantine(reserved)).toBe(true);
    expect(reserved).toHaveLength(255);
  });

  it('has each incident in its history once, and those of the window only', () => {
    const remember = (past: readonly number[], at: number) => {
      const draft = newDraft(anObservation(), { ...DEFAULT_POLICY, gates: GATES });
      const missing = rememberOutages(draft, nodeAfter(...past), [{ id: `i${at}`, at, novaAt: at }]);
      expect(missing === null).toBe(draft.commands.length === 0);
      const [command] = draft.commands;
      return command?.kind === 'write-history' ? command.record.incidents.map(({ id }) => id) : null;
    };
    expect(remember([], 100)).toEqual(['i100']);
    expect(remember([100, 900], 1_500)).toEqual(['i900', 'i1500']);
    expect(remember([900, 1_500], 1_500)).toBeNull();
  });

  it('has what could not be written before when the next one is, and one fenced anew meanwhile once', () => {
    const written = (...outages: Parameters<typeof rememberOutages>[2]) => {
      const draft = newDraft(anObservation(), { ...DEFAULT_POLICY, gates: GATES });
      rememberOutages(draft, nodeAfter(100), outages);
      const [command] = draft.commands;
      return command?.kind === 'write-history' ? command.record.incidents.map(({ id }) => id) : null;
    };
    const [first, second] = [100, 700].map((at) => ({ id: `i${at}`, at, novaAt: at }));
    expect(written({ id: 'i600', at: 600, novaAt: null }, second ?? null)).toEqual(['i100', 'i600', 'i700']);
    expect(written(first ?? null, null)).toBeNull();
    expect(written(null)).toBeNull();
  });

  it("has Nova's time of each as soon as Nova can be asked", () => {
    const written = (kept: number | null, novaAt: number | null) => {
      const draft = newDraft(anObservation(), { ...DEFAULT_POLICY, gates: GATES });
      const node = aNode('compute-1', null, { past: { incidents: [{ id: 'i', at: 100, novaAt: kept }] } });
      rememberOutages(draft, node, [{ id: 'i', at: 100, novaAt }]);
      return draft.commands.flatMap((each) => (each.kind === 'write-history' ? each.record.incidents : []));
    };
    expect(written(null, null)).toEqual([]);
    expect(written(null, 7)).toEqual([{ id: 'i', at: 100, novaAt: 7 }]);
    expect(written(7, null)).toEqual([]);
    expect(written(7, 9)).toEqual([]);
  });
});

it('what the history lacks is written while the evacuation goes on, too, and its fencings since are none of their own', () => {
  const written = (past: readonly PastIncident[]) => {
    const evacuation = aRecord({ incident: 'again', outage: { id: 'first', at: 5_000 }, since: 6_000 });
    const cluster: ClusterView = {
      ...A_CLUSTER,
      nodes: [aNode('compute-1', 'again', { evacuation, past: { incidents: past } })],
    };
    const { commands } = decide(anObservation({ cluster: known(cluster) }), DEFAULT_POLICY);
    return commands.flatMap((each) => (each.kind === 'write-history' ? each.record.incidents : []));
  };
  expect(written([])).toEqual([{ id: 'first', at: 5_000, novaAt: 6_000 }]);
  expect(written([{ id: 'first', at: 5_000, novaAt: 6_000 }])).toEqual([]);
});
