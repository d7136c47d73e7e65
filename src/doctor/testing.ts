import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { known } from '../core/observation.ts';
import {
  type ComputeService,
  type Server,
  ServerEnvelopeSchema,
  toServer,
} from '../openstack/nova-schemas.ts';
import type { HostUsage } from '../openstack/usage.ts';
import { parseCib } from '../pacemaker/cib.ts';
import { parseTree } from '../pacemaker/cib-tree.ts';
import { configuredResources, ruleLocations } from '../pacemaker/resources.ts';
import type { ClusterStatus } from '../pacemaker/status.ts';
import type { ConfigurationFacts, Facts } from './facts.ts';

export const NOW = Date.parse('2026-11-25T04:00:00Z');
const COMPUTES = ['compute-0', 'compute-1'];

/** A configuration as `configure apply` makes it, changed as text where a test wants a fault in it. */
export function configurationOf(change: (xml: string) => string = (xml) => xml): ConfigurationFacts {
  const golden = readFileSync(new URL('../configure/golden/minimal.xml', import.meta.url), 'utf8')
    // A third controller: two are a finding of their own.
    .replace('<node id="2" uname="controller-1">', '<node id="3" uname="controller-2"/>$&');
  const xml = change(golden);
  const [cluster, tree] = [parseCib(xml), parseTree('test', xml)];
  if (!cluster.ok || !tree.ok) throw new Error('the test has no CIB');
  return {
    cluster: cluster.value,
    resources: configuredResources(tree.value),
    rules: ruleLocations(tree.value),
  };
}

export function serviceOf(host: string, changes: Partial<ComputeService> = {}): ComputeService {
  return {
    id: host,
    host,
    binary: 'nova-compute',
    state: 'up',
    status: 'enabled',
    disabledReason: null,
    forcedDown: false,
    updatedAt: NOW,
    zone: 'nova',
    ...changes,
  };
}

/** A server as Nova lists it. */
export function serverOf(id: string, host: string): Server {
  const listed = v.parse(ServerEnvelopeSchema, {
    server: {
      id,
      name: id,
      status: 'ACTIVE',
      tenant_id: 'p',
      'OS-EXT-SRV-ATTR:host': host,
      'OS-EXT-SRV-ATTR:hypervisor_hostname': host,
      'OS-EXT-STS:vm_state': 'active',
      'OS-EXT-STS:task_state': null,
      'OS-EXT-STS:power_state': 1,
      image: { id: 'i' },
      created: '2026-11-20T00:00:00Z',
      updated: '2026-11-20T00:00:00Z',
    },
  });
  return toServer(listed.server);
}

export function usageOf(
  host: string,
  ids: readonly string[],
  memory = 4096,
  changes: Partial<HostUsage> = {},
): HostUsage {
  return {
    name: host,
    host,
    capacity: { VCPU: 16, MEMORY_MB: 16384 },
    allocations: new Map(ids.map((id) => [id, { VCPU: 1, MEMORY_MB: memory }])),
    ...changes,
  };
}

function healthyStatus({ resources }: ConfigurationFacts): ClusterStatus {
  const nodes = ['controller-0', 'controller-1', 'controller-2', ...COMPUTES];
  return {
    dc: 'controller-0',
    hasQuorum: true,
    nodes: nodes.map((name) => ({
      name,
      kind: COMPUTES.includes(name) ? 'remote' : 'cluster',
      online: true,
      unclean: false,
      standby: false,
      maintenance: false,
      pending: false,
    })),
    resources: resources.flatMap(({ id, agent, clone }) =>
      (clone === null ? ['controller-0'] : COMPUTES).map((node) => ({
        id,
        agent,
        role: 'Started',
        managed: true,
        failed: false,
        blocked: false,
        nodes: [node],
      })),
    ),
    failures: [],
  };
}

/** A set-up in which nothing is wrong, with what a test changes in it. */
export function healthyFacts(changes: Partial<Facts> = {}): Facts {
  const configuration = configurationOf();
  return {
    now: NOW,
    configuration: known(configuration),
    status: known(healthyStatus(configuration)),
    marks: known(new Map()),
    login: known({
      state: 'works',
      report: {
        region: 'regionOne',
        endpoint: 'http://nova',
        microversionMax: '2.93',
        microversionUsed: '2.93',
        user: 'admin',
        project: 'admin',
      },
    }),
    cloud: known({
      services: COMPUTES.map((host) => serviceOf(host)),
      servers: [serverOf('vm-1', 'compute-0')],
      evacuations: [],
      clockSkewMs: 300,
    }),
    usage: known([usageOf('compute-0', ['vm-1']), usageOf('compute-1', [])]),
    power: COMPUTES.map((node) => ({
      device: `ipmilan-${node}`,
      agent: 'fence_ipmilan',
      node,
      state: 'on',
      detail: '',
    })),
    local: {
      node: 'controller-0',
      version: '1.0.0',
      files: new Map([['/usr/sbin/fence_compute', true]]),
      logs: [
        {
          path: '/var/log/pacemaker/pacemaker.log',
          lines: ['Nov 25 04:00:00 notice: State transition S_IDLE'],
        },
      ],
      novaConf: {
        path: '/etc/nova/nova.conf',
        lines: ['[DEFAULT]', 'resume_guests_state_on_host_boot = false'],
      },
      clockSynchronised: true,
    },
    nodes: new Map(),
    ...changes,
  };
}
