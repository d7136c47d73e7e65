import type { HostView, Maybe, PortView, ServerView } from './observation.ts';
import { wasBeingStopped } from './status.ts';

/** What was compared of an instance that has arrived, and what of it is not as it was. */
export interface Arrival {
  readonly differences: readonly string[];
  /** What could not be compared, in words; null: everything was. */
  readonly unseen: string | null;
}

/**
 * Compares an instance on its new host with what it was before anything was asked for. What was not seen then is
 * not compared: a successor that came later does not know. Differences are told, and hold nothing up.
 */
export function compareArrival(view: HostView, now: ServerView): Arrival {
  const before = view.before.get(now.id);
  const ports = view.ports.get(now.id);
  const stopped = view.stoppedInError.get(now.id);
  const unseen = [
    ...(before === undefined ? ['how it was before was not seen by this evacuator'] : []),
    ...(stopped !== undefined && !stopped.known
      ? [`whether it had been stopped before it came into ERROR is not known: ${stopped.reason}`]
      : []),
    ...(ports !== undefined && !ports.known ? [`its ports can’t be read: ${ports.reason}`] : []),
  ];
  return {
    differences: [...(before === undefined ? [] : changes(before, now)), ...portFaults(ports, now)],
    unseen: unseen.length === 0 ? null : unseen.join('; '),
  };
}

/** nova/compute/power_state.py */
const RUNNING = 1;

function changes(before: ServerView, now: ServerView): readonly string[] {
  const found = [
    ...(before.flavor.name === now.flavor.name && before.flavor.id === now.flavor.id
      ? []
      : [`flavor ${before.flavor.name} is now ${now.flavor.name}`]),
    ...changedSet('fixed address', before.addresses.fixed, now.addresses.fixed),
    ...changedSet('floating address', before.addresses.floating, now.addresses.floating),
    ...changedSet('volume', before.volumes, now.volumes),
  ];
  // ERROR becomes ACTIVE by an evacuation, and is meant to; what was about to be stopped is to be so.
  const meant = wasBeingStopped(before) ? 'stopped' : before.vmState;
  if (meant !== now.vmState && meant !== 'error') found.push(`${meant} is now ${now.vmState}`);
  // A guest that ran and does not, though Nova counts it as active.
  if (now.vmState === 'active' && before.powerState === RUNNING && now.powerState !== RUNNING) {
    found.push(`power state ${now.powerState ?? 'unknown'}, not running`);
  }
  if (before.locked !== now.locked) found.push(now.locked ? 'is locked now' : 'is not locked any more');
  return found;
}

function changedSet(what: string, before: readonly string[], now: readonly string[]): readonly string[] {
  if (before.length === now.length && before.every((each, index) => each === now[index])) return [];
  const lost = before.filter((each) => !now.includes(each));
  const fresh = now.filter((each) => !before.includes(each));
  return [
    ...(lost.length === 0 ? [] : [`${what} ${lost.join(', ')} is gone`]),
    ...(fresh.length === 0 ? [] : [`${what} ${fresh.join(', ')} is new`]),
  ];
}

/** What Neutron has left where the instance was: traffic still goes there. */
function portFaults(ports: Maybe<readonly PortView[]> | undefined, now: ServerView): readonly string[] {
  if (ports === undefined || !ports.known) return [];
  return ports.value.flatMap((port) => {
    if (port.boundHost !== now.host) return [`port ${port.id} is bound to ${port.boundHost ?? 'no host'}`];
    return now.vmState === 'active' && port.status === 'DOWN' ? [`port ${port.id} is DOWN`] : [];
  });
}
