import { shellQuote } from './cloud-file.ts';
import { agentName, type Item, type LevelItem, type LocationItem, type ResourceItem } from './model.ts';
import { shownValue } from './values.ts';

/** The configuration as commands for those who want to type them. Secrets are masked: put them in. */

const pair = (name: string, value: string): string => shellQuote(`${name}=${shownValue(name, value)}`);
const pairs = (values: Readonly<Record<string, string>>): string[] =>
  Object.entries(values).map(([name, value]) => pair(name, value));

/** As `pcs` commands (0.10 and later). */
export function pcsCommands(items: readonly Item[]): readonly string[] {
  return items.map(pcsCommand);
}

function pcsCommand(item: Item): string {
  switch (item.kind) {
    case 'property':
      return `pcs property set ${pair(item.name, item.value)}`;
    case 'node-attribute':
      return `pcs node attribute ${item.node} ${pair(item.name, item.value)}`;
    case 'resource':
      return pcsResource(item);
    case 'location':
      return `pcs constraint location ${item.resource} rule ${locationRule(item)}`;
    case 'order':
      return `pcs constraint order start ${item.before} then ${item.after}`;
    case 'colocation':
      return `pcs constraint colocation add ${item.resource} with ${item.with}`;
    case 'level':
      return `pcs stonith level add ${item.index} ${item.target} ${item.devices.join(' ')}`;
    default:
      return item satisfies never;
  }
}

function pcsResource(item: ResourceItem): string {
  const isFencing = item.agent.class === 'stonith';
  const operations = item.operations.flatMap((operation) => [
    operation.name,
    ...(operation.intervalS === 0 ? [] : [`interval=${operation.intervalS}s`]),
    `timeout=${operation.timeoutS}s`,
  ]);
  // Without it pcs insists on copying the key of pacemaker_remote itself, and on a unit that this node need not have.
  const needsForce = item.agent.type === 'remote' || item.agent.class === 'systemd';
  return [
    isFencing ? 'pcs stonith create' : 'pcs resource create',
    item.id,
    isFencing ? item.agent.type : agentName(item.agent),
    ...pairs(item.parameters),
    ...(operations.length === 0 ? [] : ['op', ...operations]),
    ...(Object.keys(item.meta).length === 0 ? [] : ['meta', ...pairs(item.meta)]),
    ...(item.clone === null ? [] : ['clone', ...pairs(item.clone.meta)]),
    ...(needsForce ? ['--force'] : []),
  ].join(' ');
}

function locationRule(item: LocationItem): string {
  const discovery = item.discovery === null ? '' : `resource-discovery=${item.discovery} `;
  const condition =
    item.operation === 'defined' ? `defined ${item.attribute}` : `${item.attribute} eq ${item.value}`;
  return `${discovery}score=${item.score} ${condition}`;
}

/**
 * As `crm` commands (crmsh); the levels are one command there. Power devices come first: crmsh verifies after each
 * command, and refuses other resources in a cluster that has fencing on and nothing to fence with.
 */
export function crmCommands(items: readonly Item[]): readonly string[] {
  const levels = items.filter((item) => item.kind === 'level');
  const isFencing = (item: Item): boolean => item.kind === 'resource' && item.agent.class === 'stonith';
  const ordered = [...items.filter(isFencing), ...items.filter((item) => !isFencing(item))];
  const others = ordered.flatMap((item) => (item.kind === 'level' ? [] : crmCommand(item)));
  return levels.length === 0
    ? others
    : [...others, `crm configure fencing_topology ${levels.map(crmLevel).join(' ')}`];
}

function crmCommand(item: Exclude<Item, LevelItem>): string[] {
  switch (item.kind) {
    case 'property':
      return [`crm configure property ${pair(item.name, item.value)}`];
    case 'node-attribute':
      return [`crm node attribute ${item.node} set ${item.name} ${item.value}`];
    case 'resource':
      return crmResource(item);
    case 'location':
      return [
        `crm configure location ${item.id} ${item.resource} ${item.discovery === null ? '' : `resource-discovery=${item.discovery} `}rule ${item.score === '0' ? '0' : '-inf'}: ${item.operation === 'defined' ? `defined ${item.attribute}` : `${item.attribute} eq ${item.value}`}`,
      ];
    case 'order':
      return [`crm configure order ${item.id} Mandatory: ${item.before} ${item.after}`];
    case 'colocation':
      return [`crm configure colocation ${item.id} inf: ${item.resource} ${item.with}`];
    default:
      return item satisfies never;
  }
}

function crmResource(item: ResourceItem): string[] {
  const operations = item.operations.flatMap((operation) => [
    'op',
    operation.name,
    `interval=${operation.intervalS}s`,
    `timeout=${operation.timeoutS}s`,
  ]);
  const primitive = [
    // -F: crmsh too wants a unit that this node need not have.
    item.agent.class === 'systemd' ? 'crm -F configure primitive' : 'crm configure primitive',
    item.id,
    agentName(item.agent),
    ...(Object.keys(item.parameters).length === 0 ? [] : ['params', ...pairs(item.parameters)]),
    ...operations,
    ...(Object.keys(item.meta).length === 0 ? [] : ['meta', ...pairs(item.meta)]),
  ].join(' ');
  if (item.clone === null) return [primitive];
  return [
    primitive,
    `crm configure clone ${item.clone.id} ${item.id} meta ${pairs(item.clone.meta).join(' ')}`,
  ];
}

function crmLevel(item: LevelItem): string {
  return `${item.target}: ${item.devices.join(',')}`;
}
