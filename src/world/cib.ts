import { isReachable } from './machines.ts';
import { isQuorate } from './membership.ts';
import { machineOf, type Remote, type World } from './model.ts';

/** Text as it may stand in a quoted attribute of XML. */
export function escapeAttribute(text: string): string {
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

/** The CIB as `cibadmin --query --local` prints it (pacemaker-3.9.rng), of a cluster in the minimal shape: nova-compute-checkevacuate → nova-compute. */
export function cibXml(world: World, view: CibView): string {
  const configuration = CIB_SECTIONS.filter((each) => each !== 'status');
  return [
    `<cib crm_feature_set="3.16.2" validate-with="pacemaker-3.9" epoch="1" num_updates="${world.counter}" admin_epoch="0" have-quorum="${view.haveQuorum ? 1 : 0}" dc-uuid="1">`,
    '<configuration>',
    ...configuration.map((each) => cibSection(world, view, each)),
    '</configuration>',
    cibSection(world, view, 'status'),
    '</cib>',
  ].join('\n');
}

/** A section; empty where there is none. */
export function cibSection(world: World, view: CibView, section: CibSection): string {
  const { spec, cluster } = world;
  const nodes = spec.computes.map(({ node }) => node);
  const inside = (lines: readonly string[]): string => `<${section}>${lines.join('')}</${section}>`;
  switch (section) {
    case 'crm_config':
      return inside([
        `<cluster_property_set id="options">${pair('options', 'stonith-enabled', 'true')}${pair('options', 'no-quorum-policy', 'stop')}</cluster_property_set>`,
        `<cluster_property_set id="cib-bootstrap-options">${[...cluster.properties].map(([name, value]) => pair('cib-bootstrap-options', name, value)).join('')}</cluster_property_set>`,
      ]);
    case 'nodes':
      return inside([
        ...spec.controllers.map((name, i) => nodeXml(String(i + 1), name, '', 'controller', view)),
        ...nodes.map((node) => nodeXml(node, node, ' type="remote"', 'compute', view)),
      ]);
    case 'resources':
      return inside([
        ...nodes.map(remoteXml),
        ...[...spec.controllers, ...nodes].map(powerXml),
        '<primitive id="fence-nova" class="stonith" type="fence_compute"/>',
        '<primitive id="nova-evacuate" class="ocf" provider="openstack" type="NovaEvacuate"/>',
        cloneXml('nova-compute-checkevacuate', 'class="ocf" provider="openstack" type="nova-compute-wait"'),
        cloneXml('nova-compute', 'class="systemd" type="nova-compute"'),
      ]);
    case 'constraints':
      return inside([]);
    case 'fencing-topology':
      return inside([levelsXml(world)]);
    case 'alerts':
    case 'tags':
      return '';
    case 'status':
      return inside([
        ...spec.controllers.map((name, i) => stateXml(world, String(i + 1), name)),
        ...[...cluster.remotes.values()].map(remoteStateXml),
      ]);
    default:
      return section satisfies never;
  }
}

function nodeXml(id: string, name: string, type: string, role: string, view: CibView): string {
  const pairs = [...(view.permanent.get(name) ?? [])].map(([key, value]) =>
    pair(`nodes-${name}`, key, value),
  );
  return `<node id="${id}" uname="${name}"${type}><instance_attributes id="nodes-${name}">${pair(`nodes-${name}`, 'osprole', role)}${pairs.join('')}</instance_attributes></node>`;
}

const remoteXml = (node: string): string =>
  `<primitive id="${node}" class="ocf" provider="pacemaker" type="remote"/>`;
const powerXml = (node: string): string =>
  `<primitive id="ipmilan-${node}" class="stonith" type="fence_ipmilan"/>`;
const cloneXml = (id: string, type: string): string =>
  `<clone id="${id}-clone"><primitive id="${id}" ${type}/></clone>`;

function levelsXml(world: World): string {
  const level = (node: string, devices: string): string =>
    `<fencing-level id="level-${node}" target="${node}" index="1" devices="${devices}"/>`;
  const { powerFirst } = world.cluster;
  return [
    ...world.spec.computes.map(({ node }) =>
      level(node, powerFirst ? `ipmilan-${node},fence-nova` : 'fence-nova'),
    ),
    ...world.spec.controllers.map((name) => level(name, `ipmilan-${name}`)),
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
function remoteStateXml(remote: Remote): string {
  const { node, online, novaCompute } = remote;
  const operation =
    novaCompute === 'started'
      ? '<lrm_rsc_op id="nova-compute_last_0" operation="start" call-id="2" rc-code="0" op-status="0"/>'
      : novaCompute === 'starting'
        ? '<lrm_rsc_op id="nova-compute_last_0" operation="start" call-id="-1" rc-code="193" op-status="-1"/>'
        : '<lrm_rsc_op id="nova-compute_last_0" operation="monitor" call-id="1" rc-code="7" op-status="0"/>';
  const lrm = online
    ? `<lrm id="${node}"><lrm_resources><lrm_resource id="nova-compute" type="nova-compute" class="systemd">${operation}</lrm_resource></lrm_resources></lrm>`
    : '';
  return `<node_state remote_node="true" id="${node}" uname="${node}" in_ccm="${online}" node_fenced="0">${lrm}</node_state>`;
}
