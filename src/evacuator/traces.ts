import type { ServiceTrace, ServiceView } from '../core/observation.ts';
import { isOurMarker } from '../core/records.ts';
import type { ServiceChange } from './ports.ts';

/** What is remembered of a compute service that this process has changed; by its id. */
export type Traces = Map<string, Trace>;

interface Trace extends ServiceTrace {
  /** The reason with which it was disabled when it was asked to be enabled last; undefined: it never was. */
  readonly enabledFrom: string | null | undefined;
}

const NOTHING: Trace = {
  forceDownAt: Number.NEGATIVE_INFINITY,
  notForcedAt: Number.NEGATIVE_INFINITY,
  unansweredAt: Number.NEGATIVE_INFINITY,
  enableAt: Number.NEGATIVE_INFINITY,
  disabledSince: null,
  enabledFrom: undefined,
};

function add(traces: Traces, id: string, more: Partial<Trace>): void {
  traces.set(id, { ...(traces.get(id) ?? NOTHING), ...more });
}

/**
 * Takes in that a change is sent at `at`; `reason`: the service's now. Gives what is to be called when it has ended: until
 * then it may take effect, and without an answer still later.
 */
export function traceChange(
  traces: Traces,
  id: string,
  {
    change,
    reason,
    at,
  }: { readonly change: ServiceChange; readonly reason: string | null; readonly at: number },
): (endedAt: number, isAnswered: boolean) => void {
  const { enableAt } = traces.get(id) ?? NOTHING;
  const isEnabling = change.status === 'enabled';
  if (isEnabling) add(traces, id, { enableAt: at, enabledFrom: reason, disabledSince: null });
  const forceDown = (now: number): void => {
    if (change.forcedDown === true) add(traces, id, { forceDownAt: now });
  };
  forceDown(at);
  return (endedAt, isAnswered) => {
    forceDown(endedAt);
    if (isEnabling) add(traces, id, { enableAt: isAnswered ? enableAt : endedAt });
    if (!isAnswered) traceUnanswered(traces, id, endedAt);
  };
}

/** Takes in that a change of a service, or of its aggregates, was given up without an answer. */
export function traceUnanswered(traces: Traces, id: string, at: number): void {
  add(traces, id, { unansweredAt: at });
}

/** Takes in a list of the services that was asked for at `at`. */
export function traceList(traces: Traces, services: readonly ServiceView[], at: number): void {
  for (const { id, state, status, forcedDown, disabledReason: reason } of services) {
    // Of a cell that does not answer Nova knows the names alone.
    if (state === 'unknown') continue;
    if (!forcedDown) add(traces, id, { notForcedAt: at });
    const from = traces.get(id)?.enabledFrom;
    if (from === undefined || status !== 'disabled' || reason === from || isOurMarker(reason)) continue;
    add(traces, id, { disabledSince: { reason, seenAt: at } });
  }
}
