import { NOT_STARTED, startsOf, wasStopped } from '../core/actions.ts';
import type { HostLook, Look } from '../core/decision.ts';
import type { HostName, ServerId } from '../core/names.ts';
import { listsAllServices } from '../core/no-host.ts';
import {
  type ClusterView,
  type EvacuationView,
  type Fact,
  known,
  type LiveMigrationView,
  type Maybe,
  type Observation,
  unknown,
} from '../core/observation.ts';
import type { EvacuationRecord } from '../core/records.ts';
import { hasSucceeded, isLive, isUnclaimed } from '../core/status.ts';
import { findBrokenMoves, LEFT_GUEST_MS, listMovesAway } from './broken-moves.ts';
import { holdRecords } from './held-records.ts';
import {
  forget,
  forgetDone,
  type HostMemory,
  hostMemory,
  hostView,
  type Memory,
  rememberFencing,
  rememberIncidents,
  rememberLevels,
  rememberOffline,
  rememberServer,
  rememberServices,
  rememberStanding,
} from './memory.ts';
import { lookAtFacts, lookAtPlacement, lookAtPorts, lookAtTrail } from './observe-facts.ts';
import type { Answer, CloudPort, Listed, Ports } from './ports.ts';
import { traceList } from './traces.ts';

/** How far before the last look at a host's evacuations the next one goes back where nobody knows when its incident began, ms. */
const UNDATED_MS = 24 * 3_600_000;
/**
 * How much the clocks of two nova-apis may differ, ms: an evacuation is dated by the one that took the request, and looked for
 * from what another one said (nova/compute/api.py evacuate creates the record).
 */
const NOVA_CLOCKS_MS = 10 * 60_000;
/** Looks overlap by this much, ms: Nova's clocks differ a little, and its Date header has whole seconds. */
const LOOK_OVERLAP_MS = 5_000;
/** Servers asked for one by one in a look, at most; the rest follows in the next. */
const SINGLE_GETS_PER_LOOK = 20;
/** How often Nova is asked for what was done with one instance, when it does not answer that. */
const ACTION_TRIES = 8;
/** Hosts looked at side by side. */
const HOSTS_AT_ONCE = 4;

/** Looks at the cluster, and at what the last decision asked for, and gives all that is known now. */
export async function observe(
  ports: Ports,
  memory: Memory,
  look: Look,
  domain: string | null,
): Promise<Observation> {
  const begunAt = ports.clock.mono();
  forgetDone(memory, begunAt);
  const cluster = await observeCluster(ports, memory, look, domain);
  const cells = watchCells(ports, memory, [...look.hosts.keys()]);
  const queue = [...look.hosts];
  const workers = Array.from({ length: Math.min(HOSTS_AT_ONCE, queue.length) }, async () => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await lookAtHost(ports, memory, { name: next[0], look: next[1], cells });
    }
  });
  const settling = [...look.hosts.values()].some((host) => host.settle);
  const isLast = settling || look.servicesLast;
  if (look.services && !isLast) workers.push(lookAtServices(ports, memory));
  if (look.placement) void lookAtPlacement(ports, memory);
  for (const evacuation of look.trails) void lookAtTrail(ports, memory, evacuation);
  workers.push(
    lookAtFacts(ports, memory, look.facts),
    lookAtStarts(ports, memory, look.starts),
    lookForServers(ports, memory, look.whereabouts),
    lookAtLiveMigrations(ports, memory, look.liveMigrations),
  );
  await Promise.all(workers);
  const listed = [...look.hosts.keys()].some((name) => (memory.hosts.get(name)?.listedAt ?? -1) >= begunAt);
  if (isLast && (look.services || (settling && listed && memory.servicesAt >= 0)))
    await lookAtServices(ports, memory);
  forgetLists(memory, cells.down());
  return {
    now: ports.clock.now(),
    mono: ports.clock.mono(),
    begunAt,
    owner: memory.owner,
    ownerSince: memory.ownerSince,
    inherited: new Set(memory.inherited),
    cluster,
    services: memory.services,
    thawedAt: ports.clock.thawedAt(),
    servicesAt: memory.servicesAt,
    servicesTookMs: memory.servicesTookMs,
    novaNow: memory.novaNow,
    facts: { controlServices: memory.controlServices, ...memory.facts },
    hosts: new Map([...memory.hosts].map(([name, host]) => [name, hostView(host)])),
    placement: memory.placement,
    trails: new Map(memory.trails),
    starts: new Map(memory.starts),
    whereabouts: new Map(memory.whereabouts),
    liveMigrations: new Map(memory.liveMigrations),
    upSince: new Map(memory.upSince),
    requests: new Map(memory.requests),
    unansweredChanges: new Map(memory.unansweredChanges),
    traces: new Map(memory.traces),
    commands: new Map(memory.commands),
    domain,
  };
}

/**
 * Lists of a host whose cell is down leave out what is in it, in silence (nova/compute/multi_cell_list.py). That they were made
 * while it was down shows in a list of the services alone: in one after them, or, where the cell is back by then, in one before. There they
 * are unknown, or are not there at all.
 */
interface Cells {
  /** Lists the services before the last list of a host, once for all hosts of a step. */
  lookBefore(): Promise<void>;
  /** The hosts whose cell was down in that list, or is in the one that is known now. */
  down(): ReadonlySet<HostName>;
}

function watchCells(ports: Ports, memory: Memory, looked: readonly HostName[]): Cells {
  const isDown = (): readonly HostName[] => {
    const { services, facts } = memory;
    if (!services.known) return [];
    const unknown = services.value.filter(({ state }) => state === 'unknown').map(({ host }) => host);
    if (listsAllServices(facts.microversion)) return unknown;
    const listed = new Set(services.value.map(({ host }) => host));
    return [...unknown, ...looked.filter((host) => !listed.has(host))];
  };
  const before: HostName[] = [];
  let looking: Promise<void> | null = null;
  return {
    lookBefore() {
      looking ??= lookAtServices(ports, memory).then(() => void before.push(...isDown()));
      return looking;
    },
    down: () => new Set([...before, ...isDown()]),
  };
}

/** What was listed while the cell was down is listed anew. */
function forgetLists(memory: Memory, hosts: ReadonlySet<HostName>): void {
  for (const host of hosts) {
    const held = memory.hosts.get(host);
    if (held === undefined) continue;
    held.listedAt = held.followedAt = held.changedAt = -1;
    held.hasBrokenMoves = false;
    held.view = null;
  }
}

async function observeCluster(
  ports: Ports,
  memory: Memory,
  look: Look,
  domain: string | null,
): Promise<Maybe<ClusterView>> {
  const askedAt = ports.clock.mono();
  const read = await ports.cluster.readNodes();
  if (!read.known) return read;
  const { nodes, changed: recordsChanged } = holdRecords(memory.records, {
    nodes: read.value.nodes,
    commands: memory.commands,
    askedAt,
    isGap: !read.value.haveQuorum || ports.clock.thawedAt() >= memory.clusterReadAt,
  });
  memory.clusterReadAt = askedAt;
  const open = new Set(nodes.filter((n) => n.incident !== null || n.evacuation !== null).map((n) => n.name));
  const toProve = new Set(nodes.filter((n) => n.incident !== null || n.mark === 'yes').map((n) => n.name));
  forget(memory, { open, toProve, domain });
  const at = { askedAt, mono: ports.clock.mono() };
  rememberLevels(memory, nodes, at);
  rememberOffline(memory, nodes, at);
  const incidentsTaken = rememberIncidents(memory, nodes);
  const incidentsBack = rememberStanding(memory, nodes);
  for (const { name, evacuation } of read.value.nodes)
    if (evacuation === 'unreadable' || (evacuation !== null && isAnothers(evacuation, memory)))
      memory.inherited.add(name);
  await Promise.all(
    look.history.map(async (node) => {
      const isToProve = toProve.has(node);
      if (!isToProve && !memory.offline.has(node)) return;
      const value = await ports.cluster.readHistory(node);
      // What was read before an incident stood proves nothing of it: the two are kept apart.
      if (isToProve) memory.history.set(node, value);
      else rememberFencing(memory, node, { value, mono: ports.clock.mono() });
    }),
  );
  return known({
    history: new Map(memory.history),
    levelsCorrected: new Map(memory.levelsCorrected),
    incidentsTaken,
    incidentsBack,
    offline: new Map(memory.offline),
    ...read.value,
    nodes,
    recordsChanged,
  });
}

/** Whether another process has written a record, and did not end cleanly: what it asked for last may take effect yet. */
function isAnothers({ owner, clean }: EvacuationRecord, memory: Memory): boolean {
  return owner !== memory.owner && !clean;
}

async function lookAtServices(ports: Ports, memory: Memory): Promise<void> {
  const askedAt = ports.clock.mono();
  const before = memory.servicesAt;
  const answer = await ports.cloud.listServices();
  memory.servicesAt = ports.clock.mono();
  memory.servicesTookMs = memory.servicesAt - askedAt;
  if (!answer.ok) {
    // What is known of Nova's clock goes on without an answer.
    if (memory.novaNow > 0) memory.novaNow += memory.servicesAt - before;
    memory.services = unknown(answer.reason);
    memory.controlServices = unknown(answer.reason);
    return;
  }
  rememberServices(memory, answer.value.items);
  traceList(memory.traces, answer.value.items, askedAt);
  memory.controlServices = known(answer.value.control);
  memory.novaNow = answer.value.novaNow;
  if (memory.facts.microversion.known) return;
  // Negotiated with the first request, so this one costs nothing.
  const microversion = await ports.cloud.microversion();
  memory.facts = {
    ...memory.facts,
    microversion: microversion.ok ? known(microversion.value) : unknown(microversion.reason),
  };
}

interface LookAt {
  readonly name: HostName;
  readonly look: HostLook;
  readonly cells: Cells;
}

async function lookAtHost(ports: Ports, memory: Memory, { name, look, cells }: LookAt): Promise<void> {
  const host = hostMemory(memory, name, look.incident);
  const at = ports.clock.mono();
  host.trouble = await read(ports, host, { look, at, cells, novaNow: memory.novaNow });
  host.troubleSince = host.trouble === null ? null : (host.troubleSince ?? at);
  host.lookedAt = ports.clock.mono();
  if (host.trouble === null && host.firstLookAt < 0) host.firstLookAt = host.lookedAt;
  host.view = null;
  if (look.ports) void lookAtPorts(ports, host);
}

/**
 * Carries out one look; `at` is its time. The evacuations come first: what is listed after them is at least as
 * new, so "nothing live, nothing left" can't be put together from two moments in the wrong order.
 * Gives what went wrong, or null.
 */
async function read(
  ports: Ports,
  host: HostMemory,
  { look, at, cells, novaNow }: Omit<LookAt, 'name'> & { readonly at: number; readonly novaNow: number },
): Promise<string | null> {
  const { cloud } = ports;
  // Beside the lists, so that it costs no time.
  const away = look.listing && !host.hasBrokenMoves ? listMovesAway(cloud, host.host, novaNow) : null;
  if (look.evacuations) {
    const since = followSince(host, look);
    const answer = await cloud.listEvacuations(host.host, since);
    const trouble = whatIsWrong(answer);
    if (trouble !== null || !answer.ok) return trouble;
    const vanished = await settleVanished(cloud, host, answer.value.items, since);
    if (vanished !== null) return vanished;
    if (host.followedAt < 0) host.evacuations.clear();
    for (const evacuation of answer.value.items) {
      host.evacuations.set(evacuation.id, evacuation);
      if (isLive(evacuation) || evacuation.createdAt >= (look.since ?? Number.POSITIVE_INFINITY))
        host.begun.add(evacuation.server);
    }
    host.novaNow = answer.value.novaNow;
    host.followedAt = at;
  }
  const settled = look.settle && ![...host.evacuations.values()].some(isLive);
  const missing = new Set<ServerId>();
  if (settled) await cells.lookBefore();
  if (look.listing || settled) {
    const trouble =
      (await list(cloud, host, at, missing)) ??
      (await readActions(cloud, host)) ??
      (away === null ? null : await readBrokenMoves(cloud, host, await away));
    if (trouble !== null) {
      if (away !== null) host.listedAt = -1;
      return trouble;
    }
  }
  if (look.changes || settled) {
    const trouble = await readChanges(ports, host, look.since, at);
    if (trouble !== null) return trouble;
  }
  return (
    (await readMissing(cloud, host, look.since, at, missing)) ??
    (look.traits ? readTraits(cloud, host, at) : null)
  );
}

/**
 * What Nova listed before and does not any more. It forgets the evacuations of an instance that is deleted
 * (nova/db/main/api.py instance_destroy): one that was done can't be waited for then. Of a cell that is down it lists none,
 * in silence (nova/compute/multi_cell_list.py): such a list shows nothing, and why it does not is given.
 */
async function settleVanished(
  cloud: CloudPort,
  host: HostMemory,
  items: readonly EvacuationView[],
  since: number | null,
): Promise<string | null> {
  const listed = new Set(items.map(({ id }) => id));
  const from = since ?? Number.NEGATIVE_INFINITY;
  const vanished = [...host.evacuations.values()].filter(
    // What a former incident had asked for, and nobody had claimed, is as the first list of this one says.
    (each) => each.createdAt >= from && !listed.has(each.id) && !(isUnclaimed(each) && host.followedAt < 0),
  );
  let asked = 0;
  for (const evacuation of vanished) {
    const { id, server } = evacuation;
    const held = host.servers.get(server);
    if (held?.deleted !== true) {
      if (++asked > SINGLE_GETS_PER_LOOK) return null;
      const answer = await cloud.getServer(server);
      if (!answer.ok) return answer.reason;
      if (answer.value !== null && !answer.value.deleted)
        return `Nova does not list evacuation ${id} of server ${server} any more, so its list is not complete`;
      if (held !== undefined) host.servers.set(server, { ...held, deleted: true });
    }
    if (hasSucceeded(evacuation)) host.evacuations.delete(id);
  }
  return null;
}

/**
 * From when on the evacuations are read: all of this incident, and all that may still change; the first time, all that may have left a
 * guest, which tells of it for as long as nobody has repaired it (core/left-guest.ts).
 */
function followSince({ evacuations, followedAt, novaNow }: HostMemory, { since }: HostLook): number | null {
  const begun = since === null ? novaNow - UNDATED_MS : since - NOVA_CLOCKS_MS;
  if (followedAt < 0) return novaNow > 0 ? Math.min(begun, novaNow - LEFT_GUEST_MS) : null;
  const open = [...evacuations.values()].filter((each) => isLive(each) || each.status === 'done');
  return Math.min(begun, ...open.map((evacuation) => evacuation.createdAt));
}

async function list(
  cloud: CloudPort,
  host: HostMemory,
  at: number,
  missing: Set<ServerId>,
): Promise<string | null> {
  const answer = await cloud.listServersOn(host.host);
  const trouble = whatIsWrong(answer);
  if (trouble !== null || !answer.ok) return trouble;
  const there = new Set(answer.value.items.map((server) => server.id));
  for (const server of host.servers.values()) {
    if (server.host === host.host && !server.deleted && !there.has(server.id)) missing.add(server.id);
  }
  for (const server of answer.value.items) rememberServer(host, server, at);
  host.novaNow = answer.value.novaNow;
  host.listedAt = at;
  return null;
}

/**
 * Whether those that were in ERROR from the beginning had been stopped before: of what a failed evacuation of an
 * earlier incident has left in ERROR no record tells it any more, and Nova starts it. What Nova will not say is
 * unknown, and holds nothing up.
 */
async function readActions(cloud: CloudPort, host: HostMemory): Promise<string | null> {
  const unread = [...host.foundInError].filter((id) => !host.stoppedInError.has(id));
  for (const id of unread.slice(0, SINGLE_GETS_PER_LOOK)) {
    const answer = await cloud.listActions(id);
    if (!answer.ok && answer.effect !== 'refused' && !isTriedEnough(host, id)) {
      // Nothing is asked for before it is read, or given up: the list counts as not made.
      host.listedAt = -1;
      return answer.reason;
    }
    const stopped = answer.ok ? wasStopped(answer.value ?? []) : null;
    const reason = answer.ok ? 'Nova’s list of what was done with it does not say' : answer.reason;
    host.stoppedInError.set(id, stopped === null ? unknown(reason) : known(stopped));
  }
  if (unread.length > SINGLE_GETS_PER_LOOK) host.listedAt = -1;
  return null;
}

function isTriedEnough({ actionTries }: HostMemory, id: ServerId): boolean {
  const tries = (actionTries.get(id) ?? 0) + 1;
  actionTries.set(id, tries);
  return tries >= ACTION_TRIES;
}

/** That is known before any is asked for, and once for an incident. */
async function readBrokenMoves(
  cloud: CloudPort,
  host: HostMemory,
  away: Answer<readonly LiveMigrationView[]>,
): Promise<string | null> {
  const there = [...host.servers.values()].filter((server) => server.host === host.host);
  const found = await findBrokenMoves(cloud, host.host, away, there);
  if (!found.ok) return found.reason;
  for (const [id, moves] of found.value) host.brokenMoves.set(id, moves);
  host.hasBrokenMoves = true;
  return null;
}

/** Asks the same of each of these servers, of some in one look; when it was asked is kept with the answer. */
async function askOfEach<T>(
  { clock }: Ports,
  servers: readonly ServerId[],
  answers: Map<ServerId, Fact<T>>,
  ask: (server: ServerId) => Promise<Maybe<T>>,
): Promise<void> {
  for (const server of servers.slice(0, SINGLE_GETS_PER_LOOK)) {
    const mono = clock.mono();
    answers.set(server, { value: await ask(server), mono });
  }
}

/**
 * Who has started these. Where Nova's policy forbids the question
 * nobody is taken to have.
 */
function lookAtStarts(ports: Ports, memory: Memory, servers: readonly ServerId[]): Promise<void> {
  return askOfEach(ports, servers, memory.starts, async (server) => {
    const answer = await ports.cloud.listActions(server);
    if (answer.ok) return known(startsOf(answer.value ?? []));
    return answer.effect === 'refused' ? known(NOT_STARTED) : unknown(answer.reason);
  });
}

/** Where these servers are. */
function lookForServers(ports: Ports, memory: Memory, servers: readonly ServerId[]): Promise<void> {
  return askOfEach(ports, servers, memory.whereabouts, async (server) => {
    const answer = await ports.cloud.getServer(server);
    if (!answer.ok) return unknown(answer.reason);
    return known(answer.value === null || answer.value.deleted ? null : answer.value.host);
  });
}

/** The last live migration of each of these; what Nova will not say, its policy's refusal included, is unknown. */
function lookAtLiveMigrations(ports: Ports, memory: Memory, servers: readonly ServerId[]): Promise<void> {
  return askOfEach(ports, servers, memory.liveMigrations, async (server) => {
    const answer = await ports.cloud.lastLiveMigration(server, 0);
    return answer.ok ? known(answer.value) : unknown(answer.reason);
  });
}

async function readChanges(
  { cloud, clock }: Ports,
  host: HostMemory,
  since: number | null,
  at: number,
): Promise<string | null> {
  const from = host.changedNova === null ? since : host.changedNova - LOOK_OVERLAP_MS;
  if (from === null) return null;
  const askedAt = clock.mono();
  const answer = await cloud.listServersChanged(from);
  const trouble = whatIsWrong(answer);
  if (trouble !== null || !answer.ok) return trouble;
  const ours = evacuatedSince(host, since);
  for (const server of answer.value.items) {
    if (host.servers.has(server.id) || ours.has(server.id) || server.host === host.host)
      rememberServer(host, server, at);
  }
  host.novaNow = answer.value.novaNow;
  // A busy Nova dates its answer many seconds after it has read the database.
  host.changedNova = host.novaNow - (clock.mono() - askedAt);
  host.changedAt = at;
  return null;
}

/** Servers that no list has shown where they are now: gone from the host, or known by their evacuation only. */
async function readMissing(
  cloud: CloudPort,
  host: HostMemory,
  since: number | null,
  at: number,
  missing: Set<ServerId>,
): Promise<string | null> {
  for (const id of evacuatedSince(host, since)) if (!host.servers.has(id)) missing.add(id);
  // The changes, read after the list, have told of most already.
  const unexplained = [...missing].filter((id) => {
    const held = host.servers.get(id);
    return held === undefined || (!held.deleted && held.host === host.host);
  });
  for (const id of unexplained.slice(0, SINGLE_GETS_PER_LOOK)) {
    const answer = await cloud.getServer(id);
    if (!answer.ok) return answer.reason;
    const held = host.servers.get(id);
    if (answer.value !== null) rememberServer(host, answer.value, at);
    else if (held !== undefined) host.servers.set(id, { ...held, deleted: true });
    else rememberServer(host, goneServer(id), at);
  }
  if (unexplained.length > SINGLE_GETS_PER_LOOK) host.listedAt = -1;
  return null;
}

function goneServer(id: ServerId): Parameters<typeof rememberServer>[1] {
  return {
    id,
    name: id,
    host: null,
    vmState: 'deleted',
    taskState: null,
    fault: null,
    deleted: true,
    createdAt: 0,
    projectId: '',
    flavor: { name: '', id: null, extraSpecs: unknown('it was deleted') },
    imageId: null,
    metadata: {},
    tags: unknown('it was deleted'),
    addresses: { fixed: [], floating: [] },
    volumes: [],
    locked: false,
    powerState: null,
    availabilityZone: null,
  };
}

async function readTraits(cloud: CloudPort, host: HostMemory, at: number): Promise<null> {
  const answer = await cloud.providerTraits(host.host);
  host.traitsAt = at;
  host.traits = answer.ok
    ? answer.value === null
      ? unknown(`Placement has no resource provider of ${host.host}`)
      : known(answer.value)
    : unknown(answer.reason);
  return null;
}

function evacuatedSince(host: HostMemory, since: number | null): ReadonlySet<ServerId> {
  const ids = new Set<ServerId>();
  if (since === null) return ids;
  for (const evacuation of host.evacuations.values())
    if (evacuation.createdAt >= since) ids.add(evacuation.server);
  return ids;
}

function whatIsWrong(answer: Answer<Listed<unknown>>): string | null {
  if (!answer.ok) return answer.reason;
  return answer.value.partial ? 'a cell of Nova does not answer, so its list is not complete' : null;
}
