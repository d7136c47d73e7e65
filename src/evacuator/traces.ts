import type { HostName } from '../core/names.ts';
import type { ServiceTrace, ServiceView } from '../core/observation.ts';
import { isOurMarker } from '../core/records.ts';
import type { ServiceChange } from './ports.ts';

/** What is remembered of the compute services that were listed, or changed by this process: as many as there are hosts, at most. */
export type Traces = Map<HostName, Trace>;

interface Trace extends ServiceTrace {
  /** The reason with which it was disabled when it was asked to be enabled last; undefined: it never was. */
  readonly enabledFrom: string | null | undefined;
}

const NOTHING: Trace = {
  forceDownAt: Number.NEGATIVE_INFINITY,
  notForcedAt: Number.NEGATIVE_INFINITY,
  enableAt: Number.NEGATIVE_INFINITY,
  disabledSince: null,
  enabledFrom: undefined,
};

function add(traces: Traces, host: HostName, more: Partial<Trace>): void {
  traces.set(host, { ...(traces.get(host) ?? NOTHING), ...more });
}

/**
 * Takes in that a change is sent at `at`; `reason`: the service's now. Gives what is to be called when it has ended: until
 * then it may take effect, and without an answer still later.
 */
export function traceChange(
  traces: Traces,
  host: HostName,
  {
    change,
    reason,
    at,
  }: { readonly change: ServiceChange; readonly reason: string | null; readonly at: number },
): (endedAt: number, isAnswered: boolean) => void {
  const { enableAt } = traces.get(host) ?? NOTHING;
  const isEnabling = change.status === 'enabled';
  if (isEnabling) add(traces, host, { enableAt: at, enabledFrom: reason, disabledSince: null });
  const forceDown = (now: number): void => {
    if (change.forcedDown === true) add(traces, host, { forceDownAt: now });
  };
  forceDown(at);
  return (endedAt, isAnswered) => {
    forceDown(endedAt);
    if (isEnabling) add(traces, host, { enableAt: isAnswered ? enableAt : endedAt });
  };
}

/** Takes in a list of the services that was asked for at `at`. */
export function traceList(traces: Traces, services: readonly ServiceView[], at: number): void {
  for (const { host, state, status, forcedDown, disabledReason: reason } of services) {
    // Of a cell that does not answer Nova knows the names alone.
    if (state === 'unknown') continue;
    if (!forcedDown) add(traces, host, { notForcedAt: at });
    const from = traces.get(host)?.enabledFrom;
    if (from === undefined || status !== 'disabled' || reason === from || isOurMarker(reason)) continue;
    add(traces, host, { disabledSince: { reason, seenAt: at } });
  }
}
