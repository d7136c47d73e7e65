/** The named bounds of the rules. Units stand last in each name. */
export interface Policy {
  /** Evacuations unfinished at a time, at least: what a control plane of 2 cores does best with instant spawns. */
  readonly minInFlight: number;
  /** ... and at most, when spawns take long. */
  readonly maxInFlight: number;
  /** Evacuations per second that the control plane is trusted with; with the time a spawn takes it makes the window. */
  readonly targetRatePerSecond: number;
  /** Time between the confirmed power off and the first request, ms: some storage needs it to drop the dead host's locks. */
  readonly evacuateDelayMs: number;
  /** Evacuations of one instance that may fail before it is given up. */
  readonly maxAttempts: number;
  /** Requests for one instance that Nova may refuse (4xx) before it is given up. */
  readonly maxRefusals: number;
  /** Pause before the second attempt; doubled for each further one. */
  readonly retryDelayMs: number;
  /** How long a request with an unknown outcome may still take effect in nova-api (its longest RPC wait is 60 s; ours ends after 20 s). */
  readonly requestSettleMs: number;
  /** After a predecessor that did not end cleanly: how long its last requests may still take effect. */
  readonly takeoverSettleMs: number;
  /** How long a task_state without an evacuation must stand still before it is taken for a leftover of the dead host. */
  readonly taskSettleMs: number;
  /** A record that a newer, successful evacuation has overtaken is taken for lost after this time without a change. */
  readonly overtakenMs: number;
  /** An evacuation of a deleted instance whose record stands still this long is over: Nova leaves some of them so. */
  readonly deletedSettleMs: number;
  /** The servers under way are looked at at least this often: one may have been deleted meanwhile. */
  readonly changesMs: number;
  /** Pause between looks at the evacuations of a host, at least and at most. */
  readonly followMs: number;
  readonly maxFollowMs: number;
  /** ... and when nothing is left to ask for, so that the host is released soon after its last instance has moved. */
  readonly settleMs: number;
  readonly maxSettleMs: number;
  /** Pause between looks at a host that is on its way back: half the time since its release, within these bounds. */
  readonly returnMs: number;
  readonly maxReturnMs: number;
  /** ... and while it has not asked to be let go (nova-compute may not be Pacemaker's). */
  readonly returnSlowMs: number;
  /** Pause between looks at a host that waits for something slow, and the longest between tries of a command. */
  readonly slowMs: number;
  /** Pause after a look that failed. */
  readonly lookRetryMs: number;
  /** Greatest age of the list of services on which a decision about a host's service rests. */
  readonly serviceAgeMs: number;
  /** Pause between two lists of the services while nothing happens: it keeps the token fresh and finds out about a wrong password before the outage. */
  readonly idleServicesMs: number;
  /** Pause between tries of a command that failed; doubled each time up to `slowMs`. */
  readonly commandRetryMs: number;
  /** A fencing that was complete this long before the incident was written still belongs to it (the history has whole seconds, controllers' clocks differ a little). */
  readonly historySkewMs: number;
  /** A bare mark without an incident is adopted only if the fencing was complete at most this long ago. */
  readonly markProofMs: number;
}

export const DEFAULT_POLICY: Policy = {
  minInFlight: 10,
  maxInFlight: 64,
  targetRatePerSecond: 2,
  evacuateDelayMs: 0,
  maxAttempts: 3,
  maxRefusals: 3,
  retryDelayMs: 5_000,
  requestSettleMs: 30_000,
  takeoverSettleMs: 10_000,
  taskSettleMs: 15_000,
  overtakenMs: 600_000,
  deletedSettleMs: 60_000,
  changesMs: 30_000,
  followMs: 2_000,
  maxFollowMs: 8_000,
  settleMs: 1_500,
  maxSettleMs: 2_500,
  returnMs: 2_000,
  maxReturnMs: 4_000,
  returnSlowMs: 5_000,
  slowMs: 15_000,
  lookRetryMs: 2_000,
  serviceAgeMs: 3_000,
  idleServicesMs: 60_000,
  commandRetryMs: 1_000,
  historySkewMs: 2_000,
  markProofMs: 120_000,
};
