import { INCIDENT_ATTRIBUTE } from '../core/records.ts';
import { CIBSECRET } from '../pacemaker/cib-secrets.ts';
import type { ClusterInput, ComputeInput, DevicePassword, Fencing, PowerDevice } from './input.ts';
import { type Timing, timingOf } from './timing.ts';

/** The cluster's configuration as data: what has to stand in the CIB, and nothing of how it gets there. */
export type Item =
  | PropertyItem
  | NodeAttributeItem
  | ResourceItem
  | LocationItem
  | OrderItem
  | ColocationItem
  | LevelItem;

export interface PropertyItem {
  readonly kind: 'property';
  readonly name: string;
  readonly value: string;
  /** `needed`: without it nothing works. `advised`: an operator's own value is kept, and named. */
  readonly weight: 'needed' | 'advised';
  /** Pacemaker's own value where it is not set; null: that one will not do. */
  readonly default: string | null;
}

export interface NodeAttributeItem {
  readonly kind: 'node-attribute';
  readonly node: string;
  readonly nodeKind: 'cluster' | 'remote';
  readonly name: string;
  readonly value: string;
}

export interface Agent {
  readonly class: 'ocf' | 'stonith' | 'systemd';
  readonly provider: string | null;
  readonly type: string;
}

export interface Operation {
  readonly name: 'start' | 'stop' | 'monitor';
  readonly intervalS: number;
  readonly timeoutS: number;
}

export interface ResourceItem {
  readonly kind: 'resource';
  readonly id: string;
  readonly agent: Agent;
  readonly parameters: Readonly<Record<string, string>>;
  readonly meta: Readonly<Record<string, string>>;
  readonly operations: readonly Operation[];
  readonly clone: { readonly id: string; readonly meta: Readonly<Record<string, string>> } | null;
  /** Parameters that do not belong there: a stock set-up has them, `adopt` takes them away. */
  readonly unwanted: readonly string[];
  /**
   * What `adopt` may change where the resource is there and not ours. `all`: it restarts, and nothing suffers by it.
   * `operations`: new parameters would restart nova-compute on every compute. `nothing`: restarting it (a remote
   * node's connection) would be felt.
   */
  readonly adopt: 'all' | 'operations' | 'nothing';
}

export interface LocationItem {
  readonly kind: 'location';
  readonly id: string;
  readonly resource: string;
  /** `exclusive`: Pacemaker does not even probe elsewhere. */
  readonly discovery: 'exclusive' | null;
  readonly score: '0' | '-INFINITY';
  readonly attribute: string;
  readonly operation: 'eq' | 'defined';
  readonly value: string | null;
}

export interface OrderItem {
  readonly kind: 'order';
  readonly id: string;
  readonly before: string;
  readonly after: string;
}

export interface ColocationItem {
  readonly kind: 'colocation';
  readonly id: string;
  readonly resource: string;
  readonly with: string;
}

export interface LevelItem {
  readonly kind: 'level';
  readonly id: string;
  readonly target: string;
  readonly index: number;
  readonly devices: readonly string[];
}

/** What the stock agents were given as credentials; ours take them from a file, and a compute gets none. */
export const CREDENTIAL_PARAMETERS = [
  'auth_url',
  'auth-url',
  'username',
  'login',
  'password',
  'passwd',
  'password_script',
  'passwd_script',
  'tenant_name',
  'tenant-name',
  'project_name',
  'user_domain',
  'project_domain',
  'region_name',
  'region-name',
  'endpoint_type',
  'endpoint-type',
  'insecure',
] as const;

/** The names that everyone knows. */
export const RECORDER = 'fence-nova';
/** Its agent, which records and turns nothing off. */
export const RECORDER_AGENT = 'fence_compute';
export const EVACUATOR = 'nova-evacuate';
export const WAIT = 'nova-compute-checkevacuate';
export const TRIGGER = 'compute-unfence-trigger';

/** The id that pcs gives to a resource's clone. In a set-up that is there it may be another: `cloneIds` of the draft has it then. */
function cloneId(resource: string): string {
  return `${resource}-clone`;
}

const seconds = (value: number): string => `${value}s`;

/** The whole configuration that an input asks for, in the order in which it is to be read and typed. */
export function itemsOf(input: ClusterInput): readonly Item[] {
  const timing = timingOf(input.timing);
  return [
    ...properties(timing),
    ...input.computes.flatMap((compute) => remoteNode(compute, timing)),
    ...roles(input),
    ...devicesOf(input).map((device) => powerDevice(device, timing)),
    recorder(input, timing),
    ...levels(input),
    evacuator(input, timing),
    onRole(EVACUATOR, 'controller'),
    ...chain(input, timing),
  ];
}

function properties(timing: Timing): PropertyItem[] {
  return [
    { kind: 'property', name: 'stonith-enabled', value: 'true', weight: 'needed', default: 'true' },
    {
      kind: 'property',
      name: 'stonith-timeout',
      value: seconds(timing.stonithTimeout),
      weight: 'advised',
      default: null,
    },
    {
      kind: 'property',
      name: 'cluster-recheck-interval',
      value: seconds(timing.recheckInterval),
      weight: 'advised',
      default: null,
    },
    // Where a distribution builds Pacemaker 2 with false (Debian does), a rack that dies is fenced host by host.
    { kind: 'property', name: 'concurrent-fencing', value: 'true', weight: 'advised', default: null },
  ];
}

function remoteNode(compute: ComputeInput, timing: Timing): ResourceItem[] {
  if (compute.address === null) return [];
  return [
    {
      kind: 'resource',
      id: compute.name,
      agent: { class: 'ocf', provider: 'pacemaker', type: 'remote' },
      parameters: {
        server: compute.address,
        reconnect_interval: seconds(timing.reconnectInterval),
      },
      meta: {},
      operations: [
        { name: 'start', intervalS: 0, timeoutS: timing.remoteStart },
        { name: 'stop', intervalS: 0, timeoutS: timing.remoteStart },
        {
          name: 'monitor',
          intervalS: timing.remoteMonitorInterval,
          timeoutS: timing.remoteMonitorTimeout,
        },
      ],
      clone: null,
      unwanted: [],
      adopt: 'nothing',
    },
  ];
}

function roles(input: ClusterInput): NodeAttributeItem[] {
  const role = (node: string, nodeKind: 'cluster' | 'remote', value: string): NodeAttributeItem => ({
    kind: 'node-attribute',
    node,
    nodeKind,
    name: 'osprole',
    value,
  });
  return [
    ...input.controllers.map(({ name }) => role(name, 'cluster', 'controller')),
    ...input.computes.map(({ name }) => role(name, 'remote', 'compute')),
  ];
}

/** The power devices that the input describes, each once. */
export function devicesOf(input: ClusterInput): readonly PowerDevice[] {
  const devices = new Map<string, PowerDevice>();
  for (const { fencing } of [...input.controllers, ...input.computes]) {
    if (fencing?.kind === 'device') devices.set(fencing.device.id, fencing.device);
  }
  return [...devices.values()];
}

function powerDevice(device: PowerDevice, timing: Timing): ResourceItem {
  const password = device.password;
  return {
    kind: 'resource',
    id: device.id,
    agent: { class: 'stonith', provider: null, type: device.agent },
    parameters: {
      pcmk_host_list: device.node,
      ...device.parameters,
      ...(password === null ? {} : passwordParameter(password)),
    },
    meta: {},
    operations: [
      {
        name: 'monitor',
        intervalS: timing.deviceMonitorInterval,
        timeoutS: timing.deviceMonitorTimeout,
      },
    ],
    clone: null,
    unwanted: [],
    adopt: 'nothing',
  };
}

function passwordParameter(password: DevicePassword): Record<string, string> {
  switch (password.kind) {
    case 'file':
      // The older name: fence-agents take `password_script` from 4.1.0 on only (lib/fencing.py.py), and still take this.
      return { passwd_script: password.path };
    case 'cibsecret':
      return { password: CIBSECRET };
    case 'cib':
      return { password: password.secret.reveal() };
    default:
      return password satisfies never;
  }
}

function recorder(input: ClusterInput, timing: Timing): ResourceItem {
  return {
    kind: 'resource',
    id: RECORDER,
    agent: { class: 'stonith', provider: null, type: RECORDER_AGENT },
    parameters: {
      pcmk_host_list: input.computes.map(({ name }) => name).join(' '),
      ...(input.domain === null ? {} : { domain: input.domain }),
    },
    meta: input.shape === 'unfence' ? { provides: 'unfencing' } : {},
    operations: [
      {
        name: 'monitor',
        intervalS: timing.recorderMonitorInterval,
        timeoutS: timing.recorderMonitorTimeout,
      },
    ],
    clone: null,
    unwanted: CREDENTIAL_PARAMETERS,
    adopt: 'all',
  };
}

function levels(input: ClusterInput): LevelItem[] {
  const level = (target: string, fencing: Fencing, last: readonly string[]): LevelItem => ({
    kind: 'level',
    id: `level-${target}`,
    target,
    index: 1,
    devices: [...(fencing.kind === 'device' ? [fencing.device.id] : fencing.ids), ...last],
  });
  return [
    ...input.controllers.flatMap(({ name, fencing }) => (fencing === null ? [] : [level(name, fencing, [])])),
    ...input.computes.map(({ name, fencing }) => level(name, fencing, [RECORDER])),
  ];
}

function evacuator(input: ClusterInput, timing: Timing): ResourceItem {
  return {
    kind: 'resource',
    id: EVACUATOR,
    agent: { class: 'ocf', provider: 'openstack', type: 'NovaEvacuate' },
    parameters: {
      rc_file: input.rcFile,
      ...(input.domain === null ? {} : { domain: input.domain }),
      ...(input.evacuateDelayS === 0 ? {} : { evacuate_delay: seconds(input.evacuateDelayS) }),
    },
    meta: { 'failure-timeout': seconds(timing.evacuateFailure), 'migration-threshold': '3' },
    operations: [
      { name: 'start', intervalS: 0, timeoutS: timing.evacuateStart },
      { name: 'stop', intervalS: 0, timeoutS: timing.evacuateStart },
      {
        name: 'monitor',
        intervalS: timing.evacuateMonitorInterval,
        timeoutS: timing.evacuateMonitorTimeout,
      },
    ],
    clone: null,
    unwanted: CREDENTIAL_PARAMETERS,
    adopt: 'all',
  };
}

/** The compute chain of each shape, first to last. */
function chainResources(input: ClusterInput, timing: Timing): ResourceItem[] {
  const { units } = input;
  switch (input.shape) {
    case 'managed':
      return [
        unit('neutron-openvswitch-agent-compute', units.neutronAgent, timing),
        unit('libvirtd-compute', units.libvirt, timing),
        unit('ceilometer-compute', units.ceilometer, timing),
        wait(timing),
        unit('nova-compute', units.novaCompute, timing),
      ];
    case 'minimal':
      return [wait(timing), unit('nova-compute', units.novaCompute, timing)];
    case 'unfence':
      return [trigger()];
    default:
      return input.shape satisfies never;
  }
}

/** The chain with what keeps it together: each on computes only, never where an incident stands, after and with the one before. */
function chain(input: ClusterInput, timing: Timing): Item[] {
  const resources = chainResources(input, timing);
  const clones = resources.map(({ id }) => cloneId(id));
  return [
    ...resources,
    ...clones.flatMap((clone) => [onRole(clone, 'compute'), notInIncident(clone)]),
    ...clones.slice(1).flatMap((after, index) => together(clones[index] ?? '', after)),
  ];
}

function clonedMeta(id: string): ResourceItem['clone'] {
  return { id: cloneId(id), meta: { interleave: 'true' } };
}

function unit(id: string, type: string, timing: Timing): ResourceItem {
  return {
    kind: 'resource',
    id,
    agent: { class: 'systemd', provider: null, type },
    parameters: {},
    meta: { 'failure-timeout': seconds(timing.unitFailure) },
    operations: [
      { name: 'start', intervalS: 0, timeoutS: timing.unitStart },
      { name: 'stop', intervalS: 0, timeoutS: timing.unitStart },
      { name: 'monitor', intervalS: timing.unitMonitorInterval, timeoutS: timing.unitStart },
    ],
    clone: clonedMeta(id),
    unwanted: [],
    adopt: 'nothing',
  };
}

function wait(timing: Timing): ResourceItem {
  return {
    kind: 'resource',
    id: WAIT,
    agent: { class: 'ocf', provider: 'openstack', type: 'nova-compute-wait' },
    parameters: { evacuation_delay: String(timing.evacuationDelay) },
    meta: { 'failure-timeout': seconds(timing.waitFailure) },
    operations: [
      { name: 'start', intervalS: 0, timeoutS: timing.waitStart },
      { name: 'stop', intervalS: 0, timeoutS: 20 },
      { name: 'monitor', intervalS: 10, timeoutS: 20 },
    ],
    clone: clonedMeta(WAIT),
    unwanted: [...CREDENTIAL_PARAMETERS, 'domain', 'no_shared_storage'],
    adopt: 'operations',
  };
}

/** What makes Pacemaker call `fence_compute on` where nova-compute is not its own. */
function trigger(): ResourceItem {
  return {
    kind: 'resource',
    id: TRIGGER,
    agent: { class: 'ocf', provider: 'pacemaker', type: 'Dummy' },
    parameters: {},
    meta: { requires: 'unfencing' },
    operations: [
      { name: 'start', intervalS: 0, timeoutS: 20 },
      { name: 'stop', intervalS: 0, timeoutS: 20 },
      { name: 'monitor', intervalS: 10, timeoutS: 20 },
    ],
    clone: clonedMeta(TRIGGER),
    unwanted: [],
    adopt: 'nothing',
  };
}

function onRole(resource: string, role: 'controller' | 'compute'): LocationItem {
  return {
    kind: 'location',
    id: `${resource}-on-${role}`,
    resource,
    discovery: 'exclusive',
    score: '0',
    attribute: 'osprole',
    operation: 'eq',
    value: role,
  };
}

/** The first lock of the hold: Pacemaker itself keeps the chain off a node while its incident stands. */
function notInIncident(resource: string): LocationItem {
  return {
    kind: 'location',
    id: `${resource}-no-incident`,
    resource,
    discovery: null,
    score: '-INFINITY',
    attribute: INCIDENT_ATTRIBUTE,
    operation: 'defined',
    value: null,
  };
}

function together(before: string, after: string): Item[] {
  return [
    { kind: 'order', id: `${before}-then-${after}`, before, after },
    { kind: 'colocation', id: `${after}-with-${before}`, resource: after, with: before },
  ];
}

/** One line that names an item. */
export function describeItem(item: Item): string {
  switch (item.kind) {
    case 'property':
      return `property ${item.name}=${item.value}`;
    case 'node-attribute':
      return `node attribute ${item.node} ${item.name}=${item.value}`;
    case 'resource':
      return `resource ${item.id} (${agentName(item.agent)})${item.clone === null ? '' : ', cloned'}`;
    case 'location':
      return item.operation === 'eq'
        ? `location: ${item.resource} only where ${item.attribute} is ${item.value}`
        : `location: ${item.resource} never where ${item.attribute} is defined`;
    case 'order':
      return `order: ${item.before}, then ${item.after}`;
    case 'colocation':
      return `colocation: ${item.resource} with ${item.with}`;
    case 'level':
      return `fencing level ${item.index} of ${item.target}: ${item.devices.join(', ')}`;
    default:
      return item satisfies never;
  }
}

/** An agent as pcs and crm_resource write it: `ocf:openstack:NovaEvacuate`, `stonith:fence_compute`. */
export function agentName(agent: Agent): string {
  return [agent.class, agent.provider, agent.type].filter((part) => part !== null).join(':');
}
