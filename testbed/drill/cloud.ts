/**
 * A small client of the rig's cloud for the set-up and the last look. Written for the drill and shared with
 * nothing else: the drill must not have the bugs of what it tests.
 */
import { readFileSync } from 'node:fs';
import { parseRcFile } from './parse.ts';
import { DrillError } from './run.ts';

const REQUEST_TIMEOUT_MS = 60_000;
const COMPUTE_MICROVERSION = '2.93';
const PAGE = 1000;

export interface Seed {
  readonly flavor: string;
  readonly image: string;
  readonly network: string;
  readonly externalNetwork: string;
}

export interface Server {
  readonly id: string;
  readonly name: string;
  readonly status: string;
  readonly host: string | null;
  readonly vmState: string;
  readonly taskState: string | null;
  readonly locked: boolean;
  readonly flavor: string;
  readonly fault: string | null;
}

export interface ComputeService {
  readonly id: string;
  readonly host: string;
  readonly state: string;
  readonly status: string;
  readonly forcedDown: boolean;
  readonly reason: string | null;
}

export interface FloatingAddress {
  readonly id: string;
  readonly address: string;
  readonly fixed: string | null;
  readonly port: string | null;
}

type Json = Record<string, unknown>;
type ServiceType = 'compute' | 'network';

export interface Cloud {
  call(method: string, service: ServiceType, path: string, body?: Json): Promise<Json>;
}

const asList = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : []);
const asText = (value: unknown): string => (typeof value === 'string' ? value : '');
const orNull = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

interface Session {
  readonly token: string;
  readonly catalog: ReadonlyMap<string, string>;
}

interface Answer {
  readonly response: Response;
  readonly text: string;
}

/** One request; a DrillError where no whole answer comes in time. */
async function ask(url: string, init: RequestInit): Promise<Answer> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
    return { response, text: await response.text() };
  } catch (error) {
    const { message, cause } = error as Error;
    const why = cause instanceof Error && cause.message !== '' ? cause.message : message;
    throw new DrillError(`${init.method} ${url}: no answer (${why})`);
  }
}

async function login(rc: ReadonlyMap<string, string>): Promise<Session> {
  const get = (key: string, other = ''): string => rc.get(key) ?? other;
  const domain = (name: string): Json =>
    rc.has(`OS_${name}_DOMAIN_ID`)
      ? { id: get(`OS_${name}_DOMAIN_ID`) }
      : { name: get(`OS_${name}_DOMAIN_NAME`, 'Default') };
  const { response, text } = await ask(`${get('OS_AUTH_URL')}/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      auth: {
        identity: {
          methods: ['password'],
          password: {
            user: { name: get('OS_USERNAME'), domain: domain('USER'), password: get('OS_PASSWORD') },
          },
        },
        scope: { project: { name: get('OS_PROJECT_NAME'), domain: domain('PROJECT') } },
      },
    }),
  });
  const token = response.headers.get('x-subject-token');
  if (!response.ok || token === null) throw new DrillError(`keystone: no token (${response.status})`);
  const body = JSON.parse(text) as { token?: { catalog?: unknown } };
  const catalog = new Map<string, string>();
  for (const service of asList(body.token?.catalog)) {
    const endpoint = asList(service.endpoints).find((candidate) => candidate.interface === 'public');
    if (endpoint) catalog.set(asText(service.type), asText(endpoint.url).replace(/\/$/, ''));
  }
  return { token, catalog };
}

/** The cloud of an rc file; the token is fetched at the first call. */
export function openCloud(rcFile: string): Cloud {
  const rc = parseRcFile(readFileSync(rcFile, 'utf8'));
  let session: Promise<Session> | null = null;
  return {
    call: async (method, service, path, body) => {
      session ??= login(rc);
      const { token, catalog } = await session;
      const base = catalog.get(service);
      if (base === undefined) throw new DrillError(`keystone's catalogue has no ${service}`);
      const headers: Record<string, string> = { 'x-auth-token': token, accept: 'application/json' };
      if (service === 'compute') headers['openstack-api-version'] = `compute ${COMPUTE_MICROVERSION}`;
      if (body !== undefined) headers['content-type'] = 'application/json';
      const { response, text } = await ask(base + path, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      if (!response.ok) throw new DrillError(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
      return text === '' ? {} : (JSON.parse(text) as Json);
    },
  };
}

export function readSeed(file: string): Seed {
  const seed = JSON.parse(readFileSync(file, 'utf8')) as Json;
  const need = (key: string): string => {
    const value = seed[key];
    if (typeof value !== 'string') throw new DrillError(`${file} has no "${key}"`);
    return value;
  };
  return {
    flavor: need('flavor'),
    image: need('image'),
    network: need('network'),
    externalNetwork: need('external_network'),
  };
}

function serverOf(server: Json): Server {
  return {
    id: asText(server.id),
    name: asText(server.name),
    status: asText(server.status),
    host: orNull(server['OS-EXT-SRV-ATTR:host']),
    vmState: asText(server['OS-EXT-STS:vm_state']),
    taskState: orNull(server['OS-EXT-STS:task_state']),
    locked: server.locked === true,
    flavor: asText((server.flavor as Json | undefined)?.original_name),
    fault: orNull((server.fault as Json | undefined)?.message),
  };
}

export async function getServer(cloud: Cloud, id: string): Promise<Server> {
  return serverOf(((await cloud.call('GET', 'compute', `/servers/${id}`)).server ?? {}) as Json);
}

export async function listServers(cloud: Cloud): Promise<Server[]> {
  const servers: Server[] = [];
  let marker = '';
  for (;;) {
    const page = asList(
      (await cloud.call('GET', 'compute', `/servers/detail?all_tenants=1&limit=${PAGE}${marker}`)).servers,
    );
    servers.push(...page.map(serverOf));
    const last = page.at(-1);
    if (page.length < PAGE || last === undefined) return servers;
    marker = `&marker=${asText(last.id)}`;
  }
}

export async function listServices(cloud: Cloud): Promise<ComputeService[]> {
  const body = await cloud.call('GET', 'compute', '/os-services?binary=nova-compute');
  return asList(body.services).map((service) => ({
    id: asText(service.id),
    host: asText(service.host),
    state: asText(service.state),
    status: asText(service.status),
    forcedDown: service.forced_down === true,
    reason: orNull(service.disabled_reason),
  }));
}

export const changeService = (cloud: Cloud, id: string, change: Json): Promise<Json> =>
  cloud.call('PUT', 'compute', `/os-services/${id}`, change);

export interface NewServer {
  readonly name: string;
  readonly host: string;
  /** An availability zone that it has to stay in. */
  readonly zone?: string | null;
  readonly metadata?: Readonly<Record<string, string>>;
  /** The id of its server group. */
  readonly group?: string | null;
}

/** Asks for one server; the network gives it a fixed address. */
export async function createServer(cloud: Cloud, seed: Seed, wanted: NewServer): Promise<string> {
  const { name, host, zone = null, metadata = {}, group = null } = wanted;
  const body = await cloud.call('POST', 'compute', '/servers', {
    server: {
      name,
      host,
      metadata,
      ...(zone === null ? {} : { availability_zone: zone }),
      flavorRef: seed.flavor,
      imageRef: seed.image,
      networks: [{ uuid: seed.network }],
    },
    ...(group === null ? {} : { 'os:scheduler_hints': { group } }),
  });
  return asText((body.server as Json | undefined)?.id);
}

/** The id of a new server group. */
export async function createGroup(
  cloud: Cloud,
  name: string,
  policy: string,
  membersAHost: number,
): Promise<string> {
  const body = await cloud.call('POST', 'compute', '/os-server-groups', {
    server_group: { name, policy, rules: { max_server_per_host: membersAHost } },
  });
  return asText((body.server_group as Json | undefined)?.id);
}

export async function listGroups(cloud: Cloud): Promise<string[]> {
  const body = await cloud.call('GET', 'compute', '/os-server-groups?all_projects=True');
  return asList(body.server_groups).map((group) => asText(group.id));
}

export const deleteGroup = (cloud: Cloud, id: string): Promise<Json> =>
  cloud.call('DELETE', 'compute', `/os-server-groups/${id}`);

export interface Aggregate {
  readonly id: number;
  readonly hosts: readonly string[];
}

/** A host aggregate; `zone` makes it an availability zone. */
export async function createAggregate(
  cloud: Cloud,
  name: string,
  zone: string | null,
  hosts: readonly string[],
): Promise<void> {
  const aggregate = zone === null ? { name } : { name, availability_zone: zone };
  const body = await cloud.call('POST', 'compute', '/os-aggregates', { aggregate });
  const id = Number((body.aggregate as Json | undefined)?.id);
  for (const host of hosts)
    await cloud.call('POST', 'compute', `/os-aggregates/${id}/action`, { add_host: { host } });
}

export async function listAggregates(cloud: Cloud): Promise<Aggregate[]> {
  const body = await cloud.call('GET', 'compute', '/os-aggregates');
  return asList(body.aggregates).map(({ id, hosts }) => ({
    id: Number(id),
    hosts: Array.isArray(hosts) ? hosts.map(asText) : [],
  }));
}

/** Nova deletes only an empty one. */
export async function deleteAggregate(cloud: Cloud, { id, hosts }: Aggregate): Promise<void> {
  for (const host of hosts)
    await cloud.call('POST', 'compute', `/os-aggregates/${id}/action`, { remove_host: { host } });
  await cloud.call('DELETE', 'compute', `/os-aggregates/${id}`);
}

export const deleteServer = (cloud: Cloud, id: string): Promise<Json> =>
  cloud.call('DELETE', 'compute', `/servers/${id}`);

export const actOnServer = (cloud: Cloud, id: string, action: Json): Promise<Json> =>
  cloud.call('POST', 'compute', `/servers/${id}/action`, action);

export interface Port {
  readonly id: string;
  readonly server: string;
  readonly addresses: readonly string[];
  readonly boundTo: string | null;
}

/** The ports of servers. */
export async function listPorts(cloud: Cloud): Promise<Port[]> {
  const body = await cloud.call('GET', 'network', '/v2.0/ports');
  return asList(body.ports)
    .filter((port) => asText(port.device_owner).startsWith('compute:'))
    .map((port) => ({
      id: asText(port.id),
      server: asText(port.device_id),
      addresses: asList(port.fixed_ips).map((ip) => asText(ip.ip_address)),
      boundTo: orNull(port['binding:host_id']),
    }));
}

export async function listFloating(cloud: Cloud): Promise<FloatingAddress[]> {
  const body = await cloud.call('GET', 'network', '/v2.0/floatingips');
  return asList(body.floatingips).map((ip) => ({
    id: asText(ip.id),
    address: asText(ip.floating_ip_address),
    fixed: orNull(ip.fixed_ip_address),
    port: orNull(ip.port_id),
  }));
}

export const createFloating = (cloud: Cloud, seed: Seed, port: string): Promise<Json> =>
  cloud.call('POST', 'network', '/v2.0/floatingips', {
    floatingip: { floating_network_id: seed.externalNetwork, port_id: port },
  });

export const deleteFloating = (cloud: Cloud, id: string): Promise<Json> =>
  cloud.call('DELETE', 'network', `/v2.0/floatingips/${id}`);
