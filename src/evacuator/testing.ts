/**
 * A small cloud and cluster in virtual time for the evacuator's tests: enough of Nova's evacuation records,
 * refusals and delays, and of Pacemaker's attributes, to break every rule that the evacuator has to keep.
 */

import type { ActionView } from '../core/actions.ts';
import type { EvacuateOptions } from '../core/decision.ts';
import { type HostName, hostName, type NodeName, nodeName, type ServerId, serverId } from '../core/names.ts';
import {
  type AggregateView,
  type ControlServiceView,
  type FencingEvent,
  type ImageView,
  known,
  type LiveMigrationView,
  type NodeView,
  type PortView,
  type ProviderView,
  type ServerGroupView,
  type ServiceView,
  type Stored,
  unknown,
} from '../core/observation.ts';

import {
  EVACUATE_ATTRIBUTE,
  EVACUATION_ATTRIBUTE,
  formatIncident,
  HISTORY_ATTRIBUTE,
  HOLD_ATTRIBUTE,
  INCIDENT_ATTRIBUTE,
  LOCAL_DISK_ATTRIBUTE,
  type PauseRecord,
  parseEvacuation,
  parseHistory,
  parseIncident,
  RELEASE_ATTRIBUTE,
} from '../core/records.ts';
import type { IncidentReport } from '../core/report.ts';
import { aServer } from '../core/testing.ts';
import { newPause } from './pause.ts';
import type { Answer, Listed, Ports, SeenServer, TickReport } from './ports.ts';

export const EPOCH = Date.parse('2026-01-01T00:00:00Z');

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** Virtual time: nothing passes but what is advanced. */
export class VirtualTime {
  time = 1_000;
  #order = 0;
  readonly #timers: Timer[] = [];

  after(ms: number, run: () => void): void {
    this.#timers.push({ at: this.time + ms, order: this.#order++, run });
    this.#timers.sort((a, b) => a.at - b.at || a.order - b.order);
  }

  delay(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Lets `ms` pass; promises get their turns in between. */
  async advance(ms: number): Promise<void> {
    const end = this.time + ms;
    await settle();
    while (this.#timers[0] !== undefined && this.#timers[0].at <= end) {
      const next = this.#timers.shift();
      if (next === undefined) break;
      this.time = Math.max(this.time, next.at);
      next.run();
      await settle();
    }
    this.time = end;
  }
}

/** Lets all promises that can go on do so. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

export type FakeServer = { -readonly [key in keyof SeenServer]: SeenServer[key] } & { updatedAt: number };

export interface FakeEvacuation {
  readonly id: number;
  readonly server: ServerId;
  readonly source: HostName;
  dest: HostName | null;
  status: string;
  readonly createdAt: number;
  updatedAt: number;
}

/** How one evacuation goes. */
export interface Fate {
  readonly spawnMs: number;
  /** `given-up`: by nova-conductor, with an error that it does not know: the record stays as it is. */
  readonly end: 'done' | 'failed' | 'error' | 'given-up' | 'never';
  /** The answer to the request: lost after it took effect, lost before, or given. */
  readonly answer: 'given' | 'lost-after' | 'lost-before' | 'refused-connection';
  /** How long the request lies in nova-api before it takes effect. */
  readonly queuedMs?: number;
  /** How long the conductor takes from the scheduler's choice to its message; none is received by a dead host. */
  readonly sendMs?: number;
  /** How long the destination has the message before it claims. */
  readonly claimMs?: number;
  /** When its claim and its end come, instead of by `claimMs` and `spawnMs`: the test's own control plane says. */
  readonly plane?: { readonly claimed: () => Promise<void>; readonly ended: () => Promise<void> };
}

/** How long the evacuator waits for an answer. */
const REQUEST_LIMIT_MS = 20_000;
const GOOD: Fate = { spawnMs: 3_000, end: 'done', answer: 'given' };

export class World {
  readonly clock = new VirtualTime();
  readonly victim = nodeName('compute-1');
  readonly victimHost = hostName('compute-1');
  readonly permanent = new Map<string, string>();
  readonly transient = new Map<string, string>();
  readonly servers: FakeServer[] = [];
  readonly evacuations: FakeEvacuation[] = [];
  readonly services = new Map<HostName, ServiceView>();
  readonly violations: string[] = [];
  readonly log: string[] = [];
  readonly reports: TickReport[] = [];
  readonly incidents: IncidentReport[] = [];
  history: FencingEvent[] = [];
  online = new Set<NodeName>();
  /** Nodes that somebody has confirmed to be fenced. */
  readonly confirmed = new Set<NodeName>();
  quorum = true;
  /** The controllers' clock against Nova's, ms. */
  clockMs = 0;
  /** When the processes noticed that they had stood still. */
  thawedAt = -1;
  /** The tools that read the cluster give no answer. */
  clusterDown = false;
  pause: Stored<PauseRecord> = null;
  powerFencedFirst = true;
  cloudDown = false;
  /** Changes of services are done, and their answers are lost. */
  serviceAnswersLost = false;
  posts = 0;
  gets = 0;
  /** What was done with a server, newest first; those that are not here have been created, and no more. */
  readonly actions = new Map<ServerId, readonly ActionView[]>();
  /** The last live migration of a server; one that is not there has had none. */
  readonly liveMigrations = new Map<ServerId, LiveMigrationView>();
  /** Full listings of the host. */
  listings = 0;
  /** The fate of the n-th request, from 0. */
  fate: (n: number, server: FakeServer) => Fate = () => GOOD;
  traits: string[] = [];
  aggregates: AggregateView[] = [];
  serverGroups: ServerGroupView[] = [];
  images: ImageView[] = [];
  control: ControlServiceView[] = (['nova-scheduler', 'nova-conductor'] as const).map((binary) => ({
    binary,
    host: 'controller-1',
    state: 'up',
    status: 'enabled',
    forcedDown: false,
  }));
  /** Questions that get no answer, by what they ask for. */
  readonly silent = new Set<string>();
  /** ... and those that only get none after a long time. */
  readonly hangs = new Set<string>();
  /** Every request to evacuate, in its order. */
  readonly asked: { readonly at: number; readonly server: FakeServer; readonly options: EvacuateOptions }[] =
    [];
  portsOf: (id: ServerId) => PortView[] = () => [];
  /** What Pacemaker says of nova-compute on each node. */
  novaCompute: NodeView['novaCompute'] = null;
  #migration = 100;
  #fenced = true;
  /** How often a host has died; what it began in an earlier life is over. */
  readonly #lives = new Map<HostName, number>();
  readonly #dead = new Set<number>();
  /** Evacuation → how far its own request has come. */
  readonly #trails = new Map<
    number,
    { sent: boolean; gaveUp: boolean; receivedAt: number | null; receivedBy: HostName | null }
  >();
  /** Evacuations whose message a host has received and not claimed yet. */
  readonly #received = new Map<number, HostName>();
  /** Messages that wait for the next nova-compute of a host. */
  readonly #queues = new Map<HostName, (() => void)[]>();
  /** Hosts that were chosen for a server: what is allocated there stays when they die. */
  readonly #chosen = new Map<ServerId, Set<HostName>>();

  constructor(instances: number, hosts = 3) {
    for (const name of Array.from({ length: hosts }, (_, i) => `compute-${i + 1}`)) {
      const host = hostName(name);
      this.online.add(nodeName(name));
      this.services.set(host, {
        id: `svc-${name}`,
        host,
        state: 'up',
        status: 'enabled',
        zone: 'nova',
        disabledReason: null,
        forcedDown: false,
        updatedAt: this.nova(),
      });
    }
    for (let i = 0; i < instances; i++) this.addServer(i, 'active');
  }

  addServer(i: number, vmState: string, more: Partial<FakeServer> = {}): FakeServer {
    const { taskSince: _, ...common } = aServer();
    const server: FakeServer = {
      ...common,
      id: serverId(`${i.toString(16).padStart(8, '0')}-0000-4000-8000-000000000000`),
      name: `vm-${String(i).padStart(3, '0')}`,
      host: this.victimHost,
      vmState,
      updatedAt: this.nova() - 3_600_000,
      ...more,
    };
    this.servers.push(server);
    return server;
  }

  nova(): number {
    return EPOCH + Math.floor(this.clock.time);
  }

  /** A node dies, is fenced and marked, as Pacemaker and fence_compute do it; what it was spawning dies with it. */
  fence(id = `i${this.clock.time}`, node = this.victim): void {
    const host = hostName(node);
    this.online.delete(node);
    this.#lives.set(host, this.#lifeOf(host) + 1);
    for (const e of this.evacuations) {
      if (e.dest === host && e.status === 'pre-migrating') this.#dead.add(e.id);
      if (this.#received.get(e.id) === host) this.#dead.add(e.id);
    }
    this.services.set(host, { ...this.service(host), state: 'down' });
    const incident = formatIncident({ id, at: this.nova(), by: 'fencer', on: 'controller-1' });
    this.permanent.set(`${node} ${INCIDENT_ATTRIBUTE}`, incident);
    this.transient.set(`${node} ${EVACUATE_ATTRIBUTE}`, 'yes');
    this.history = [{ action: 'reboot', status: 'pending', completedAt: null }];
    this.clock.after(1_500, () => {
      if (this.#fenced) this.history = [{ action: 'reboot', status: 'success', completedAt: this.nova() }];
    });
  }

  /** The marks are there, but this time's fencing failed; only an old one succeeded. */
  neverFenced(): void {
    this.#fenced = false;
    this.history = [
      { action: 'reboot', status: 'failed', completedAt: this.nova() },
      { action: 'reboot', status: 'success', completedAt: this.nova() - 3_600_000 },
    ];
  }

  /** A node boots: its transient attributes are erased, nova-compute-wait asks. */
  rejoin(token = 'boot-0001-0001', node = this.victim): void {
    for (const key of [...this.transient.keys()]) if (key.startsWith(`${node} `)) this.transient.delete(key);
    this.online.add(node);
    this.transient.set(`${node} ${HOLD_ATTRIBUTE}`, token);
  }

  /** nova-compute starts on a node, if nothing holds it; then it reports and completes its records. */
  startNovaCompute(node = this.victim): boolean {
    const host = hostName(node);
    const token = this.transient.get(`${node} ${HOLD_ATTRIBUTE}`);
    const released = this.transient.get(`${node} ${RELEASE_ATTRIBUTE}`) === `released ${token}`;
    if (this.permanent.has(`${node} ${INCIDENT_ATTRIBUTE}`) || !released) return false;
    if (this.live().some((e) => e.source === host)) {
      this.violations.push('nova-compute starts while an evacuation is live');
    }
    for (const e of this.evacuations) {
      // At its start it takes whatever names it as source for evacuated.
      if (e.source === host && ['done', 'accepted', 'pre-migrating'].includes(e.status)) {
        Object.assign(e, { status: 'completed', updatedAt: this.nova() });
      }
    }
    const service = this.service(host);
    const state = service.forcedDown ? 'down' : 'up';
    this.services.set(host, { ...service, updatedAt: this.nova() + 2_000, state });
    for (const message of this.#queues.get(host) ?? []) this.clock.after(500, message);
    this.#queues.delete(host);
    return true;
  }

  service(host: HostName): ServiceView {
    const service = this.services.get(host);
    if (service === undefined) throw new Error(`no service ${host}`);
    return service;
  }

  /** Evacuations that somebody goes on with: not those whose destination has died since. */
  live(): FakeEvacuation[] {
    const started = ['accepted', 'pre-migrating'];
    return this.evacuations.filter((e) => started.includes(e.status) && !this.#dead.has(e.id));
  }

  /** The services as Nova has heard of them: the living have just reported. */
  #heard(): ServiceView[] {
    return [...this.services.values()].map((service) =>
      service.state === 'up' ? { ...service, updatedAt: this.nova() } : service,
    );
  }

  #changeAggregate(id: number, change: (hosts: readonly HostName[]) => readonly HostName[]): null {
    this.aggregates = this.aggregates.map((each) =>
      each.id === id ? { ...each, hosts: change(each.hosts) } : each,
    );
    return null;
  }

  #lifeOf(host: HostName): number {
    return this.#lives.get(host) ?? 0;
  }

  attribute(name: string): string | undefined {
    return this.permanent.get(`${this.victim} ${name}`);
  }

  /** Ports of one evacuator process; a killed one gets no more answers and can do nothing. */
  ports(): Ports & { kill: () => void } {
    let alive = true;
    const dead = new Promise<never>(() => {});
    const call = async <T>(ms: number, run: () => T): Promise<T> => {
      await this.clock.delay(ms);
      if (!alive) return dead;
      return run();
    };
    const cloud = <T>(value: () => T): Promise<Answer<T>> =>
      call(50, () => {
        this.gets++;
        return this.cloudDown
          ? { ok: false as const, reason: 'connection refused', effect: 'none' as const }
          : { ok: true as const, value: value() };
      });
    const silence = { ok: false, reason: 'no answer', effect: 'none' } as const;
    const fact = <T>(what: string, value: () => T): Promise<Answer<T>> =>
      this.silent.has(what) ? call(50, () => silence) : cloud(() => structuredClone(value()));
    // Glance and Neutron: not counted as requests to Nova.
    const elsewhere = <T>(what: string, value: () => T): Promise<Answer<T>> =>
      call(this.hangs.has(what) ? REQUEST_LIMIT_MS : 50, () =>
        this.silent.has(what) || this.hangs.has(what) ? silence : { ok: true, value: value() },
      );
    const listed = <T>(items: readonly T[]): Listed<T> => ({
      items: structuredClone(items),
      novaNow: this.nova(),
      partial: false,
    });
    const seen = ({ updatedAt: _, ...server }: FakeServer): SeenServer => structuredClone(server);
    return {
      kill: () => {
        alive = false;
      },
      clock: {
        now: () => this.nova() + this.clockMs,
        mono: () => this.clock.time,
        thawedAt: () => this.thawedAt,
        ...newPause({
          mono: () => this.clock.time,
          after: (ms, run) => {
            this.clock.after(ms, () => {
              if (alive) run();
            });
            return () => {};
          },
        }),
      },
      cluster: {
        readNodes: () =>
          call(10, () =>
            this.clusterDown
              ? unknown('no answer')
              : known({ haveQuorum: this.quorum, nodes: this.#nodes(), pause: this.pause }),
          ),
        readHistory: () => call(10, () => known(structuredClone(this.history))),
        writePermanent: (node, attribute, value) =>
          call(20, () => {
            this.permanent.set(`${node} ${attribute}`, value);
            return { ok: true as const, value: null };
          }),
        deletePermanent: (node, attribute, incident) =>
          call(20, () => {
            const key = `${node} ${attribute}`;
            if (this.permanent.get(key)?.includes(`=${incident},`)) this.permanent.delete(key);
            if (attribute === INCIDENT_ATTRIBUTE && this.live().some((e) => e.source === hostName(node)))
              this.violations.push('released while an evacuation is live');
            return { ok: true as const, value: null };
          }),
        writeTransient: (node, attribute, value) =>
          call(20, () => {
            this.transient.set(`${node} ${attribute}`, value);
            return { ok: true as const, value: null };
          }),
      },
      cloud: {
        listServices: () => cloud(() => ({ ...listed(this.#heard()), control: this.control })),
        listEvacuations: (source, since) =>
          cloud(() =>
            listed(this.evacuations.filter((e) => e.source === source && e.updatedAt >= (since ?? 0))),
          ),
        listServersOn: (host) =>
          cloud(() => {
            this.listings++;
            return listed(this.servers.filter((s) => s.host === host && !s.deleted).map(seen));
          }),
        listServersChanged: (since) =>
          cloud(() => listed(this.servers.filter((s) => s.updatedAt >= since).map(seen))),
        getServer: (id) =>
          cloud(() => {
            const server = this.servers.find((s) => s.id === id && !s.deleted);
            return server ? seen(server) : null;
          }),
        listActions: (id) =>
          this.silent.has('actions')
            ? call(50, () => ({ ok: false, reason: 'policy forbids it', effect: 'refused' }))
            : cloud(() => this.actions.get(id) ?? [{ action: 'create', hasFailed: false, startedAt: null }]),
        listMovesAway: (host, since) =>
          cloud(() =>
            [...this.liveMigrations.values()].filter(
              (e) => e.source === host && (e.status === 'error' || e.createdAt >= since),
            ),
          ),
        lastLiveMigration: (id) => cloud(() => this.liveMigrations.get(id) ?? null),
        trailOf: ({ id }) =>
          cloud(() => ({
            ...(this.#trails.get(id) ?? { sent: false, gaveUp: false, receivedAt: null, receivedBy: null }),
          })),
        updateService: (id, change) =>
          call(50, () => {
            if (this.cloudDown) return { ok: false, reason: 'connection refused', effect: 'none' };
            const service = [...this.services.values()].find((s) => s.id === id);
            if (service === undefined) return { ok: false, reason: 'no such service', effect: 'refused' };
            if (
              change.forcedDown === false &&
              this.evacuations.some((e) => e.source === service.host && e.status === 'done')
            ) {
              return { ok: false, reason: 'done records remain', effect: 'refused' };
            }
            const forcedDown = change.forcedDown ?? service.forcedDown;
            const alive = this.online.has(nodeName(service.host));
            const next: ServiceView = {
              ...service,
              forcedDown,
              status: change.status ?? service.status,
              disabledReason:
                change.status === 'enabled' ? null : (change.disabledReason ?? service.disabledReason),
              state: forcedDown || !alive ? 'down' : 'up',
            };
            this.services.set(service.host, next);
            if (this.serviceAnswersLost) return { ok: false, reason: 'timed out', effect: 'unknown' };
            return { ok: true, value: next };
          }),
        evacuate: (id, options) => this.#evacuate(id, options, call),
        listAggregates: () => fact('aggregates', () => this.aggregates),
        addHostToAggregate: (id, host) =>
          fact('aggregate change', () => this.#changeAggregate(id, (hosts) => [...hosts, host])),
        removeHostFromAggregate: (id, host) =>
          fact('aggregate change', () =>
            this.#changeAggregate(id, (hosts) => hosts.filter((each) => each !== host)),
          ),
        listServerGroups: () => fact('server groups', () => this.serverGroups),
        listFlavors: () => fact('flavors', () => []),
        findImages: () => elsewhere('images', () => this.images),
        listPorts: (ids) => elsewhere('ports', () => new Map(ids.map((id) => [id, this.portsOf(id)]))),
        microversion: () => call(0, () => ({ ok: true as const, value: { max: '2.93', used: '2.93' } })),
        stopServer: (id) =>
          cloud(() => {
            const server = this.servers.find((s) => s.id === id);
            if (server) Object.assign(server, { vmState: 'stopped', updatedAt: this.nova() });
            return null;
          }),
        providerTraits: () => cloud(() => [...this.traits]),
        findPlacement: () => elsewhere('placement', () => null),
        hostsOfConsumer: (id) => elsewhere('placement', () => this.#allocated(id)),
      },
      journal: {
        tick: (report) => {
          this.reports.push(report);
        },
        report: (report) => {
          this.incidents.push(report);
        },
        event: (line) => {
          this.log.push(`${this.clock.time} ${line.level} ${line.node ?? line.host ?? '-'} ${line.msg}`);
        },
      },
    };
  }

  #nodes(): NodeView[] {
    return [...this.services.keys()].map((host) => {
      const name = nodeName(host);
      const incident = this.permanent.get(`${name} ${INCIDENT_ATTRIBUTE}`);
      const evacuation = this.permanent.get(`${name} ${EVACUATION_ATTRIBUTE}`);
      const past = this.permanent.get(`${name} ${HISTORY_ATTRIBUTE}`);
      return {
        name,
        kind: 'remote',
        online: this.online.has(name),
        fenced: this.confirmed.has(name),
        novaCompute: this.novaCompute,
        incident: incident === undefined ? null : (parseIncident(incident) ?? 'unreadable'),
        evacuation: evacuation === undefined ? null : (parseEvacuation(evacuation) ?? 'unreadable'),
        past: past === undefined ? null : (parseHistory(past) ?? 'unreadable'),
        localDiskAnswer: this.permanent.get(`${name} ${LOCAL_DISK_ATTRIBUTE}`) ?? null,
        pause: null,
        mark: this.transient.get(`${name} ${EVACUATE_ATTRIBUTE}`) ?? null,
        holdToken: this.transient.get(`${name} ${HOLD_ATTRIBUTE}`) ?? null,
        holdAnswer: this.transient.get(`${name} ${RELEASE_ATTRIBUTE}`) ?? null,
        powerFencedFirst: this.powerFencedFirst,
      };
    });
  }

  async #evacuate(
    id: ServerId,
    options: EvacuateOptions,
    call: <T>(ms: number, run: () => T) => Promise<T>,
  ): Promise<Answer<null>> {
    const server = this.servers.find((s) => s.id === id);
    if (server === undefined || server.host === null) return { ok: false, reason: '404', effect: 'refused' };
    const fate = this.fate(this.posts++, server);
    this.asked.push({ at: this.clock.time, server, options });
    if (this.cloudDown || fate.answer === 'refused-connection')
      return { ok: false, reason: 'connection refused', effect: 'none' };
    if (fate.answer === 'lost-before') {
      await this.clock.delay(REQUEST_LIMIT_MS);
      return call(0, () => ({ ok: false, reason: 'timeout', effect: 'unknown' }));
    }
    // A request goes on in nova-api though its sender has died or stopped waiting.
    const effect = this.clock.delay(fate.queuedMs ?? 100).then((): Answer<null> => {
      const refusal = this.#refuses(server);
      if (refusal !== null) return { ok: false, reason: refusal, effect: 'refused' };
      this.#begin(server, fate, options);
      return { ok: true, value: null };
    });
    const limit = this.clock
      .delay(REQUEST_LIMIT_MS)
      .then((): Answer<null> => ({ ok: false, reason: 'timeout', effect: 'unknown' }));
    const answer = await (fate.answer === 'lost-after' ? limit : Promise.race([effect, limit]));
    return call(0, () => answer);
  }

  /** The first living host but this one, as a scheduler without weights. */
  #schedule(source: HostName): HostName {
    const host = [...this.services.values()].find(
      (each) => each.host !== source && each.state === 'up' && each.status === 'enabled',
    );
    return host?.host ?? hostName('compute-3');
  }

  #refuses(server: FakeServer): string | null {
    if (!['active', 'stopped', 'error'].includes(server.vmState)) return `409 vm_state ${server.vmState}`;
    if (server.host !== null && this.service(server.host).state === 'up')
      return '400 Compute service is still in use';
    return null;
  }

  #begin(server: FakeServer, fate: Fate, options: EvacuateOptions): void {
    if (this.live().some((e) => e.server === server.id))
      this.violations.push(`two live evacuations of ${server.name}`);
    const source = server.host;
    if (source === null) return;
    if (this.service(source).state === 'up') this.violations.push('evacuation of a living host');
    const now = this.nova();
    const evacuation: FakeEvacuation = {
      id: this.#migration++,
      server: server.id,
      source,
      dest: options.host ?? null,
      status: 'accepted',
      createdAt: now,
      updatedAt: now,
    };
    this.evacuations.push(evacuation);
    Object.assign(server, { taskState: 'rebuilding', updatedAt: now });
    this.clock.after(200, () => this.#conduct(evacuation, server, fate, options));
  }

  /** The conductor: any accepted record of the server will do, the oldest comes first; then a host, then its message. */
  #conduct(asked: FakeEvacuation, server: FakeServer, fate: Fate, options: EvacuateOptions): void {
    const record = this.evacuations.find((e) => e.server === server.id && e.status === 'accepted') ?? asked;
    if (record !== asked) {
      this.#dead.delete(record.id);
      this.#dead.add(asked.id);
    }
    if (fate.end === 'error') {
      Object.assign(record, { status: 'error', updatedAt: this.nova() });
      const fault = 'No valid host was found.';
      Object.assign(server, { taskState: null, vmState: 'error', fault, updatedAt: this.nova() });
      return;
    }
    const trail = {
      ...{ sent: false, gaveUp: fate.end === 'given-up' },
      ...{ receivedAt: null as number | null, receivedBy: null as HostName | null },
    };
    this.#trails.set(asked.id, trail);
    if (fate.end === 'given-up') {
      this.#dead.add(record.id);
      return;
    }
    const dest = options.host ?? this.#schedule(record.source);
    this.#chosen.set(server.id, new Set([...(this.#chosen.get(server.id) ?? []), dest]));
    const take = (): void => {
      Object.assign(trail, { receivedAt: this.nova(), receivedBy: dest });
      this.#take(record, server, fate, dest);
    };
    const send = (): void => {
      trail.sent = true;
      if (this.service(dest).state === 'up') take();
      else this.#queues.set(dest, [...(this.#queues.get(dest) ?? []), take]);
    };
    if (fate.sendMs === undefined) send();
    else this.clock.after(fate.sendMs, send);
  }

  #allocated(id: ServerId): ProviderView[] {
    const host = this.servers.find((server) => server.id === id)?.host;
    const hosts = new Set([...(host ? [host] : []), ...(this.#chosen.get(id) ?? [])]);
    return [...hosts].map((each) => ({ provider: each, host: each }));
  }

  /** A destination receives the message, and claims. */
  #take(record: FakeEvacuation, server: FakeServer, fate: Fate, dest: HostName): void {
    const life = this.#lifeOf(dest);
    const claim = (): void => {
      this.#received.delete(record.id);
      if (this.#lifeOf(dest) !== life) return;
      if (record.status !== 'accepted' || server.host !== record.source)
        this.violations.push(`${server.name} is claimed by a late message`);
      Object.assign(record, { status: 'pre-migrating', dest, updatedAt: this.nova() });
      const spawned = (): void => this.#spawned(record, server, fate, life);
      if (fate.plane) void fate.plane.ended().then(spawned);
      else if (fate.end !== 'never') this.clock.after(Math.max(0, fate.spawnMs - 200), spawned);
    };
    this.#received.set(record.id, dest);
    if (fate.plane) void fate.plane.claimed().then(claim);
    else if (fate.claimMs === undefined) claim();
    else this.clock.after(fate.claimMs, claim);
  }

  #spawned(record: FakeEvacuation, server: FakeServer, fate: Fate, life: number): void {
    const at = this.nova();
    if (record.dest === null || this.#lifeOf(record.dest) !== life) return;
    if (fate.end === 'failed') {
      Object.assign(record, { status: 'failed', updatedAt: at });
      Object.assign(server, { taskState: null, vmState: 'error', fault: 'spawn failed', updatedAt: at });
      return;
    }
    const vmState = server.vmState === 'error' ? 'active' : server.vmState;
    Object.assign(server, { taskState: null, vmState, host: record.dest, updatedAt: at });
    Object.assign(record, { status: 'done', updatedAt: at });
  }
}
