/** All that is known at the end of a scenario. Checks and report are made from this alone. */
import type { Role } from './cast.ts';
import type { DrillEvent } from './events.ts';
import type { Attributes, MigrationTrack, ServiceRow } from './observe.ts';
import type { ProductLine } from './parse.ts';
import type { Plan } from './timeline.ts';

export type ScenarioName =
  | 'power-loss'
  | 'controller-loss'
  | 'api-away'
  | 'fast-rejoin'
  | 'clean-stop'
  | 'order-and-room'
  | 'bad-api'
  | 'two-hosts'
  | 'destination-loss';

/** The evacuator's resource in the cluster. */
export const NOVA_EVACUATE = 'nova-evacuate';

/** How long a group must have been ACTIVE before what depends on it begins, in the scenario about the order. */
export const READY_S = 5;

/** A server as Nova and Neutron describe it. */
export interface Snapshot {
  readonly host: string | null;
  readonly vmState: string;
  readonly taskState: string | null;
  readonly locked: boolean;
  readonly flavor: string;
  readonly fixed: readonly string[];
  readonly floating: readonly string[];
  /** The host that its port is bound to. */
  readonly boundTo: string | null;
}

export interface Subject {
  readonly id: string;
  readonly name: string;
  /** null: a control, on a host that does not fail. */
  readonly role: Role | null;
  readonly before: Snapshot;
  /** null: it is not there any more. */
  readonly after: Snapshot | null;
}

export interface GuestFact {
  readonly host: string;
  readonly powered: boolean;
  readonly server: string;
  readonly state: string;
}

/** What an operator had set before the drill, and what has to stay. */
export interface OperatorSetting {
  readonly host: string;
  readonly reason: string;
}

/** What only one of the scenarios writes down. */
export interface ScenarioNotes {
  /** When the second fault was done, epoch seconds; null: there was none. */
  readonly faultAt: number | null;
  /** The controller that the drill killed. */
  readonly killedController: string | null;
  /** Where nova-evacuate ran when the fault came, and where it ran at the end. */
  readonly evacuatorBefore: string | null;
  readonly evacuatorAfter: string | null;
  /** Epoch seconds between which nova-api was away, or nova-evacuate was stopped. */
  readonly away: { readonly from: number; readonly to: number } | null;
  /** What Pacemaker and the product said about why nova-compute was held. */
  readonly heldBecause: readonly string[];
  /** Why the fault could not be injected as planned; null: it was. */
  readonly trouble: string | null;
}

export interface Facts {
  readonly scenario: ScenarioName;
  readonly plan: Plan;
  readonly endedAt: number;
  /** The host was back, and all was quiet, within the bound. */
  readonly settled: boolean;
  readonly limitS: number;
  readonly spawnDelayS: number;
  /** The moving ones, and those that have to stay. */
  readonly subjects: readonly Subject[];
  readonly controls: readonly Subject[];
  readonly operator: OperatorSetting | null;
  /** The host that was kept for failures: disabled with this reason. */
  readonly reserve: OperatorSetting | null;
  readonly services: readonly ServiceRow[];
  /** Hosts whose nova-compute has reported within service_down_time. */
  readonly beating: ReadonlySet<string>;
  readonly guests: readonly GuestFact[];
  readonly migrations: readonly MigrationTrack[];
  readonly events: readonly DrillEvent[];
  /** node → attribute → value, at the end. */
  readonly attributes: Attributes;
  readonly productLines: readonly ProductLine[];
  readonly statusTexts: readonly string[];
  /** What is not as it should be in the cluster at the end, in words. */
  readonly clusterTrouble: readonly string[];
  readonly addresses: ReadonlyMap<string, string>;
  readonly longestGapS: number;
  readonly notes: ScenarioNotes;
}
