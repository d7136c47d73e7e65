/** Which instances are evacuated at all. Tags and `HA_Enabled` select, exclusions and opt-outs take away. */
export interface SelectionPolicy {
  /** Off: tags and `HA_Enabled` are not asked for. Exclusions and an instance's own opt-out hold all the same. */
  readonly instanceFiltering: boolean;
  /** The tag: an image's tag or property, a flavor's extra spec, an aggregate's metadata. Matched exactly. */
  readonly evacuableTag: string;
  readonly taggedImages: boolean;
  readonly taggedFlavors: boolean;
  readonly taggedAggregates: boolean;
  /** Only instances whose metadata has `HA_Enabled` are evacuated (Masakari's evacuate_all_instances = False). */
  readonly haEnabledOnly: boolean;
  readonly exclude: {
    /** Project ids. */
    readonly projects: readonly string[];
    /** Names of instances; `*` and `?` stand for any characters and for one. */
    readonly names: readonly string[];
    /** Ids or names. */
    readonly images: readonly string[];
    readonly flavors: readonly string[];
  };
  /** Leave Octavia's amphorae to Octavia: its health manager replaces them, and an evacuated one is in its way. */
  readonly excludeAmphorae: boolean;
  /** What makes an amphora: a name `amphora-UUID`, an image with one of these tags, or one of these projects. */
  readonly amphoraImageTags: readonly string[];
  readonly amphoraProjects: readonly string[];
}

/** Who goes first. */
export interface OrderPolicy {
  /** The priority of an instance that names none, 1 to 1000; the highest goes first. */
  readonly defaultPriority: number;
  /** Instances with `HA_Enabled` go before all others. */
  readonly haEnabledFirst: boolean;
  /** A lower rank begins only when everything above it has ended. */
  readonly waitForHigherRanks: boolean;
  /** How long the instances of a group must have been ACTIVE before those that come after it begin, ms. */
  readonly readyMs: number;
}

/** How many at a time, and how fast. */
export interface PacePolicy {
  /** Evacuations unfinished at a time, at least: what is left of the window when Nova is in trouble. */
  readonly minInFlight: number;
  /** ... to begin with, and as long as nothing speaks against it: what a control plane of 2 cores does best with instant spawns. */
  readonly startInFlight: number;
  /** ... and at most, in all. */
  readonly maxInFlight: number;
  /** ... and at most, from one host. */
  readonly maxInFlightPerHost: number;
  /** Evacuations per second that the control plane is trusted with before it has shown what it can do. */
  readonly startRatePerSecond: number;
  /** The window grows by at most this factor over what the control plane has shown, while nothing queues. */
  readonly growthFactor: number;
  /** A request that Nova answers later than this is a sign that it has too much to do, ms. */
  readonly slowAnswerMs: number;
  /** How long an error or a slow answer keeps the window small, ms. */
  readonly troubleMemoryMs: number;
  /** Pause between two requests, at least, ms. */
  readonly staggerMs: number;
}

/** Where instances go. */
export interface DestinationPolicy {
  /** Enable a reserved host (disabled, `reserved` in the reason) of the same aggregate or zone for a host that dies. */
  readonly reservedHosts: boolean;
  /** Add the reserved host to the failed host's aggregate, and take it out again when it is given back; one that has taken instances stays. */
  readonly addToAggregate: boolean;
  /** Name the reserved host in the request; otherwise the scheduler chooses among all. */
  readonly targetReserved: boolean;
}

/** What stops the automation and calls a person. 0 turns a limit off. */
export interface GatePolicy {
  /** Failed hosts at a time, in all and in one aggregate, above which no new incident begins. */
  readonly maxFailedHosts: number;
  readonly maxFailedHostsPerAggregate: number;
  /** The same as a share, percent. It counts only where there are at least `shareFromHosts` hosts. */
  readonly maxFailedPercent: number;
  readonly maxFailedPercentPerAggregate: number;
  readonly shareFromHosts: number;
  /** Hosts whose evacuation may begin within `startIntervalMs`. */
  readonly startsPerInterval: number;
  readonly startIntervalMs: number;
  /** From this many incidents of a host within `quarantineWindowMs` on, it stays disabled when it is back. */
  readonly quarantineIncidents: number;
  readonly quarantineWindowMs: number;
  /** No compute service has reported for this long: Nova's own clockwork stands still, ms. */
  readonly staleReportsMs: number;
}

export interface StoragePolicy {
  /** The hosts share their instance storage (`no_shared_storage` is off): instances keep their disks. */
  readonly shared: boolean;
  /** What to do with an instance whose disk would be lost: rebuild it from its image, leave it, or ask a person. */
  readonly localDisk: 'evacuate' | 'skip' | 'ask';
}

export interface RetryPolicy {
  /** Evacuations of one instance that may fail before it is given up. */
  readonly maxAttempts: number;
  /** Requests for one instance that Nova may refuse (4xx) before it is given up. */
  readonly maxRefusals: number;
  /** Pause before the second attempt; doubled for each further one, ms. */
  readonly retryDelayMs: number;
}

export interface DelayPolicy {
  /** Time between the confirmed power off and the first request, ms: some storage needs it to drop the dead host's locks. */
  readonly evacuateDelayMs: number;
}

/** What the operator decides, section by section as in the policy file. */
export interface OperatorPolicy {
  readonly selection: SelectionPolicy;
  readonly order: OrderPolicy;
  readonly pace: PacePolicy;
  readonly destinations: DestinationPolicy;
  readonly gates: GatePolicy;
  readonly storage: StoragePolicy;
  readonly retry: RetryPolicy;
  readonly delays: DelayPolicy;
}

/** Bounds of the clockwork that are no operator's business. Units stand last in each name. */
export interface Timing {
  /** How long a request with an unknown outcome may still take effect in nova-api (its longest RPC wait is 60 s; ours ends after 20 s). */
  readonly requestSettleMs: number;
  /** After a predecessor that did not end cleanly: how long its last requests may still take effect. */
  readonly takeoverSettleMs: number;
  /** How long a task_state without an evacuation must stand still before it is taken for a leftover of the dead host. */
  readonly taskSettleMs: number;
  /** What has arrived and is to be stopped again is waited for so long while it has a task_state there: a stop may be lost. */
  readonly restoreLimitMs: number;
  /** A record that a newer, successful evacuation has overtaken is taken for lost after this time without a change. */
  readonly overtakenMs: number;
  /** An evacuation that has had no claim for this long is looked into, if a host has died since it was made. */
  readonly unclaimedMs: number;
  /** One of which Placement names no host after this long may have been lost by nova-conductor or RabbitMQ: a person is told how to find out. */
  readonly lostRequestMs: number;
  /** Placement that has not answered for this long is waited for no more: it may be out of reach from the controllers alone. */
  readonly placementWaitMs: number;
  /** A nova-compute that has been up for this long has received what was in its queue: it takes messages as fast as they come, and writes that down before it claims. */
  readonly queueDrainMs: number;
  /** How far clocks may differ about whether a host died before or after a record was made. Less than a node needs from its death to its next nova-compute. */
  readonly deathMarginMs: number;
  /** An evacuation of a deleted instance whose record stands still this long is over: Nova leaves some of them so. */
  readonly deletedSettleMs: number;
  /** The servers under way are looked at at least this often: one may have been deleted meanwhile. */
  readonly changesMs: number;
  /** Pause between looks at the evacuations of a host, at least and at most. */
  readonly followMs: number;
  readonly maxFollowMs: number;
  /** ... at most while somebody waits for what it tells. */
  readonly maxUrgentMs: number;
  /** ... at least when the last evacuations are due. */
  readonly settleMs: number;
  /** Pause between looks at a host that is on its way back: half the time since its release, within these bounds. */
  readonly returnMs: number;
  readonly maxReturnMs: number;
  /** ... while its nova-compute runs and has not reported yet, at least and at most: with many guests to clean up that takes it half a minute. */
  readonly returnReportMs: number;
  readonly maxReturnReportMs: number;
  /** ... and while it has not asked to be let go (nova-compute may not be Pacemaker's). */
  readonly returnSlowMs: number;
  /** Pause between looks at a host that waits for something slow, and the longest between tries of a command. */
  readonly slowMs: number;
  /** Pause after a look that failed. */
  readonly lookRetryMs: number;
  /** A host of which all looks have failed for this long holds up its own instances alone, and no others any more. */
  readonly lookWaitMs: number;
  /** Greatest age of the list of services on which a decision about a host's service rests. */
  readonly serviceAgeMs: number;
  /** Pause between two lists of the services while nothing happens: it keeps the token fresh and finds out about a wrong password before the outage. */
  readonly idleServicesMs: number;
  /** The same while evacuations are under way: the looks at them do both meanwhile. */
  readonly followServicesMs: number;
  /** Greatest age of what changes seldom (aggregates, server groups, images, flavors) when an incident begins. */
  readonly factAgeMs: number;
  /** Pause between tries of a command that failed; doubled each time up to `slowMs`. */
  readonly commandRetryMs: number;
  /** A fencing that was complete this long before the incident was written still belongs to it (the history has whole seconds, controllers' clocks differ a little). */
  readonly historySkewMs: number;
  /**
   * A node that has been offline for this long without an incident is told of: its fencing has called fence_compute by then, if it
   * ever will by itself (detection, and up to 72 s for the power device).
   */
  readonly unfencedMs: number;
  /** A fencing that began before a level was corrected has called fence_compute within this time (72 s a device, by Pacemaker's default stonith-timeout). */
  readonly levelSettleMs: number;
  /** A bare mark without an incident is adopted only if the fencing was complete at most this long ago. */
  readonly markProofMs: number;
}

/** All bounds of the rules: the operator's and the clockwork's. */
export interface Policy extends OperatorPolicy {
  readonly timing: Timing;
}

export const DEFAULT_POLICY: Policy = {
  selection: {
    instanceFiltering: true,
    evacuableTag: 'evacuable',
    taggedImages: true,
    taggedFlavors: true,
    taggedAggregates: true,
    haEnabledOnly: false,
    exclude: { projects: [], names: [], images: [], flavors: [] },
    excludeAmphorae: false,
    amphoraImageTags: ['amphora'],
    amphoraProjects: [],
  },
  order: { defaultPriority: 500, haEnabledFirst: true, waitForHigherRanks: false, readyMs: 30_000 },
  pace: {
    minInFlight: 2,
    startInFlight: 8,
    maxInFlight: 64,
    maxInFlightPerHost: 64,
    startRatePerSecond: 2.5,
    growthFactor: 1.5,
    slowAnswerMs: 5_000,
    troubleMemoryMs: 60_000,
    staggerMs: 0,
  },
  destinations: { reservedHosts: false, addToAggregate: false, targetReserved: false },
  gates: {
    maxFailedHosts: 0,
    maxFailedHostsPerAggregate: 0,
    maxFailedPercent: 50,
    maxFailedPercentPerAggregate: 0,
    shareFromHosts: 5,
    startsPerInterval: 10,
    startIntervalMs: 30_000,
    quarantineIncidents: 5,
    quarantineWindowMs: 3_600_000,
    staleReportsMs: 300_000,
  },
  storage: { shared: true, localDisk: 'evacuate' },
  retry: { maxAttempts: 3, maxRefusals: 3, retryDelayMs: 5_000 },
  delays: { evacuateDelayMs: 0 },
  timing: {
    requestSettleMs: 30_000,
    takeoverSettleMs: 30_000,
    taskSettleMs: 15_000,
    restoreLimitMs: 300_000,
    overtakenMs: 600_000,
    unclaimedMs: 30_000,
    lostRequestMs: 300_000,
    placementWaitMs: 1_800_000,
    queueDrainMs: 30_000,
    deathMarginMs: 5_000,
    deletedSettleMs: 60_000,
    changesMs: 120_000,
    followMs: 3_000,
    maxFollowMs: 20_000,
    maxUrgentMs: 8_000,
    settleMs: 2_000,
    returnMs: 2_000,
    maxReturnMs: 4_000,
    returnReportMs: 3_500,
    maxReturnReportMs: 10_000,
    returnSlowMs: 5_000,
    slowMs: 15_000,
    lookRetryMs: 2_000,
    lookWaitMs: 30_000,
    serviceAgeMs: 3_000,
    idleServicesMs: 60_000,
    followServicesMs: 120_000,
    factAgeMs: 60_000,
    commandRetryMs: 1_000,
    historySkewMs: 2_000,
    unfencedMs: 120_000,
    levelSettleMs: 90_000,
    markProofMs: 120_000,
  },
};
