/**
 * The times of a set-up, and the formula by which they fit each other. One table: the configuration, the docs and
 * doctor's check come from it.
 */

/** What an operator may set, seconds. */
export interface TimingInput {
  /** How often Pacemaker asks a compute's pacemaker_remote whether it is there. */
  readonly monitorIntervalS: number;
  /** ... and how long it waits for the answer. */
  readonly monitorTimeoutS: number;
  /** Pause between two tries to reach a compute that is coming back. */
  readonly reconnectIntervalS: number;
  /** The longest that a power device takes to switch off and to confirm it. */
  readonly powerTimeoutS: number;
  /** How long a start of nova-compute-checkevacuate waits for the evacuator's word before it is tried again. */
  readonly evacuationDelayS: number;
  /** The longest that nova-compute takes to start. */
  readonly novaStartS: number;
}

export const DEFAULT_TIMING: TimingInput = {
  monitorIntervalS: 10,
  monitorTimeoutS: 15,
  reconnectIntervalS: 20,
  powerTimeoutS: 20,
  evacuationDelayS: 120,
  novaStartS: 100,
};

/** Bounds of each input, seconds, and the key under which it stands in the input file. */
export const TIMING_INPUTS = {
  monitorIntervalS: {
    key: 'monitor_interval',
    min: 1,
    max: 600,
    says: 'how often a compute is asked for a sign of life',
  },
  monitorTimeoutS: { key: 'monitor_timeout', min: 2, max: 600, says: 'how long that sign may take' },
  reconnectIntervalS: {
    key: 'reconnect_interval',
    min: 2,
    max: 600,
    says: 'pause between tries to reach a compute that comes back',
  },
  powerTimeoutS: {
    key: 'power_timeout',
    min: 5,
    max: 300,
    says: 'longest time of a power device to switch off and confirm it',
  },
  evacuationDelayS: {
    key: 'evacuation_delay',
    min: 30,
    max: 3600,
    says: 'how long one start of nova-compute-checkevacuate waits',
  },
  novaStartS: { key: 'nova_compute_start', min: 20, max: 1200, says: 'longest start of nova-compute' },
} as const satisfies Record<keyof TimingInput, { key: string; min: number; max: number; says: string }>;

/** How long fence_compute's `off` keeps trying, and how long its `on` waits for a release; see fence-compute.ts. */
export const FENCE_COMPUTE_OFF_LIMIT_S = 40;
export const FENCE_COMPUTE_ON_LIMIT_S = 55;
/** What an agent needs beside its work: to be started, to clear up, to say why. */
const AGENT_MARGIN_S = 5;
/** Logging in to a BMC and asking for the state twice. */
const POWER_LOGIN_S = 20;
/** How long the controller waits beyond an operation's timeout before it calls it lost (crmd, a transition's action timer). */
export const TRANSITION_MARGIN_S = 60;

interface Rule {
  /** Where it stands in the cluster. */
  readonly setting: string;
  /** How it follows from the inputs, in words. */
  readonly formula: string;
  readonly seconds: (input: TimingInput) => number;
}

export const TIMING_RULES = {
  remoteMonitorInterval: {
    setting: 'remote node, op monitor interval',
    formula: 'monitor_interval',
    seconds: (t) => t.monitorIntervalS,
  },
  remoteMonitorTimeout: {
    setting: 'remote node, op monitor timeout',
    formula: 'monitor_timeout',
    seconds: (t) => t.monitorTimeoutS,
  },
  remoteStart: { setting: 'remote node, op start and stop timeout', formula: '60', seconds: () => 60 },
  reconnectInterval: {
    setting: 'remote node, reconnect_interval',
    formula: 'reconnect_interval',
    seconds: (t) => t.reconnectIntervalS,
  },
  deviceMonitorInterval: {
    setting: 'power device, op monitor interval',
    formula: '120: a BMC is no place for a storm of logins',
    seconds: () => 120,
  },
  deviceMonitorTimeout: {
    setting: 'power device, op monitor timeout',
    formula: 'the greater of 30 and power_timeout + 20',
    seconds: (t) => Math.max(30, t.powerTimeoutS + POWER_LOGIN_S),
  },
  stonithTimeout: {
    setting: 'property stonith-timeout',
    formula:
      'the greatest of 60, power_timeout + 20 (login and confirmation) and 55 + 5 (fence_compute waits so long for a release); each device of a level gets 1.2 times this',
    seconds: (t) => Math.max(60, t.powerTimeoutS + POWER_LOGIN_S, FENCE_COMPUTE_ON_LIMIT_S + AGENT_MARGIN_S),
  },
  recheckInterval: {
    setting: 'property cluster-recheck-interval',
    formula:
      '60: after ten failed fencings Pacemaker gives up until the next recheck, which by default is 15 min away',
    seconds: () => 60,
  },
  recorderMonitorInterval: {
    setting: 'fence-nova, op monitor interval',
    formula: '60',
    seconds: () => 60,
  },
  recorderMonitorTimeout: { setting: 'fence-nova, op monitor timeout', formula: '30', seconds: () => 30 },
  evacuationDelay: {
    setting: 'nova-compute-checkevacuate, evacuation_delay',
    formula: 'evacuation_delay',
    seconds: (t) => t.evacuationDelayS,
  },
  waitStart: {
    setting: 'nova-compute-checkevacuate, op start timeout',
    formula: 'evacuation_delay + 30: the agent ends first, with its reason',
    seconds: (t) => t.evacuationDelayS + 30,
  },
  waitFailure: {
    setting: 'nova-compute-checkevacuate, failure-timeout',
    formula: '30: a held compute is tried again after this (three of its monitors)',
    seconds: () => 30,
  },
  evacuateStart: {
    setting: 'nova-evacuate, op start and stop timeout',
    formula: '60: a clean stop waits up to 25 for requests under way',
    seconds: () => 60,
  },
  evacuateMonitorInterval: {
    setting: 'nova-evacuate, op monitor interval',
    formula: '10',
    seconds: () => 10,
  },
  evacuateMonitorTimeout: { setting: 'nova-evacuate, op monitor timeout', formula: '30', seconds: () => 30 },
  evacuateFailure: {
    setting: 'nova-evacuate, failure-timeout',
    formula: '60, with migration-threshold 3: after three failures another controller takes over',
    seconds: () => 60,
  },
  unitStart: {
    setting: 'units of the chain, op start and stop timeout',
    formula: 'nova_compute_start',
    seconds: (t) => t.novaStartS,
  },
  unitMonitorInterval: {
    setting: 'units of the chain, op monitor interval',
    formula: '10',
    seconds: () => 10,
  },
  unitFailure: {
    setting: 'units of the chain, failure-timeout',
    formula: '60',
    seconds: () => 60,
  },
} as const satisfies Record<string, Rule>;

export type TimingName = keyof typeof TIMING_RULES;
/** Every time of the set-up, seconds. */
export type Timing = Readonly<Record<TimingName, number>>;

/** Every time by its formula, seconds. Whether the input is within its bounds ({@link TIMING_INPUTS}) is not looked at here. */
export function timingOf(input: TimingInput): Timing {
  const entries = Object.entries(TIMING_RULES).map(([name, rule]) => [name, (rule as Rule).seconds(input)]);
  return Object.fromEntries(entries) as Timing;
}

/** What an operator wants to know of these times. */
export function timingFigures(
  input: TimingInput,
): readonly { readonly what: string; readonly seconds: number }[] {
  const timing = timingOf(input);
  return [
    {
      what: 'a silent death is seen after, at most (monitor_interval + monitor_timeout)',
      seconds: input.monitorIntervalS + input.monitorTimeoutS,
    },
    {
      what: 'a compute that has booted is reached after, at most (reconnect_interval)',
      seconds: input.reconnectIntervalS,
    },
    {
      what: 'a held compute asks again after, at most (failure-timeout of nova-compute-checkevacuate)',
      seconds: timing.waitFailure,
    },
    {
      what: 'a death in the middle of a start delays its fencing by, at most (longest start + 60)',
      seconds: Math.max(timing.waitStart, timing.unitStart) + TRANSITION_MARGIN_S,
    },
  ];
}
