import { mayStillChange } from './changes.ts';
import { giveBack, isReserved } from './destinations.ts';
import {
  type Draft,
  issueByNewList,
  issueWithReport,
  lookAt,
  lookAtServices,
  say,
  serviceOf,
  viewOfIncident,
  wakeWithin,
} from './draft.ts';
import { isForcedByOthers } from './forced-down.ts';
import { sayLeftLive } from './left-live.ts';
import type { HostName } from './names.ts';
import { whyHostUnknown } from './no-host.ts';
import type { EvacuationView, HostView, NodeView, ServerView, ServiceView } from './observation.ts';
import { DISABLED_AGAIN, isEnabledLate, overtaken } from './overtaken.ts';
import { howToUnmark } from './proof.ts';
import {
  isQuarantine,
  outageOf,
  quarantineReason,
  rememberOutages,
  reservedQuarantineReason,
  whyQuarantined,
} from './quarantine.ts';
import { type EvacuationRecord, isAutomatic, isOurMarker } from './records.ts';
import { stopLateArrivals } from './stop-again.ts';
import { listNames } from './words.ts';

/** The trait that keeps the scheduler off a disabled host (`nova/compute/manager.py` _update_compute_status trait handling). */
const DISABLED_TRAIT = 'COMPUTE_STATUS_DISABLED';

/** A report of the compute service this much newer than the release is one of a nova-compute that has started since, ms. */
const REPORT_MARGIN_MS = 1_000;

/**
 * One step of a released node's way back: nova-compute starts while forced down → its records turn `completed`
 * → forced_down cleared → up → enabled, if it was we who disabled it → schedulable → the record goes.
 *
 * Nova refuses to clear forced_down while a `done` record names the host as its source
 * (`nova/api/openstack/compute/services.py` _check_for_evacuations), and a service enabled before it is up keeps
 * the trait COMPUTE_STATUS_DISABLED until its next periodic task.
 */
export function decideReturning(draft: Draft, node: NodeView, record: EvacuationRecord): void {
  const { observation, policy } = draft;
  // Whether or not the node comes back; only the end of its record waits for it.
  const toGiveBack = giveBack(draft, node, record);
  const late = stopLateArrivals(draft, node, record);
  const unremembered = rememberOutages(draft, node, [outageOf(record)]);
  const marked =
    node.mark === 'yes'
      ? `marked evacuate=yes without an incident, so nova-compute-wait holds it: ${howToUnmark(node)}`
      : null;
  const asides = [toGiveBack, late.toDo, late.left, marked].filter((aside) => aside !== null);
  const tell = (text: string, host: HostName | null): void => {
    const { incident } = record;
    say(draft, { node: node.name, host, incident, phase: 'returning', text: [text, ...asides].join('; ') });
  };
  const leftLive = sayLeftLive(draft, record);
  const finish: Finish = (text) =>
    record.reserves.length > 0 || late.toDo !== null
      ? text
      : finishRecord(draft, { node, record, text: joined(text, leftLive), left: late.left });
  lookAtPorts(draft, record);
  if (toGiveBack !== null) lookAtServices(draft, policy.timing.returnSlowMs);
  if (node.online !== true) {
    lookAtServices(draft, policy.timing.idleServicesMs);
    tell('released; waiting for the node to come back', null);
    return;
  }
  // Where Pacemaker starts nova-compute, it knows when there is something to ask Nova about.
  if (node.novaCompute === 'stopped' || node.novaCompute === 'unstarted') {
    lookAtServices(draft, policy.timing.idleServicesMs);
    tell('released; waiting for Pacemaker to start nova-compute', null);
    return;
  }
  lookAtServices(draft, returnPauseMs(draft, node, record));
  if (!observation.services.known) {
    tell(`Nova can't be asked: ${observation.services.reason}`, null);
    return;
  }
  const service = serviceOf(draft, node.name);
  if (service === null) {
    tell(sayNoService(draft, node, finish), null);
    return;
  }
  const { host } = service;
  const ourForce = !record.before.forcedDown && !isForcedByOthers(draft, node, service);
  const quarantine = whyQuarantined(node, policy.gates);
  const isOurDoing = record.before.status === 'enabled' && isEnabledLate(observation, policy, service);
  if (quarantine !== null && unremembered === null && isOurDoing) {
    tell(intoQuarantine(draft, service, quarantine), host);
  } else if (ourForce && service.forcedDown) {
    tell(clearForcedDown(draft, node, record, service), host);
  } else if (unremembered !== null) {
    tell(`back; before anything is decided about quarantine: ${unremembered}`, host);
  } else if (record.reserves.some((claim) => claim.host === host)) {
    tell('back; it was a reserved host, and is made one again', host);
  } else if (overtaken(observation, policy, service) !== null) {
    tell(`back; ${DISABLED_AGAIN}`, host);
  } else if (isOurMarker(service.disabledReason) && record.before.status === 'enabled') {
    tell(quarantine === null ? enable(draft, service) : intoQuarantine(draft, service, quarantine), host);
  } else if (quarantine !== null && policy.destinations.reservedHosts && isReserved(service)) {
    tell(intoQuarantine(draft, service, quarantine), host);
  } else if (mayStillChange(draft, host, observation.servicesAt, isInherited(draft, node, record))) {
    tell('back; Nova may still do what it was asked for and has not answered', host);
  } else if (service.status === 'enabled' && !service.forcedDown) {
    tell(confirmSchedulable(draft, record, service, finish), host);
  } else {
    tell(finish(sayKept(service)), host);
  }
}

const joined = (text: string, aside: string | null): string => (aside === null ? text : `${text}; ${aside}`);

function sayNoService({ observation }: Draft, { name }: NodeView, finish: Finish): string {
  return (
    whyHostUnknown(observation, name, {
      so: 'nothing is given back yet',
      ifGone: `its compute service was deleted: restart nova-compute on ${name}, which makes it anew, or take the node out of the cluster`,
    }) ?? finish('Nova no longer has a compute host of this name; nothing to give back')
  );
}

/**
 * Whether an evacuator before this one may have asked something of the host: also where the record's owner ended cleanly, for on
 * the way back a successor works on it without taking it over.
 */
function isInherited({ observation }: Draft, { name }: NodeView, { owner }: EvacuationRecord): boolean {
  return owner !== observation.owner || observation.inherited.has(name);
}

function sayKept({ disabledReason }: ServiceView): string {
  if (isQuarantine(disabledReason)) return `back, and left disabled (${disabledReason})`;
  return isAutomatic(disabledReason)
    ? `back; its nova-compute has disabled it, and enables it when it has its libvirt (${disabledReason})`
    : 'back; the service stays as the operator set it';
}

/** The pause between two lists of the services while a node comes back, ms. */
function returnPauseMs(draft: Draft, node: NodeView, record: EvacuationRecord): number {
  const { observation, policy } = draft;
  if (node.novaCompute === 'running')
    return isAwaited(draft, node, record) ? reportPauseMs(draft, record) : policy.timing.returnMs;
  const isLetGo = node.holdAnswer?.startsWith('released ') ?? false;
  if (!isLetGo || record.releasedAt === null) return policy.timing.returnSlowMs;
  const sinceReleaseMs = observation.novaNow - record.releasedAt;
  return Math.min(policy.timing.maxReturnMs, Math.max(policy.timing.returnMs, sinceReleaseMs / 2));
}

/** A guest that nova-compute cleans up at its start, before it reports, takes it at least this long, ms; measured: half a second. */
const CLEANUP_MS = 200;

/** The pause between two looks whether nova-compute has reported: the longer, the more guests it has to clean up. */
function reportPauseMs(draft: Draft, { incident }: EvacuationRecord): number {
  const { returnReportMs, maxReturnReportMs } = draft.policy.timing;
  const evacuations = viewOfIncident(draft, incident)?.evacuations ?? [];
  const guests = evacuations.filter(({ status }) => status === 'done').length;
  return Math.min(maxReturnReportMs, Math.max(returnReportMs, guests * CLEANUP_MS));
}

/** Whether nothing is left to do before the next report of its nova-compute: it has not reported since the release. */
function isAwaited(draft: Draft, node: NodeView, record: EvacuationRecord): boolean {
  const service = serviceOf(draft, node.name);
  return service?.forcedDown === true && !hasReported(service, record);
}

/** Whether its nova-compute has started since its host was released. */
export function hasReported({ updatedAt }: ServiceView, { releasedAt }: EvacuationRecord): boolean {
  return (updatedAt ?? 0) > (releasedAt ?? 0) + REPORT_MARGIN_MS;
}

function clearForcedDown(
  draft: Draft,
  node: NodeView,
  record: EvacuationRecord,
  service: ServiceView,
): string {
  const { observation, policy } = draft;
  const view = viewOf(draft, service.host, record);
  if (!hasReported(service, record)) return 'released; waiting for nova-compute to start';
  // A report newer than the last look at the records: they may have changed since.
  if (view === null || view.followedAt < observation.servicesAt) {
    const dueMs = view === null ? 0 : view.lookedAt + policy.timing.returnMs - observation.mono;
    if (dueMs <= 0)
      lookAt(draft, service.host, { incident: record.incident, evacuations: true, since: record.since });
    else wakeWithin(draft, dueMs);
    if (view === null || view.followedAt < 0)
      return 'nova-compute reports; looking at its evacuation records';
  }
  // By Nova's clocks alone no look might ever do: nova-conductor, which dates the report (nova/db/main/api.py service_update), may be
  // ahead of nova-api, which dates the look, for good.
  const isOld = view.followedAt + STALE_MS < observation.servicesAt - observation.servicesTookMs;
  if (isOld && view.novaNow + STALE_MS < (service.updatedAt ?? 0))
    return 'nova-compute reports; looking at its evacuation records';
  const waiting = view.evacuations.filter((evacuation) => evacuation.status === 'done');
  if (waiting.length > 0) return sayStillDone(draft, node, record, waiting);
  const why = issueByNewList(draft, { kind: 'clear-forced-down', host: service.host, serviceId: service.id });
  return why ? `forced_down could not be cleared: ${why}` : `clearing forced_down of ${node.name}`;
}

/** Records that were looked at so long before the last report are those of the time before nova-compute started, ms. */
const STALE_MS = 5_000;

/** Records that are still `done` this long after the release, ms, are not going to be completed by this start of nova-compute. */
const LEFTOVER_MS = 60_000;

/**
 * nova-compute completes the records at its start, before it reports (`nova/compute/manager.py` init_host,
 * _destroy_evacuated_instances). One that turned `done` after that stays so: of two evacuations of one instance the
 * later one does it. Only another start completes it, and until then Nova refuses to clear forced_down.
 */
function sayStillDone(
  { observation }: Draft,
  node: NodeView,
  record: EvacuationRecord,
  waiting: readonly EvacuationView[],
): string {
  const count = waiting.length;
  if (observation.novaNow - (record.releasedAt ?? 0) < LEFTOVER_MS) {
    return `nova-compute reports; it has ${count} evacuation records still to complete`;
  }
  const ids = listNames(waiting.map(({ id, server }) => `${id} of server ${server}`));
  return `nova-compute has started, but ${count} evacuation records are still done (${ids}): an instance was evacuated twice, or once more after its first destination had died, or while nova-compute started. Restart nova-compute on ${node.name} once${howToRestart(node)}: it completes them at its start; until then Nova refuses to clear forced_down`;
}

function howToRestart({ name, novaCompute }: NodeView): string {
  return novaCompute === null
    ? ''
    : ` (crm_resource --restart --resource nova-compute-clone --node ${name}; the clone may have another name)`;
}

/** Writes into the reason of a host that has failed too often (`after`: how) that it is in quarantine. */
function intoQuarantine(draft: Draft, service: ServiceView, after: string): string {
  const before = isReserved(service) ? service.disabledReason : null;
  const reason = before === null ? quarantineReason(after) : reservedQuarantineReason(after, before);
  const why = issueByNewList(draft, { kind: 'disable', host: service.host, serviceId: service.id, reason });
  const text =
    before === null
      ? `in quarantine after ${after}: it stays disabled until a person enables it`
      : `in quarantine after ${after}: it is no reserved host until a person disables it as before (${before})`;
  return why ? `${text}; that could not be written into its reason: ${why}` : text;
}

function enable(draft: Draft, service: ServiceView): string {
  // One that a person has forced down is up only when they say so.
  if (service.state !== 'up' && !service.forcedDown) {
    wakeWithin(draft, draft.policy.timing.returnMs);
    return 'waiting for the compute service to be up before it is enabled';
  }
  const why = issueByNewList(draft, { kind: 'enable', host: service.host, serviceId: service.id });
  return why ? `the service could not be enabled: ${why}` : 'enabling the compute service';
}

function confirmSchedulable(
  draft: Draft,
  record: EvacuationRecord,
  service: ServiceView,
  finish: Finish,
): string {
  const { observation, policy } = draft;
  if (service.state !== 'up') return 'enabled; waiting for the compute service to be up';
  const view = viewOf(draft, service.host, record);
  if (view !== null && view.traitsAt >= 0) {
    if (!view.traits.known)
      return finish(`back and enabled (Placement could not be asked: ${view.traits.reason})`);
    if (!view.traits.value.includes(DISABLED_TRAIT)) return finish('back, enabled and schedulable');
  }
  const dueMs =
    view === null || view.traitsAt < 0 ? 0 : view.traitsAt + policy.timing.returnMs - observation.mono;
  if (dueMs <= 0)
    lookAt(draft, service.host, { incident: record.incident, traits: true, since: record.since });
  else wakeWithin(draft, dueMs);
  return `enabled; waiting for Placement to drop ${DISABLED_TRAIT}`;
}

function viewOf(draft: Draft, host: HostName, record: EvacuationRecord): HostView | null {
  const view = draft.observation.hosts.get(host);
  return view?.incident === record.incident ? view : null;
}

/** Asks once about the ports of what has arrived: how Neutron has them holds nothing up. */
function lookAtPorts(draft: Draft, record: EvacuationRecord): void {
  const view = viewOfIncident(draft, record.incident);
  if (view === null || draft.looks.has(view.host)) return;
  const isAsked = ({ id, host, deleted }: ServerView): boolean =>
    deleted || host === view.host || host === null || view.ports.has(id);
  if (view.servers.every(isAsked)) return;
  lookAt(draft, view.host, { incident: record.incident, since: record.since, ports: true });
}

/** Removes the record, unless it is still needed; gives the words for that. */
type Finish = (text: string) => string;

/** How an evacuation ends: `text` says what became of the host, `left` what its report says besides. */
interface End {
  readonly node: NodeView;
  readonly record: EvacuationRecord;
  readonly text: string;
  readonly left: string | null;
}

function finishRecord(draft: Draft, { node, record, text, left }: End): string {
  const view = viewOfIncident(draft, record.incident);
  const all = left === null ? text : `${text}; ${left}`;
  const why = issueWithReport(
    draft,
    { kind: 'delete-evacuation', node: node.name, incident: record.incident },
    { node, record, view, state: 'closed', text: all, instances: [] },
  );
  return why ? `${text}; the record can't be removed from the cluster: ${why}` : text;
}
