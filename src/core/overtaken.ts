import { type Draft, issueByNewList, lookAtServices } from './draft.ts';
import type { Observation, ServiceView } from './observation.ts';
import type { Policy } from './policy.ts';
import { isOurReason } from './quarantine.ts';

/** What is said of a host that is {@link overtaken}. */
export const DISABLED_AGAIN =
  'disabled again, as somebody has had it since: a request of ours for it has come late';

/** What stands in the reason of a service that somebody has disabled without one. */
const NO_REASON = 'disabled by hand';

/**
 * Whether a service has been enabled, or disabled with a reason of ours, by a request of ours that has had no answer, and that came
 * after somebody had disabled the host: the reason with which it was; null: it was not. Whoever enables it between the two
 * looks passes for us.
 */
export function overtaken(
  { traces }: Observation,
  { timing }: Policy,
  { host, status, disabledReason }: ServiceView,
): string | null {
  const trace = traces.get(host);
  if (trace === undefined || trace.disabledSince === null) return null;
  if (status === 'disabled' && !isOurReason(disabledReason)) return null;
  const { reason, seenAt } = trace.disabledSince;
  const lateAt = status === 'enabled' ? trace.enableAt : trace.disableAt;
  return seenAt < lateAt + timing.requestSettleMs ? (reason ?? NO_REASON) : null;
}

/**
 * Whether a service that we had disabled for this death of its host has been enabled by a request of ours from before that, which has
 * had no answer. Whoever enables it between the two looks passes for us.
 */
export function isEnabledLate(
  { traces }: Observation,
  { timing }: Policy,
  { host, status }: ServiceView,
): boolean {
  const trace = traces.get(host);
  if (trace === undefined || status !== 'enabled') return false;
  const { enableSentAt, enableAt, forceDownAt, markedAt } = trace;
  // It may be given up only after that.
  return enableSentAt < forceDownAt && Math.max(forceDownAt, markedAt) < enableAt + timing.requestSettleMs;
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
    const trace = observation.traces.get(service.host);
    if (trace === undefined) continue;
    const lateAt = Math.max(trace.enableAt, trace.disableAt);
    if (observation.servicesAt < lateAt + requestSettleMs) lookAtServices(draft, returnSlowMs);
    const reason = overtaken(observation, policy, service);
    if (reason === null) continue;
    issueByNewList(draft, { kind: 'disable', host: service.host, serviceId: service.id, reason });
  }
}
