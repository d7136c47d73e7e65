import { describe, expect, it } from 'vitest';
import { decide } from './decide.ts';
import { nodeName } from './names.ts';
import { type ClusterView, type FencingEvent, known, type NodeView } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { fencingProof, whyNotOffSince } from './proof.ts';
import { A_CLUSTER, aNode, anObservation, aRecord } from './testing.ts';

const NODE = nodeName('compute-1');
const NOW = 1_000_000;
const FENCED: FencingEvent = { action: 'reboot', status: 'success', completedAt: NOW };

function aCluster(node: NodeView, more: Partial<ClusterView> = {}): ClusterView {
  return {
    ...A_CLUSTER,
    nodes: [node],
    history: new Map([[NODE, known([FENCED])]]),
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
    const { levelSettleMs } = DEFAULT_POLICY.timing;
    const corrected = (withoutIncidentAt: number) => new Map([[NODE, { at: 1_000, withoutIncidentAt }]]);
    expect(provenFor(NOW, corrected(Number.NEGATIVE_INFINITY))).toBe(false);
    expect(provenFor(NOW, corrected(1_000 + levelSettleMs - 1))).toBe(false);
    expect(provenFor(NOW, corrected(1_000 + levelSettleMs))).toBe(true);
    // Whatever the clock of the controller says that wrote it.
    expect(provenFor(NOW + 3_600_000, corrected(1_000))).toBe(false);
  });
});

describe('a nova-compute that Pacemaker has begun since the node joined', () => {
  const node = (more: Partial<NodeView>): NodeView => aNode('compute-1', 'i', { online: true, ...more });
  const why = (more: Partial<NodeView>, cluster: Partial<ClusterView> = {}): string | null =>
    whyNotOffSince(node(more), aCluster(node(more), cluster));

  it('says that its power is on, whether it still runs or not', () => {
    expect(why({ novaCompute: 'running' })).toContain('somebody has put an old CIB back');
    expect(why({ novaCompute: 'stopped' })).toContain('fence it once more');
  });

  it('or that it was let go, where its nova-compute is not Pacemaker’s', () => {
    const answered = (holdAnswer: string): string | null => why({ holdToken: 'a-boot-of-it', holdAnswer });
    expect(answered('released a-boot-of-it')).toContain('it has been let go since it was fenced');
    expect(answered('released another-boot')).toBeNull();
    expect(answered('held a-boot-of-it its evacuation is not over')).toBeNull();
  });

  it('or that its incident was taken away before, wherever the node is', () => {
    const incidentsBack = new Set([NODE]);
    expect(why({ online: false }, { incidentsBack })).toContain('it has been let go since it was fenced');
  });

  it('is none where nothing was begun, where Pacemaker has none, or where the node is not there', () => {
    expect(why({ novaCompute: 'unstarted' })).toBeNull();
    expect(why({ novaCompute: null })).toBeNull();
    expect(why({ novaCompute: 'running', online: false })).toBeNull();
    expect(why({ novaCompute: 'running', online: null })).toBeNull();
  });

  it('keeps everything from being evacuated, though a record has the proof', () => {
    const evacuation = aRecord({ incident: 'i', owner: 'controller-1:1' });
    const { commands, verdicts } = decide(
      anObservation({ cluster: known(aCluster(node({ novaCompute: 'stopped', evacuation }))) }),
      DEFAULT_POLICY,
    );
    expect(commands.map(({ kind }) => kind)).not.toContain('force-down');
    expect(verdicts[0]).toMatchObject({ phase: 'blocked' });
  });

  it('keeps an incident that is back, though its record says that the node is released', () => {
    const evacuation = aRecord({ incident: 'i', phase: 'returning', releasedAt: 1_000 });
    const releases = (more: Partial<NodeView>, cluster: Partial<ClusterView> = {}): boolean => {
      const view = known(aCluster(node({ evacuation, ...more }), cluster));
      const { commands } = decide(anObservation({ cluster: view }), DEFAULT_POLICY);
      return commands.some(({ kind }) => kind === 'delete-incident');
    };
    expect(releases({ novaCompute: 'unstarted' })).toBe(true);
    expect(releases({ novaCompute: 'stopped' })).toBe(false);
    expect(releases({ online: false }, { incidentsBack: new Set([NODE]) })).toBe(false);
    // Whoever took it away is told by the record, also to an evacuator that has not seen it.
    const byHand = { evacuation: { ...evacuation, letGoByHand: true } };
    expect(releases({ online: false })).toBe(true);
    expect(releases({ online: false, ...byHand })).toBe(false);
    // A new incident is evacuated, whatever the record of the one before it says.
    expect(why({ online: false, ...byHand })).toContain('it has been let go');
    const before = { evacuation: { ...byHand.evacuation, incident: 'before' } };
    expect(why({ online: false, ...before })).toBeNull();
  });
});
