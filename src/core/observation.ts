import type { Starts } from './actions.ts';
import type { HostName, NodeName, ServerId } from './names.ts';
import type { EvacuationRecord, HistoryRecord, IncidentRecord, PauseRecord } from './records.ts';

/** Something that could not be read. Unknown is neither down nor failed. */
export interface Unknown {
  readonly known: false;
  readonly reason: string;
}
export type Maybe<T> = { readonly known: true; readonly value: T } | Unknown;

/** Something that was read. Null can be such a value: it was looked for, and there is none. */
export const known = <T>(value: T): Maybe<T> => ({ known: true, value });
/** Something that could not be read. The reason is shown to people: what was in the way, without an end mark. */
export const unknown = (reason: string): Unknown => ({ known: false, reason });

/** A record in the cluster: as read, or there but not readable (then nothing is done and a person is told). */
export type Stored<T> = T | 'unreadable' | null;

export interface NodeView {
  readonly name: NodeName;
  readonly kind: 'cluster' | 'remote';
  /** null: the cluster's status does not say. */
  readonly online: boolean | null;
  /** Whether it has been fenced, or confirmed so by hand, since it joined last; null: the cluster's status does not say. */
  readonly fenced: boolean | null;
  readonly incident: Stored<IncidentRecord>;
  readonly evacuation: Stored<EvacuationRecord>;
  /**
   * Whether the nova-compute that Pacemaker manages there runs; `unstarted`: it has not begun to start it since the node joined; null: it
   * manages none, or knows nothing yet.
   */
  readonly novaCompute: 'running' | 'stopped' | 'unstarted' | null;
  /** The incidents that this node had before. */
  readonly past: Stored<HistoryRecord>;
  /** What an operator answered to the question about local disks, as it stands in the attribute. */
  readonly localDiskAnswer: string | null;
  /** A pause of this node alone that an operator has asked for, over or not. */
  readonly pause: Stored<PauseRecord>;
  /** The attribute `evacuate`. */
  readonly mark: string | null;
  /** The token of a boot that asks to be let go. */
  readonly holdToken: string | null;
  /** What the node was answered last, as it stands in the attribute. */
  readonly holdAnswer: string | null;
  /** Whether every level confirms the power off by a device that turns it off, before fence_compute where that is in it. */
  readonly powerFencedFirst: boolean;
}

export interface FencingEvent {
  readonly action: string;
  readonly status: 'success' | 'failed' | 'pending';
  readonly completedAt: number | null;
}

export interface ClusterView {
  readonly haveQuorum: boolean;
  readonly nodes: readonly NodeView[];
  /** The pause of everything that an operator has asked for, over or not. */
  readonly pause: Stored<PauseRecord>;
  /** The fencing history of the nodes that were asked for. */
  readonly history: ReadonlyMap<NodeName, Maybe<readonly FencingEvent[]>>;
  /** Nodes whose level has got a power device that it lacked before, as this evacuator has seen. */
  readonly levelsCorrected: ReadonlyMap<NodeName, LevelCorrection>;
  /** Nodes whose incident this evacuator has seen, and that have none any more, but are marked still: somebody took it away. */
  readonly incidentsTaken: ReadonlySet<NodeName>;
  /** Nodes whose incident this evacuator has seen taken away, and that have the same one again: it came back with an old CIB. */
  readonly incidentsBack: ReadonlySet<NodeName>;
  /**
   * Nodes whose record is not as this evacuator left it, with what stands there: somebody has deleted it, or written over it. What is
   * shown of the node is the record that it was left with.
   */
  readonly recordsChanged: ReadonlyMap<NodeName, Stored<EvacuationRecord>>;
  /** Nodes that are offline, as this evacuator has seen. */
  readonly offline: ReadonlyMap<NodeName, OfflineView>;
}

/** What is known of a node that is offline. */
export interface OfflineView {
  /** Since when it has been seen so without a break, `mono`. */
  readonly since: number;
  /** When it was seen online last, `mono`: its outage is later; null: never by this evacuator. */
  readonly onlineAt: number | null;
  /** Its fencing history, as far as it was asked for since then. */
  readonly fencing: Fact<readonly FencingEvent[]>;
}

/** All by this evacuator's own clock: the controllers' may be hours apart. */
export interface LevelCorrection {
  /** When the level was seen to have a power device, `mono`. */
  readonly at: number;
  /** When the cluster was read last without the incident that stands now, `mono`: it has been written since. */
  readonly withoutIncidentAt: number;
}

export interface ServiceView {
  readonly id: string;
  readonly host: HostName;
  /** `unknown`: its cell does not answer; then every list that Nova gives about this host may be short. */
  readonly state: 'up' | 'down' | 'unknown';
  readonly status: 'enabled' | 'disabled';
  /** The availability zone; null when Nova does not say. */
  readonly zone: string | null;
  readonly disabledReason: string | null;
  readonly forcedDown: boolean;
  /** Nova's clock, epoch ms; null when it never reported. */
  readonly updatedAt: number | null;
}

export interface ServerView {
  readonly id: ServerId;
  readonly name: string;
  /** null: on no host (shelved and offloaded, never scheduled, deleted). */
  readonly host: HostName | null;
  readonly vmState: string;
  readonly taskState: string | null;
  readonly fault: string | null;
  readonly deleted: boolean;
  /** Nova's clock, epoch ms. */
  readonly createdAt: number;
  readonly projectId: string;
  readonly flavor: FlavorOfServer;
  /** null: booted from a volume, so its disk is not on the host. */
  readonly imageId: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly tags: Maybe<readonly string[]>;
  /** Sorted. */
  readonly addresses: { readonly fixed: readonly string[]; readonly floating: readonly string[] };
  /** Ids of the volumes attached, sorted. */
  readonly volumes: readonly string[];
  readonly locked: boolean;
  /** `nova/compute/power_state.py`: 0 none, 1 running, 3 paused, 4 shut down, 6 crashed, 7 suspended. */
  readonly powerState: number | null;
  readonly availabilityZone: string | null;
  /** `mono` of the look in which this task_state was first seen without a break. */
  readonly taskSince: number;
}

/** The flavor as the server's own record has it; its extra specs stand there from 2.47 on, its id before that. */
export interface FlavorOfServer {
  readonly name: string;
  readonly id: string | null;
  readonly extraSpecs: Maybe<Readonly<Record<string, string>>>;
}

/**
 * How far a request to evacuate has come, by what Nova's services have written down of it. Each time is by the clock of the one that
 * wrote it.
 */
export interface RequestTrail {
  /** nova-conductor has sent it to a nova-compute. False: it has it still, or died over it. */
  readonly sent: boolean;
  /** nova-conductor has given it up with an error. Where it knows the error it has closed the record before it wrote that down. */
  readonly gaveUp: boolean;
  /** When a nova-compute began with it, before its claim; null: none has. */
  readonly receivedAt: number | null;
  /** Whose that is; null: none, or this Nova does not say. */
  readonly receivedBy: HostName | null;
}

/** ... and where to. */
export interface TrailView extends RequestTrail {
  /** The resource providers that give resources to the server, asked for after that; of a request that named its host they are not asked for. */
  readonly givers: Maybe<readonly ProviderView[]>;
  /** `mono` at which it was asked for: what came after that may not be in it. */
  readonly seenAt: number;
  /** ... and at which the answer was there: a look that began after that shows what Nova had written before it. */
  readonly toldAt: number;
}

/** One evacuation of all: each cell's database numbers its own (nova/db/main/models.py Migration), and a server is in one cell. */
export type TrailKey = `${ServerId} ${number}`;

export const trailKey = ({ server, id }: EvacuationView): TrailKey => `${server} ${id}`;

/** A compute node as Placement knows it: by its hypervisor's hostname, which need not be the name of Nova's host. */
export interface ProviderView {
  readonly provider: string;
  /** null: Nova lists no hypervisor of that name. */
  readonly host: HostName | null;
}

export interface EvacuationView {
  /** Unique in its cell only. */
  readonly id: number;
  readonly server: ServerId;
  readonly source: HostName;
  readonly dest: HostName | null;
  readonly status: string;
  /** Nova's clock, epoch ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The record of a live migration, which has the same fields. */
export type LiveMigrationView = EvacuationView;

/** Nova's side of one host, as far as it has been looked at. */
export interface HostView {
  readonly host: HostName;
  /** The incident for which it was looked at. */
  readonly incident: string;
  /** Evacuations from this host in the last day, oldest first. */
  readonly evacuations: readonly EvacuationView[];
  /** Servers that were on this host since the incident, each as last seen. */
  readonly servers: readonly ServerView[];
  /** Those of them that were seen before anything was asked for, each as it was then: what arrives is compared with it. */
  readonly before: ReadonlyMap<ServerId, ServerView>;
  /** Of those that were in ERROR then: whether they had been stopped before that. */
  readonly stoppedInError: ReadonlyMap<ServerId, Maybe<boolean>>;
  /** Evacuations that were seen to have ended in `error`: whether Placement answered when it was asked after that. */
  readonly placementAfter: ReadonlyMap<number, boolean>;
  /** Live migrations away from this host that may have left a guest elsewhere, and after which nothing has begun it; newest first. */
  readonly brokenMoves: ReadonlyMap<ServerId, readonly LiveMigrationView[]>;
  /** Ports of the servers that have arrived, as Neutron shows them. */
  readonly ports: ReadonlyMap<ServerId, Maybe<readonly PortView[]>>;
  /** Why the last look at it failed; null when it did not. */
  readonly trouble: string | null;
  /** `mono` of the first look that failed since one did not; null where the last one did not. */
  readonly troubleSince: number | null;
  /** `mono` of the last look, answered or not; -1: none. */
  readonly lookedAt: number;
  /** `mono` of the first answered look of this process; -1: none. */
  readonly firstLookAt: number;
  /** `mono` of the last complete listing of the servers on this host that was made after a look at its evacuations in the same tick; -1: none. */
  readonly listedAt: number;
  /** `mono` of the last look at the evacuations, and at the servers that changed; -1: none. */
  readonly followedAt: number;
  readonly changedAt: number;
  /** Nova's clock at the last look, epoch ms. */
  readonly novaNow: number;
  /** Traits of the host's resource provider; unknown until asked. */
  readonly traits: Maybe<readonly string[]>;
  readonly traitsAt: number;
}

export interface AggregateView {
  readonly id: number;
  readonly name: string;
  readonly availabilityZone: string | null;
  readonly hosts: readonly HostName[];
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ServerGroupView {
  readonly id: string;
  readonly policy: 'affinity' | 'anti-affinity' | 'soft-affinity' | 'soft-anti-affinity';
  readonly members: readonly ServerId[];
}

export interface ImageView {
  readonly id: string;
  readonly name: string;
  readonly tags: readonly string[];
  readonly properties: Readonly<Record<string, string>>;
}

export interface FlavorView {
  readonly id: string;
  readonly name: string;
  readonly extraSpecs: Readonly<Record<string, string>>;
}

export interface ControlServiceView {
  readonly binary: 'nova-conductor' | 'nova-scheduler';
  readonly host: string;
  readonly state: 'up' | 'down' | 'unknown';
  readonly status: 'enabled' | 'disabled';
  readonly forcedDown: boolean;
}

export interface PortView {
  readonly id: string;
  /** `binding:host_id`. */
  readonly boundHost: HostName | null;
  readonly status: string;
  readonly fixed: readonly string[];
}

/** Something of the cloud that changes seldom, with the `mono` of the question; -1: not asked yet. */
export interface Fact<T> {
  readonly value: Maybe<T>;
  readonly mono: number;
}

/** What the rules want to know of the cloud besides hosts and servers. What was not asked for is unknown. */
export interface CloudFacts {
  readonly aggregates: Fact<readonly AggregateView[]>;
  readonly serverGroups: Fact<readonly ServerGroupView[]>;
  /** The images that {@link ImageQuery} asked for, wherever in the cloud. */
  readonly images: Fact<readonly ImageView[]>;
  /** What was asked for when they were answered; null: nothing yet. Another policy asks for other images. */
  readonly imageQuery: ImageQuery | null;
  /** All flavors of the cloud. */
  readonly flavors: Fact<readonly FlavorView[]>;
  /** Conductors and schedulers, from the same list as the compute services. */
  readonly controlServices: Maybe<readonly ControlServiceView[]>;
  readonly microversion: Maybe<Microversion>;
}

/** Nova's highest microversion, and the one that is spoken. */
export interface Microversion {
  readonly max: string;
  readonly used: string;
}

/** Which images are looked for: all that carry one of the tags, or one of the properties with any value, or one of the names. */
export interface ImageQuery {
  readonly tags: readonly string[];
  readonly properties: readonly string[];
  readonly names: readonly string[];
}

/** Whether Placement answers. It is asked only when an evacuation has ended in `error`, and from then on until it does. */
export interface PlacementView {
  /** Why it did not answer the last question that has come to its end; null: it did, or was not asked. */
  readonly trouble: string | null;
  /** `mono` of the last question; -1: none. */
  readonly askedAt: number;
  /** `mono` of the first question that it did not answer, with no answer since; -1: none. */
  readonly awaySince: number;
  /** Whether a question is open. */
  readonly isAsking: boolean;
}

/** What became of a request to evacuate that this process sent. */
export interface RequestView {
  readonly state: 'pending' | 'accepted' | 'unknown' | 'refused' | 'unsent';
  /** The host from which it is evacuated. */
  readonly source: HostName;
  /** `mono` of the request. */
  readonly sentAt: number;
  /** `mono` of the answer (of the request, while pending). */
  readonly at: number;
  readonly message: string;
  /** Evacuation records of this instance that had been seen when it was sent. */
  readonly recordsBefore: number;
  /** Refusals in a row. */
  readonly refusals: number;
  /** How often in a row Nova has failed at it (HTTP 500) without a record, and since when (`mono`); null: it has not. See failing.ts. */
  readonly failing: { readonly times: number; readonly since: number } | null;
}

/** What became of any other command, by its key. */
export interface CommandView {
  readonly state: 'pending' | 'failed' | 'done';
  readonly at: number;
  readonly failures: number;
  readonly message: string;
}

/** What this process has done to a compute service, and what the lists have shown of it since: all `mono`, -Infinity: never. */
export interface ServiceTrace {
  /** The last request of this process to force it down that may have done so: when it was sent, ended, or was seen to be done. */
  readonly forceDownAt: number;
  /** The last of them without an answer whose effect has not been seen: when it was sent, or given up. */
  readonly openForceDownAt: number;
  /** The last answer that showed it not forced down, a list or that to a change: when it was asked for. */
  readonly notForcedAt: number;
  /** When it was last asked to be enabled. */
  readonly enableSentAt: number;
  /** When the last request to enable it without an answer was sent, or given up. */
  readonly enableAt: number;
  /** The same of the last request to disable it with a reason of ours. */
  readonly disableAt: number;
  /** How somebody has disabled it since one of these requests was sent last, and the last list that showed that; null: nobody has. */
  readonly disabledSince: { readonly reason: string | null; readonly seenAt: number } | null;
  /** The last list that showed it disabled with a reason of ours. */
  readonly markedAt: number;
}

/** All that a decision rests on. The same observation gives the same decision. */
export interface Observation {
  /** The controller's clock, epoch ms: only to be compared with what controllers wrote. */
  readonly now: number;
  /** A clock that only goes forward, ms: for every wait. */
  readonly mono: number;
  /** `mono` when this observation began: what was done later may not be in it. */
  readonly begunAt: number;
  /** `mono` at which this process was found to have stood still last: what was seen before is old, whenever it was heard. -1: never. */
  readonly thawedAt: number;
  /** NODE:START of this process. */
  readonly owner: string;
  /** `mono` at which this process began. */
  readonly ownerSince: number;
  /** Nodes whose record another process had written that did not end cleanly: what it asked for last may take effect yet. */
  readonly inherited: ReadonlySet<NodeName>;
  readonly cluster: Maybe<ClusterView>;
  /** All compute hosts that Nova names, from the last full list of services. */
  readonly services: Maybe<readonly ServiceView[]>;
  /** `mono` of that list, answered or not; -1: none. */
  readonly servicesAt: number;
  /** How long it was from its request to that, ms: its date may be as old, for a process that was frozen hears an answer late. */
  readonly servicesTookMs: number;
  /** Nova's clock at `servicesAt`, by the last list that was answered, epoch ms; 0: none has been. */
  readonly novaNow: number;
  readonly facts: CloudFacts;
  readonly hosts: ReadonlyMap<HostName, HostView>;
  readonly placement: PlacementView;
  /** How far the request of an evacuation has come, of those that were asked for. */
  readonly trails: ReadonlyMap<TrailKey, Fact<TrailView>>;
  /** Who has started a server, of those that were asked for. */
  readonly starts: ReadonlyMap<ServerId, Fact<Starts>>;
  /** The hosts of servers, of those that were asked for; null: on none, or deleted. */
  readonly whereabouts: ReadonlyMap<ServerId, Fact<HostName | null>>;
  /** The last live migration of a server, of those that were asked for; null: Nova lists none. */
  readonly liveMigrations: ReadonlyMap<ServerId, Fact<LiveMigrationView | null>>;
  /** Nova's clock at the first report of a compute service that was seen since it has been up without a break; not there: it is not up. */
  readonly upSince: ReadonlyMap<HostName, number>;
  readonly requests: ReadonlyMap<ServerId, RequestView>;
  /** `mono` at which a change of a host's service or aggregates was last given up without an answer: it may still take effect. */
  readonly unansweredChanges: ReadonlyMap<HostName, number>;
  readonly traces: ReadonlyMap<HostName, ServiceTrace>;
  readonly commands: ReadonlyMap<string, CommandView>;
  /** The parameter `domain`; null when not set. */
  readonly domain: string | null;
}
