import type { Outcome } from './instance.ts';
import type { ServerId } from './names.ts';
import type { RequestView } from './observation.ts';

/** What Nova has failed at so often, in so long, ms, it will fail at for good: an outage of its API or database is over by then. */
const MIN_TIMES = 8;
const FAILING_MS = 15 * 60_000;
/** ... where it fails at everybody's, and none comes through: that is an outage, and not the instance's. */
const ALL_FAILING_MS = 40 * 60_000;
/** Who was answered so long before it began, ms, was asked for in the same breath. */
const TOGETHER_MS = 60_000;

/** Pauses between two requests that Nova fails at, after it is seen that nothing came of the first: doubled each time, ms. */
const MIN_PAUSE_MS = 5_000;
const MAX_PAUSE_MS = 120_000;

export interface FailingFacts {
  readonly request: RequestView;
  readonly mono: number;
  /** Whether Nova fails at other requests as well, and has taken none since it began with this one. */
  readonly isEverybodys: boolean;
}

/**
 * An instance at whose evacuation Nova fails (HTTP 500), of which it is seen that nothing has come of it, as of one without a request
 * spec (nova/compute/api.py evacuate, RequestSpecNotFound, before any record is made). null: it may be asked for again.
 */
export function judgeFailing({ request, mono, isEverybodys }: FailingFacts): Outcome | null {
  const { failing, message, at } = request;
  if (failing === null) return null;
  const { times, since } = failing;
  const forMs = at - since;
  if (times >= MIN_TIMES && forMs >= (isEverybodys ? ALL_FAILING_MS : FAILING_MS))
    return {
      kind: 'failed',
      reason: `Nova has failed at each of ${times} requests to evacuate it, in ${Math.round(forMs / 60_000)} min: ${message}. When that is mended, evacuate it by hand while its host is down, or let it come back with it`,
    };
  const pauseMs = Math.min(MAX_PAUSE_MS, MIN_PAUSE_MS * 2 ** (times - 1));
  return mono - at < pauseMs
    ? { kind: 'waiting', reason: `Nova fails at its evacuation, ${times} times by now: ${message}` }
    : null;
}

/** Whether Nova fails at the requests for others as well as at this one, and has answered none of them otherwise since about when it began to. */
export function isEverybodys(requests: ReadonlyMap<ServerId, RequestView>, own: RequestView): boolean {
  if (own.failing === null) return false;
  const { since } = own.failing;
  const others = [...requests.values()].filter((each) => each !== own && each.at >= since - TOGETHER_MS);
  return (
    others.some(({ failing }) => failing !== null) &&
    !others.some(({ state }) => state === 'accepted' || state === 'refused')
  );
}
