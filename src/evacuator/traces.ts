import type { HostName } from '../core/names.ts';
import type { ServiceTrace, ServiceView } from '../core/observation.ts';
import { isOurReason } from '../core/quarantine.ts';
import { isAutomatic } from '../core/records.ts';
import type { ServiceChange } from './ports.ts';

/** What is remembered of the compute services that were listed, or changed by this process: as many as there are hosts, at most. */
export type Traces = Map<HostName, Trace>;

interface Trace extends ServiceTrace {
  /** What openForceDownAt was before the last request to force it down was sent. */
  readonly openBefore: number;
  /** How it stood when it was last asked to be enabled, or disabled with a reason of ours; null: it never was. */
  readonly changedFrom: Setting | null;
}

/** Whether a service is enabled, and why not. */
export type Setting = Pick<ServiceView, 'status' | 'disabledReason'>;

const NOTHING: Trace = {
  forceDownAt: Number.NEGATIVE_INFINITY,
  openForceDownAt: Number.NEGATIVE_INFINITY,
  openBefore: Number.NEGATIVE_INFINITY,
  notForcedAt: Number.NEGATIVE_INFINITY,
  enableSentAt: Number.NEGATIVE_INFINITY,
  enableAt: Number.NEGATIVE_INFINITY,
  disableAt: Number.NEGATIVE_INFINITY,
  disabledSince: null,
  markedAt: Number.NEGATIVE_INFINITY,
  changedFrom: null,
};

function add(traces: Traces, host: HostName, more: Partial<Trace>): void {
  traces.set(host, { ...(traces.get(host) ?? NOTHING), ...more });
}

/**
 * Takes in that a change is sent at `at`; `from`: how the service stands now. Gives what is to be called when it has ended: until
 * then it may take effect, and without an answer still later.
 */
export function traceChange(
  traces: Traces,
  host: HostName,
  {
    change,
    from,
    at,
  }: { readonly change: ServiceChange; readonly from: Setting | null; readonly at: number },
): (endedAt: number, end: ChangeEnd) => void {
  const before = traces.get(host) ?? NOTHING;
  const which = lateness(change);
  if (which !== null) add(traces, host, { [which]: at, changedFrom: from, disabledSince: null });
  if (which === 'enableAt') add(traces, host, { enableSentAt: at });
  const isForcing = change.forcedDown === true;
  const openBefore = before.openForceDownAt;
  if (isForcing) add(traces, host, { forceDownAt: at, openForceDownAt: at, openBefore });
  return (endedAt, end) => {
    // Its effect has been seen already, and it has no other.
    const isSeen = traces.get(host)?.forceDownAt !== at;
    if (isForcing && end === 'none')
      add(traces, host, { forceDownAt: before.forceDownAt, openForceDownAt: openBefore });
    else if (isForcing && !isSeen) {
      const openForceDownAt = end === 'unknown' ? endedAt : openBefore;
      add(traces, host, { forceDownAt: endedAt, openForceDownAt });
    }
    if (which === null) return;
    // A list that was made meanwhile shows that somebody had disabled it before this took effect.
    const isLate = end === 'unknown' || (end === 'done' && traces.get(host)?.disabledSince !== null);
    add(traces, host, { [which]: isLate ? endedAt : before[which] });
  };
}

/** How a change has ended: it was carried out, certainly not, or nobody knows. */
export type ChangeEnd = 'done' | 'none' | 'unknown';

/** What of a trace says that such a change may come late; null: nothing does. */
function lateness({ status, disabledReason }: ServiceChange): 'enableAt' | 'disableAt' | null {
  if (status === 'enabled') return 'enableAt';
  return status === 'disabled' && isOurReason(disabledReason ?? null) ? 'disableAt' : null;
}

/** Takes in a service as an answer shows it to what was asked for at `at`. */
export function traceForced(traces: Traces, { host, forcedDown }: ServiceView, at: number): void {
  const { notForcedAt, forceDownAt, openForceDownAt, openBefore } = traces.get(host) ?? NOTHING;
  if (!forcedDown) add(traces, host, { notForcedAt: Math.max(notForcedAt, at) });
  // What was asked for last, and has no answer, is done: it comes no more.
  else if (openForceDownAt > openBefore && at > forceDownAt)
    add(traces, host, { forceDownAt: at, openForceDownAt: openBefore });
}

/** Takes in a list of the services that was asked for at `at`. */
export function traceList(traces: Traces, services: readonly ServiceView[], at: number): void {
  for (const service of services) {
    const { host, state, disabledReason: reason } = service;
    const status = isAutomatic(reason) ? 'enabled' : service.status;
    // Of a cell that does not answer Nova knows the names alone.
    if (state === 'unknown') continue;
    traceForced(traces, service, at);
    const from = traces.get(host)?.changedFrom ?? null;
    if (from === null) continue;
    // Nobody else writes our reasons: where one stands again, a late request of ours has come.
    if (isOurReason(reason)) add(traces, host, { markedAt: at });
    else if (isAs({ status, disabledReason: reason }, from)) add(traces, host, { disabledSince: null });
    else if (status === 'disabled') add(traces, host, { disabledSince: { reason, seenAt: at } });
  }
}

function isAs(service: Setting, from: Setting): boolean {
  if (service.status !== from.status) return false;
  return service.status === 'enabled' || service.disabledReason === from.disabledReason;
}
