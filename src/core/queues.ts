import { evacuationOf } from './aside.ts';
import { abandoned, hostsOfNodes } from './deaths.ts';
import { type Draft, lookAt } from './draft.ts';
import type { HostName } from './names.ts';
import type { ClusterView } from './observation.ts';
import { evacuationsSince, seenIn } from './seen.ts';
import { isQueuedForLong } from './status.ts';

/** A host of which an evacuation lay in a dead host's queue when it was looked at last, some time ago. */
export interface QueueToSee {
  readonly host: HostName;
  readonly incident: string;
  /** null: nobody knows. */
  readonly since: number | null;
}

/**
 * What lies in a dead host's queue counts for nobody, until that host is back and takes it up. Nothing announces that, so it
 * is to be seen anew before anybody is asked for: the pause between two looks is longer while nothing else is under way.
 */
export function queuesToSee(draft: Draft, cluster: ClusterView): readonly QueueToSee[] {
  const { observation, policy } = draft;
  const found: QueueToSee[] = [];
  for (const [host, node] of hostsOfNodes(observation, cluster)) {
    const view = observation.hosts.get(host);
    const evacuation = view === undefined ? null : evacuationOf(draft, node, view);
    if (view === undefined || evacuation === null) continue;
    const { incident, since, lost } = evacuation;
    // Looked at just now, in vain as well: a Nova that does not answer is no reason to wait for ever.
    if (view.incident !== incident || observation.mono - view.lookedAt < policy.timing.followMs) continue;
    const its = since === null ? view.evacuations : evacuationsSince(view, since);
    const liesThere = its.some(
      (e) =>
        isQueuedForLong(e, view.novaNow) &&
        !abandoned(seenIn(view).evacuations.get(e.server) ?? [], lost).has(e.id),
    );
    if (liesThere) found.push({ host, incident, since });
  }
  return found;
}

/** Asks for the looks. */
export function lookAtQueues(draft: Draft, queues: readonly QueueToSee[]): void {
  for (const { host, incident, since } of queues) {
    if (!draft.looks.has(host)) lookAt(draft, host, { incident, since, evacuations: true });
  }
}
