import type { DiskFate, Gate } from './decision.ts';
import type { Outcome } from './instance.ts';
import type { HostName, NodeName, ServerId } from './names.ts';

/** Something that happened in an incident. */
export interface ReportedEvent {
  /** The controllers' clock, epoch ms. */
  readonly at: number;
  readonly text: string;
}

export interface ReportedGate {
  readonly gate: Gate;
  /** The controllers' clock, epoch ms. */
  readonly from: number;
  /** null: it still stands. */
  readonly until: number | null;
}

export interface ReportedInstance {
  readonly id: ServerId;
  readonly name: string;
  readonly outcome: Outcome['kind'];
  readonly to: HostName | null;
  readonly attempts: number;
  readonly disk: DiskFate;
  /** Nova's clock: the first evacuation of this incident began, the last one ended; null: there was none. */
  readonly startedAt: number | null;
  readonly endedAt: number | null;
  readonly durationMs: number | null;
  readonly reason: string;
  readonly differences: readonly string[];
}

/** All that is known of one incident: for the files that people keep of it. */
export interface IncidentReport {
  readonly incident: string;
  readonly node: NodeName;
  readonly host: HostName | null;
  /** `released`: its instances are accounted for, the host is on its way back. `closed`: it is back. */
  readonly state: 'released' | 'closed';
  readonly text: string;
  /** Oldest first. */
  readonly timeline: readonly ReportedEvent[];
  /** The gates that this process saw closed before the incident; a predecessor may have met others. */
  readonly gates: readonly ReportedGate[];
  readonly instances: readonly ReportedInstance[];
}
