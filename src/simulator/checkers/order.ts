import type { InstanceVerdict } from '../../core/decision.ts';
import type { OrderPolicy, Policy } from '../../core/policy.ts';
import { novaNow, type World } from '../../world/model.ts';
import { type CheckerKind, listenForAsked, type Scene, STEP_MS, underWay } from './checker.ts';
import { newHindsight, type Words } from './hindsight.ts';

/** Nova's clock has whole seconds, and is read at the end of a look, ms. */
const CLOCK_MS = 3_000;
const HA_ENABLED = /^\s*(true|t|1|yes|y|on)\s*$/i;
const ENDED: ReadonlySet<string> = new Set(['cannot', 'excluded', 'failed', 'gone']);

/** An instance as a report has it, with what it says of itself. */
interface Member {
  readonly verdict: InstanceVerdict;
  readonly host: string;
  /** Its restart group and those it comes after, by all that can have been read of it. */
  readonly group: string | null;
  readonly after: readonly string[];
  /** Every group that it may have been read to be in; in none, nobody lends it a rank. */
  readonly maybeIn: readonly string[];
  /** Its own, without what its group and those behind it lend it: the lowest and the highest that can have been read. */
  readonly lowest: number;
  readonly highest: number;
  readonly isAsked: boolean;
}

/** Nobody is asked for before those that go first: by priority, by restart group. */
export const order: CheckerKind = {
  name: 'the order holds',
  invariants: [],
  make(scene) {
    const circles = groupsInCircles(scene);
    const listener = listenForAsked();
    const hindsight = newHindsight(scene);
    return {
      line: listener.line,
      fact: hindsight.fact,
      report(process, report) {
        const asked = listener.take(process);
        if (asked.size === 0) return;
        // What changes the order meanwhile is not told from what it was: only one policy is.
        const [policy, ...others] = scene.policies(STEP_MS);
        if (policy === undefined || others.length > 0) return;
        const members = report.verdicts.flatMap(({ host, instances }) =>
          host === null
            ? []
            : instances.map((verdict) =>
                memberOf(scene.world, policy.order, verdict, { host, asked, read: hindsight.of(host) }),
              ),
        );
        for (const member of members) {
          if (!member.isAsked) continue;
          checkGroups(scene, policy.order, member, members, circles);
          checkRanks(scene, policy, member, members);
        }
      },
    };
  },
};

function memberOf(
  world: World,
  policy: OrderPolicy,
  verdict: InstanceVerdict,
  {
    host,
    asked,
    read,
  }: { readonly host: string; readonly asked: ReadonlySet<string>; readonly read: readonly Words[] },
): Member {
  const spec = world.nova.instances.get(verdict.id)?.spec;
  const keyOf = (name: string): string => `${spec?.projectId}/${name}`;
  const each = read.map((words) => words.metadata.get(verdict.id) ?? {});
  const groups = [...new Set(each.map((metadata) => metadata['instance-ha:group']))];
  const maybeIn = groups.flatMap((name) => (name === undefined ? [] : [keyOf(name)]));
  const ranks = each.map((metadata) => rankOf(metadata, policy));
  const [after = [], ...otherAfter] = each.map(
    (metadata) => metadata['instance-ha:after']?.split(',').map(keyOf) ?? [],
  );
  return {
    verdict,
    host,
    group: groups.length === 1 ? (maybeIn[0] ?? null) : null,
    after: after.filter((name) => otherAfter.every((names) => names.includes(name))),
    maybeIn,
    lowest: Math.min(...ranks),
    highest: Math.max(...ranks),
    isAsked: verdict.outcome === 'ready' && asked.has(verdict.id),
  };
}

function rankOf(metadata: Readonly<Record<string, string>>, policy: OrderPolicy): number {
  const own = Number(metadata['instance-ha:priority'] ?? policy.defaultPriority);
  const priority = Number.isInteger(own) ? Math.min(1000, Math.max(1, own)) : policy.defaultPriority;
  const isFirst = policy.haEnabledFirst && HA_ENABLED.test(metadata.HA_Enabled ?? '');
  return priority + (isFirst ? 1001 : 0);
}

/**
 * `GROUP GROUP` of those that reach each other, by anything that is ever said of them: which of them goes first is the evacuator's
 * to choose.
 */
function groupsInCircles({ world, plan }: Scene): ReadonlySet<string> {
  const edges = new Map<string, Set<string>>();
  for (const { id, metadata, projectId } of world.spec.instances) {
    const said = (key: string): readonly string[] => [
      ...(metadata[key]?.split(',') ?? []),
      ...plan.faults.flatMap((fault) =>
        fault.do === 'user-sets-metadata' && fault.server === id && fault.key === key
          ? (fault.value?.split(',') ?? [])
          : [],
      ),
    ];
    const after = said('instance-ha:after').map((name) => `${projectId}/${name}`);
    for (const group of said('instance-ha:group')) {
      const key = `${projectId}/${group}`;
      edges.set(key, new Set([...(edges.get(key) ?? []), ...after]));
    }
  }
  const reach = (from: string, seen: Set<string>): Set<string> => {
    for (const next of edges.get(from) ?? []) if (!seen.has(next)) reach(next, seen.add(next));
    return seen;
  };
  const pairs = [...edges].flatMap(([group, after]) =>
    [...after].filter((each) => reach(each, new Set([each])).has(group)).map((each) => `${group} ${each}`),
  );
  return new Set(pairs);
}

function checkGroups(
  { world, violate }: Scene,
  { readyMs }: OrderPolicy,
  member: Member,
  members: readonly Member[],
  circles: ReadonlySet<string>,
): void {
  for (const group of member.after) {
    if (member.maybeIn.some((each) => circles.has(`${each} ${group}`))) continue;
    for (const other of members) {
      if (other.group !== group || other === member) continue;
      const { outcome, name, id } = other.verdict;
      if (ENDED.has(outcome) || isForgotten(world, other)) continue;
      const what = `${member.verdict.name} is asked for, which comes after ${name} of ${group}`;
      if (outcome !== 'moved') violate(`${what}, and that is ${outcome}`);
      const arrival = world.nova.migrations.findLast(
        (each) => each.server === id && each.source === other.host && each.status === 'done',
      );
      const isActive = world.nova.instances.get(id)?.vmState === 'active';
      if (outcome !== 'moved' || arrival === undefined || !isActive) continue;
      const sinceMs = novaNow(world) - (arrival.updatedAt ?? 0);
      if (sinceMs < readyMs - CLOCK_MS) violate(`${what}, and that arrived ${sinceMs} ms ago`);
    }
  }
}

/** One that waits for a host that is gone, for so long that nobody waits for it. */
function isForgotten(world: World, { verdict, host }: Member): boolean {
  if (verdict.outcome !== 'moving') return false;
  const its = world.nova.migrations.filter((each) => each.server === verdict.id && each.source === host);
  // One that named its host shows it before anybody has claimed it.
  if (verdict.to !== null && its.some(({ flight, status }) => flight !== 'over' && status !== 'accepted'))
    return false;
  const under = underWay(world);
  return its.length > 0 && !its.some((each) => under.includes(each));
}

/** What an instance of a higher rank may wait for while one of a lower is asked for. */
const WAITS =
  /^(waiting for group |waiting for another member |one instance at a time|waiting for instances of )/;

function checkRanks(scene: Scene, policy: Policy, member: Member, members: readonly Member[]): void {
  // What others lend a group is not counted here.
  if (member.maybeIn.length > 0) return;
  const { order, pace, destinations } = policy;
  for (const other of members) {
    const { outcome, text, name } = other.verdict;
    if (other.lowest <= member.highest || ENDED.has(outcome) || outcome === 'moved') continue;
    const what = `${member.verdict.name} is asked for before ${name}, whose rank is higher`;
    if (order.waitForHigherRanks && !isForgotten(scene.world, other)) scene.violate(`${what} (${outcome})`);
    if (outcome !== 'ready' || other.isAsked) continue;
    const here = members.filter(
      (each) =>
        each.host === other.host && (each.isAsked || /^(moving|unanswered)$/.test(each.verdict.outcome)),
    );
    const isFull = here.length >= pace.maxInFlightPerHost;
    if (!isFull && !WAITS.test(text) && !destinations.reservedHosts) scene.violate(`${what}: ${text}`);
  }
}
