import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import { nodeName } from './names.ts';
import { type ClusterView, type FencingEvent, known, type NodeView } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { fencingProof } from './proof.ts';
import { aNode, anObservation } from './testing.ts';

const NODE = nodeName('compute-1');
const NOW = 1_000_000;
const FENCED: FencingEvent = { action: 'reboot', status: 'success', completedAt: NOW };

function aCluster(node: NodeView, more: Partial<ClusterView> = {}): ClusterView {
  return {
    haveQuorum: true,
    nodes: [node],
    pause: null,
    history: new Map([[NODE, known([FENCED])]]),
    levelsCorrected: new Map(),
    ...more,
  };
}

describe('a bare mark', () => {
  const decided = (online: boolean | null) =>
    decide(
      anObservation({
        now: NOW,
        cluster: known(aCluster(aNode('compute-1', null, { mark: 'yes', online }))),
      }),
      DEFAULT_POLICY,
    );

  it('is taken for an incident while the node that was just fenced is offline', () => {
    expect(decided(false).commands.map(({ kind }) => kind)).toContain('adopt-mark');
  });

  it.each([true, null])('is not, though the node was just fenced, when online is %s', (online) => {
    const { commands, verdicts } = decided(online);
    expect(commands.map(({ kind }) => kind)).not.toContain('adopt-mark');
    expect(verdicts[0]?.text).toContain('nothing is evacuated. Fence it');
  });
});

describe('a success in the fencing history', () => {
  const CORRECTED_AT = NOW - 10_000;
  const provenFor = (at: number, levelsCorrected: ClusterView['levelsCorrected']): boolean => {
    const incident = { id: 'i', at, by: 'fencer', on: 'controller-1' } as const;
    const node = aNode('compute-1', 'i', { incident });
    const history = new Map([[NODE, known([{ ...FENCED, completedAt: at + 1_000 }])]]);
    return fencingProof(node, incident, aCluster(node, { history, levelsCorrected }), DEFAULT_POLICY).proven;
  };

  it('is proof where the level has always had a power device', () => {
    expect(provenFor(NOW, new Map())).toBe(true);
  });

  it('is none when the fencing may have begun before the level was corrected', () => {
    const corrected = new Map([[NODE, CORRECTED_AT]]);
    expect(provenFor(CORRECTED_AT - 5_000, corrected)).toBe(false);
    expect(provenFor(NOW, corrected)).toBe(false);
    expect(provenFor(CORRECTED_AT + DEFAULT_POLICY.timing.levelSettleMs, corrected)).toBe(true);
  });
});
