import type { ClusterView, FencingEvent, NodeView } from './observation.ts';
import type { Policy } from './policy.ts';
import { INCIDENT_ATTRIBUTE, type IncidentRecord, isBootLetGo } from './records.ts';

/** Whether the power of a node is confirmed off in this incident. */
export type Proof =
  | { readonly proven: true; readonly fencedAt: number }
  /** The fencing history has to be read first. */
  | { readonly proven: false; readonly ask: true; readonly reason: string }
  | { readonly proven: false; readonly ask: false; readonly reason: string };

const POWERS_OFF: ReadonlySet<string> = new Set(['off', 'reboot']);

/** Whether an operation of the fencer was to switch its target off. */
export const isToPowerOff = ({ action }: FencingEvent): boolean => POWERS_OFF.has(action);

/**
 * The proof that a node was fenced in this incident, from Pacemaker's fencing history.
 *
 * A success that ended after the incident was written is proof. So is a fencing that is still under way, if it
 * was the fencer that called fence_compute: it calls a level's second device only after the first has
 * confirmed the power off, all `off` before any `on` (Pacemaker `daemons/fenced/fenced_remote.c`, reboot
 * remapped to off and on in a topology level). Both count only where a device that turns the machine off stands before
 * fence_compute in the level: fence_compute alone records, and what a crash kernel says, or a storage that is taken away,
 * turns nothing off (pacemaker/power-agents.ts). A fencing goes on with the
 * devices that its level had when it began (`op->devices`, same file), and the history does not say which these
 * were: what was recorded around a correction of the level proves nothing.
 */
export function fencingProof(
  node: NodeView,
  incident: IncidentRecord,
  cluster: ClusterView,
  policy: Policy,
): Proof {
  if (!node.powerFencedFirst) {
    return {
      proven: false,
      ask: false,
      reason:
        'the fencing topology has no power device before fence_compute in each level of this node (fence_kdump, fence_scsi and the like turn nothing off; instance-ha doctor names them), so its fencing proves nothing; configure a level DEVICE,fence-nova',
    };
  }
  const corrected = cluster.levelsCorrected.get(node.name);
  if (corrected !== undefined && corrected.withoutIncidentAt < corrected.at + policy.timing.levelSettleMs) {
    return {
      proven: false,
      ask: false,
      reason: `its fencing may have begun before the level had a power device; fence the node once more (stonith_admin --reboot ${node.name}), ${policy.timing.levelSettleMs / 1000} s after the change of the level`,
    };
  }
  const history = cluster.history.get(node.name);
  if (history === undefined) return { proven: false, ask: true, reason: 'reading the fencing history' };
  if (!history.known)
    return { proven: false, ask: true, reason: `the fencing history can't be read: ${history.reason}` };
  const events = history.value.filter(isToPowerOff);
  const ended = events.filter(
    (e) => e.status === 'success' && (e.completedAt ?? 0) >= incident.at - policy.timing.historySkewMs,
  );
  const success = ended.at(0);
  if (success) return { proven: true, fencedAt: Math.max(success.completedAt ?? 0, incident.at) };
  if (incident.by === 'fencer' && events.some((event) => event.status === 'pending')) {
    return { proven: true, fencedAt: incident.at };
  }
  // The fencer turns it on again after all that is off: by then the pending event is another one.
  if (history.value.some((event) => event.status === 'pending'))
    return { proven: false, ask: true, reason: 'its fencing is not over yet' };
  return {
    proven: false,
    ask: true,
    reason: `no successful fencing since the incident began; fence the node (stonith_admin --reboot ${node.name}), or see why the cluster could not`,
  };
}

/**
 * Why the power of a node is not off any more, whatever was recorded once; null: nothing says so. Pacemaker erases what it has done on
 * a node when that is lost, and its transient attributes, and starts no nova-compute there while an incident stands: where it has begun
 * one since, or this boot was let go, the incident is over. Whoever pushes a CIB that was saved in the middle of it (pcs cluster
 * cib-push) brings it back, with its record; of a node that is not there now, only who has seen it go knows, and the record of one that
 * was let go by hand.
 */
export function whyNotOffSince(node: NodeView, { incidentsBack }: ClusterView): string | null {
  const { name, online, novaCompute } = node;
  const isBegun = novaCompute === 'running' || novaCompute === 'stopped';
  const isOver =
    incidentsBack.has(name) || isBroughtBack(node) || (online === true && (isBegun || isBootLetGo(node)));
  if (!isOver) return null;
  const what = online === true && isBegun ? 'Pacemaker has started nova-compute on it' : 'it has been let go';
  return `${what} since it was fenced, so its guests may run: nothing of it is evacuated. If its evacuation was over long ago, somebody has put an old CIB back: remove the incident (crm_attribute --node ${name} --name ${INCIDENT_ATTRIBUTE} --lifetime forever --delete). If not, fence it once more (stonith_admin --reboot ${name})`;
}

/** Whether the incident stands that a record says somebody has taken away: no release is left over that would take it away again. */
function isBroughtBack({ incident, evacuation }: NodeView): boolean {
  if (incident === null || incident === 'unreadable') return false;
  if (evacuation === null || evacuation === 'unreadable') return false;
  return evacuation.letGoByHand && evacuation.phase === 'returning' && evacuation.incident === incident.id;
}

/** Whether a bare mark (no incident: a stock fence_compute set it) may be taken for an incident: a fencing of the node is under way or just over. */
export function markIsFresh(
  node: NodeView,
  cluster: ClusterView,
  now: number,
  policy: Policy,
): boolean | 'ask' {
  const history = cluster.history.get(node.name);
  if (!history?.known) return 'ask';
  return history.value.some(
    (event) =>
      isToPowerOff(event) &&
      (event.status === 'pending' ||
        (event.status === 'success' && now - (event.completedAt ?? 0) <= policy.timing.markProofMs)),
  );
}

/**
 * Whether a bare mark can count at all: of a node that has rejoined it is none (attrd has erased it, or somebody marks a
 * living host).
 */
export function isAdoptable({ incident, mark, online }: NodeView): boolean {
  return incident === null && mark === 'yes' && online === false;
}

/** What an operator does with a bare mark that means nothing. */
export function howToUnmark({ name }: NodeView): string {
  return `take the mark away (attrd_updater -p -n evacuate -D -N ${name})`;
}
