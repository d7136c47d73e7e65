import type { Arrival } from './arrival.ts';
import type { InstanceVerdict } from './decision.ts';
import type { Judged } from './judged.ts';
import type { StoragePolicy } from './policy.ts';
import { isUnclaimed } from './status.ts';
import { diskFate, sayDisk } from './storage.ts';

/** What a verdict says of an instance beyond its outcome. */
export interface Saying {
  readonly storage: StoragePolicy;
  /** It is being asked for in this very step. */
  readonly isAsked: boolean;
  /** What it waits for, when it is ready by itself. */
  readonly turn: string;
  /** What is to be known about its place in the order; null: nothing. */
  readonly note: string | null;
  /** How it compares with what it was before; null: it has not arrived. */
  readonly arrival: Arrival | null;
}

const NONE: readonly string[] = [];

/** An instance's verdict: where it stands, and why, in words. */
export function instanceVerdict(judged: Judged, saying: Saying): InstanceVerdict {
  const { server, outcome, attempts } = judged;
  const { arrival, note } = saying;
  const differences = arrival?.differences ?? NONE;
  const parts = [textOf(judged, saying)];
  if (note !== null) parts.push(note);
  if (differences.length > 0) parts.push(`not as before: ${differences.join(', ')}`);
  if (arrival?.unseen) parts.push(arrival.unseen);
  return {
    id: server.id,
    name: server.name,
    outcome: outcome.kind,
    to: 'to' in outcome ? outcome.to : null,
    attempts,
    disk: diskFate(server, saying.storage),
    differences,
    text: parts.join('; '),
  };
}

function textOf({ server, outcome, live }: Judged, { isAsked, turn, storage, arrival }: Saying): string {
  const disk = sayDisk(server, storage);
  const isAsBefore = arrival?.differences.length === 0 && arrival.unseen === null;
  switch (outcome.kind) {
    case 'moved':
      return [
        `runs on ${outcome.to}${isAsBefore ? ' as before' : ''} (${server.vmState})`,
        ...(outcome.reason === undefined ? [] : [outcome.reason]),
        disk,
      ].join('; ');
    case 'restoring':
      return `on ${outcome.to}; it was stopped and is stopped again${outcome.reason === null ? '' : `: ${outcome.reason}`}`;
    case 'moving':
      if (outcome.reason !== undefined) return `${outcome.reason}; ${disk}`;
      if (outcome.to === null) return `evacuation asked for; waiting for a destination; ${disk}`;
      // The request named the host.
      return live.some((e) => !isUnclaimed(e))
        ? `on its way to ${outcome.to}; ${disk}`
        : `sent to ${outcome.to}; waiting for its nova-compute to take it up; ${disk}`;
    case 'ready':
      return isAsked ? `asking Nova to evacuate it; ${disk}` : `${turn}; ${disk}`;
    case 'cannot':
    case 'excluded':
    case 'failed':
    case 'gone':
    case 'waiting':
    case 'unanswered':
    case 'verifying':
      return outcome.reason;
    default:
      return outcome satisfies never;
  }
}
