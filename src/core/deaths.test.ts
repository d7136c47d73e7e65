import { describe, expect, it } from 'vitest';
import { abandoned, destinationsOff, evacuationsLost } from './deaths.ts';
import { newDraft } from './draft.ts';
import { hostName } from './names.ts';
import { type ClusterView, type EvacuationView, known, type NodeView } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import type { LostEvacuation } from './records.ts';
import { A_CLUSTER, aNode, anObservation, aRecord, aServer, aService, ELSEWHERE, SOURCE } from './testing.ts';

/** Each is made one second after the one before it. */
function evacuation(id: number, more: Partial<EvacuationView> = {}): EvacuationView {
  const createdAt = id * 1_000;
  const { id: server } = aServer();
  return {
    id,
    server,
    source: SOURCE,
    dest: null,
    status: 'accepted',
    createdAt,
    updatedAt: createdAt,
    ...more,
  };
}

const claimed = (id: number, updatedAt: number, status = 'pre-migrating'): EvacuationView =>
  evacuation(id, { dest: ELSEWHERE, status, updatedAt });

/** Lost before their claim. */
const unclaimed = (...ids: number[]): LostEvacuation[] => ids.map((id) => ({ id, claimed: false }));

describe('the evacuations that nobody goes on with', () => {
  it('are those that were lost, claimed or not', () => {
    const all = [claimed(1, 1_500), evacuation(2), evacuation(3)];
    expect([...abandoned(all, unclaimed(1))]).toEqual([1]);
    expect([...abandoned(all, unclaimed(1, 2))]).toEqual([1, 2]);
    expect([...abandoned(all, unclaimed())]).toEqual([]);
  });

  it('include the record of a request for which Nova has taken a lost one; that one lives', () => {
    expect([...abandoned([claimed(1, 2_000), evacuation(2)], unclaimed(1))]).toEqual([2]);
    expect([...abandoned([claimed(1, 9_000, 'done'), evacuation(2)], unclaimed(1))]).toEqual([2]);
    // Whichever Nova takes, of one that failed after that the next request makes another.
    expect([
      ...abandoned([claimed(1, 9_000, 'failed'), evacuation(2), evacuation(10)], unclaimed(1)),
    ]).toEqual([2]);
    const second = [claimed(1, 9_000, 'failed'), claimed(2, 11_000), evacuation(10)];
    expect([...abandoned(second, unclaimed(1))]).toEqual([10]);
  });

  it('do not include one that was asked for after a person had closed the record that stayed behind', () => {
    const closed = [claimed(1, 9_000, 'error'), claimed(2, 9_000, 'error'), evacuation(10)];
    expect([...abandoned(closed, unclaimed(1))]).toEqual([]);
    const revived = [claimed(1, 9_000), evacuation(2), evacuation(3), evacuation(10)];
    expect([...abandoned(revived, unclaimed(1, 2))]).toEqual([2, 3]);
  });

  it('do not include a lost one with which a request may be on its way whose own record a person has closed', () => {
    const closed = [evacuation(1), claimed(2, 9_000, 'error')];
    expect([...abandoned(closed, unclaimed(1))]).toEqual([]);
    expect([...abandoned(closed, unclaimed(1, 1))]).toEqual([1]);
    expect([...abandoned([...closed, evacuation(10)], unclaimed(1, 1))]).toEqual([1]);
    expect([...abandoned([...closed, claimed(3, 20_000, 'failed')], unclaimed(1, 1))]).toEqual([]);
    // Nova takes the oldest.
    expect([...abandoned([evacuation(0), ...closed], unclaimed(0, 1))]).toEqual([1]);
    expect([...abandoned([evacuation(1), claimed(2, 9_000, 'done')], unclaimed(1))]).toEqual([1]);
  });

  it('do not include a later one, though a person has closed a record that was lost after its claim', () => {
    const closed = [claimed(1, 9_000, 'error'), evacuation(2)];
    expect([...abandoned(closed, [{ id: 1, claimed: true }])]).toEqual([1]);
  });

  it('include one that was lost once more after it had come to life', () => {
    const twice = [claimed(1, 5_000), evacuation(2)];
    expect([...abandoned(twice, unclaimed(1, 1))]).toEqual([1, 2]);
    const third = [...twice, evacuation(20, { dest: hostName('compute-3') })];
    expect([...abandoned(third, unclaimed(1, 1))]).toEqual([1, 2]);
  });
});

describe('the destination of an evacuation', () => {
  /** Nova's clock is 40 s ahead of the controllers'. */
  const AHEAD = 40_000;
  const CHANGED = 500_000;
  const wasOff = (node: Partial<NodeView>): boolean => {
    const cluster: ClusterView = {
      ...A_CLUSTER,
      nodes: [aNode('compute-1', 'i'), aNode('compute-2', null, node)],
    };
    const observation = anObservation({
      now: 900_000,
      novaNow: 900_000 + AHEAD - 10_000,
      mono: 60_000,
      servicesAt: 50_000,
      cluster: known(cluster),
      services: known([aService('compute-1'), aService('compute-2')]),
    });
    return destinationsOff(newDraft(observation, DEFAULT_POLICY), cluster)(claimed(1, CHANGED, 'failed'));
  };
  const died = (at: number): Partial<NodeView> => ({
    past: { incidents: [{ id: 'x', at: at - AHEAD, novaAt: at }] },
  });

  it('has been off since when it was proven off after the record last changed, the margin of the clocks included', () => {
    expect(wasOff({})).toBe(false);
    expect(wasOff(died(CHANGED - 10_000))).toBe(false);
    expect(wasOff(died(CHANGED + 1_000))).toBe(false);
    expect(wasOff(died(CHANGED + 10_000))).toBe(true);
    const evacuation = aRecord({ since: CHANGED + 10_000, outage: { id: 'x', at: CHANGED } });
    expect(wasOff({ evacuation })).toBe(true);
  });

  it('has not been off because of a record that was written anew when it was back', () => {
    expect(wasOff({ evacuation: aRecord({ since: CHANGED + 10_000, outage: null }) })).toBe(false);
  });

  it('is not proven off by a time of the controllers alone: their clock may have been set since', () => {
    const at = CHANGED + 3_600_000;
    expect(wasOff({ past: { incidents: [{ id: 'x', at, novaAt: CHANGED - 10_000 }] } })).toBe(false);
    expect(wasOff({ past: { incidents: [{ id: 'x', at, novaAt: null }] } })).toBe(false);
    expect(wasOff({ evacuation: aRecord({ fencedAt: at, since: CHANGED - 10_000 }) })).toBe(false);
  });

  it('has not been off because of an incident that is not proven', () => {
    expect(wasOff({ incident: { id: 'x', at: CHANGED + 10_000, by: 'fencer', on: '' } })).toBe(false);
  });
});

describe('an evacuation to a node', () => {
  const isLost = (node: Partial<NodeView>, cluster: Partial<ClusterView> = {}): boolean => {
    const view: ClusterView = { ...A_CLUSTER, nodes: [aNode('compute-2', 'i', node)], ...cluster };
    const observation = anObservation({ cluster: known(view), services: known([aService('compute-2')]) });
    return evacuationsLost(newDraft(observation, DEFAULT_POLICY), view)(claimed(1, 50_000));
  };
  const outage = { id: 'i', at: 40_000 };
  const evacuation = aRecord({ incident: 'i', since: 40_000, outage });

  it('is lost when that is evacuated itself, and not when an old CIB has brought its incident back', () => {
    expect(isLost({ evacuation })).toBe(true);
    const incidentsBack = new Set([aNode('compute-2', null).name]);
    expect(isLost({ evacuation }, { incidentsBack })).toBe(false);
    expect(isLost({ evacuation: { ...evacuation, since: 60_000 } }, { incidentsBack })).toBe(true);
    expect(isLost({ evacuation: null }, { incidentsBack })).toBe(false);
  });

  it('is lost without an incident only when it was claimed before the death', () => {
    const gone = { incident: null, evacuation };
    expect(isLost(gone)).toBe(false);
    expect(isLost({ ...gone, evacuation: { ...evacuation, since: 60_000 } })).toBe(true);
  });

  it('is not lost by a record that was written anew when the node was back: nobody knows when it died', () => {
    const anew = aRecord({ phase: 'returning', since: 60_000, releasedAt: 60_000 });
    expect(isLost({ incident: null, evacuation: { ...anew, outage } })).toBe(true);
    expect(isLost({ incident: null, evacuation: { ...anew, outage: null } })).toBe(false);
  });
});
