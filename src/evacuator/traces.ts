import type { ServiceTrace, ServiceView } from '../core/observation.ts';
import type { ServiceChange } from './ports.ts';

/** What this process has done to each compute service, by its id, and what the lists have shown since. */
export type Traces = Map<string, ServiceTrace>;

const NOTHING: ServiceTrace = {
  forceDownAt: Number.NEGATIVE_INFINITY,
  notForcedAt: Number.NEGATIVE_INFINITY,
  unansweredAt: Number.NEGATIVE_INFINITY,
};

function add(traces: Traces, id: string, more: Partial<ServiceTrace>): void {
  traces.set(id, { ...(traces.get(id) ?? NOTHING), ...more });
}

/** Takes in that a change is sent, or has ended: it may take effect until then, and without an answer still later. */
export function traceChange(
  traces: Traces,
  id: string,
  {
    change,
    at,
    isUnanswered,
  }: { readonly change: ServiceChange; readonly at: number; readonly isUnanswered: boolean },
): void {
  if (change.forcedDown === true) add(traces, id, { forceDownAt: at });
  if (isUnanswered) add(traces, id, { unansweredAt: at });
}

/** Takes in a list of the services that was asked for at `at`. */
export function traceList(traces: Traces, services: readonly ServiceView[], at: number): void {
  for (const { id, forcedDown } of services) if (!forcedDown) add(traces, id, { notForcedAt: at });
}
