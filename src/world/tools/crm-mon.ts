import { seenFrom } from '../membership.ts';
import { machineNow, type World } from '../model.ts';
import { DISCONNECTED, fails, printedTime, readCall, says, type ToolResult, USAGE } from './answer.ts';
import { type Clone, cloneResources, type Node, nodesOf, type Running, singleResources } from './status.ts';
import { eventXml } from './stonith-admin.ts';

const GRAMMAR = {
  names: {
    ...{ '-1': 'once', '--one-shot': 'once', '-r': 'inactive', '--inactive': 'inactive' },
    ...{ '--output-as': 'output' },
  },
  values: ['output'],
};

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
  const time = printedTime(machineNow(world, on));
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
      ...listed(
        'fence_history',
        [...world.cluster.history].flatMap(([target, records]) =>
          records.map((each) => eventXml(target, each)),
        ),
      ),
    ],
    text: textOf({ dc, time, hasQuorum: seen.haveQuorum, nodes, singles, clones }),
  });
}

const listed = (name: string, lines: readonly string[]): string[] =>
  lines.length === 0 ? [] : [`<${name}>`, ...lines.map((line) => `  ${line}`), `</${name}>`];

const nodeXml = ({ name, id, type, online, unclean, standby, isDc }: Node): string =>
  `<node name="${name}" id="${id}" online="${online}" standby="${standby}" standby_onfail="false" maintenance="false" pending="false" unclean="${unclean}" health="green" shutdown="false" expected_up="${type === 'member'}" is_dc="${isDc}" type="${type}"/>`;

function resourceXml({ id, agent, role, on }: Running): string[] {
  const isActive = role !== 'Stopped';
  const open = `<resource id="${id}" resource_agent="${agent}" role="${role}" active="${isActive}" orphaned="false" blocked="false" managed="true" failed="false" failure_ignored="false" nodes_running_on="${isActive ? 1 : 0}"`;
  return isActive && on !== null
    ? [`${open}>`, `  <node name="${on}" id="${on}" cached="true"/>`, '</resource>']
    : [`${open}/>`];
}

/** For people. */
function textOf(state: {
  readonly dc: string;
  readonly time: string;
  readonly hasQuorum: boolean;
  readonly nodes: readonly Node[];
  readonly singles: readonly Running[];
  readonly clones: readonly Clone[];
}): string {
  const names = (type: Node['type'], online: boolean): string =>
    state.nodes
      .filter((node) => node.type === type && node.online === online)
      .map(({ name }) => name)
      .join(' ');
  const line = (word: string, list: string): string => (list === '' ? '' : `  * ${word}: [ ${list} ]\n`);
  const indented = (text: string): string => text.replace(/^/, text === '' ? '' : '  ');
  const where = ({ id, agent, role, on }: Running): string =>
    `  * ${id}\t(${agent}):\t ${role}${on === null ? '' : ` ${on}`}\n`;
  return [
    'Cluster Summary:\n  * Stack: corosync\n',
    `  * Current DC: ${state.dc} (version 2.1.5-a3f44794f94) - partition with${state.hasQuorum ? '' : 'out'} quorum\n`,
    `  * Last updated: ${state.time}\n\nNode List:\n`,
    line('Online', names('member', true)),
    line('OFFLINE', names('member', false)),
    line('RemoteOnline', names('remote', true)),
    line('RemoteOFFLINE', names('remote', false)),
    '\nResources:\n',
    ...state.singles.map(where),
    ...state.clones.flatMap(({ id, instances }) => [
      `  * Clone Set: ${id} [${id.replace(/-clone$/, '')}]:\n`,
      indented(
        line(
          'Started',
          instances.flatMap(({ role, on }) => (role === 'Started' ? (on ?? []) : [])).join(' '),
        ),
      ),
    ]),
  ].join('');
}
