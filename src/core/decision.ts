import type { Outcome } from './instance.ts';
import type { HostName, NodeName, ServerId } from './names.ts';
import type { CommandView, EvacuationView, ImageQuery } from './observation.ts';
import type { Policy } from './policy.ts';
import type { EvacuationRecord, HistoryRecord, IncidentRecord } from './records.ts';
import type { ReportDraft } from './report.ts';

/** What is to be done. Each is idempotent or guarded by the observation; its key names it while it is under way. */
export type Command =
  | { readonly kind: 'adopt-mark'; readonly node: NodeName; readonly incident: IncidentRecord }
  | { readonly kind: 'write-evacuation'; readonly node: NodeName; readonly record: EvacuationRecord }
  | { readonly kind: 'write-history'; readonly node: NodeName; readonly record: HistoryRecord }
  | { readonly kind: 'delete-evacuation'; readonly node: NodeName; readonly incident: string }
  | { readonly kind: 'delete-incident'; readonly node: NodeName; readonly incident: string }
  | { readonly kind: 'clear-mark'; readonly node: NodeName }
  | {
      readonly kind: 'answer-hold';
      readonly node: NodeName;
      readonly answer: string;
      /** The answer lets it go. */
      readonly released: boolean;
    }
  | {
      readonly kind: 'force-down';
      readonly host: HostName;
      readonly serviceId: string;
      /** Disables it too, with this reason; null: only forces it down. */
      readonly disabledReason: string | null;
    }
  | { readonly kind: 'clear-forced-down'; readonly host: HostName; readonly serviceId: string }
  | { readonly kind: 'enable'; readonly host: HostName; readonly serviceId: string }
  | {
      readonly kind: 'disable';
      readonly host: HostName;
      readonly serviceId: string;
      readonly reason: string;
    }
  | { readonly kind: 'join-aggregate'; readonly host: HostName; readonly aggregate: number }
  | { readonly kind: 'leave-aggregate'; readonly host: HostName; readonly aggregate: number }
  | {
      readonly kind: 'evacuate';
      readonly host: HostName;
      readonly server: ServerId;
      readonly name: string;
      readonly recordsBefore: number;
      readonly options: EvacuateOptions;
    }
  | {
      readonly kind: 'stop-server';
      /** The host that it came from. */
      readonly host: HostName;
      readonly server: ServerId;
      readonly name: string;
      /** Where it runs. */
      readonly on: HostName;
    };

/** What goes with a request to evacuate. */
export interface EvacuateOptions {
  /** The destination; without it the scheduler chooses. */
  readonly host?: HostName;
  /** Whether the instance's disk is on shared storage. Sent below 2.14 only: from there on Nova finds out itself. */
  readonly onSharedStorage?: boolean;
}

/** Where the progress of stopping a server again is kept. What was told to a host that has died since is to be told to the next. */
export function stopKey(server: ServerId, on: HostName): string {
  return `stop-server:${server}:${on}`;
}

/** The name under which a command's progress is kept: no second one with this key starts before the first has ended. */
export function commandKey(command: Command): string {
  switch (command.kind) {
    case 'evacuate':
      return `${command.kind}:${command.server}`;
    case 'stop-server':
      return stopKey(command.server, command.on);
    case 'force-down':
    case 'clear-forced-down':
    case 'enable':
    case 'disable':
    case 'join-aggregate':
    case 'leave-aggregate':
      return `${command.kind}:${command.host}`;
    case 'adopt-mark':
    case 'write-evacuation':
    case 'write-history':
    case 'delete-evacuation':
    case 'delete-incident':
    case 'clear-mark':
    case 'answer-hold':
      return `${command.kind}:${command.node}`;
    default:
      return command satisfies never;
  }
}

/** How long a command that failed waits for its next try, ms. */
export function commandPauseMs(view: CommandView, policy: Policy): number {
  return Math.min(policy.timing.slowMs, policy.timing.commandRetryMs * 2 ** Math.min(view.failures - 1, 10));
}

/** What to look at in the next tick, on one host. */
export interface HostLook {
  /** What is remembered of the host belongs to this incident; another one begins afresh. */
  readonly incident: string;
  /** Read the evacuations that changed. */
  readonly evacuations: boolean;
  /** List what is on the host, completely (after the evacuations, in the same tick). */
  readonly listing: boolean;
  /** Read the servers that changed since this incident began. */
  readonly changes: boolean;
  /** If no evacuation is live any more, read the changes and list the host in this same look, and the services after it. */
  readonly settle: boolean;
  readonly traits: boolean;
  /** Ask Neutron for the ports of the servers that have arrived; nothing waits for the answer. */
  readonly ports: boolean;
  /** Nova's clock at the beginning of the incident; null before the first look. */
  readonly since: number | null;
}

export interface FactsLook {
  readonly aggregates: boolean;
  readonly serverGroups: boolean;
  readonly flavors: boolean;
  readonly images: ImageQuery | null;
}

export const NO_FACTS: FactsLook = { aggregates: false, serverGroups: false, flavors: false, images: null };

export interface Look {
  /** The list of all compute services. */
  readonly services: boolean;
  /** ... after all else has been looked at, however long that takes: a service is to be changed by it. */
  readonly servicesLast: boolean;
  /** What of the cloud that changes seldom. */
  readonly facts: FactsLook;
  readonly history: readonly NodeName[];
  /** Whether Placement answers; nothing waits for the answer. */
  readonly placement: boolean;
  /** Evacuations of which Nova is asked how far they have come, and Placement where to; nothing waits for the answers. */
  readonly trails: readonly EvacuationView[];
  /** Servers of which Nova is asked whether somebody has started them. */
  readonly starts: readonly ServerId[];
  /** Servers of which Nova is asked where they are. */
  readonly whereabouts: readonly ServerId[];
  /** Servers of which Nova is asked for the last live migration. */
  readonly liveMigrations: readonly ServerId[];
  readonly hosts: ReadonlyMap<HostName, HostLook>;
}

/** Nothing to look at. */
export const NO_LOOK: Look = {
  hosts: new Map(),
  services: false,
  servicesLast: false,
  placement: false,
  facts: NO_FACTS,
  history: [],
  trails: [],
  starts: [],
  whereabouts: [],
  liveMigrations: [],
};

export interface InstanceVerdict {
  readonly id: ServerId;
  readonly name: string;
  readonly outcome: Outcome['kind'];
  readonly to: HostName | null;
  readonly attempts: number;
  /** Whether it keeps its disk, or is rebuilt from its image. */
  readonly disk: DiskFate;
  /** What is not as it was before: addresses, volumes, flavor, state; empty when nothing is, or nothing was seen before. */
  readonly differences: readonly string[];
  readonly text: string;
}

/** What becomes of an instance's own disk when it is evacuated. */
export type DiskFate = 'kept' | 'rebuilt';

/** Something that holds work up on purpose, and what would open it. */
export interface Gate {
  readonly id:
    | 'cluster-unreadable'
    | 'no-quorum'
    | 'no-proof'
    | 'paused'
    | 'blind'
    | 'no-scheduler'
    | 'no-conductor'
    | 'no-destination'
    | 'failed-hosts'
    | 'starts-per-interval';
  readonly text: string;
  /** What would open it, in words. */
  readonly opens: string;
  /** The node that it holds up; null: all of them. */
  readonly node: NodeName | null;
}

/** Why a node is where it is, in words; the log, the status and every tool print these. */
export interface HostVerdict {
  readonly node: NodeName;
  readonly host: HostName | null;
  readonly incident: string | null;
  readonly phase: 'blocked' | 'evacuating' | 'releasing' | 'returning';
  readonly text: string;
  readonly instances: readonly InstanceVerdict[];
}

export interface PaceView {
  readonly window: number;
  readonly inFlight: number;
}

export interface Decision {
  readonly commands: readonly Command[];
  readonly verdicts: readonly HostVerdict[];
  /** What holds everything up; empty when nothing does. */
  readonly gates: readonly Gate[];
  /** Reports of incidents that come to their release, or to their end, with this decision. */
  readonly reports: readonly ReportDraft[];
  /** What is in flight, and how much may be; null while nothing is evacuated. */
  readonly pace: PaceView | null;
  readonly look: Look;
  /** The next tick is due after this time at the latest, ms; 0: at once. */
  readonly wakeMs: number;
}
