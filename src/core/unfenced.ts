import { type Draft, say, serviceOf } from './draft.ts';
import { novaAheadMs } from './looks.ts';
import type { ClusterView, NodeView, Observation, OfflineView, ServiceView } from './observation.ts';
import { isToPowerOff } from './proof.ts';

/** What became of the fencing of a node that is offline. */
type Fencing = 'done' | 'vain' | 'none' | 'unread' | { readonly unreadable: string };

/**
 * Says of a compute node that is down, and that nothing marks, why nothing is evacuated, and what to do. Its host and its
 * BMC may have lost their power together: then the power device fails, the devices after it are never called
 * (daemons/fenced/fenced_remote.c `advance_topology_device_in_level`), and Pacemaker tries for ever. `stonith_admin --confirm`
 * calls no device at all (`fenced_handle_manual_confirmation`), nor does a level without fence_compute call that.
 *
 * A node that was stopped or taken out of the cluster on purpose is offline as well, but nobody tries to fence it. What is
 * known of Nova is known by the lists that are made anyway; without proof nothing is begun here.
 */
export function tellUnfenced(draft: Draft, node: NodeView, { offline }: ClusterView): void {
  const { observation, policy } = draft;
  const view = offline.get(node.name);
  if (node.online !== false || view === undefined) return;
  if (observation.mono - view.since < policy.timing.unfencedMs) return;
  const service = serviceOf(draft, node.name);
  // Nova's own word too: `unknown` is not down.
  if (service?.state !== 'down') return;
  const fencing = node.fenced === true ? 'done' : triedSince(draft, view, service);
  if (node.fenced !== true && observation.mono - view.fencing.mono >= policy.timing.idleServicesMs)
    draft.history.add(node.name);
  const text = wordsOf(fencing, node);
  if (text === null) return;
  say(draft, { node: node.name, host: service.host, incident: null, phase: 'blocked', text });
}

/** What the fencing history says of this outage. */
function triedSince({ observation, policy }: Draft, view: OfflineView, service: ServiceView): Fencing {
  const { value, mono } = view.fencing;
  if (mono < 0) return 'unread';
  if (!value.known) return { unreadable: value.reason };
  const from = lostAt(observation, view, service) - policy.timing.historySkewMs;
  const events = value.value.filter(
    (event) => isToPowerOff(event) && (event.status === 'pending' || (event.completedAt ?? 0) >= from),
  );
  if (events.some(({ status }) => status === 'success')) return 'done';
  return events.length > 0 ? 'vain' : 'none';
}

/**
 * The earliest that is known of this outage, on the controllers' clock: what was tried before belongs to another. The node
 * was seen online until then, or its nova-compute had reported last. An evacuator that has not seen it online knows the
 * second; whoever changes the service makes that later.
 */
function lostAt(
  observation: Observation,
  { since, onlineAt }: OfflineView,
  { updatedAt }: ServiceView,
): number {
  const seenAt = observation.now - (observation.mono - (onlineAt ?? since));
  return updatedAt === null ? seenAt : Math.min(seenAt, updatedAt - novaAheadMs(observation));
}

function wordsOf(fencing: Fencing, { name }: NodeView): string | null {
  const confirm = `when you have made sure that it is off, and will stay off: instance-ha confirm-fenced ${name} --reason 'how you made sure'`;
  switch (fencing) {
    case 'done':
      return `down, and fenced without fence_compute: confirmed by hand (stonith_admin --confirm), or by a level that lacks it, or somebody removed its incident. Nothing marks it, so nothing is evacuated; ${confirm}`;
    case 'vain':
      return `down, and not fenced: its power could not be cut, so nothing marks it, and nothing is evacuated. See why (stonith_admin --history ${name} --verbose) and repair its power device; or, ${confirm}`;
    case 'none':
    case 'unread':
      return null;
    default:
      return `down, and whether it was fenced is not known, so nothing is evacuated: the fencing history can't be read: ${fencing.unreadable}`;
  }
}
