import type { Starts } from '../core/actions.ts';
import { stopKey } from '../core/decision.ts';
import { type HostName, hostFinder, type NodeName, type ServerId } from '../core/names.ts';
import type {
  CloudFacts,
  CommandView,
  EvacuationView,
  Fact,
  FencingEvent,
  HostView,
  LevelCorrection,
  LiveMigrationView,
  Maybe,
  NodeView,
  OfflineView,
  PlacementView,
  PortView,
  RequestView,
  ServerView,
  ServiceView,
  TrailKey,
  TrailView,
} from '../core/observation.ts';
import { known, trailKey, unknown } from '../core/observation.ts';
import type { HeldRecords } from './held-records.ts';
import type { SeenServer } from './ports.ts';
import type { Traces } from './traces.ts';

/**
 * What a running evacuator remembers between two ticks. All of it can be lost: the rules treat what is missing
 * with more caution, and the next looks bring it back.
 */
export interface Memory {
  readonly owner: string;
  readonly ownerSince: number;
  /** See {@link Observation}. */
  readonly inherited: Set<NodeName>;
  services: Maybe<readonly ServiceView[]>;
  servicesAt: number;
  servicesTookMs: number;
  novaNow: number;
  readonly hosts: Map<HostName, HostMemory>;
  facts: Omit<CloudFacts, 'controlServices'>;
  controlServices: CloudFacts['controlServices'];
  /** Facts that are being asked for while the loop goes on. */
  readonly asking: Set<string>;
  readonly history: Map<NodeName, Maybe<readonly FencingEvent[]>>;
  /** Nodes whose level had no power device when it was last seen. */
  readonly levelsWithoutPower: Set<NodeName>;
  readonly levelsCorrected: Map<NodeName, Correction>;
  /** Nodes that had an incident when they were last seen, or have been marked since. */
  readonly withIncident: Set<NodeName>;
  /** Incidents as they stood in the last look, by their nodes. */
  readonly standing: Map<NodeName, string>;
  /** Incidents that have stood, and do not any more, each as NODE ID; oldest first. */
  readonly over: Set<string>;
  /** When the cluster was asked last, and answered, `mono`; -1: never. */
  clusterReadAt: number;
  /** When an act, beside the looks, was told last that there is no quorum, `mono`; -1: never. */
  quorumGoneAt: number;
  /** The records as they are known to stand. */
  readonly records: HeldRecords;
  /** Forgotten when no host is evacuated. */
  placement: PlacementView;
  /** When each node was seen online last: when the cluster was asked, `mono`. */
  readonly online: Map<NodeName, number>;
  /** See {@link OfflineView}. */
  readonly offline: Map<NodeName, OfflineView>;
  /** See {@link Observation}. */
  readonly trails: Map<TrailKey, Fact<TrailView>>;
  /** See {@link Observation}. */
  readonly starts: Map<ServerId, Fact<Starts>>;
  /** See {@link Observation}. Forgotten when no host is evacuated. */
  readonly whereabouts: Map<ServerId, Fact<HostName | null>>;
  /** See {@link Observation}. */
  readonly liveMigrations: Map<ServerId, Fact<LiveMigrationView | null>>;
  /** See {@link Observation}. */
  readonly upSince: Map<HostName, number>;
  readonly requests: Map<ServerId, RequestView>;
  /** See {@link Observation}. As many as there are hosts, at most. */
  readonly unansweredChanges: Map<HostName, number>;
  readonly traces: Traces;
  readonly commands: Map<string, CommandView>;
}

/** What is remembered of a host while its incident lasts; the fields are those of {@link HostView}. */
export interface HostMemory {
  readonly host: HostName;
  readonly incident: string;
  readonly evacuations: Map<number, EvacuationView>;
  readonly servers: Map<ServerId, ServerView>;
  readonly before: Map<ServerId, ServerView>;
  readonly stoppedInError: Map<ServerId, Maybe<boolean>>;
  /** How often Nova was asked for that in vain. */
  readonly actionTries: Map<ServerId, number>;
  readonly brokenMoves: Map<ServerId, readonly LiveMigrationView[]>;
  hasBrokenMoves: boolean;
  /** Servers that were in ERROR when they were seen first, on their way by an evacuation of an earlier incident as well. */
  readonly foundInError: Set<ServerId>;
  /** Servers of which an evacuation of this incident, or a live one, has been seen. */
  readonly begun: Set<ServerId>;
  readonly placementAfter: Map<number, boolean>;
  readonly ports: Map<ServerId, Maybe<readonly PortView[]>>;
  trouble: string | null;
  troubleSince: number | null;
  firstLookAt: number;
  lookedAt: number;
  listedAt: number;
  followedAt: number;
  changedAt: number;
  /** Nova's clock at the last look at the changed servers; null before the first. */
  changedNova: number | null;
  novaNow: number;
  traits: Maybe<readonly string[]>;
  traitsAt: number;
  /** All of this as the rules see it; null: it has changed since it was made. */
  view: HostView | null;
}

const NO_PLACEMENT: PlacementView = { trouble: null, askedAt: -1, awaySince: -1, isAsking: false };

const notAsked = <T>(): Fact<T> => ({ value: unknown('not asked yet'), mono: -1 });

/** What a process knows at its start: nothing, which is not the same as "there is none". `owner`: its name in records; `mono`: now, ms. */
export function newMemory(owner: string, mono: number): Memory {
  return {
    owner,
    ownerSince: mono,
    inherited: new Set(),
    services: unknown('not asked yet'),
    servicesAt: -1,
    servicesTookMs: 0,
    novaNow: 0,
    hosts: new Map(),
    facts: {
      aggregates: notAsked(),
      serverGroups: notAsked(),
      images: notAsked(),
      imageQuery: null,
      flavors: notAsked(),
      microversion: unknown('not asked yet'),
    },
    controlServices: unknown('not asked yet'),
    asking: new Set(),
    history: new Map(),
    levelsWithoutPower: new Set(),
    levelsCorrected: new Map(),
    withIncident: new Set(),
    standing: new Map(),
    over: new Set(),
    records: new Map(),
    clusterReadAt: -1,
    quorumGoneAt: -1,
    placement: NO_PLACEMENT,
    online: new Map(),
    offline: new Map(),
    trails: new Map(),
    starts: new Map(),
    whereabouts: new Map(),
    liveMigrations: new Map(),
    upSince: new Map(),
    requests: new Map(),
    unansweredChanges: new Map(),
    traces: new Map(),
    commands: new Map(),
  };
}

/**
 * The memory of a host for this incident; what belonged to another one is forgotten, but for its evacuations: until a look
 * shows them anew, they are what is in flight.
 */
export function hostMemory(memory: Memory, host: HostName, incident: string): HostMemory {
  const held = memory.hosts.get(host);
  if (held?.incident === incident) return held;
  const fresh: HostMemory = {
    host,
    incident,
    evacuations: new Map(held?.evacuations),
    servers: new Map(),
    before: new Map(),
    stoppedInError: new Map(),
    actionTries: new Map(),
    brokenMoves: new Map(),
    hasBrokenMoves: false,
    foundInError: new Set(),
    begun: new Set(),
    placementAfter: new Map(held?.placementAfter),
    ports: new Map(),
    trouble: null,
    troubleSince: null,
    firstLookAt: -1,
    lookedAt: -1,
    listedAt: -1,
    followedAt: -1,
    changedAt: -1,
    changedNova: null,
    novaNow: memory.novaNow,
    traits: unknown('not asked yet'),
    traitsAt: -1,
    view: null,
  };
  memory.hosts.set(host, fresh);
  forgetRefused(memory, host);
  return fresh;
}

/** What Nova has refused of a host at its last death, or has not heard of, says nothing of the next. */
function forgetRefused({ requests }: Memory, host: HostName): void {
  for (const [server, { source, state }] of requests)
    if (source === host && (state === 'refused' || state === 'unsent')) requests.delete(server);
}

/** What is known of a host as the rules see it: the same as long as nothing new is, as in most steps. */
export function hostView(host: HostMemory): HostView {
  host.view ??= makeView(host);
  return host.view;
}

function makeView(host: HostMemory): HostView {
  return {
    host: host.host,
    incident: host.incident,
    evacuations: [...host.evacuations.values()].sort((a, b) => a.createdAt - b.createdAt || a.id - b.id),
    servers: [...host.servers.values()],
    before: new Map(host.before),
    stoppedInError: new Map(host.stoppedInError),
    placementAfter: new Map(host.placementAfter),
    brokenMoves: new Map(host.brokenMoves),
    ports: new Map(host.ports),
    trouble: host.trouble,
    troubleSince: host.troubleSince,
    firstLookAt: host.firstLookAt,
    lookedAt: host.lookedAt,
    listedAt: host.listedAt,
    followedAt: host.followedAt,
    changedAt: host.changedAt,
    novaNow: host.novaNow,
    traits: host.traits,
    traitsAt: host.traitsAt,
  };
}

/** Takes in a server as just seen; its task_state keeps the time since which it has stood. */
export function rememberServer(host: HostMemory, shown: SeenServer, mono: number): void {
  const held = host.servers.get(shown.id);
  // With reclaim_instance_interval Nova destroys one whose host is down, and lists it as soft-deleted from then on
  // (nova/compute/api.py _local_delete): that it is gone only the server itself has said, or its evacuations.
  const isGone = held?.deleted === true && shown.vmState === 'soft-delete';
  const seen = isGone ? { ...shown, deleted: true } : shown;
  const taskSince = held !== undefined && held.taskState === seen.taskState ? held.taskSince : mono;
  // What is added stands first: V8 gives what is added after a spread a shape of its own each time.
  const server = { taskSince, ...seen };
  host.servers.set(seen.id, server);
  if (held === undefined && seen.host === host.host && seen.vmState === 'error')
    host.foundInError.add(seen.id);
  if (!host.before.has(seen.id) && seen.host === host.host && !host.begun.has(seen.id)) {
    host.before.set(seen.id, server);
  }
}

/** Takes in a list of the services. */
export function rememberServices(memory: Memory, services: readonly ServiceView[]): void {
  memory.services = known(services);
  const listed = new Set(services.map(({ host }) => host));
  for (const host of memory.upSince.keys()) if (!listed.has(host)) memory.upSince.delete(host);
  for (const service of services) rememberUp(memory, service);
}

function rememberUp(memory: Memory, { host, state, updatedAt }: ServiceView): void {
  if (state !== 'up' || updatedAt === null) memory.upSince.delete(host);
  else if (!memory.upSince.has(host)) memory.upSince.set(host, updatedAt);
}

/** Takes in a service as Nova's answer to a change shows it. */
export function rememberService(memory: Memory, service: ServiceView): void {
  rememberUp(memory, service);
  if (!memory.services.known) return;
  memory.services = known(memory.services.value.map((held) => (held.id === service.id ? service : held)));
}

/** Takes in that a host is in an aggregate now, or is not any more. */
export function rememberAggregate(memory: Memory, id: number, host: HostName, isIn: boolean): void {
  const { value, mono } = memory.facts.aggregates;
  if (!value.known) return;
  const aggregates = value.value.map((each) => {
    if (each.id !== id) return each;
    const others = each.hosts.filter((other) => other !== host);
    return { ...each, hosts: isIn ? [...others, host] : others };
  });
  memory.facts = { ...memory.facts, aggregates: { value: known(aggregates), mono } };
}

interface Correction extends LevelCorrection {
  readonly incident: string | null;
  /** When the cluster was read last, `mono`. */
  readonly readAt: number;
}

/**
 * Takes in how the levels of the nodes are, and since when those that were without a power device have one; the cluster was
 * read from `askedAt` to `mono`.
 */
export function rememberLevels(
  memory: Memory,
  nodes: readonly NodeView[],
  { askedAt, mono }: { readonly askedAt: number; readonly mono: number },
): void {
  const { levelsWithoutPower, levelsCorrected } = memory;
  for (const { name, powerFencedFirst, incident: record } of nodes) {
    const incident = record === null || record === 'unreadable' ? record : record.id;
    const held = levelsCorrected.get(name);
    if (!powerFencedFirst) levelsWithoutPower.add(name);
    else if (levelsWithoutPower.delete(name))
      levelsCorrected.set(name, {
        ...{ at: mono, incident, readAt: askedAt },
        withoutIncidentAt: Number.NEGATIVE_INFINITY,
      });
    else if (held !== undefined)
      levelsCorrected.set(name, {
        ...{ at: held.at, incident, readAt: askedAt },
        withoutIncidentAt: held.incident === incident ? held.withoutIncidentAt : held.readAt,
      });
  }
}

/** Takes in which nodes have an incident; gives those that are marked still though somebody has taken it away. */
export function rememberIncidents(
  { withIncident }: Memory,
  nodes: readonly NodeView[],
): ReadonlySet<NodeName> {
  const taken = new Set<NodeName>();
  for (const { name, incident, mark } of nodes) {
    if (incident !== null) withIncident.add(name);
    else if (mark !== 'yes') withIncident.delete(name);
    else if (withIncident.has(name)) taken.add(name);
  }
  return taken;
}

/** Incidents that are over, of which this is kept: the newest so many. */
const MAX_OVER = 1_000;

/** Takes in which incidents stand. Gives the nodes whose incident had been taken away, and stands again. */
export function rememberStanding(
  { standing, over }: Memory,
  nodes: readonly NodeView[],
): ReadonlySet<NodeName> {
  const back = new Set<NodeName>();
  for (const { name, incident } of nodes) {
    if (incident === 'unreadable') continue;
    const before = standing.get(name);
    if (before !== undefined && before !== incident?.id) over.add(`${name} ${before}`);
    if (incident === null) standing.delete(name);
    else {
      standing.set(name, incident.id);
      if (over.has(`${name} ${incident.id}`)) back.add(name);
    }
  }
  for (const id of over) {
    if (over.size <= MAX_OVER) break;
    over.delete(id);
  }
  return back;
}

/** Takes in which nodes are offline. Where the cluster does not say, what was known before stands. */
export function rememberOffline(
  memory: Memory,
  nodes: readonly NodeView[],
  { askedAt, mono }: { readonly askedAt: number; readonly mono: number },
): void {
  const { online: seenOnline, offline } = memory;
  const names = new Set(nodes.map(({ name }) => name));
  for (const known of [seenOnline, offline])
    for (const name of known.keys()) if (!names.has(name)) known.delete(name);
  for (const { name, online } of nodes) {
    if (online === true) {
      seenOnline.set(name, askedAt);
      offline.delete(name);
    } else if (online === false && !offline.has(name))
      offline.set(name, { since: mono, onlineAt: seenOnline.get(name) ?? null, fencing: notAsked() });
  }
}

/** Takes in the fencing history of a node that is offline. */
export function rememberFencing({ offline }: Memory, node: NodeName, fencing: OfflineView['fencing']): void {
  const held = offline.get(node);
  if (held !== undefined) offline.set(node, { ...held, fencing });
}

/** Forgets commands that ended before this look: it shows what they did. That a server was stopped again is kept with its host. */
export function forgetDone(memory: Memory, begunAt: number): void {
  for (const [key, command] of memory.commands) {
    if (command.state === 'done' && command.at < begunAt && !key.startsWith('stop-server:'))
      memory.commands.delete(key);
  }
}

/** Forgets that a server was told to stop on any host but this one. */
export function forgetStops({ commands }: Memory, server: ServerId, but: HostName | null): void {
  const kept = but === null ? null : stopKey(server, but);
  for (const key of commands.keys())
    if (key.startsWith(`stop-server:${server}:`) && key !== kept) commands.delete(key);
}

/** Those of which something is still needed. */
export interface Needed {
  /** Nodes with an incident or a record, whichever it is: one that is fenced twice may have another than was looked at. */
  readonly open: ReadonlySet<NodeName>;
  /** Nodes whose fencing may have to prove something. */
  readonly toProve: ReadonlySet<NodeName>;
  /** See {@link hostFinder}. */
  readonly domain: string | null;
}

/**
 * Forgets hosts, histories and requests that nobody needs any more. A server may have come from a host whose incident is
 * over to one that is evacuated now: then its request is that one's.
 */
export function forget(memory: Memory, { open, toProve, domain }: Needed): void {
  const hostOf = hostFinder([...memory.hosts.keys()], domain);
  const needed = new Set([...open].map(hostOf));
  for (const [name, host] of memory.hosts) {
    if (needed.has(name)) continue;
    memory.hosts.delete(name);
    for (const evacuation of host.evacuations.values()) memory.trails.delete(trailKey(evacuation));
    for (const server of host.servers.keys()) {
      if ([...memory.hosts.values()].some((other) => other.servers.has(server))) continue;
      memory.starts.delete(server);
      memory.liveMigrations.delete(server);
      if (memory.requests.get(server)?.state === 'pending') continue;
      memory.requests.delete(server);
      forgetStops(memory, server, null);
    }
  }
  if (memory.hosts.size === 0) {
    memory.whereabouts.clear();
    if (!memory.placement.isAsking) memory.placement = NO_PLACEMENT;
  }
  for (const node of memory.history.keys()) if (!toProve.has(node)) memory.history.delete(node);
}
