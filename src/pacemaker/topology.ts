import type { ClusterView, FencingLevel, FencingTarget } from './cib.ts';
import { posixRegExp } from './posix-regexp.ts';
import { RECORDER, whyNoPower } from './power-agents.ts';
import { WATCHDOG_DEVICE } from './watchdog.ts';

/** The numbers that a level may have (Pacemaker include/crm_internal.h ST__LEVEL_MIN, ST__LEVEL_MAX); the schema lets others into the CIB. */
export const LEVEL_NUMBERS = { first: 1, last: 9 } as const;

/** Whether the fencer takes a level up: one of another number is not there for it (daemons/fenced/fenced_commands.c `fenced_register_level`). */
export function isTakenUp({ index }: FencingLevel): boolean {
  return index >= LEVEL_NUMBERS.first && index <= LEVEL_NUMBERS.last;
}

/** Whether fencing this node confirms its power off before it is marked; see {@link whyNoPowerFirst}. */
export function isPowerFencedFirst(cluster: ClusterView, node: string): boolean {
  return whyNoPowerFirst(cluster, node) === null;
}

/**
 * Why a success of fencing this node does not prove its power off; null: it does. The fencing history does not say which
 * level succeeded, so it takes a device that turns the machine off in each of them, before fence_compute where that is
 * in it (all devices of a level have to succeed, in their order: Pacemaker daemons/fenced/fenced_remote.c
 * `advance_topology_device_in_level`), and a level that has fence_compute.
 */
export function whyNoPowerFirst(cluster: ClusterView, node: string): string | null {
  const levels = levelsOf(cluster, node);
  if (!levels.some((level) => level.devices.some((id) => isRecorder(cluster, id))))
    return `none of its levels has ${RECORDER}`;
  for (const level of levels) {
    const why = whyLevelProvesNothing(cluster, level);
    if (why !== null) return `level ${level.index}: ${why}`;
  }
  return null;
}

/**
 * The fencing levels that are for a node. The fencer takes those of one target: of the one that is written as the node is
 * named, and of any other that fits only where there is none (Pacemaker daemons/fenced/fenced_remote.c
 * `find_topology_for_host`). Which of several others it takes is chance: all of them are here.
 */
export function levelsOf(cluster: ClusterView, node: string): readonly FencingLevel[] {
  const levels = cluster.fencingLevels.filter(isTakenUp);
  const own = levels.filter(({ target }) => keyOf(target) === node);
  return own.length > 0 ? own : levels.filter((level) => isLevelOf(cluster, level, node));
}

/**
 * The levels of a node that can succeed, in the order in which the fencer tries them until one does (Pacemaker
 * daemons/fenced/fenced_remote.c `advance_topology_level`): without those that name a device that is not there. Levels of one
 * target and index are one level with the devices of all (daemons/fenced/fenced_commands.c `fenced_register_level`).
 */
export function usableLevels(cluster: ClusterView, node: string): readonly FencingLevel[] {
  const levels = new Map<string, FencingLevel>();
  for (const level of levelsOf(cluster, node)) {
    const key = `${level.index} ${keyOf(level.target)}`;
    const devices = [...(levels.get(key)?.devices ?? []), ...level.devices];
    levels.set(key, { ...level, devices });
  }
  const isThere = (id: string): boolean => cluster.fencingAgents.has(id) || id === WATCHDOG_DEVICE;
  return [...levels.values()]
    .filter(({ devices }) => devices.length > 0 && devices.every(isThere))
    .sort((a, b) => a.index - b.index);
}

/** Those of them that turn the node off and record nothing: where one of these succeeds, nobody evacuates it. */
export function unrecordedLevels(cluster: ClusterView, node: string): readonly FencingLevel[] {
  return usableLevels(cluster, node).filter(({ devices }) => !devices.some((id) => isRecorder(cluster, id)));
}

function whyLevelProvesNothing(cluster: ClusterView, { devices }: FencingLevel): string | null {
  const at = devices.findIndex((id) => isRecorder(cluster, id));
  const before = at < 0 ? devices : devices.slice(0, at);
  const idle = before.flatMap((id) => {
    const agent = cluster.fencingAgents.get(id) ?? '';
    const why = whyNoPower(agent);
    return why === null ? [] : [`${id} (${agent}) turns nothing off, ${why}`];
  });
  if (idle.length < before.length) return null;
  return idle.length === 0 ? `no power device stands before ${RECORDER}` : idle.join('; ');
}

/** As the fencer names a target in its table (Pacemaker daemons/fenced/fenced_commands.c `stonith_level_key`). */
export function keyOf(target: FencingTarget): string {
  switch (target.kind) {
    case 'node':
      return target.node;
    case 'pattern':
      return target.pattern;
    case 'attribute':
      return `${target.attribute}=${target.value}`;
    default:
      return target satisfies never;
  }
}

function isRecorder(cluster: ClusterView, device: string): boolean {
  return cluster.fencingAgents.get(device) === RECORDER;
}

/**
 * As the fencer compares them (Pacemaker daemons/fenced/fenced_remote.c `topology_matches`): a name without regard to case
 * (pcmk__str_casei), a pattern as regcomp(3) reads it with REG_EXTENDED, anywhere in the name and with regard to case.
 */
function isLevelOf(cluster: ClusterView, level: FencingLevel, node: string): boolean {
  const { target } = level;
  switch (target.kind) {
    case 'node':
      return target.node.toLowerCase() === node.toLowerCase();
    case 'pattern':
      return posixRegExp(target.pattern)?.test(node) ?? false;
    case 'attribute':
      return (
        cluster.nodes.find((each) => each.name === node)?.permanent.get(target.attribute) === target.value
      );
    default:
      return target satisfies never;
  }
}
