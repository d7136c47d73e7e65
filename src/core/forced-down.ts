import type { Draft } from './draft.ts';
import type { NodeView, ServiceView } from './observation.ts';

/**
 * Whether it was not the evacuator that has forced a host down. Nova does not say who it was: it was somebody else if
 * an answer showed that nobody had done it, to what was asked when no request for it could be under way any more, and none
 * was sent since. An evacuator before this one has sent none for a host of which it left no record: the record comes first.
 */
export function isForcedByOthers(
  { observation, policy }: Draft,
  { name }: NodeView,
  { host, forcedDown }: ServiceView,
): boolean {
  const trace = observation.traces.get(host);
  if (!forcedDown || trace === undefined) return false;
  const { requestSettleMs, takeoverSettleMs } = policy.timing;
  const { inherited, ownerSince } = observation;
  return (
    (!inherited.has(name) || trace.notForcedAt >= ownerSince + takeoverSettleMs) &&
    trace.notForcedAt > trace.forceDownAt &&
    trace.notForcedAt >= trace.openForceDownAt + requestSettleMs
  );
}
