import { strictGroups } from './affinity.ts';
import { whyNotEvacuable } from './instance.ts';
import type { Member } from './member.ts';
import { sayBroken } from './moving-away.ts';
import type { HostName, NodeName } from './names.ts';
import type { CloudFacts, LiveMigrationView, ServerView } from './observation.ts';
import { plan } from './order.ts';
import type { Policy } from './policy.ts';
import { type Admission, selector } from './selection.ts';
import { admitByStorage } from './storage.ts';

/** What the rules would do with an instance if its host died now. */
export type Foreseen =
  /** `turn`: 1 is asked for at once; a later one after what is before it has arrived. `place`: among all, from 1 on. */
  | {
      readonly kind: 'asked';
      readonly turn: number;
      readonly place: number;
      /** What it waits for; null: only for its place. */
      readonly after: string | null;
      /** What is to be known about its place: that its dependencies go in a circle, or for what nobody waits. */
      readonly note: string | null;
    }
  | { readonly kind: 'cannot' | 'excluded' | 'held'; readonly reason: string };

export interface Doomed {
  readonly server: ServerView;
  readonly node: NodeName;
  readonly host: HostName;
  /** Its last live migration, if that ended in error and nothing has begun its guest since; null: it did not. */
  readonly brokenMove: LiveMigrationView | null;
}

/**
 * Selection and order of the evacuation of hosts that have not died, by the rules that would decide then. What
 * depends on others is found by playing it through: who is asked for arrives, and the order is asked again.
 */
export function foresee(
  doomed: readonly Doomed[],
  facts: CloudFacts,
  policy: Policy,
): ReadonlyMap<ServerView['id'], Foreseen> {
  const found = new Map<ServerView['id'], Foreseen>();
  const select = selector(facts, policy);
  const isStuck = stuckByAffinity(doomed, facts);
  let members = doomed.map(({ server, node, host, brokenMove }): Member => {
    const lost = brokenMove === null ? null : sayBroken(brokenMove);
    const why = whyNotEvacuable(server.vmState) ?? lost ?? isStuck(server.id);
    const admission = why === null ? admit(select(server, host), server, node, policy) : null;
    if (why !== null) found.set(server.id, { kind: 'cannot', reason: why });
    else if (admission !== null && admission.kind !== 'admitted') found.set(server.id, admission);
    return { server, host, state: stateOf(why, admission), arrivedAt: null, novaNow: 0 };
  });
  const waits = new Map<ServerView['id'], string>();
  let place = 1;
  // Each round asks for one of them at least, or is the last.
  for (let turn = 1; turn <= doomed.length; turn++) {
    const { order, held, notes } = plan(members, facts.serverGroups.value, policy.order);
    for (const [id, why] of held) if (!waits.has(id)) waits.set(id, why);
    if (order.length === 0) break;
    const asked = new Set(order.map(({ server }) => server.id));
    for (const { server } of order) {
      const after = waits.get(server.id) ?? null;
      found.set(server.id, {
        kind: 'asked',
        turn,
        place: place++,
        after,
        note: notes.get(server.id) ?? null,
      });
    }
    members = members.map((member) =>
      asked.has(member.server.id) ? { ...member, state: 'arrived' } : member,
    );
  }
  for (const { server, state } of members) {
    if (state === 'ready')
      found.set(server.id, { kind: 'held', reason: waits.get(server.id) ?? 'waiting for its turn' });
  }
  return found;
}

/** Why Nova could place an instance nowhere: its server group has it go where other members are, and these would have died, too. */
function stuckByAffinity(
  doomed: readonly Doomed[],
  { serverGroups }: CloudFacts,
): (server: ServerView['id']) => string | null {
  const groups = strictGroups(serverGroups.value);
  const dead = new Set(doomed.map(({ server }) => server.id));
  return (id) => {
    const group = groups.get(id);
    if (group === undefined || !group.members.every((member) => dead.has(member))) return null;
    return `its server group ${group.id} has the policy affinity, and no member of it would be left that Nova could put it to`;
  };
}

function admit(selected: Admission, server: ServerView, node: NodeName, policy: Policy): Admission {
  // The question about local disks names an incident, and there is none yet.
  const asking = { node, incident: 'INCIDENT', answer: null };
  return selected.kind === 'admitted' ? admitByStorage(server, policy.storage, asking) : selected;
}

function stateOf(why: string | null, admission: Admission | null): Member['state'] {
  if (why !== null || admission?.kind === 'excluded') return 'ended';
  return admission?.kind === 'held' ? 'waiting' : 'ready';
}
