import { expect, it } from 'vitest';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import { nodeName } from './names.ts';
import { type ClusterView, known, type NodeView } from './observation.ts';
import { DEFAULT_POLICY } from './policy.ts';
import { A_CLUSTER, aNode, anObservation, aRecord, aService } from './testing.ts';

/** When the node was fenced last, ms. */
const FENCED_AT = 95_000;
const RELEASED = aRecord({ phase: 'returning', releasedAt: 10_000 });

/** What is decided at 100 s about compute-1, marked without an incident. */
function decideMarked(more: Partial<NodeView>, view: Partial<ClusterView> = {}): Decision {
  return decideAbout([aNode('compute-1', null, { mark: 'yes', ...more })], view);
}

/** What is decided at 100 s about nodes that have all been fenced. */
function decideAbout(nodes: readonly NodeView[], view: Partial<ClusterView> = {}): Decision {
  const cluster: ClusterView = {
    ...A_CLUSTER,
    ...view,
    nodes,
    history: new Map(
      nodes.map(({ name }) => [
        name,
        known([{ action: 'reboot', status: 'success', completedAt: FENCED_AT }]),
      ]),
    ),
  };
  const observation = anObservation({
    ...{ now: 100_000, mono: 100_000, begunAt: 100_000, novaNow: 100_000, servicesAt: 100_000 },
    cluster: known(cluster),
    services: known([aService('compute-1', { forcedDown: true }), aService('compute-2')]),
  });
  return decide(observation, DEFAULT_POLICY);
}

const kinds = ({ commands }: Decision): readonly string[] => commands.map(({ kind }) => kind);

it('when somebody takes the incident away, the mark goes with it', () => {
  expect(kinds(decideMarked({ evacuation: aRecord() }))).toContain('clear-mark');
});

it('... also before its evacuation has begun: that is no mark of a stock fence_compute', () => {
  const taken = { incidentsTaken: new Set([nodeName('compute-1')]) };
  expect(kinds(decideMarked({ online: false }))).toContain('adopt-mark');
  const decision = decideMarked({ online: false }, taken);
  expect(kinds(decision)).toContain('clear-mark');
  expect(kinds(decision)).not.toContain('adopt-mark');
  expect(decision.verdicts[0]?.text).toContain('somebody removed its instance-ha-incident');
  expect(kinds(decideMarked({ online: false, evacuation: RELEASED }, taken))).not.toContain('adopt-mark');
});

it('a bare mark on a node that is back is told, with what to do, and is left alone', () => {
  const decision = decideMarked({ evacuation: RELEASED, online: true });
  expect(decision.verdicts[0]?.text).toContain(
    'take the mark away (attrd_updater -p -n evacuate -D -N compute-1)',
  );
  expect(kinds(decision)).not.toContain('adopt-mark');
  expect(kinds(decision)).not.toContain('clear-mark');
});

it('a node that dies on its way back, fenced by a stock fence_compute, is evacuated again', () => {
  expect(kinds(decideMarked({ evacuation: RELEASED, online: false }))).toContain('adopt-mark');
});

it('two that are taken in one step are two incidents', () => {
  const dead = { mark: 'yes', online: false } as const;
  const { commands } = decideAbout([aNode('compute-1', null, dead), aNode('compute-2', null, dead)]);
  const ids = commands.flatMap((each) => (each.kind === 'adopt-mark' ? [each.incident.id] : []));
  expect(ids).toHaveLength(2);
  expect(new Set(ids).size).toBe(2);
});
