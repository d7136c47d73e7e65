import { type Draft, issue } from './draft.ts';
import type { NodeView } from './observation.ts';
import type { GatePolicy } from './policy.ts';
import { type EvacuationRecord, isOurMarker, type Outage, type PastIncident } from './records.ts';

/** The last incidents of a node, oldest first, as far as they can be read. */
export function pastOf({ past }: Pick<NodeView, 'past'>): readonly PastIncident[] {
  return past === null || past === 'unreadable' ? [] : past.incidents;
}

/**
 * Keeps a node's outages in its history, which outlives the evacuation's own record (null: nothing is known of one); the
 * last one is written with those before it. Says what is missing there still, or null.
 */
export function rememberOutages(
  draft: Draft,
  node: NodeView,
  outages: readonly (PastIncident | null)[],
): string | null {
  const past = pastOf(node);
  const isKept = ({ id, novaAt }: PastIncident): boolean =>
    past.some((each) => each.id === id && (each.novaAt !== null || novaAt === null));
  const begun = outages.filter((outage) => outage !== null);
  const last = begun.at(-1);
  if (last === undefined || isKept(last)) return null;
  const fresh = begun.filter((outage) => !isKept(outage));
  const isFresh = ({ id }: PastIncident): boolean => fresh.some((outage) => outage.id === id);
  const from = last.at - draft.policy.gates.quarantineWindowMs;
  const incidents = [...past.filter((each) => !isFresh(each)), ...fresh].filter(({ at }) => at >= from);
  const why = issue(draft, { kind: 'write-history', node: node.name, record: { incidents } });
  const text = `its history in the cluster lacks incident ${last.id}`;
  return why === null ? text : `${text}: ${why}`;
}

/** The outage of a record, as its history has it; null: nobody knows of one. */
export function outageOf(record: EvacuationRecord | null): PastIncident | null {
  return record === null || record.outage === null ? null : { ...record.outage, novaAt: record.since };
}

/**
 * Why a node that is back stays disabled; null: it does not. It counts back from the last incident and not from
 * now: a host does not get better by waiting. Once somebody has enabled it, nobody disables it again but the
 * next incident.
 */
export function whyQuarantined(node: NodeView, gates: GatePolicy): string | null {
  const { evacuation } = node;
  // Its history may not be written yet.
  const outage = evacuation === null || evacuation === 'unreadable' ? null : evacuation.outage;
  const kept = pastOf(node);
  const past: readonly Outage[] =
    outage === null || kept.some(({ id }) => id === outage.id) ? kept : [...kept, outage];
  const last = past.at(-1);
  if (gates.quarantineIncidents === 0 || last === undefined) return null;
  const recent = past.filter(({ at }) => at > last.at - gates.quarantineWindowMs).length;
  if (recent < gates.quarantineIncidents) return null;
  return `${recent} incidents within ${Math.round(gates.quarantineWindowMs / 60_000)} min`;
}

const QUARANTINE = 'instance-ha: quarantine';

/** What stands in the `disabled_reason` of a host in quarantine. It is not our marker of an evacuation: only a person enables it. */
export function quarantineReason(why: string): string {
  return `${QUARANTINE} after ${why}; enable it when it is repaired`;
}

/** nova/api/openstack/compute/schemas/services.py */
const REASON_LIMIT = 255;

/** ... and of one that was kept for failures: nobody takes it for a reserved host, whatever its reason was before. */
export function reservedQuarantineReason(why: string, before: string): string {
  const text = `${QUARANTINE} after ${why}; when it is repaired disable it with its reason as before, or enable it. Before: ${before}`;
  return text.slice(0, REASON_LIMIT);
}

/** Whether this is the `disabled_reason` of a host in quarantine, reserved before or not. Null: Nova has no reason, so it is not. */
export function isQuarantine(disabledReason: string | null): boolean {
  return disabledReason?.startsWith(QUARANTINE) ?? false;
}

/** Whether a `disabled_reason` is one that nobody but the evacuator writes: our marker, or that of quarantine. */
export function isOurReason(disabledReason: string | null): boolean {
  return isOurMarker(disabledReason) || isQuarantine(disabledReason);
}
