import type { GatePolicy } from '../../core/policy.ts';
import {
  EVACUATION_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  PAUSE_ATTRIBUTE,
  PAUSE_PROPERTY,
  parseEvacuation,
  parsePause,
} from '../../core/records.ts';
import { hostOfNode, machineNow, type World } from '../../world/model.ts';
import type { Process } from '../process.ts';
import { type CheckerKind, isOurs, STEP_MS, UNRECORDED, WRITE_MS } from './checker.ts';

/** The list of the services that a beginning rests on is at most so old, the time of its request included, ms (`serviceAgeMs`). */
const SERVICES_MS = 6_000;
/** The words of a verdict that a gate holds up. */
const GATE = /too many failures at once|paused by|can’t be read, so no|have begun within/;

/** A closed gate lets nobody begin; whoever has begun goes on; and a pause that is over holds nobody. */
export const gates: CheckerKind = {
  name: 'gates hold what begins, and nothing else',
  invariants: [14],
  make(scene) {
    const { world } = scene;
    /** Nodes with an incident, and since when. */
    const failed = new Map<string, number>();
    /** Nodes under evacuation, and since when that is written. */
    const begun = new Map<string, number>();
    const starts = new Map<string, number>();
    /** `NODE INCIDENT` of which a record has stood. */
    const known = new Set<string>();
    /** Nodes whose record somebody has taken away in the middle of their evacuation. */
    const unwritten = new Set<string>();
    const moved = new Set<string>();
    /** Pauses of nodes, and of everything (''). */
    const pauses: Pause[] = [];
    /** When processes have decided last, when they had read the cluster for that, and what their clock said. */
    const steps = new Map<
      number,
      readonly { readonly at: number; readonly sawAt: number; readonly clock: number }[]
    >();
    const now = (): number => world.agenda.now;
    /** Since when all hosts are counted. */
    let countedSince = isEveryoneCounted(world) ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;

    const setPause = (key: string, value: string | null): void => {
      for (const pause of pauses) if (pause.key === key && pause.goneAt > now()) pause.goneAt = now();
      if (value !== null) pauses.push({ key, value, since: now(), goneAt: Number.POSITIVE_INFINITY });
    };
    /** A pause of the node, or of everything, that stood all the time from `from` to `to` and is not over by this clock. */
    const pausedFor = (node: string, clock: number, from: number, to: number): Pause | undefined =>
      pauses.find(({ key, value, since, goneAt }) => {
        const until = parsePause(value)?.until ?? Number.POSITIVE_INFINITY;
        const isMeant = key === '' || key === node;
        return isMeant && since < from && goneAt >= to && until > clock;
      });
    const begins = (node: string, process: Process): void => {
      const recent = (steps.get(process.id) ?? []).filter((step) => step.at >= now() - WRITE_MS);
      const at = Math.min(...recent.map(({ sawAt }) => sawAt));
      if (recent.length === 0) return;
      const clock = Math.max(...recent.map((step) => step.clock));
      const pause = pausedFor(node, clock, at, now())?.value ?? null;
      if (pause !== null) scene.violate(`the evacuation of ${node} begins in a pause (${pause})`);
      const those = [...failed].filter(([, since]) => since < at).map(([each]) => hostOfNode(world, each));
      starts.set(node, now());
      const isAll = countedSince + SERVICES_MS < at;
      const whys = scene.policies(STEP_MS + WRITE_MS).map(
        ({ gates: limits }) =>
          exceeded(world, limits, { host: hostOfNode(world, node), failed: those, isAll, moved }) ??
          // How many have begun lately is told by the records.
          (scene.touched(UNRECORDED) ? null : startsExceeded(limits, [...starts.values()], now())),
      );
      if (!whys.includes(null)) scene.violate(`the evacuation of ${node} begins though ${whys.at(-1)}`);
    };
    return {
      fact(fact) {
        if (fact.kind === 'property' && fact.name === PAUSE_PROPERTY) setPause('', fact.value);
        if (fact.kind === 'service' && !isOurs(fact.by)) {
          const [, aggregate] = / aggregate (.+)$/.exec(fact.what) ?? [];
          if (aggregate !== undefined) moved.add(aggregate);
        }
        if (fact.kind === 'service')
          countedSince = isEveryoneCounted(world) ? Math.min(countedSince, now()) : Number.POSITIVE_INFINITY;
        if (fact.kind !== 'attribute') return;
        const { node, name, value } = fact;
        if (name === PAUSE_ATTRIBUTE) setPause(node, value);
        if (name === INCIDENT_ATTRIBUTE) {
          if (value === null) failed.delete(node);
          else if (!failed.has(node)) failed.set(node, now());
        }
        if (name !== EVACUATION_ATTRIBUTE) return;
        const record = value === null ? null : parseEvacuation(value);
        const phase = record?.phase;
        // Whoever is back already counts no more.
        if (value === null) starts.delete(node);
        // One that somebody had deleted, and that is written again, goes on.
        const key = `${node} ${record?.incident}`;
        const isNew = !known.has(key) && !unwritten.has(node);
        if (isOurs(fact.by)) unwritten.delete(node);
        else if (begun.has(node)) unwritten.add(node);
        if (record !== null) known.add(key);
        if (phase !== 'evacuating') begun.delete(node);
        else if (!begun.has(node)) {
          begun.set(node, now());
          const process = scene.living().find(({ id }) => `evacuator:${id}` === fact.by);
          if (isOurs(fact.by) && process !== undefined && isNew) begins(node, process);
        }
      },
      report(process, { verdicts }) {
        const sawAt = scene.sawClusterAt(process);
        const clock = machineNow(world, process.machine);
        steps.set(process.id, [...(steps.get(process.id) ?? []).slice(-9), { at: now(), sawAt, clock }]);
        for (const { node, phase, text } of verdicts) {
          if (phase !== 'blocked' || !GATE.test(text)) continue;
          if ((begun.get(node) ?? Number.POSITIVE_INFINITY) < sawAt)
            scene.violate(`${node} is under evacuation, and held up: ${text}`);
          // It may have been written in this very moment.
          const isPaused = pausedFor(node, clock, now() + 1, sawAt) !== undefined;
          if (/^paused by/.test(text) && !isPaused)
            scene.violate(`${node} is held up by a pause that is over: ${text}`);
        }
      },
    };
  },
};

/** The evacuator counts from its first look, by Nova's clock and with a margin of 2 s, ms. */
const CLOCK_MS = 4_000;

interface Pause {
  readonly key: string;
  readonly value: string;
  readonly since: number;
  goneAt: number;
}

/**
 * Which limit the failed hosts are over, in words; null: none. The share is of all hosts, if all are counted (`isAll`): of
 * fewer it is more.
 */
function exceeded(world: World, gates: GatePolicy, { host, failed, isAll, moved }: Failed): string | null {
  const count = failed.length;
  const all = world.spec.computes.length;
  if (gates.maxFailedHosts > 0 && count > gates.maxFailedHosts) return `${count} hosts have failed`;
  const isShare = (limit: number, counted: number, of: number, down: number): boolean =>
    limit > 0 && counted >= gates.shareFromHosts && down * 100 > limit * of;
  if (isShare(gates.maxFailedPercent, all, all, count) && isAll)
    return `${count} of ${all} hosts have failed`;
  for (const { name, hosts: its } of world.spec.nova.aggregates) {
    if (!its.includes(host) || moved.has(name)) continue;
    const down = failed.filter((each) => its.includes(each)).length;
    const limit = gates.maxFailedHostsPerAggregate;
    if (limit > 0 && down > limit) return `${down} hosts of ${name} have failed`;
    if (isShare(gates.maxFailedPercentPerAggregate, its.length, its.length, down) && isAll)
      return `${down} of ${its.length} hosts of ${name} have failed`;
  }
  return null;
}

interface Failed {
  readonly host: string;
  readonly failed: readonly string[];
  readonly isAll: boolean;
  /** Aggregates whose hosts an operator has changed: what was read of them may be of any time. */
  readonly moved: ReadonlySet<string>;
}

/** Whether more evacuations have begun lately than may, in words; null: no. */
function startsExceeded(
  { startsPerInterval, startIntervalMs }: GatePolicy,
  starts: readonly number[],
  now: number,
): string | null {
  const lately = starts.filter((each) => each > now - startIntervalMs + CLOCK_MS).length;
  if (startsPerInterval === 0 || lately <= startsPerInterval) return null;
  return `${lately} evacuations of hosts have begun within ${startIntervalMs} ms`;
}

/** Hosts that somebody has disabled are not counted: then the share can't be told from here. */
function isEveryoneCounted(world: World): boolean {
  return [...world.nova.services.values()].every(
    ({ status, disabledReason }) =>
      status === 'enabled' || disabledReason?.startsWith('instance-ha: evacuation') === true,
  );
}
