import type { Gate, HostVerdict, InstanceVerdict } from '../core/decision.ts';
import { type HostName, hostOfNode } from '../core/names.ts';
import type { ClusterView, Maybe, NodeView, Observation, ServiceView } from '../core/observation.ts';
import {
  type EvacuatorIdentity,
  type FencingRow,
  type HostRow,
  type HostState,
  type IncidentRow,
  type InstanceRow,
  type InventoryRow,
  type LineRow,
  type Move,
  OUTCOME_GROUP,
  type Overview,
  type Progress,
  type View,
} from './model.ts';

/** What a tick of the evacuator left. */
export interface Seen {
  readonly observation: Pick<Observation, 'now' | 'owner' | 'cluster' | 'services' | 'domain'>;
  readonly verdicts: readonly HostVerdict[];
  readonly gates: readonly Gate[];
  readonly cloudTrouble: string | null;
}

/** What is read only while somebody looks. */
export interface Extras {
  /** All instances, as a list of them showed them. */
  readonly inventory: Maybe<ReadonlyMap<string, InstanceRow>>;
  readonly inventoryAt: number | null;
  readonly fencing: Maybe<readonly FencingRow[]>;
}

/** What has been said and what is over, as the process that shows it remembers it. */
export interface Past {
  readonly incidents: ReadonlyMap<string, IncidentRow>;
  readonly lines: ReadonlyMap<string, LineRow>;
}

/** All that is to be shown, from the newest tick. Pure: the same tick gives the same view. */
export function buildView(identity: EvacuatorIdentity, seen: Seen, extras: Extras, past: Past): View {
  const instances = instancesOf(seen, extras);
  return {
    overview: overviewOf(identity, seen, extras),
    hosts: hostsOf(seen, extras, instances),
    instances,
    incidents: withStanding(past.incidents, incidentsOf(seen)),
    fencing: fencingOf(extras),
    lines: past.lines,
  };
}

function overviewOf(evacuator: EvacuatorIdentity, seen: Seen, extras: Extras): Overview {
  const { cluster } = seen.observation;
  const controllers = cluster.known ? cluster.value.nodes.filter((node) => node.kind === 'cluster') : [];
  return {
    evacuator,
    quorum: cluster.known ? cluster.value.haveQuorum : null,
    clusterTrouble: cluster.known ? null : cluster.reason,
    cloudTrouble: seen.cloudTrouble,
    gates: seen.gates,
    controllers: controllers.map(({ name, online }) => ({ name, online })),
    inventoryAt: extras.inventoryAt,
    inventoryTrouble: extras.inventory.known ? null : extras.inventory.reason,
    fencingTrouble: extras.fencing.known ? null : extras.fencing.reason,
  };
}

function instancesOf(seen: Seen, extras: Extras): ReadonlyMap<string, InstanceRow> {
  // Rows of the list keep their identity from tick to tick, which makes thousands of comparisons cheap.
  const rows = new Map(extras.inventory.known ? extras.inventory.value : []);
  for (const verdict of seen.verdicts) {
    for (const instance of verdict.instances)
      rows.set(instance.id, {
        name: instance.name,
        host: whereIs(instance, verdict.host),
        move: moveOf(instance, verdict),
      });
  }
  return rows;
}

function whereIs({ outcome, to }: InstanceVerdict, from: HostName | null): HostName | null {
  if (outcome === 'gone') return null;
  return outcome === 'moved' || outcome === 'restoring' ? to : from;
}

function moveOf(instance: InstanceVerdict, verdict: HostVerdict): Move {
  const { outcome, attempts, disk, differences, text, to } = instance;
  return { incident: verdict.incident, from: verdict.host, to, outcome, attempts, disk, differences, text };
}

/** The rows of a list of all instances. */
export function inventoryRows(list: readonly InventoryRow[]): ReadonlyMap<string, InstanceRow> {
  return new Map(list.map(({ id, name, host }) => [id, { name, host, move: null }]));
}

/** The rows with each instance where the verdicts say it is; the same rows where that is nothing new. */
export function followVerdicts(
  rows: ReadonlyMap<string, InstanceRow>,
  verdicts: readonly HostVerdict[],
): ReadonlyMap<string, InstanceRow> {
  let next: Map<string, InstanceRow> | null = null;
  for (const verdict of verdicts) {
    for (const instance of verdict.instances) {
      const host = whereIs(instance, verdict.host);
      if (rows.get(instance.id)?.host === host) continue;
      next ??= new Map(rows);
      next.set(instance.id, { name: instance.name, host, move: null });
    }
  }
  return next ?? rows;
}

/** How many instances of a verdict are where; null when it names none. */
export function progressOf(instances: readonly InstanceVerdict[]): Progress | null {
  if (instances.length === 0) return null;
  const count = { moved: 0, arrived: 0, moving: 0, waiting: 0, left: 0 };
  // A kind that this page does not know yet is an end without a move; it is never shown as done.
  for (const { outcome } of instances) count[OUTCOME_GROUP[outcome] ?? 'left']++;
  return { total: instances.length, ...count };
}

function hostsOf(
  seen: Seen,
  extras: Extras,
  instances: ReadonlyMap<string, InstanceRow>,
): ReadonlyMap<string, HostRow> {
  const { observation } = seen;
  const services = observation.services.known ? observation.services.value : [];
  const serviceOf = new Map(services.map((service) => [service.host, service]));
  const hostNames = services.map((service) => service.host);
  const nodes = observation.cluster.known ? observation.cluster.value.nodes : [];
  const verdicts = new Map(seen.verdicts.map((verdict) => [verdict.node, verdict]));
  const counts = extras.inventory.known ? countByHost(instances) : null;
  const rows = new Map<string, HostRow>();
  const paired = new Set<HostName>();
  for (const node of nodes) {
    const host = hostFor(node, hostNames, serviceOf, observation.domain);
    if (node.kind === 'cluster' && host === null) continue;
    if (host !== null) paired.add(host);
    const service = host === null ? null : (serviceOf.get(host) ?? null);
    const verdict = verdicts.get(node.name);
    rows.set(node.name, {
      name: node.name,
      node: node.name,
      host,
      state: stateOf(node, service, verdict, observation.services.known),
      text: verdict?.text ?? (service === null && observation.services.known ? NO_SUCH_HOST : null),
      incident: verdict?.incident ?? null,
      online: node.online,
      service: service === null ? null : serviceRow(service),
      instances: counts === null || host === null ? null : (counts.get(host) ?? 0),
      progress: progressOf(verdict?.instances ?? []),
    });
  }
  // Before the cluster has been read nothing can be said about who protects a host.
  for (const service of observation.cluster.known ? services : []) {
    if (paired.has(service.host) || rows.has(service.host)) continue;
    rows.set(service.host, unprotected(service, counts?.get(service.host) ?? (counts === null ? null : 0)));
  }
  return rows;
}

const NO_SUCH_HOST =
  "Nova has no compute host of this node's name: if it dies, nothing is evacuated (see the parameter domain)";

/** An exact name is looked up, not searched for: with a thousand hosts a search for each is a million comparisons. */
function hostFor(
  node: NodeView,
  hosts: readonly HostName[],
  serviceOf: ReadonlyMap<HostName, ServiceView>,
  domain: string | null,
): HostName | null {
  if (domain !== null) return hostOfNode(node.name, hosts, domain);
  const same = hosts.length === 0 ? undefined : serviceOf.get(node.name as string as HostName);
  return same?.host ?? null;
}

function unprotected(service: ServiceView, instances: number | null): HostRow {
  return {
    name: service.host,
    node: null,
    host: service.host,
    state: 'unprotected',
    text: 'Pacemaker has no node of this name: if it dies, nothing is evacuated',
    incident: null,
    online: null,
    service: serviceRow(service),
    instances,
    progress: null,
  };
}

function stateOf(
  node: NodeView,
  service: ServiceView | null,
  verdict: HostVerdict | undefined,
  areServicesKnown: boolean,
): HostState {
  if (verdict !== undefined) return verdict.phase === 'returning' && isHeld(node) ? 'held' : verdict.phase;
  if (node.online === false) return 'down';
  if (isHeld(node)) return 'held';
  if (service === null) return areServicesKnown ? 'unprotected' : 'unknown';
  if (service.state === 'down') return 'down';
  if (service.state === 'unknown' || node.online === null) return 'unknown';
  return service.status === 'disabled' ? 'disabled' : 'up';
}

/** It has booted and asks to be let go, and has not been answered so. */
function isHeld(node: NodeView): boolean {
  return node.holdToken !== null && node.holdAnswer?.startsWith('released ') !== true;
}

function serviceRow(service: ServiceView): HostRow['service'] {
  const { state, status, forcedDown, disabledReason } = service;
  return { state, status, forcedDown, reason: disabledReason };
}

function countByHost(instances: ReadonlyMap<string, InstanceRow>): ReadonlyMap<HostName, number> {
  const counts = new Map<HostName, number>();
  for (const { host } of instances.values()) if (host !== null) counts.set(host, (counts.get(host) ?? 0) + 1);
  return counts;
}

function withStanding(
  past: Past['incidents'],
  standing: ReadonlyMap<string, IncidentRow>,
): ReadonlyMap<string, IncidentRow> {
  const rows = new Map(past);
  for (const [id, row] of standing) rows.set(id, keepWhatIsGone(past.get(id), row));
  return rows;
}

/** The incident's own attribute goes at the release; what it said stays with the incident. */
export function keepWhatIsGone(before: IncidentRow | undefined, row: IncidentRow): IncidentRow {
  if (before === undefined) return row;
  return {
    ...row,
    host: row.host ?? before.host,
    by: row.by ?? before.by,
    recordedAt: row.recordedAt ?? before.recordedAt,
    progress: row.progress ?? before.progress,
  };
}

/** The incidents that stand, from the records in the cluster: these survive a failover. */
export function incidentsOf(seen: Pick<Seen, 'observation' | 'verdicts'>): ReadonlyMap<string, IncidentRow> {
  const { cluster } = seen.observation;
  const rows = new Map<string, IncidentRow>();
  if (!cluster.known) return rows;
  const verdicts = new Map(seen.verdicts.map((verdict) => [verdict.node, verdict]));
  for (const node of troubledNodes(cluster.value)) {
    const incident = node.incident === 'unreadable' ? null : node.incident;
    const record = node.evacuation === 'unreadable' ? null : node.evacuation;
    const id = incident?.id ?? record?.incident;
    if (id === undefined) continue;
    const ours = record?.incident === id ? record : null;
    const verdict = verdicts.get(node.name);
    rows.set(id, {
      node: node.name,
      host: verdict?.host ?? null,
      phase: verdict?.phase ?? (ours?.phase === 'returning' ? 'returning' : 'evacuating'),
      text: verdict?.text ?? '',
      by: incident?.by ?? null,
      recordedAt: incident?.at ?? null,
      fencedAt: ours?.fencedAt ?? null,
      begunAt: ours?.since ?? null,
      releasedAt: ours?.releasedAt ?? null,
      endedAt: null,
      progress: progressOf(verdict?.instances ?? []),
    });
  }
  return rows;
}

function troubledNodes(cluster: ClusterView): readonly NodeView[] {
  return cluster.nodes.filter((node) => node.incident !== null || node.evacuation !== null);
}

function fencingOf(extras: Extras): ReadonlyMap<string, FencingRow> {
  const rows = new Map<string, FencingRow>();
  if (!extras.fencing.known) return rows;
  for (const [index, row] of extras.fencing.value.entries())
    rows.set(`${row.target} ${row.completedAt ?? 'pending'} ${row.action} ${row.client} ${index}`, row);
  return rows;
}
