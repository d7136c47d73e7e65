/** What the pollers read, and how two readings become events. Pure. */
import type {
  AttributeEvent,
  ClusterEvent,
  DrillEvent,
  MigrationEvent,
  ServerEvent,
  ServiceEvent,
  ServiceFact,
} from './events.ts';
import { diedSince, isLive } from './events.ts';
import { NOVA_EVACUATE } from './facts.ts';
import type { ClusterStatus } from './parse.ts';

/** A row of nova.services (nova-compute only), and whether Placement lets the host have servers. */
export interface ServiceRow {
  readonly host: string;
  readonly forcedDown: boolean;
  readonly enabled: boolean;
  readonly reason: string | null;
  /** Epoch, seconds; null when it never reported. */
  readonly lastSeen: number | null;
  /** No trait COMPUTE_STATUS_DISABLED on the resource provider. */
  readonly schedulable: boolean;
}

export interface ServerRow {
  readonly id: string;
  readonly host: string | null;
  readonly vmState: string;
  readonly taskState: string | null;
  readonly locked: boolean;
}

export interface MigrationRow {
  readonly id: number;
  readonly server: string;
  readonly status: string;
  readonly source: string;
  readonly dest: string | null;
  /** Epoch, seconds; the database keeps whole ones. */
  readonly createdAt: number;
}

/** One look into the databases. */
export interface DatabaseLook {
  readonly at: number;
  readonly services: readonly ServiceRow[];
  readonly servers: readonly ServerRow[];
  readonly migrations: readonly MigrationRow[];
}

const text = (value: string | undefined): string | null =>
  value === undefined || value === 'NULL' || value === '' ? null : value;
const number = (value: string | undefined): number | null => {
  const digits = text(value);
  return digits === null ? null : Number(digits);
};

export function serviceRow(row: readonly string[]): ServiceRow {
  const [host = '', forced, disabled, reason, seen, trait] = row;
  return {
    host,
    forcedDown: forced === '1',
    enabled: disabled !== '1',
    reason: text(reason),
    lastSeen: number(seen),
    schedulable: trait !== '1',
  };
}

export function serverRow(row: readonly string[]): ServerRow {
  const [id = '', host, vmState = '', taskState, locked] = row;
  return { id, host: text(host), vmState, taskState: text(taskState), locked: locked === '1' };
}

export function migrationRow(row: readonly string[]): MigrationRow {
  const [id, server = '', status = '', source = '', dest, created] = row;
  return { id: Number(id), server, status, source, dest: text(dest), createdAt: number(created) ?? 0 };
}

/** Whether nova-compute reports: what Nova calls `up`, without what `forced_down` overrides. */
export function beats(service: ServiceRow, now: number, downTimeS: number): boolean {
  return service.lastSeen !== null && now - service.lastSeen <= downTimeS;
}

/** What changed between two looks; nothing is said of the first. */
export function diffLooks(was: DatabaseLook | null, look: DatabaseLook, downTimeS: number): DrillEvent[] {
  if (was === null) return [];
  const { at } = look;
  const events: DrillEvent[] = [];
  for (const service of look.services) {
    const before = was.services.find((other) => other.host === service.host);
    if (!before) continue;
    const say = (fact: ServiceFact, value: boolean): void => {
      const event: ServiceEvent = {
        kind: 'service',
        at,
        host: service.host,
        fact,
        value,
        reason: service.reason,
      };
      events.push(event);
    };
    if (before.forcedDown !== service.forcedDown) say('forcedDown', service.forcedDown);
    if (before.enabled !== service.enabled) say('enabled', service.enabled);
    if (before.schedulable !== service.schedulable) say('schedulable', service.schedulable);
    const beat = beats(service, at, downTimeS);
    if (beats(before, was.at, downTimeS) !== beat) say('beats', beat);
  }
  const servers = new Map(was.servers.map((server) => [server.id, server]));
  for (const { id, host, vmState, taskState } of look.servers) {
    const before = servers.get(id);
    if (before?.host === host && before.vmState === vmState && before.taskState === taskState) continue;
    const event: ServerEvent = { kind: 'server', at, server: id, host, vmState, taskState };
    events.push(event);
  }
  const migrations = new Map(was.migrations.map((migration) => [migration.id, migration]));
  for (const { id, server, status, source, dest } of look.migrations) {
    const before = migrations.get(id);
    if (before?.status === status) continue;
    const event: MigrationEvent = {
      kind: 'migration',
      at,
      id,
      server,
      status,
      was: before?.status ?? null,
      source,
      dest,
    };
    events.push(event);
  }
  return events;
}

/** The life of an evacuation record, as it was seen. */
export interface MigrationTrack {
  readonly id: number;
  readonly server: string;
  readonly source: string;
  readonly dest: string | null;
  readonly createdAt: number;
  readonly status: string;
  readonly firstSeenAt: number;
  /** The last look that found it at work; null: it was never seen so. */
  readonly lastLiveAt: number | null;
  /** The look that found it at an end (for the last time, should it have come back to life); null: not yet. */
  readonly endedAt: number | null;
  /** Other records of the same server that were at work in the same look. */
  readonly liveWith: readonly number[];
}

/** Adds a look to the tracks. */
export function trackMigrations(
  tracks: ReadonlyMap<number, MigrationTrack>,
  look: DatabaseLook,
): Map<number, MigrationTrack> {
  const next = new Map(tracks);
  for (const row of look.migrations) {
    const known = tracks.get(row.id);
    const live = isLive(row.status);
    const others = live
      ? look.migrations
          .filter((m) => m.server === row.server && m.id !== row.id && isLive(m.status))
          .map((m) => m.id)
      : [];
    next.set(row.id, {
      id: row.id,
      server: row.server,
      source: row.source,
      dest: row.dest,
      createdAt: row.createdAt,
      status: row.status,
      firstSeenAt: known?.firstSeenAt ?? look.at,
      lastLiveAt: live ? look.at : (known?.lastLiveAt ?? null),
      endedAt: live ? null : (known?.endedAt ?? look.at),
      liveWith: [...new Set([...(known?.liveWith ?? []), ...others])],
    });
  }
  return next;
}

/** node → attribute → value. */
export type Attributes = ReadonlyMap<string, ReadonlyMap<string, string>>;

export function diffAttributes(was: Attributes | null, now: Attributes, at: number): AttributeEvent[] {
  if (was === null) return [];
  const events: AttributeEvent[] = [];
  for (const node of new Set([...was.keys(), ...now.keys()])) {
    const before = was.get(node);
    const after = now.get(node);
    for (const name of new Set([...(before?.keys() ?? []), ...(after?.keys() ?? [])])) {
      const value = after?.get(name) ?? null;
      const old = before?.get(name) ?? null;
      if (value !== old) events.push({ kind: 'attribute', at, node, name, value, was: old });
    }
  }
  return events;
}

const places = (nodes: readonly string[] | undefined): string =>
  nodes === undefined || nodes.length === 0 ? 'stopped' : [...nodes].sort().join(', ');

export function diffCluster(was: ClusterStatus | null, now: ClusterStatus, at: number): ClusterEvent[] {
  if (was === null) return [];
  const events: ClusterEvent[] = [];
  const say = (
    subject: ClusterEvent['subject'],
    name: string,
    before: string | null,
    value: string,
  ): void => {
    if (before !== value) events.push({ kind: 'cluster', at, subject, name, value, was: before });
  };
  for (const [name, value] of now.nodes) say('node', name, was.nodes.get(name) ?? null, value);
  for (const [name, nodes] of now.started)
    say('resource', name, places(was.started.get(name)), places(nodes));
  return events;
}

/** What a rig must have in order to be whole. */
export interface Whole {
  readonly nodes: readonly string[];
  readonly computes: readonly string[];
  /** Whether instance HA is in the cluster. */
  readonly agents: boolean;
}

/** What is not as it should be in the cluster, in words; empty: all nodes online, every resource started, nothing under way. */
export function clusterTrouble(status: ClusterStatus | null, whole: Whole): string[] {
  if (status === null) return ['no controller says how the cluster is'];
  const trouble: string[] = [];
  for (const node of whole.nodes) {
    const state = status.nodes.get(node) ?? 'unknown';
    if (state !== 'online') trouble.push(`${node} is ${state}`);
  }
  const everywhere = ['nova-compute', ...(whole.agents ? ['nova-compute-checkevacuate'] : [])];
  for (const [resource, nodes] of status.started) {
    if (everywhere.includes(resource)) continue;
    if (nodes.length === 0) trouble.push(`${resource} is stopped`);
  }
  for (const resource of everywhere) {
    const nodes = status.started.get(resource) ?? [];
    const missing = whole.computes.filter((node) => !nodes.includes(node));
    if (missing.length > 0) trouble.push(`${resource} is not started on ${missing.join(', ')}`);
  }
  if (whole.agents && !status.started.has(NOVA_EVACUATE)) trouble.push(`there is no ${NOVA_EVACUATE}`);
  for (const operation of status.pending) trouble.push(`under way: ${operation}`);
  return trouble;
}

export interface Newest {
  readonly look: DatabaseLook | null;
  readonly attributes: Attributes | null;
  readonly cluster: ClusterStatus | null;
}

/** What is still missing until a drill is over, in words; empty: the host is back in service and all is quiet. */
export function outstanding(
  view: Newest,
  events: readonly DrillEvent[],
  victims: readonly string[],
  downTimeS: number,
  whole: Whole,
): string[] {
  const { look, attributes } = view;
  if (look === null) return ['no look into the databases'];
  const missing: string[] = [];
  const isLost = (m: MigrationRow): boolean => diedSince(events, m.dest, m.createdAt);
  const live = look.migrations.filter((m) => isLive(m.status) && !isLost(m)).length;
  if (live > 0) missing.push(`${live} evacuations under way`);
  const done = look.migrations.filter((m) => victims.includes(m.source) && m.status === 'done').length;
  if (done > 0) missing.push(`${done} evacuations not completed by nova-compute`);
  const busy = look.servers.filter((server) => server.taskState !== null).length;
  if (busy > 0) missing.push(`${busy} servers in a task`);
  for (const victim of victims) {
    const say = (what: string): number => missing.push(victims.length > 1 ? `${victim}: ${what}` : what);
    if (!events.some((e) => e.kind === 'node' && e.node === victim && e.what === 'BOOT')) say('not booted');
    const service = look.services.find((row) => row.host === victim);
    if (!service) say(`no service of ${victim}`);
    else {
      if (!beats(service, look.at, downTimeS)) say('nova-compute does not report');
      if (service.forcedDown) say('forced down');
      if (!service.enabled) say('disabled');
      if (!service.schedulable) say('not schedulable');
    }
    const own = attributes?.get(victim);
    if (own?.has('instance-ha-incident')) say('incident not settled');
    if (own?.has('instance-ha-evacuation')) say('evacuation record not closed');
    if (own?.get('evacuate') === 'yes') say('evacuate=yes');
  }
  return [...missing, ...clusterTrouble(view.cluster, whole)];
}
