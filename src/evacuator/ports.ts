import type { ActionView } from '../core/actions.ts';
import type { EvacuateOptions, Gate, HostVerdict, PaceView } from '../core/decision.ts';
import type { HostName, NodeName, ServerId } from '../core/names.ts';
import type {
  AggregateView,
  ClusterView,
  ControlServiceView,
  EvacuationView,
  FencingEvent,
  FlavorView,
  ImageQuery,
  ImageView,
  LiveMigrationView,
  Maybe,
  Microversion,
  Observation,
  PortView,
  ProviderView,
  RequestTrail,
  ServerGroupView,
  ServerView,
  ServiceView,
} from '../core/observation.ts';
import type { IncidentReport } from '../core/report.ts';

/**
 * How an act or a question ended. `effect` of one that failed: `refused`, the service answered that it will not;
 * `none`, it never got there; `unknown`, it may have been done all the same. `failed`: it is no silence, the service itself has
 * failed at it (HTTP 500).
 */
export type Answer<T> =
  | { readonly ok: true; readonly value: T }
  | {
      readonly ok: false;
      readonly reason: string;
      readonly effect: 'refused' | 'none' | 'unknown';
      readonly failed?: boolean;
    };

/** What of the cluster only the evacuator's own memory knows. */
type RememberedOfCluster =
  | 'history'
  | 'levelsCorrected'
  | 'incidentsTaken'
  | 'incidentsBack'
  | 'recordsChanged'
  | 'offline';

/** Pacemaker, as the evacuator sees it. */
export interface ClusterPort {
  readNodes(): Promise<Maybe<Omit<ClusterView, RememberedOfCluster>>>;
  readHistory(node: NodeName): Promise<Maybe<readonly FencingEvent[]>>;
  writePermanent(node: NodeName, attribute: string, value: string): Promise<Answer<null>>;
  /** Deletes the attribute only if its value still belongs to this incident (`id=` or `incident=`), in one step of the CIB. */
  deletePermanent(node: NodeName, attribute: string, incident: string): Promise<Answer<null>>;
  writeTransient(node: NodeName, attribute: string, value: string): Promise<Answer<null>>;
}

/** A list from Nova, with Nova's clock (epoch ms) when it answered. */
export interface Listed<T> {
  readonly items: readonly T[];
  readonly novaNow: number;
  /** A cell did not answer, so items may be missing (Nova 2.69 and later). */
  readonly partial: boolean;
}

export interface ServiceChange {
  readonly forcedDown?: boolean;
  readonly status?: 'enabled' | 'disabled';
  readonly disabledReason?: string;
}

/** All services of Nova in one list. */
export interface ServiceList extends Listed<ServiceView> {
  readonly control: readonly ControlServiceView[];
}

/** Nova, Placement, Glance and Neutron, as the evacuator sees them. Times are epoch ms on Nova's clock. */
export interface CloudPort {
  listServices(): Promise<Answer<ServiceList>>;
  /** Those made before `createdSince` may be missing. */
  listEvacuations(source: HostName, createdSince: number | null): Promise<Answer<Listed<EvacuationView>>>;
  listServersOn(host: HostName): Promise<Answer<Listed<SeenServer>>>;
  listServersChanged(changesSince: number): Promise<Answer<Listed<SeenServer>>>;
  /** null: there is no such server any more. */
  getServer(server: ServerId): Promise<Answer<SeenServer | null>>;
  /** What was done with a server, newest first; null: there is no such server any more. */
  listActions(server: ServerId): Promise<Answer<readonly ActionView[] | null>>;
  /** All live migrations away from a host that ended in error, and whatever others were begun since, on Nova's clock. */
  listMovesAway(source: HostName, createdSince: number): Promise<Answer<readonly LiveMigrationView[]>>;
  /** The last live migration of a server, over or not, or the one before the `newer` last; null: Nova lists none. */
  lastLiveMigration(server: ServerId, newer: number): Promise<Answer<LiveMigrationView | null>>;
  /** How far the request of an evacuation has come. */
  trailOf(evacuation: EvacuationView): Promise<Answer<RequestTrail>>;
  updateService(serviceId: string, change: ServiceChange): Promise<Answer<ServiceView>>;
  evacuate(server: ServerId, options: EvacuateOptions): Promise<Answer<null>>;
  stopServer(server: ServerId): Promise<Answer<null>>;
  /** Of the resource provider of a host; null: Placement has none. */
  providerTraits(host: HostName): Promise<Answer<readonly string[] | null>>;
  /** Whether Placement answers at all, one that refuses or a cloud that has none as well: then nobody need wait for it. */
  findPlacement(): Promise<Answer<null>>;
  /** The resource providers of the compute nodes that give resources to this server. */
  hostsOfConsumer(server: ServerId): Promise<Answer<readonly ProviderView[]>>;
  listAggregates(): Promise<Answer<readonly AggregateView[]>>;
  addHostToAggregate(aggregateId: number, host: HostName): Promise<Answer<null>>;
  removeHostFromAggregate(aggregateId: number, host: HostName): Promise<Answer<null>>;
  listServerGroups(): Promise<Answer<readonly ServerGroupView[]>>;
  /** All flavors, public or not. */
  listFlavors(): Promise<Answer<readonly FlavorView[]>>;
  /** Images of all projects. One that fits may be given with others that do not. */
  findImages(query: ImageQuery): Promise<Answer<readonly ImageView[]>>;
  /** The ports of these servers; one without ports is there with none. */
  listPorts(servers: readonly ServerId[]): Promise<Answer<ReadonlyMap<ServerId, readonly PortView[]>>>;
  microversion(): Promise<Answer<Microversion>>;
}

/** A server as one answer shows it; how long its task_state has stood is the memory's to know. */
export type SeenServer = Omit<ServerView, 'taskSince'>;

export interface Clock {
  /** The controller's clock, epoch ms. */
  now(): number;
  /** A clock that only goes forward, ms. */
  mono(): number;
  /** Ends after `ms`, or when `wake` says. */
  sleep(ms: number): Promise<void>;
  /** Ends the sleep, or the next one, within so many ms; without them at once. */
  wake(withinMs?: number): void;
  /**
   * `mono` at which this process was found to have stood still last, for more than {@link STILL_MS}: stopped, or on a machine that was.
   * An answer that it hears then may be as old as that. -1: never.
   */
  thawedAt(): number;
}

/** Whoever does nothing for so long, ms, has stood still: longer than any work of ours keeps the event loop. */
export const STILL_MS = 5_000;

/** What is written down of a tick: for monitor, status and the log. */
export interface TickReport {
  readonly at: number;
  readonly mono: number;
  readonly gates: readonly Gate[];
  readonly verdicts: readonly HostVerdict[];
  /** What is in flight, and how much may be; null while nothing is evacuated. */
  readonly pace: PaceView | null;
  /** Why Nova could not be asked last; null when it answered. */
  readonly cloudTrouble: string | null;
  /** What the verdicts rest on, for those who show it. */
  readonly observation: Observation;
}

export interface JournalPort {
  /** The state after a tick; also the sign of life that monitor reads. */
  tick(report: TickReport): void;
  /** What is known of an incident, at its release and again when the host is back; the later one takes the earlier one's place. */
  report(report: IncidentReport): void;
  /** One line about something that was done, refused or found. */
  event(line: {
    readonly level: 'info' | 'warn' | 'error';
    readonly msg: string;
    readonly node?: NodeName;
    readonly host?: HostName;
    readonly server?: ServerId;
    readonly incident?: string;
  }): void;
}

export interface Ports {
  readonly cluster: ClusterPort;
  readonly cloud: CloudPort;
  readonly clock: Clock;
  readonly journal: JournalPort;
}
