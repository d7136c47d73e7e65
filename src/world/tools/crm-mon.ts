import { escapeAttribute } from '../cib.ts';
import { seenFrom } from '../membership.ts';
import { machineNow, type World } from '../model.ts';
import {
  DISCONNECTED,
  fails,
  listed,
  printedTime,
  readCall,
  says,
  type ToolResult,
  USAGE,
} from './answer.ts';
import { monText, type NodeAttributes } from './mon-text.ts';
import {
  attributesOf,
  cloneResources,
  type Node,
  nodesOf,
  type Running,
  type Seen,
  singleResources,
} from './status.ts';
import { eventXml } from './stonith-admin.ts';

const GRAMMAR = {
  names: {
    ...{ '-1': 'once', '--one-shot': 'once', '-r': 'inactive', '--inactive': 'inactive' },
    ...{ '-n': 'by-node', '--group-by-node': 'by-node', '-f': 'failcounts', '--failcounts': 'failcounts' },
    ...{ '-A': 'attributes', '--show-node-attributes': 'attributes', '--output-as': 'output' },
  },
  values: ['output'],
};

/** What Pacemaker notes of a node for itself (lib/pengine/pe_output.c filter_string). */
const FILTERED = /^(#|fail-count-|last-failure-|shutdown|terminate|standby)/;

/** tools/crm_mon.c: what the cluster is doing, once. */
export function crmMon(world: World, on: string, args: readonly string[]): ToolResult {
  const call = readCall('crm_mon', args, GRAMMAR);
  if ('exitCode' in call) return call;
  if (!call.options.has('once')) return fails(call, USAGE, 'in the lab only with --one-shot');
  const seen = seenFrom(world, on);
  if (seen === null) return fails(call, DISCONNECTED, 'Error: cluster is not available on this node');
  const dc = [...world.cluster.agreed].sort()[0] ?? on;
  const nodes = nodesOf(world, dc);
  const singles = singleResources(world);
  const clones = cloneResources(world);
  const now = machineNow(world, on);
  const time = printedTime(now);
  const attributes = call.options.has('attributes') ? attributesShown(world, seen, nodes) : [];
  return says(call, {
    xml: [
      `<pacemakerd sys_from="pacemakerd" state="running" last_updated="${time}"/>`,
      '<summary>',
      '  <stack type="corosync"/>',
      `  <current_dc present="true" version="2.1.5-a3f44794f94" name="${dc}" id="${world.spec.controllers.indexOf(dc) + 1}" with_quorum="${seen.haveQuorum}" mixed_version="false"/>`,
      '</summary>',
      ...listed('nodes', nodes.map(nodeXml)),
      ...listed('resources', [
        ...singles.flatMap(resourceXml),
        ...clones.flatMap(({ id, instances }) => [
          `<clone id="${id}" multi_state="false" unique="false" managed="true" disabled="false" failed="false" failure_ignored="false">`,
          ...instances.flatMap(resourceXml).map((line) => `  ${line}`),
          '</clone>',
        ]),
      ]),
      ...listed('node_attributes', attributes.flatMap(attributesXml)),
      ...listed(
        'fence_history',
        [...world.cluster.history].flatMap(([target, records]) =>
          records.map((each) => eventXml(target, each)),
        ),
      ),
    ],
    // The agents, who ask all the time, read XML.
    text:
      call.options.get('output') === 'xml'
        ? ''
        : monText({ dc, now, hasQuorum: seen.haveQuorum, nodes, singles, clones, attributes }, call.options),
  });
}

const nodeXml = ({ name, id, type, online, unclean, standby, isDc }: Node): string =>
  `<node name="${name}" id="${id}" online="${online}" standby="${standby}" standby_onfail="false" maintenance="false" pending="false" unclean="${unclean}" health="green" shutdown="false" expected_up="${type === 'member'}" is_dc="${isDc}" type="${type}"/>`;

function resourceXml({ id, agent, role, on }: Running): string[] {
  const isActive = role !== 'Stopped';
  const open = `<resource id="${id}" resource_agent="${agent}" role="${role}" active="${isActive}" orphaned="false" blocked="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="${isActive ? 1 : 0}"`;
  return isActive && on !== null
    ? [`${open}>`, `  <node name="${on}" id="${on}" cached="true"/>`, '</resource>']
    : [`${open}/>`];
}

const attributesShown = (world: World, seen: Seen, nodes: readonly Node[]): readonly NodeAttributes[] =>
  nodes
    .filter(({ online }) => online)
    .map(({ name }) => [name, [...attributesOf(world, seen, name)].filter(([key]) => !FILTERED.test(key))]);

const attributesXml = ([name, pairs]: readonly [
  string,
  readonly (readonly [string, string])[],
]): string[] => [
  `<node name="${name}">`,
  ...pairs.map(([key, value]) => `  <attribute name="${key}" value="${escapeAttribute(value)}"/>`),
  '</node>',
];
