import {
  type Command,
  commandKey,
  commandPauseMs,
  type Decision,
  type FactsLook,
  type Gate,
  type HostLook,
  type HostVerdict,
  NO_FACTS,
  type PaceView,
} from './decision.ts';
import { type HostName, isHostOf, type NodeName, type ServerId } from './names.ts';
import type { EvacuationView, HostView, Observation, ServiceView, TrailKey } from './observation.ts';
import type { Policy } from './policy.ts';
import { type ReportDraft, type Reporting, reportIncident } from './report.ts';

/** A decision while it is being made: the rules add to it, nothing is taken back. */
export interface Draft {
  readonly observation: Observation;
  readonly policy: Policy;
  readonly commands: Command[];
  readonly verdicts: HostVerdict[];
  readonly gates: Gate[];
  readonly facts: { -readonly [key in keyof FactsLook]: FactsLook[key] };
  readonly reports: ReportDraft[];
  readonly looks: Map<HostName, HostLook>;
  readonly history: Set<NodeName>;
  readonly trails: Map<TrailKey, EvacuationView>;
  readonly starts: Set<ServerId>;
  readonly whereabouts: Set<ServerId>;
  readonly liveMigrations: Set<ServerId>;
  services: boolean;
  servicesLast: boolean;
  placement: boolean;
  pace: PaceView | null;
  wakeMs: number;
}

/** The longest pause between two ticks, ms: how soon a change in the cluster is seen that nothing announces. */
export const TICK_MS = 500;
/**
 * The same while evacuations are under way. A look at the cluster costs three processes of Pacemaker's tools; where
 * Nova's control plane is on the same machine they take from it what it needs to evacuate.
 */
const TICK_UNDER_WAY_MS = 1_000;

/** An empty one: nothing to do, nothing to look at, and nobody who wants to be woken. */
export function newDraft(observation: Observation, policy: Policy): Draft {
  return {
    observation,
    policy,
    commands: [],
    verdicts: [],
    gates: [],
    facts: { ...NO_FACTS },
    reports: [],
    looks: new Map(),
    history: new Set(),
    trails: new Map(),
    starts: new Set(),
    whereabouts: new Set(),
    liveMigrations: new Set(),
    services: false,
    servicesLast: false,
    placement: false,
    pace: null,
    wakeMs: Number.POSITIVE_INFINITY,
  };
}

/** What the rules have come to. It wakes at the next tick at the latest: {@link TICK_MS}, or later while evacuations are in flight. */
export function finish(draft: Draft): Decision {
  return {
    commands: draft.commands,
    verdicts: draft.verdicts,
    gates: draft.gates,
    reports: draft.reports,
    pace: draft.pace,
    look: {
      services: draft.services,
      servicesLast: draft.servicesLast,
      placement: draft.placement,
      facts: draft.facts,
      history: [...draft.history],
      trails: [...draft.trails.values()],
      starts: [...draft.starts],
      whereabouts: [...draft.whereabouts],
      liveMigrations: [...draft.liveMigrations],
      hosts: draft.looks,
    },
    wakeMs: Math.min(draft.wakeMs, (draft.pace?.inFlight ?? 0) > 0 ? TICK_UNDER_WAY_MS : TICK_MS),
  };
}

/** The next tick is due in `ms` at the latest. */
export function wakeWithin(draft: Draft, ms: number): void {
  draft.wakeMs = Math.max(0, Math.min(draft.wakeMs, ms));
}

/** Whether the record of a node is being written, or has been since the cluster was read. */
export function isBeingWritten({ commands, begunAt }: Observation, node: NodeName): boolean {
  const command = commands.get(`write-evacuation:${node}`);
  return command !== undefined && (command.state === 'pending' || command.at >= begunAt);
}

/**
 * Adds a command, unless the same one is under way, is in this step already, or has failed so recently that it has to wait.
 * Gives why it is held up (the last failure in words), or null.
 */
export function issue(draft: Draft, command: Command): string | null {
  const key = commandKey(command);
  const before = draft.observation.commands.get(key);
  if (before?.state === 'pending' || draft.commands.some((each) => commandKey(each) === key)) return null;
  if (before?.state === 'done' && before.at >= draft.observation.begunAt) {
    // It ended while we were looking: whether it is still needed is for the next look to say.
    wakeWithin(draft, 0);
    return null;
  }
  if (before?.state === 'failed') {
    const waitMs = before.at + commandPauseMs(before, draft.policy) - draft.observation.mono;
    if (waitMs > 0) {
      wakeWithin(draft, waitMs);
      return before.message;
    }
  }
  draft.commands.push(command);
  return before?.state === 'failed' ? before.message : null;
}

/** Issues a command that ends a part of an incident; the report of it goes with it, as often as it is tried. */
export function issueWithReport(
  draft: Draft,
  command: Command,
  about: Omit<Reporting, 'observation' | 'storage'>,
): string | null {
  const { commands, observation, policy, reports } = draft;
  const before = commands.length;
  const why = issue(draft, command);
  if (commands.length > before)
    reports.push(reportIncident({ observation, storage: policy.storage, ...about }));
  return why;
}

/** Says of a node as a whole why it is where it is; what is said of its instances comes from ledger.ts. */
export function say(draft: Draft, verdict: Omit<HostVerdict, 'instances'>): void {
  draft.verdicts.push({ ...verdict, instances: [] });
}

/** The last failure of a command, or null. */
export function failureOf(draft: Draft, key: string): string | null {
  const view = draft.observation.commands.get(key);
  return view?.state === 'failed' ? view.message : null;
}

const NO_HOST_LOOK = {
  since: null,
  evacuations: false,
  listing: false,
  changes: false,
  settle: false,
  traits: false,
  ports: false,
} as const;

/** Asks for a look at a host in the next tick, which is then due at once; what was asked for in this step already stays so. */
export function lookAt(
  draft: Draft,
  host: HostName,
  look: Partial<HostLook> & Pick<HostLook, 'incident' | 'since'>,
): void {
  const view = draft.observation.hosts.get(host);
  // After a look that failed the next one waits: an API that is down is not helped by questions.
  if (view?.trouble && view.incident === look.incident) {
    const waitMs = view.lookedAt + draft.policy.timing.lookRetryMs - draft.observation.mono;
    if (waitMs > 0) {
      wakeWithin(draft, waitMs);
      return;
    }
  }
  const held = draft.looks.get(host);
  const other = held?.incident === look.incident ? held : NO_HOST_LOOK;
  draft.looks.set(host, {
    incident: look.incident,
    since: look.since ?? other.since,
    evacuations: look.evacuations === true || other.evacuations,
    listing: look.listing === true || other.listing,
    changes: look.changes === true || other.changes,
    settle: look.settle === true || other.settle,
    traits: look.traits === true || other.traits,
    ports: look.ports === true || other.ports,
  });
  wakeWithin(draft, 0);
}

/** Asks for the list of services if the last one is older than `maxAgeMs`, waiting a little after a failure. */
export function lookAtServices(draft: Draft, maxAgeMs: number): void {
  const { observation, policy } = draft;
  const ageMs =
    observation.servicesAt < 0 ? Number.POSITIVE_INFINITY : observation.mono - observation.servicesAt;
  const limitMs = observation.services.known ? maxAgeMs : policy.timing.lookRetryMs;
  if (ageMs >= limitMs) {
    draft.services = true;
    wakeWithin(draft, 0);
  } else {
    wakeWithin(draft, limitMs - ageMs);
  }
}

/**
 * Whether the services were listed shortly before; asks for them otherwise. What a person has done to one meanwhile is to be seen
 * before it is changed.
 */
export function haveSeenServices(draft: Draft): boolean {
  const { observation, policy } = draft;
  if (observation.mono - observation.servicesAt <= policy.timing.serviceAgeMs) return true;
  lookAtServices(draft, policy.timing.serviceAgeMs);
  draft.servicesLast = true;
  return false;
}

/**
 * As {@link issue}, for what changes a service: a step may be decided long after its list of the services, when another answer of it
 * was lost, and a person may have changed one since. Then the list is asked for first.
 */
export function issueByNewList(draft: Draft, command: Command): string | null {
  const before = draft.commands.length;
  const why = issue(draft, command);
  if (draft.commands.length > before && !haveSeenServices(draft)) draft.commands.pop();
  return why;
}

/** What is seen of the host of an incident, whatever it is called; null: nothing yet. */
export function viewOfIncident(draft: Draft, incident: string): HostView | null {
  return [...draft.observation.hosts.values()].find((view) => view.incident === incident) ?? null;
}

/** The compute service of a node, by the last list of the services; null: that has none, or there is no list yet. */
export function serviceOf({ observation }: Draft, node: NodeName): ServiceView | null {
  const { services, domain } = observation;
  if (!services.known) return null;
  const [fit, another] = services.value.filter(({ host }) => isHostOf(host, node, domain));
  return another === undefined ? (fit ?? null) : null;
}
