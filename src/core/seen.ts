import type { ServerId } from './names.ts';
import type { EvacuationView, HostView, Observation, ServerView } from './observation.ts';

/** What a look at a host shows, in the order in which it is gone through. */
interface Seen {
  /** By name, so that the order is the same each time. */
  readonly servers: readonly ServerView[];
  /** Oldest first. */
  readonly evacuations: ReadonlyMap<ServerId, readonly EvacuationView[]>;
  /** All of them since a time. */
  since: { readonly from: number; readonly evacuations: readonly EvacuationView[] } | null;
}

/**
 * Most steps come between two looks, and a view never changes: what follows from it alone is worked out once for each.
 * Whether it is remembered makes no difference to what is decided.
 */
const known = new WeakMap<HostView, Seen>();

/** What a look at a host shows, in the order in which it is gone through; the same object for the same view. */
export function seenIn(view: HostView): Seen {
  const held = known.get(view);
  if (held !== undefined) return held;
  const evacuations = new Map<ServerId, EvacuationView[]>();
  for (const evacuation of view.evacuations) {
    const list = evacuations.get(evacuation.server);
    if (list) list.push(evacuation);
    else evacuations.set(evacuation.server, [evacuation]);
  }
  const servers = [...view.servers].sort((a, b) =>
    a.name === b.name ? (a.id < b.id ? -1 : 1) : a.name < b.name ? -1 : 1,
  );
  const seen: Seen = { servers, evacuations, since: null };
  known.set(view, seen);
  return seen;
}

/** The evacuations from a host since a time on Nova's clock, oldest first; the same list for the same view. */
export function evacuationsSince(view: HostView, from: number): readonly EvacuationView[] {
  const seen = seenIn(view);
  if (seen.since?.from !== from)
    seen.since = { from, evacuations: view.evacuations.filter((e) => e.createdAt >= from) };
  return seen.since.evacuations;
}

/**
 * Whether what was seen at `at` (`mono`) is older than `ageMs`, so that a person may have done something by hand since, as in a
 * pause: Nova takes a second request for the same instance since Zed (nova/compute/api.py evacuate). What was seen in this very
 * step is new, however slow Nova is; nothing is from before this process stood still.
 */
export function isOlderThan(ageMs: number, at: number, { mono, begunAt, thawedAt }: Observation): boolean {
  return at < thawedAt || at < Math.min(begunAt, mono - ageMs);
}
