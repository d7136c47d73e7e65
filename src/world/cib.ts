import { constraintsOf, constraintXml } from './constraints.ts';
import { isReachable } from './machines.ts';
import { isQuorate } from './membership.ts';
import { machineOf, type Remote, type World } from './model.ts';

/** Text as it may stand in a quoted attribute of XML. */
export function escapeAttribute(text: string): string {
  if (!/[&<>"]/.test(text)) return text;
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

const pair = (owner: string, name: string, value: string): string =>
  `<nvpair id="${owner}-${name}" name="${name}" value="${escapeAttribute(value)}"/>`;

/** What a reader of the CIB on one controller sees. */
export interface CibView {
  readonly permanent: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly haveQuorum: boolean;
}

/** The sections that can be asked for by themselves (`cibadmin --scope`), in their order. */
export const CIB_SECTIONS = [
  'crm_config',
  'nodes',
  'resources',
  'constraints',
  'fencing-topology',
  'alerts',
  'tags',
  'status',
] as const;
export type CibSection = (typeof CIB_SECTIONS)[number];

/**
 * The CIB as `cibadmin --query --local` prints it (pacemaker-3.9.rng), of a cluster in the minimal shape:
 * nova-compute-checkevacuate → nova-compute. Its three numbers stand still: nobody reads them, and a text that says the
 * same is the same.
 */
export function cibXml(world: World, view: CibView): string {
  return [
    `<cib crm_feature_set="3.16.2" validate-with="pacemaker-3.9" epoch="1" num_updates="0" admin_epoch="0" have-quorum="${view.haveQuorum ? 1 : 0}" dc-uuid="1">`,
    '<configuration>',
    cibSection(world, view, 'crm_config'),
    cibSection(world, view, 'nodes'),
    setUp(world, view),
    '</configuration>',
    cibSection(world, view, 'status'),
    '</cib>',
  ].join('\n');
}

/** The sections that nothing but an operator changes, of each world as they were made last: agents poll the CIB. */
const SET_UP: readonly CibSection[] = ['resources', 'constraints', 'fencing-topology', 'alerts', 'tags'];
const made = new WeakMap<World, { readonly key: string; readonly text: string }>();

function setUp(world: World, view: CibView): string {
  const { powerFirst, remotes } = world.cluster;
  const key = [powerFirst, ...[...remotes.values()].map(({ targetRole }) => targetRole)].join(' ');
  const held = made.get(world);
  if (held?.key === key) return held.text;
  const text = SET_UP.map((each) => cibSection(world, view, each)).join('\n');
  made.set(world, { key, text });
  return text;
}

/** A section; empty where there is none. */
export function cibSection(world: World, view: CibView, section: CibSection): string {
  const { spec, cluster } = world;
  const nodes = spec.computes.map(({ node }) => node);
  const inside = (lines: readonly string[]): string => `<${section}>${lines.join('')}</${section}>`;
  switch (section) {
    case 'crm_config':
      return inside([
        `<cluster_property_set id="options">${pair('options', 'stonith-enabled', 'true')}${pair('options', 'no-quorum-policy', 'stop')}${pair('options', 'cluster-recheck-interval', `${spec.cluster.recheckMs / 1000}s`)}</cluster_property_set>`,
        `<cluster_property_set id="cib-bootstrap-options">${[...cluster.properties].map(([name, value]) => pair('cib-bootstrap-options', name, value)).join('')}</cluster_property_set>`,
      ]);
    case 'nodes':
      return inside([
        ...spec.controllers.map((name, i) => nodeXml(world, String(i + 1), name, '', view)),
        ...nodes.map((node) => nodeXml(world, node, node, ' type="remote"', view)),
      ]);
    case 'resources':
      return inside([
        ...[...cluster.remotes.values()].map(remoteXml),
        ...[...spec.controllers, ...nodes].map((machine) => powerXml(world, machine)),
        primitive(FENCE_NOVA, 'class="stonith" type="fence_compute"', {
          parameters: { pcmk_host_list: nodes.join(' ') },
          meta: spec.cluster.unfencing ? { provides: 'unfencing' } : {},
          operations: [['monitor', '60s', '30s']],
        }),
        primitive('nova-evacuate', 'class="ocf" provider="openstack" type="NovaEvacuate"', {
          parameters: world.site.evacuatorParameters,
          meta: { 'failure-timeout': '60s', 'migration-threshold': '3' },
          operations: [
            ['start', '0s', '60s'],
            ['stop', '0s', '60s'],
            ['monitor', '10s', '30s'],
          ],
        }),
        ...chainOf(world).map(
          ({ id, type, details }) => `<clone id="${id}-clone">${primitive(id, type, details)}</clone>`,
        ),
      ]);
    case 'constraints':
      return inside(constraintsOf(world, clonesOf(world)).map(constraintXml));
    case 'fencing-topology':
      return inside([levelsXml(world)]);
    case 'alerts':
    case 'tags':
      return '';
    case 'status':
      return inside([
        ...spec.controllers.map((name, i) => stateXml(world, String(i + 1), name)),
        ...[...cluster.remotes.values()].map((remote) => remoteStateXml(world, remote)),
      ]);
    default:
      return section satisfies never;
  }
}

/** The permanent attributes of a node. */
export function permanentOf(
  world: World,
  { permanent }: Pick<CibView, 'permanent'>,
  node: string,
): readonly (readonly [string, string])[] {
  return [['osprole', machineOf(world, node).role], ...(permanent.get(node) ?? [])];
}

function nodeXml(world: World, id: string, name: string, type: string, view: CibView): string {
  const pairs = permanentOf(world, view, name).map(([key, value]) => pair(`nodes-${name}`, key, value));
  return `<node id="${id}" uname="${name}"${type}><instance_attributes id="nodes-${name}">${pairs.join('')}</instance_attributes></node>`;
}

const remoteXml = ({ node, targetRole }: Remote): string =>
  primitive(node, 'class="ocf" provider="pacemaker" type="remote"', {
    meta: targetRole === null ? {} : { 'target-role': targetRole },
  });

/** What a primitive has beside its agent. An operation: its name, interval and timeout. */
interface Details {
  readonly parameters?: Readonly<Record<string, string>>;
  readonly meta?: Readonly<Record<string, string>>;
  readonly operations?: readonly (readonly [string, string, string])[];
}

function primitive(
  id: string,
  type: string,
  { parameters = {}, meta = {}, operations = [] }: Details,
): string {
  const pairs = (what: string, values: Readonly<Record<string, string>>): string => {
    const set = Object.entries(values).map(([name, value]) => pair(`${id}-${what}`, name, value));
    return set.length === 0 ? '' : `<${what} id="${id}-${what}">${set.join('')}</${what}>`;
  };
  const ops = operations.map(
    ([name, interval, timeout]) =>
      `<op id="${id}-${name}-interval-${interval}" name="${name}" interval="${interval}" timeout="${timeout}"/>`,
  );
  const inside = [
    pairs('instance_attributes', parameters),
    pairs('meta_attributes', meta),
    ops.length === 0 ? '' : `<operations>${ops.join('')}</operations>`,
  ].join('');
  return `<primitive id="${id}" ${type}${inside === '' ? '/>' : `>${inside}</primitive>`}`;
}

/** The id of a machine's power device: `ipmilan-NODE`. */
export const powerDeviceOf = ({ site }: World, machine: string): string =>
  `${site.powerAgent.replace(/^fence_/, '')}-${machine}`;

/** The device of fence_compute, for all computes. */
export const FENCE_NOVA = 'fence-nova';

/** The fencing devices, and whom each of them can fence (`pcmk_host_list`). */
export const devicesOf = (
  world: World,
): readonly { readonly id: string; readonly targets: readonly string[] }[] => {
  const nodes = world.spec.computes.map(({ node }) => node);
  const power = (machine: string) => ({ id: powerDeviceOf(world, machine), targets: [machine] });
  return [...[...world.spec.controllers, ...nodes].map(power), { id: FENCE_NOVA, targets: nodes }];
};

const powerXml = (world: World, machine: string): string =>
  primitive(powerDeviceOf(world, machine), `class="stonith" type="${world.site.powerAgent}"`, {
    parameters: { pcmk_host_list: machine, ...world.site.powerParameters(machine) },
    operations: [['monitor', '120s', '40s']],
  });

interface Link {
  readonly id: string;
  readonly type: string;
  readonly details: Details;
}

/** Of the shape unfence: nova-compute itself is none of Pacemaker's. */
const TRIGGER: Link = {
  id: 'compute-unfence-trigger',
  type: 'class="ocf" provider="pacemaker" type="Dummy"',
  details: {
    meta: { requires: 'unfencing' },
    operations: [
      ['start', '0s', '20s'],
      ['stop', '0s', '20s'],
      ['monitor', '10s', '20s'],
    ],
  },
};

/** The clones on the computes. */
function chainOf({ spec }: World): readonly Link[] {
  if (spec.cluster.unit === true) return [TRIGGER];
  return [
    {
      id: 'nova-compute-checkevacuate',
      type: 'class="ocf" provider="openstack" type="nova-compute-wait"',
      details: {
        parameters: { evacuation_delay: '120' },
        meta: { 'failure-timeout': '30s' },
        operations: [
          ['start', '0s', '150s'],
          ['stop', '0s', '20s'],
          ['monitor', '10s', '20s'],
        ],
      },
    },
    {
      id: 'nova-compute',
      type: 'class="systemd" type="nova-compute"',
      details: {
        meta: { 'failure-timeout': '60s' },
        operations: [
          ['start', '0s', '100s'],
          ['stop', '0s', '100s'],
          ['monitor', '10s', '100s'],
        ],
      },
    },
  ];
}

/** The ids of the clones on the computes, in the order in which they start. */
export const clonesOf = (world: World): readonly string[] => chainOf(world).map(({ id }) => `${id}-clone`);

function levelsXml(world: World): string {
  const level = (node: string, devices: string): string =>
    `<fencing-level id="level-${node}" target="${node}" index="1" devices="${devices}"/>`;
  const { powerFirst } = world.cluster;
  return [
    ...world.spec.computes.map(({ node }) =>
      level(node, powerFirst ? `${powerDeviceOf(world, node)},${FENCE_NOVA}` : FENCE_NOVA),
    ),
    ...world.spec.controllers.map((name) => level(name, powerDeviceOf(world, name))),
  ].join('');
}

function stateXml(world: World, id: string, name: string): string {
  const member = world.cluster.members.get(name);
  const isIn = world.cluster.agreed.has(name) && isReachable(machineOf(world, name)) && isQuorate(world);
  const [ccm, crmd, join] =
    isIn && member?.pacemaker ? ['true', 'online', 'member'] : ['false', 'offline', 'down'];
  return `<node_state id="${id}" uname="${name}" in_ccm="${ccm}" crmd="${crmd}" join="${join}" expected="${join}"/>`;
}

/** The operation history says whether nova-compute runs: the last operation with the highest call-id. */
function remoteStateXml({ spec }: World, remote: Remote): string {
  const { node, online, fenced, novaCompute } = remote;
  const operation =
    novaCompute === 'started'
      ? '<lrm_rsc_op id="nova-compute_last_0" operation="start" call-id="2" rc-code="0" op-status="0"/>'
      : novaCompute === 'starting'
        ? '<lrm_rsc_op id="nova-compute_last_0" operation="start" call-id="-1" rc-code="193" op-status="-1"/>'
        : novaCompute === 'stopped'
          ? '<lrm_rsc_op id="nova-compute_last_0" operation="stop" call-id="3" rc-code="0" op-status="0"/>'
          : '<lrm_rsc_op id="nova-compute_last_0" operation="monitor" call-id="1" rc-code="7" op-status="0"/>';
  const lrm =
    online && spec.cluster.unit !== true
      ? `<lrm id="${node}"><lrm_resources><lrm_resource id="nova-compute" type="nova-compute" class="systemd">${operation}</lrm_resource></lrm_resources></lrm>`
      : '';
  return `<node_state remote_node="true" id="${node}" uname="${node}" in_ccm="${online}" node_fenced="${fenced ? Math.floor(spec.epoch / 1000) : 0}">${lrm}</node_state>`;
}
