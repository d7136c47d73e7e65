import { EVACUATE_ATTRIBUTE, EVACUATION_ATTRIBUTE, INCIDENT_ATTRIBUTE } from '../../core/records.ts';
import { hostOfNode, type Remote, type World } from '../../world/model.ts';
import { type CheckerKind, isOurs, newLists } from './checker.ts';

/** What all secrets of the simulated cloud have in them. */
const SECRET = 'of-the-cloud';
/** No secret stands in a log line, a status, an attribute of the cluster. */
export const secrets: CheckerKind = {
  name: 'secrets stand nowhere',
  invariants: [19],
  make: (scene) => ({
    fact(fact) {
      if (fact.kind === 'attribute' && fact.value?.includes(SECRET))
        scene.violate(`the attribute ${fact.name} of ${fact.node} holds a secret`);
    },
    line(_process, line) {
      if (JSON.stringify(line).includes(SECRET))
        scene.violate(`a secret in the log: ${line.msg.slice(0, 40)}...`);
    },
    report(_process, report) {
      if (report.cloudTrouble?.includes(SECRET)) scene.violate('a secret in the status');
    },
  }),
};

/** Every node with an incident has a verdict in words, and every request its line in the log. */
export const reasons: CheckerKind = {
  name: 'every decision is recorded with its reason',
  invariants: [20],
  make(scene) {
    const asked = new Set<string>();
    const since = new Map<string, number>();
    return {
      line(process, line) {
        if (line.server !== undefined) asked.add(`${process.id} ${line.server}`);
      },
      fact(fact) {
        if (fact.kind === 'attribute' && fact.name === INCIDENT_ATTRIBUTE) {
          if (fact.value === null) since.delete(fact.node);
          else if (!since.has(fact.node)) since.set(fact.node, scene.world.agenda.now);
        }
        if (fact.kind !== 'migration' || fact.status !== 'accepted' || !isOurs(fact.by)) return;
        const id = fact.by?.slice('evacuator:'.length);
        if (!asked.has(`${id} ${fact.server}`))
          scene.violate(`evacuation ${fact.id} was asked for without a line in the log`);
      },
      // Whatever its process has seen in the cluster it speaks of, however long Nova has kept it waiting since.
      report(process, report) {
        if (report.gates.length > 0) return;
        for (const [node, at] of since) {
          // Two things of one millisecond may have come in either order.
          if (at >= scene.sawClusterAt(process)) continue;
          const verdict = report.verdicts.find((each) => each.node === node);
          if (verdict === undefined || verdict.text === '')
            scene.violate(`${node} has an incident, and nothing is said about it`);
        }
      },
    };
  },
};

/** A node that is down without an incident has a word when it has been so for this long, ms ... */
const WORD_MS = 240_000;
/** ... which its evacuator has within so many reports of its own. */
const SILENT_REPORTS = 40;
/** Nova takes a host that does not report for down so long after it was lost, ms. */
const DOWN_MS = 75_000;

/** Down, and not because somebody has stopped it; and nothing tells the evacuator so. */
function isUnmarked(world: World, { node, online, unclean, fenced }: Remote): boolean {
  if (online || !(unclean || fenced)) return false;
  const { permanent, transient } = world.cluster;
  const own = permanent.get(node);
  if (own?.has(INCIDENT_ATTRIBUTE) || own?.has(EVACUATION_ATTRIBUTE)) return false;
  if (transient.get(EVACUATE_ATTRIBUTE)?.get(node) === 'yes') return false;
  return world.nova.computes.get(hostOfNode(world, node))?.state !== 'running';
}

/** A compute node that died and whose fencing has never come to fence_compute is not passed over. */
export const unmarkedDeaths: CheckerKind = {
  name: 'a node that is down without an incident has a word',
  invariants: [8, 20],
  make(scene) {
    const { world, plan } = scene;
    const jumps = plan.faults.some((fault) => fault.do === 'clock-jump');
    const lists = newLists(world, ({ call }) => (call === 'GET os-services' ? 'services' : null));
    const since = new Map<string, number>();
    /** When the cluster lost it, which its machine may have outlived. */
    const lostAt = new Map<string, number>();
    const began = new Map<number, number>();
    const silent = new Map<string, number>();
    let cellDownAt = -1;
    /** From when on a process has had all that it needs to know of a node, the world's ms; null: not yet. */
    const mustKnowFrom = (id: number, remote: Remote, from: number): number | null => {
      const first = began.get(id) ?? world.agenda.now;
      // The history has the clock of whoever fenced; one that begins after the loss may see nothing before the next try.
      if (!remote.fenced && jumps) return null;
      const isLater = first > (lostAt.get(remote.node) ?? from);
      const waits = !remote.fenced && isLater ? world.spec.cluster.recheckMs : 0;
      const askedAfter = Math.max(from + DOWN_MS, cellDownAt + 1);
      const hasSeen = lists.hasSeen(`evacuator:${id}`, 'services', askedAfter, world.agenda.now);
      return hasSeen ? Math.max(first, from) + waits : null;
    };
    return {
      sending: lists.sending,
      answered: (_process, sending, status) => lists.answered(sending, status),
      fact(fact) {
        if (fact.kind !== 'remote') return;
        since.delete(fact.node);
        if (!fact.online) lostAt.set(fact.node, world.agenda.now);
      },
      report({ id }, report) {
        const { now } = world.agenda;
        if (!began.has(id)) began.set(id, now);
        if (world.nova.cellDown) cellDownAt = now;
        for (const remote of world.cluster.remotes.values()) {
          const { node } = remote;
          if (!isUnmarked(world, remote)) since.delete(node);
          else if (!since.has(node)) since.set(node, now);
          const from = since.get(node);
          const known = from === undefined ? null : mustKnowFrom(id, remote, from);
          const isQuiet =
            known !== null &&
            now - known > WORD_MS &&
            report.gates.every((gate) => gate.id !== 'no-quorum' && gate.id !== 'cluster-unreadable') &&
            report.cloudTrouble === null &&
            !report.verdicts.some((verdict) => verdict.node === node && verdict.text !== '');
          const count = isQuiet ? (silent.get(`${id} ${node}`) ?? 0) + 1 : 0;
          silent.set(`${id} ${node}`, count);
          if (count > SILENT_REPORTS)
            scene.violate(`${node} is down, nothing marks it, and nothing is said about it`);
        }
      },
    };
  },
};
