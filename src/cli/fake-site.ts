import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { success } from '../core/result.ts';
import { type FakeCloud, type SeenRequest, startFakeCloud } from '../openstack/testing.ts';
import { pacemakerResult } from '../pacemaker/fixtures.ts';
import type { RunTool } from '../pacemaker/tool.ts';

/** A cluster of `configure apply` and a small cloud, for tests of commands: real readers, real HTTP, no Pacemaker. */
export interface FakeSite {
  readonly run: RunTool;
  /** Command lines of what was called, reading ones too. */
  readonly calls: string[];
  readonly cloud: FakeCloud;
  cib: string;
  servers: {
    readonly id: string;
    readonly host: string;
    readonly vmState: string;
    readonly image: boolean;
    readonly memory: number;
    readonly metadata?: Readonly<Record<string, string>>;
  }[];
  evacuations: object[];
  /** What a PUT has changed of a host's service. */
  readonly services: Map<string, Readonly<Record<string, unknown>>>;
  /** What the hypervisor of a host calls itself; as Nova its host where it is not in it. */
  readonly hypervisors: Map<string, string>;
  /** Paths that Nova refuses (403). */
  readonly refused: Set<string>;
  /** Servers that Nova was asked to move alive. */
  readonly migrating: Set<string>;
  /** Whether every nova-compute has reported once more since it was last asked about. */
  reports: boolean;
  reportedAt: number;
  /** Computes that are offline in the cluster. */
  offline: string[];
  /** Those of them that are not fenced yet. */
  unclean: string[];
  /** Whether this partition has a majority of the controllers. */
  quorum: boolean;
  /** Exit code of the fence agents' next calls; 0: on, or done. */
  agent: number;
  close(): Promise<void>;
}

/** `report_interval` */
const REPORT_MS = 10_000;
const COMPUTES = ['compute-0', 'compute-1'];

/** Two computes that are well, two instances on the first. Listens on a free port and lays a directory out in /tmp, both until `close`. */
export async function startFakeSite(): Promise<FakeSite> {
  const directory = mkdtempSync(join(tmpdir(), 'instance-ha-site-'));
  const cloud = await startFakeCloud({ handle: (request) => answer(site, request) });
  const rcFile = join(directory, 'overcloudrc');
  writeFileSync(
    rcFile,
    `OS_AUTH_URL=${cloud.url}/v3\nOS_USERNAME=admin\nOS_PASSWORD='correct horse'\nOS_PROJECT_NAME=admin\n`,
    { mode: 0o600 },
  );
  const golden = readFileSync(new URL('../configure/golden/minimal.xml', import.meta.url), 'utf8');
  const site: FakeSite = {
    cloud,
    calls: [],
    cib: golden.replace('/etc/instance-ha/overcloudrc', rcFile),
    servers: [
      {
        id: '11111111-1111-4111-8111-111111111111',
        host: 'compute-0',
        vmState: 'active',
        image: true,
        memory: 4096,
      },
      {
        id: '22222222-2222-4222-8222-222222222222',
        host: 'compute-0',
        vmState: 'paused',
        image: false,
        memory: 4096,
      },
    ],
    evacuations: [],
    services: new Map(),
    hypervisors: new Map(),
    refused: new Set(),
    migrating: new Set(),
    reports: true,
    reportedAt: Date.UTC(2026, 10, 25, 4),
    offline: [],
    unclean: [],
    quorum: true,
    agent: 0,
    run: async (tool, args, { input }) => {
      site.calls.push([tool, ...args, ...(input?.split('\n').slice(0, 2) ?? [])].join(' '));
      if (tool.startsWith('fence_')) return success({ exitCode: site.agent, stdout: '', stderr: 'no' });
      if (tool === 'cibadmin') return success({ exitCode: 0, stdout: site.cib, stderr: '' });
      if (tool === 'crm_mon') return success({ exitCode: 0, stdout: crmMon(site), stderr: '' });
      return success({ exitCode: args.includes('-A') ? 78 : 0, stdout: '', stderr: '' });
    },
    close: async () => {
      await cloud.close();
      rmSync(directory, { recursive: true });
    },
  };
  return site;
}

const SINGLES = ['nova-evacuate', 'fence-nova', 'ipmilan-compute-0', 'ipmilan-compute-1'];
const CHAIN = ['nova-compute-checkevacuate', 'nova-compute'];
const started = (id: string, node: string): string =>
  `<resource id="${id}" resource_agent="x" role="Started" managed="true" failed="false" blocked="false"><node name="${node}" id="2"/></resource>`;

function crmMon(site: FakeSite): string {
  const node = (name: string, type: string): string =>
    `<node name="${name}" online="${!site.offline.includes(name)}" standby="false" maintenance="false" unclean="${site.unclean.includes(name)}" type="${type}"/>`;
  const nodes = [
    ...['controller-0', 'controller-1'].map((name) => node(name, 'member')),
    ...COMPUTES.map((name) => node(name, 'remote')),
  ];
  return pacemakerResult(
    `<summary><current_dc present="true" name="controller-0" with_quorum="${site.quorum}"/></summary><nodes>${nodes.join('')}</nodes>` +
      `<resources>${[...SINGLES.map((id) => started(id, 'controller-1')), ...CHAIN.flatMap((id) => COMPUTES.map((node) => started(id, node)))].join('')}</resources>`,
  );
}

function answer(
  site: FakeSite,
  { method, path, body, query }: SeenRequest,
): { status?: number; body?: unknown } | null {
  const change = /^\/compute\/v2\.1\/os-services\/([^/]+)$/.exec(path);
  if (method === 'PUT' && change !== null) {
    const host = change[1] ?? '';
    site.services.set(host, { disabled_reason: null, ...JSON.parse(body) });
    return { body: { service: service(site, host) } };
  }
  const action = /^\/compute\/v2\.1\/servers\/([^/]+)\/action$/.exec(path);
  if (method === 'POST' && action !== null && body.includes('os-migrateLive')) {
    site.migrating.add(action[1] ?? '');
    return { status: 202 };
  }
  if (method !== 'GET') return null;
  if (site.refused.has(path)) return { status: 403, body: { forbidden: { message: 'no', code: 403 } } };
  if (/^\/compute\/v2\.1\/servers\/[^/]+\/migrations$/.test(path)) return { body: { migrations: [] } };
  const single = /^\/compute\/v2\.1\/servers\/([^/]+)$/.exec(path);
  const one = site.servers.find(({ id }) => id === single?.[1]);
  if (one !== undefined) return { body: { server: server(site, one) } };
  const provider = /^\/placement\/resource_providers\/([^/]+)\/(inventories|allocations)$/.exec(path);
  if (provider !== null)
    return { body: provider[2] === 'inventories' ? inventories() : allocations(site, provider[1] ?? '') };
  switch (path) {
    case '/placement/resource_providers':
      return {
        body: {
          resource_providers: COMPUTES.map((host) => ({ uuid: host, name: hypervisorOf(site, host) })),
        },
      };
    case '/compute/v2.1/os-hypervisors/detail':
      return {
        body: {
          hypervisors: COMPUTES.map((compute) => {
            const { host } = { host: compute, ...site.services.get(compute) };
            return { hypervisor_hostname: hypervisorOf(site, compute), service: { id: compute, host } };
          }),
        },
      };
    case '/compute/v2.1/os-services':
      if (site.reports) site.reportedAt += REPORT_MS;
      return {
        body: {
          services: COMPUTES.map((host) => service(site, host)),
        },
      };
    case '/compute/v2.1/servers/detail':
      return {
        body: {
          servers: site.servers
            .filter(({ host }) => [null, host].includes(query.get('host')))
            .map((each) => server(site, each)),
        },
      };
    case '/image/v2/images':
      return { body: { images: [] } };
    case '/compute/v2.1/os-server-groups':
      return { body: { server_groups: [] } };
    case '/compute/v2.1/os-aggregates':
      return { body: { aggregates: [] } };
    case '/compute/v2.1/flavors/detail':
      return { body: { flavors: [] } };
    case '/compute/v2.1/os-migrations':
      return { body: { migrations: site.evacuations } };
    default:
      return null;
  }
}

const service = (site: FakeSite, host: string): object => ({
  id: host,
  binary: 'nova-compute',
  host,
  status: 'enabled',
  state: 'up',
  zone: 'nova',
  updated_at: `${new Date(site.reportedAt).toISOString().slice(0, 19)}.000000`,
  disabled_reason: null,
  forced_down: false,
  ...site.services.get(host),
});

const hypervisorOf = (site: FakeSite, host: string): string => site.hypervisors.get(host) ?? host;

const inventories = (): unknown => ({
  inventories: {
    MEMORY_MB: { total: 16384, reserved: 0, allocation_ratio: 1 },
    VCPU: { total: 16, reserved: 0, allocation_ratio: 1 },
  },
});

function allocations(site: FakeSite, host: string): unknown {
  const own = site.servers.filter((each) => each.host === host);
  return {
    allocations: Object.fromEntries(
      own.map(({ id, memory }) => [id, { resources: { MEMORY_MB: memory, VCPU: 1 } }]),
    ),
  };
}

function server(site: FakeSite, { id, host, vmState, image, metadata }: FakeSite['servers'][number]): object {
  return {
    id,
    name: `vm-${id.slice(0, 1)}`,
    status: vmState === 'active' ? 'ACTIVE' : vmState.toUpperCase(),
    tenant_id: 'p',
    'OS-EXT-SRV-ATTR:host': host,
    'OS-EXT-SRV-ATTR:hypervisor_hostname': hypervisorOf(site, host),
    'OS-EXT-STS:vm_state': vmState,
    'OS-EXT-STS:task_state': null,
    'OS-EXT-STS:power_state': 1,
    image: image ? { id: 'i' } : '',
    metadata: metadata ?? {},
    created: '2026-11-20T00:00:00Z',
    updated: '2026-11-20T00:00:00Z',
  };
}

/** A record of Nova, as it gives it. */
export function migration(
  id: number,
  instance: string,
  status: string,
  createdAt: string,
  updatedAt: string,
): object {
  return {
    id,
    uuid: `00000000-0000-4000-8000-00000000000${id}`,
    instance_uuid: instance,
    source_compute: 'compute-0',
    dest_compute: 'compute-1',
    status,
    migration_type: 'evacuation',
    created_at: createdAt,
    updated_at: updatedAt,
  };
}
