import type { DiskFate, Gate } from '../core/decision.ts';
import type { Outcome } from '../core/instance.ts';
import type { HostName, NodeName, ServerId } from '../core/names.ts';

/**
 * What the evacuator shows of itself: flat tables of rows, so that a change is a few rows and a page that has
 * missed something needs nothing but the whole again. Rows are plain JSON. Times are epoch ms.
 */
export interface View {
  readonly overview: Overview;
  readonly hosts: Table<HostRow>;
  readonly instances: Table<InstanceRow>;
  readonly incidents: Table<IncidentRow>;
  readonly fencing: Table<FencingRow>;
  readonly lines: Table<LineRow>;
}

export type Table<Row> = ReadonlyMap<string, Row>;
/** The tables of a {@link View}, in the order in which they are sent. */
export const TABLES = ['hosts', 'instances', 'incidents', 'fencing', 'lines'] as const;
export type TableName = (typeof TABLES)[number];

/** Which process speaks: another epoch is another evacuator, and nothing of the one before counts any more. */
export interface EvacuatorIdentity {
  readonly epoch: string;
  readonly node: string;
  readonly version: string;
  readonly since: number;
}

export interface Overview {
  readonly evacuator: EvacuatorIdentity;
  /** null: not known, for this reason. */
  readonly quorum: boolean | null;
  readonly clusterTrouble: string | null;
  readonly cloudTrouble: string | null;
  readonly gates: readonly Gate[];
  readonly controllers: readonly { readonly name: NodeName; readonly online: boolean | null }[];
  /** When all instances were last listed for those who look; null: not yet. */
  readonly inventoryAt: number | null;
  /** Why that list, or the fencing history, could not be read; null when it was. */
  readonly inventoryTrouble: string | null;
  readonly fencingTrouble: string | null;
}

/**
 * What a host is like, worst last. `unprotected`: Nova and Pacemaker do not both have it under one name. `held`: it has
 * booted and waits for its release.
 */
export const HOST_STATES = [
  'up',
  'disabled',
  'unknown',
  'unprotected',
  'returning',
  'releasing',
  'held',
  'evacuating',
  'down',
  'blocked',
] as const;
export type HostState = (typeof HOST_STATES)[number];

export interface HostRow {
  readonly name: string;
  readonly node: NodeName | null;
  readonly host: HostName | null;
  readonly state: HostState;
  /** The verdict's words; null while there is nothing to say. */
  readonly text: string | null;
  readonly incident: string | null;
  /** Pacemaker's view of the node. */
  readonly online: boolean | null;
  readonly service: ServiceRow | null;
  /** Instances there now; null: not listed yet. */
  readonly instances: number | null;
  readonly progress: Progress | null;
}

export interface ServiceRow {
  readonly state: 'up' | 'down' | 'unknown';
  readonly status: 'enabled' | 'disabled';
  readonly forcedDown: boolean;
  readonly reason: string | null;
}

/** How many of a host's instances are where. */
export interface Progress {
  readonly total: number;
  readonly moved: number;
  /** Over by Nova's word, but not seen on their new host yet. */
  readonly arrived: number;
  readonly moving: number;
  readonly waiting: number;
  /** Those that end without having moved: `cannot`, `failed`, `gone` and whatever else is an end. */
  readonly left: number;
}

export type OutcomeKind = Outcome['kind'];

export interface InstanceRow {
  readonly name: string;
  readonly host: HostName | null;
  /** What the evacuator has to say of it; null while nothing is the matter. */
  readonly move: Move | null;
}

export interface Move {
  readonly incident: string | null;
  readonly from: HostName | null;
  readonly to: HostName | null;
  readonly outcome: OutcomeKind;
  readonly attempts: number;
  readonly disk: DiskFate;
  /** What is not as it was before. */
  readonly differences: readonly string[];
  readonly text: string;
}

export interface IncidentRow {
  readonly node: NodeName;
  readonly host: HostName | null;
  readonly phase: 'blocked' | 'evacuating' | 'releasing' | 'returning' | 'over';
  /** The newest words about it. */
  readonly text: string;
  readonly by: 'fencer' | 'operator' | 'mark' | null;
  readonly recordedAt: number | null;
  readonly fencedAt: number | null;
  readonly begunAt: number | null;
  readonly releasedAt: number | null;
  readonly endedAt: number | null;
  readonly progress: Progress | null;
}

export interface FencingRow {
  readonly target: string;
  readonly action: string;
  readonly status: 'success' | 'failed' | 'pending';
  readonly completedAt: number | null;
  readonly by: string | null;
  readonly client: string;
  readonly reason: string | null;
}

/** One line of the timeline: something was done, refused or found. */
export interface LineRow {
  readonly at: number;
  readonly level: 'info' | 'warn' | 'error';
  readonly text: string;
  readonly node: NodeName | null;
  readonly incident: string | null;
  readonly server: ServerId | null;
}

/** An instance as a list of all of them shows it. */
export interface InventoryRow {
  readonly id: ServerId;
  readonly name: string;
  readonly host: HostName | null;
}

export const OUTCOME_GROUP: Readonly<Record<OutcomeKind, keyof Omit<Progress, 'total'>>> = {
  moved: 'moved',
  restoring: 'arrived',
  moving: 'moving',
  unanswered: 'moving',
  verifying: 'arrived',
  ready: 'waiting',
  waiting: 'waiting',
  excluded: 'left',
  cannot: 'left',
  failed: 'left',
  gone: 'left',
};
