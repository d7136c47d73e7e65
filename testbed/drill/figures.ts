/** Figures of a drill, each with its target. They inform; they do not pass or fail. Pure. */
import { serverOfPath } from './events.ts';
import type { Facts } from './facts.ts';
import { evacuateRequests, type Milestone, timelineOf } from './timeline.ts';

export interface Figure {
  readonly title: string;
  /** null: could not be measured. */
  readonly value: number | null;
  readonly unit: string;
  /** null: no target. */
  readonly target: number | null;
  readonly detail: string;
}

const MARK_TO_REQUEST_TARGET_S = 1.5;
const RETURN_TARGET_S = 5;
const REQUESTS_TARGET = 1.3;
/** What others need for so many instances decides; with fewer, the polling weighs more. */
const REQUESTS_TARGET_INSTANCES = 50;

const minus = (a: number | undefined, b: number | undefined): number | null =>
  a === undefined || b === undefined ? null : a - b;

/** From the moment in which nothing but nova-compute's own start stands in the way, to the host enabled, without that start. */
function returnFigure(timeline: ReadonlyMap<Milestone, number>): Figure {
  const ended = timeline.get('migrationsEnded');
  const booted = timeline.get('booted');
  const exec = timeline.get('exec');
  const heartbeat = timeline.get('heartbeat');
  const enabled = inService(timeline);
  const title = 'last migration and boot → host in service, without nova-compute’s own start';
  if ([ended, booted, exec, heartbeat].includes(undefined) || enabled === null) {
    return { title, value: null, unit: 's', target: RETURN_TARGET_S, detail: 'not all of it was seen' };
  }
  const from = Math.max(ended ?? 0, booted ?? 0);
  const own = (heartbeat ?? 0) - (exec ?? 0);
  return {
    title,
    value: enabled - from - own,
    unit: 's',
    target: RETURN_TARGET_S,
    detail: `${from.toFixed(1)} s → ${enabled.toFixed(1)} s, less ${own.toFixed(1)} s from exec to the first heartbeat`,
  };
}

/** When the host was enabled, not forced down and schedulable; null: not all of what was taken away was seen to come back. */
export function inService(timeline: ReadonlyMap<Milestone, number>): number | null {
  const heartbeat = timeline.get('heartbeat');
  if (heartbeat === undefined) return null;
  const parts = [heartbeat];
  if (timeline.has('forcedDown') && !timeline.has('unforced')) return null;
  for (const key of ['unforced', 'enabled', 'schedulable'] as const) {
    const at = timeline.get(key);
    if (at !== undefined) parts.push(at);
  }
  return Math.max(...parts);
}

/** What the controllers asked of nova-api since the power loss: method and path → count. */
export function requestCounts(facts: Facts): Map<string, number> {
  const counts = new Map<string, number>();
  for (const event of facts.events) {
    if (event.kind !== 'request' || !facts.plan.controllers.has(event.client)) continue;
    if (event.at < facts.plan.t0 || event.at > facts.endedAt) continue;
    const path = (event.path.split('?')[0] ?? '').replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '{id}');
    const key = `${event.method} ${path} ${event.status}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return new Map([...counts].sort((a, b) => b[1] - a[1]));
}

export function figuresOf(facts: Facts): readonly Figure[] {
  const timeline = timelineOf(facts.events, facts.plan);
  const asked = evacuateRequests(facts.events, facts.plan);
  const total = [...requestCounts(facts).values()].reduce((sum, count) => sum + count, 0);
  const count = facts.plan.moving.length;
  const servers = new Set(asked.map((request) => serverOfPath(request.path))).size;
  return [
    {
      title: 'mark → first evacuate request',
      value: minus(timeline.get('firstRequest'), timeline.get('mark')),
      unit: 's',
      target: MARK_TO_REQUEST_TARGET_S,
      detail: 'the mark by polling, to about 0.2 s',
    },
    {
      title: 'power loss → all instances run elsewhere',
      value: timeline.get('allElsewhere') ?? null,
      unit: 's',
      target: null,
      detail: `${count} instances, spawns of ${facts.spawnDelayS} s`,
    },
    {
      title: 'first evacuate request → all instances run elsewhere',
      value: minus(timeline.get('allElsewhere'), timeline.get('firstRequest')),
      unit: 's',
      target: null,
      detail: `${asked.length} requests for ${servers} instances`,
    },
    returnFigure(timeline),
    {
      title: 'power loss → host in service again',
      value: inService(timeline),
      unit: 's',
      target: null,
      detail: 'up, enabled, not forced down, schedulable',
    },
    {
      title: 'requests to nova-api by the controllers for each instance',
      value: count === 0 ? null : total / count,
      unit: '',
      target: REQUESTS_TARGET,
      detail: `${total} for ${count}, polling and the way back included; the target is for ${REQUESTS_TARGET_INSTANCES} instances`,
    },
  ];
}
