import type { Command } from './decision.ts';
import { type Draft, issue, lookAtServices } from './draft.ts';
import type { Observation, ServiceView } from './observation.ts';
import type { Policy } from './policy.ts';
import type { EvacuationRecord } from './records.ts';

/**
 * Whether a request for a service that has had no answer may take effect after a look at `seenAt`: then it is not over yet.
 * Of those of an evacuator before this one nothing is known but that it sends no more.
 */
export function mayStillChange(
  { observation, policy }: Draft,
  { id, host }: ServiceView,
  { owner }: EvacuationRecord,
  seenAt: number,
): boolean {
  const { ownerSince } = observation;
  const { takeoverSettleMs, requestSettleMs } = policy.timing;
  if (owner !== observation.owner && seenAt < ownerSince + takeoverSettleMs) return true;
  if (CHANGES.some((kind) => observation.commands.get(`${kind}:${host}`)?.state === 'pending')) return true;
  const trace = observation.traces.get(id);
  return trace !== undefined && seenAt < trace.unansweredAt + requestSettleMs;
}

/** Commands that change a compute service, or its aggregates. */
const CHANGES: readonly Command['kind'][] = [
  'force-down',
  'clear-forced-down',
  'enable',
  'disable',
  'join-aggregate',
  'leave-aggregate',
];

/** What is said of a host that is {@link overtaken}. */
export const DISABLED_AGAIN =
  'disabled again, as somebody has had it since: a request of ours to enable it has come late';

/** What stands in the reason of a service that somebody has disabled without one. */
const NO_REASON = 'disabled by hand';

/**
 * Whether a service has been enabled by a request of ours that has had no answer, and that came after somebody had disabled the
 * host: the reason with which it was; null: it was not. Whoever enables it between the two looks passes for us.
 */
export function overtaken(
  { traces }: Observation,
  { timing }: Policy,
  { id, status }: ServiceView,
): string | null {
  const trace = traces.get(id);
  if (status !== 'enabled' || trace === undefined || trace.disabledSince === null) return null;
  const { reason, seenAt } = trace.disabledSince;
  return seenAt < trace.enableAt + timing.requestSettleMs ? (reason ?? NO_REASON) : null;
}

/**
 * What a request of ours has done too late is undone: the host is disabled again, as somebody had it. As long as one may come
 * late, it is looked at again and again: what somebody does meanwhile is not to be overtaken unseen.
 */
export function putRight(draft: Draft): void {
  const { observation, policy } = draft;
  if (!observation.services.known) return;
  const { requestSettleMs, returnSlowMs } = policy.timing;
  for (const service of observation.services.value) {
    const trace = observation.traces.get(service.id);
    if (trace === undefined) continue;
    if (observation.servicesAt < trace.enableAt + requestSettleMs) lookAtServices(draft, returnSlowMs);
    const reason = overtaken(observation, policy, service);
    if (reason !== null) issue(draft, { kind: 'disable', host: service.host, serviceId: service.id, reason });
  }
}
