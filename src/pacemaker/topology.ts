import type { ClusterView, FencingLevel } from './cib.ts';

/** The agent that records; it turns nothing off. */
const RECORDER = 'fence_compute';

/**
 * Whether fencing this node confirms its power off before it is marked: in every level of the node that has
 * fence_compute another device stands before it, and there is such a level. A level without fence_compute
 * turns off and marks nothing, so it does not matter here.
 */
export function isPowerFencedFirst(cluster: ClusterView, node: string): boolean {
  const levels = cluster.fencingLevels.filter((level) => isLevelOf(cluster, level, node));
  const marking = levels.filter((level) => level.devices.some((id) => isRecorder(cluster, id)));
  return marking.length > 0 && marking.every((level) => !isRecorder(cluster, level.devices[0] ?? ''));
}

function isRecorder(cluster: ClusterView, device: string): boolean {
  return cluster.fencingAgents.get(device) === RECORDER;
}

function isLevelOf(cluster: ClusterView, level: FencingLevel, node: string): boolean {
  const { target } = level;
  switch (target.kind) {
    case 'node':
      return target.node === node;
    case 'pattern':
      return matches(target.pattern, node);
    case 'attribute':
      return (
        cluster.nodes.find((each) => each.name === node)?.permanent.get(target.attribute) === target.value
      );
    default:
      return target satisfies never;
  }
}

/** Pacemaker's `target-pattern` is an extended regular expression that may match anywhere (`fenced_commands.c` stonith_level matching). */
function matches(pattern: string, node: string): boolean {
  try {
    return new RegExp(pattern).test(node);
  } catch {
    return false;
  }
}
