/**
 * What a drill sees. Every source (logs, databases, the cluster, the drill itself) is turned into these;
 * the time line, the live lines and the report are made from nothing else.
 */

/** `at` is always the epoch in seconds, with a fraction: all nodes of the rig share the machine's clock. */
interface At {
  readonly at: number;
}

/** What the drill itself did to the rig. */
export interface FaultEvent extends At {
  readonly kind: 'fault';
  readonly text: string;
}

/** A line of the BMCs' log: the chassis commands and when they were carried out. */
export interface BmcEvent extends At {
  readonly kind: 'bmc';
  readonly node: string;
  readonly action: 'off-begin' | 'off' | 'on-begin' | 'on' | 'other';
  readonly text: string;
}

/** A line of the nodes' own log: the node booted, or nova-compute was executed on it. */
export interface NodeEvent extends At {
  readonly kind: 'node';
  readonly node: string;
  readonly what: string;
}

/** A line of the guests' journal, as the hypervisors wrote it. */
export interface GuestEvent extends At {
  readonly kind: 'guest';
  readonly host: string;
  readonly what: string;
  readonly server: string;
  readonly text: string;
}

/** A request to nova-api, from its own log; `at` is its begin. */
export interface RequestEvent extends At {
  readonly kind: 'request';
  readonly client: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly seconds: number;
}

/** A Pacemaker alert. */
export interface AlertEvent extends At {
  readonly kind: 'alert';
  readonly alert: string;
  readonly node: string;
  readonly resource: string;
  readonly task: string;
  readonly rc: string;
  readonly targetRc: string;
  readonly text: string;
}

/** A node attribute changed. `value` null: it is not there (for a private attribute: erased). */
export interface AttributeEvent extends At {
  readonly kind: 'attribute';
  readonly node: string;
  readonly name: string;
  readonly value: string | null;
  readonly was: string | null;
}

export type ServiceFact = 'forcedDown' | 'enabled' | 'beats' | 'schedulable';
/** A compute service changed in Nova's database, or its schedulability in Placement's. */
export interface ServiceEvent extends At {
  readonly kind: 'service';
  readonly host: string;
  readonly fact: ServiceFact;
  readonly value: boolean;
  readonly reason: string | null;
}

/** A server changed in Nova's database. */
export interface ServerEvent extends At {
  readonly kind: 'server';
  readonly server: string;
  readonly host: string | null;
  readonly vmState: string;
  readonly taskState: string | null;
}

/** An evacuation record appeared or changed its status. */
export interface MigrationEvent extends At {
  readonly kind: 'migration';
  readonly id: number;
  readonly server: string;
  readonly status: string;
  readonly was: string | null;
  readonly source: string;
  readonly dest: string | null;
}

/** The cluster's view of a node or of a resource changed. */
export interface ClusterEvent extends At {
  readonly kind: 'cluster';
  readonly subject: 'node' | 'resource';
  readonly name: string;
  /** A node: online, offline, unclean, pending. A resource: the nodes it is started on, or "stopped". */
  readonly value: string;
  readonly was: string | null;
}

export type FrontWhat = 'ready' | 'told' | 'lost' | 'closed' | 'refused' | 'open' | 'spoilt' | 'unauthorized';
/** What the front before nova-api did; requests that it refused are not in nova-api's log. */
export interface FrontEvent extends At {
  readonly kind: 'front';
  readonly what: FrontWhat;
  readonly client: string;
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

export type DrillEvent =
  | FaultEvent
  | BmcEvent
  | NodeEvent
  | GuestEvent
  | RequestEvent
  | AlertEvent
  | AttributeEvent
  | ServiceEvent
  | ServerEvent
  | MigrationEvent
  | ClusterEvent
  | FrontEvent;

/** Statuses in which a migration record is still at work. */
const LIVE_STATUSES: ReadonlySet<string> = new Set([
  'accepted',
  'pre-migrating',
  'queued',
  'preparing',
  'running',
]);

export const isLive = (status: string): boolean => LIVE_STATUSES.has(status);

/** How far apart a database's whole second and another clock may say the same moment. */
export const SECOND_S = 1;

/** Whether a host lost its power at `since` or later: what was on its way there then will not end by itself. */
export const diedSince = (events: readonly DrillEvent[], host: string | null, since: number): boolean =>
  events.some((e) => e.kind === 'bmc' && e.node === host && e.action === 'off' && e.at >= since - SECOND_S);

/** Whether a request is one to evacuate: the only action that the controllers of the rig have to ask for. */
export function isEvacuateRequest(
  event: DrillEvent,
  controllers: ReadonlySet<string>,
): event is RequestEvent {
  return (
    event.kind === 'request' &&
    event.method === 'POST' &&
    /\/servers\/[^/]+\/action$/.test(event.path) &&
    controllers.has(event.client)
  );
}

/** The server that a request names, or null. */
export function serverOfPath(path: string): string | null {
  return /\/servers\/([0-9a-f]{8}-[0-9a-f-]{27})/.exec(path)?.[1] ?? null;
}
