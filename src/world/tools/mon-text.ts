import { readableTime } from './answer.ts';
import type { Clone, Node, Running } from './status.ts';

/** A node, and what it has. */
export type NodeAttributes = readonly [node: string, pairs: readonly (readonly [string, string])[]];

/** What crm_mon shows. */
export interface Shown {
  readonly dc: string;
  readonly now: number;
  readonly hasQuorum: boolean;
  readonly nodes: readonly Node[];
  readonly singles: readonly Running[];
  readonly clones: readonly Clone[];
  /** Of each node that is online. */
  readonly attributes: readonly NodeAttributes[];
}

/** For people, with the sections that the options ask for (pacemaker lib/pengine/pe_output.c). */
export function monText(shown: Shown, options: ReadonlyMap<string, string>): string {
  const byNode = options.has('by-node');
  const withInactive = options.has('inactive');
  const resources = shownResources(shown, { byNode, withInactive });
  const sections = [
    section('Cluster Summary', summary(shown)),
    section(
      'Node List',
      byNode ? shown.nodes.flatMap((node) => nodeWithResources(shown, node)) : nodeList(shown),
    ),
    ...(byNode && !withInactive
      ? []
      : [
          section(
            byNode ? 'Inactive Resources' : withInactive ? 'Full List of Resources' : 'Active Resources',
            resources,
          ),
        ]),
    ...(options.has('attributes')
      ? [section('Node Attributes', shown.attributes.flatMap(attributeList))]
      : []),
    // In the model nothing counts the failures.
    ...(options.has('failcounts') ? [section('Migration Summary', [])] : []),
  ];
  return sections.join('\n');
}

const section = (title: string, items: readonly string[]): string =>
  `${title}:\n${items.map((item) => `${item.replace(/^ */, '$&  * ')}\n`).join('')}`;

/** Items are indented by what they are below of. */
const below = (item: string): string => `  ${item}`;

function summary({ dc, now, hasQuorum, nodes, singles, clones }: Shown): string[] {
  const disabled = singles.filter(({ isDisabled }) => isDisabled).length;
  return [
    'Stack: corosync',
    `Current DC: ${dc} (version 2.1.5-a3f44794f94) - partition with${hasQuorum ? '' : 'out'} quorum`,
    `Last updated: ${readableTime(now)}`,
    `${nodes.length} nodes configured`,
    // A clone may have an instance on every node.
    `${singles.length + clones.length * nodes.length} resource instances configured${disabled === 0 ? '' : ` (${disabled} DISABLED)`}`,
  ];
}

const kindOf = ({ type, name }: Node): string => `${type === 'remote' ? 'RemoteNode' : 'Node'} ${name}`;

function statusOf({ online, unclean, standby }: Node): string {
  if (unclean) return `UNCLEAN (${online ? 'online' : 'offline'})`;
  if (standby) return online ? 'standby' : 'OFFLINE (standby)';
  return online ? 'online' : 'OFFLINE';
}

/** Those of whom there is something to say, and then the others by what they are. */
function nodeList({ nodes }: Shown): string[] {
  const isPlain = ({ unclean, standby }: Node): boolean => !unclean && !standby;
  const plain = (word: string, type: Node['type'], online: boolean): string[] =>
    named(
      word,
      nodes.filter((node) => isPlain(node) && node.type === type && node.online === online),
    );
  return [
    ...nodes.filter((node) => !isPlain(node)).map((node) => `${kindOf(node)}: ${statusOf(node)}`),
    ...plain('Online', 'member', true),
    ...plain('OFFLINE', 'member', false),
    ...plain('RemoteOnline', 'remote', true),
    ...plain('RemoteOFFLINE', 'remote', false),
  ];
}

const named = (word: string, nodes: readonly { readonly name: string }[]): string[] =>
  nodes.length === 0 ? [] : [`${word}: [ ${nodes.map(({ name }) => name).join(' ')} ]`];

function nodeWithResources({ singles, clones }: Shown, node: Node): string[] {
  const running = [...singles, ...clones.flatMap(({ instances }) => instances)].filter(
    ({ on }) => on === node.name,
  );
  return [
    `${kindOf(node)}: ${statusOf(node)}:`,
    ...['Resources:', ...running.map((each) => below(resourceLine(each)))].map(below),
  ];
}

function resourceLine({ id, agent, role, isDisabled }: Running, where: string | null = null): string {
  const words = [role, ...(where === null ? [] : [where]), ...(isDisabled ? ['(disabled)'] : [])];
  return `${id}\t(${agent}):\t ${words.join(' ')}`;
}
const placedLine = (resource: Running): string => resourceLine(resource, resource.on);

/** By node only those that are not started are left. */
function shownResources(
  { nodes, singles, clones }: Shown,
  { byNode, withInactive }: { readonly byNode: boolean; readonly withInactive: boolean },
): string[] {
  const shown = [
    ...singles.filter(({ role }) => (role === 'Stopped' ? withInactive : !byNode)).map(placedLine),
    ...clones
      .filter(({ instances }) => withInactive || instances.some(({ role }) => role !== 'Stopped'))
      .flatMap((clone) => cloneLines(clone, nodes, withInactive)),
  ];
  return shown.length === 0 ? ['No active resources'] : shown;
}

function cloneLines({ id, instances }: Clone, nodes: readonly Node[], withInactive: boolean): string[] {
  const roles = new Map(instances.map(({ on, role }) => [on, role]));
  return [
    `Clone Set: ${id} [${id.replace(/-clone$/, '')}]:`,
    ...[
      ...instances.filter(({ role }) => role === 'Starting' || role === 'Stopping').map(placedLine),
      ...named(
        'Started',
        nodes.filter((node) => roles.get(node.name) === 'Started'),
      ),
      ...(withInactive
        ? named(
            'Stopped',
            nodes.filter((node) => !roles.has(node.name)),
          )
        : []),
    ].map(below),
  ];
}

const attributeList = ([name, pairs]: NodeAttributes): string[] => [
  `Node: ${name}:`,
  ...pairs.map(([key, value]) => below(`${key.padEnd(32)}\t: ${value.padEnd(10)}`)),
];
