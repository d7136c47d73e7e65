import {
  type FenceAgent,
  type FenceParameter,
  fenceParameters,
  optionText,
} from '../pacemaker/fence-agent.ts';
import type { OcfAgent, OcfParameter } from '../pacemaker/ocf-agent.ts';

/** What documents are made of: one agent, whatever kind it is. */
interface Entry {
  readonly name: string;
  /** How Pacemaker calls it. */
  readonly kind: string;
  readonly section: 7 | 8;
  readonly shortdesc: string;
  readonly longdesc: string;
  readonly synopsis: readonly string[];
  readonly parameters: readonly Row[];
  readonly actions: readonly string[];
  readonly exits: readonly (readonly [string, string])[];
}

interface Row {
  readonly name: string;
  readonly aliases: readonly string[];
  /** The option on a command line; null: it has none. */
  readonly option: string | null;
  readonly type: string;
  readonly fallback: string | null;
  readonly required: boolean;
  readonly text: string;
}

const FENCE_EXITS = [
  ['0', 'done; for status: on'],
  ['1', 'not done; the last line on standard error says why'],
  ['2', 'for status: off (fenced, and not released yet)'],
] as const;

const OCF_EXITS = [
  ['0', 'done; for monitor: running'],
  ['1', 'failed; it may pass (ocf-exit-reason says why)'],
  ['2', 'called without an action'],
  ['3', 'an action that it does not have'],
  ['5', 'a program or a file of this node is missing or wrong, or the cloud refuses it; another node may do'],
  ['6', 'a parameter is wrong, and no other node would fare better'],
  ['7', 'for monitor: not running'],
] as const;

function fenceEntry(agent: FenceAgent): Entry {
  return {
    name: agent.name,
    kind: `stonith:${agent.name}`,
    section: 8,
    shortdesc: agent.shortdesc,
    longdesc: agent.longdesc,
    synopsis: [
      `${agent.name} [options]`,
      `${agent.name} < FILE    (key=value lines, as Pacemaker gives them)`,
    ],
    parameters: fenceParameters(agent).map(fenceRow),
    actions: agent.actions.map(({ name, automatic }) => (automatic === true ? `${name} (automatic)` : name)),
    exits: FENCE_EXITS,
  };
}

function fenceRow(parameter: FenceParameter): Row {
  return {
    name: parameter.name,
    aliases: parameter.obsolete ?? [],
    option: optionText(parameter),
    type: parameter.type,
    fallback: parameter.default ?? null,
    required: parameter.required ?? false,
    text: parameter.shortdesc,
  };
}

function ocfEntry(agent: OcfAgent): Entry {
  const actions = Object.entries({ ...agent.actions }).map(([name, action]) => {
    const interval = action?.interval === undefined ? '' : `, every ${action.interval} s`;
    return `${name} (timeout ${action?.timeout} s${interval})`;
  });
  return {
    name: agent.name,
    kind: `ocf:openstack:${agent.name}`,
    section: 7,
    shortdesc: agent.shortdesc,
    longdesc: agent.longdesc,
    synopsis: [`OCF_RESKEY_parameter=value ... /usr/lib/ocf/resource.d/openstack/${agent.name} action`],
    parameters: agent.parameters.map(ocfRow),
    actions: [...actions, 'meta-data', 'usage'],
    exits: OCF_EXITS,
  };
}

const OCF_TYPES = { string: 'text', integer: 'number', seconds: 'time', boolean: 'boolean' } as const;

function ocfRow(parameter: OcfParameter): Row {
  const bounds =
    parameter.min === undefined || parameter.max === undefined
      ? ''
      : ` (${parameter.min} to ${parameter.max})`;
  return {
    name: parameter.name,
    aliases: parameter.aliases ?? [],
    option: null,
    type: `${OCF_TYPES[parameter.type]}${bounds}`,
    fallback: parameter.default ?? null,
    required: parameter.required ?? false,
    text: parameter.longdesc ?? parameter.shortdesc,
  };
}

/** docs/agents.md: every parameter, action and exit code of every agent. */
export function agentsMarkdown(fence: readonly FenceAgent[], ocf: readonly OcfAgent[]): string {
  const entries = [...fence.map(fenceEntry), ...ocf.map(ocfEntry)];
  return [
    '# The agents',
    '',
    "Made from the agents' own tables by `npm run docs`; what stands here is what they read. The same is on the machine:",
    '`man 8 fence_compute`, `man 7 ocf_openstack_NovaEvacuate`, `fence_compute --help`, `pcs resource describe`, `crm ra info`.',
    ...entries.flatMap(markdownOf),
    '',
  ].join('\n');
}

function markdownOf(entry: Entry): string[] {
  const cell = (text: string): string => text.replaceAll('|', '\\|');
  const names = (row: Row): string => [row.name, ...row.aliases].map((name) => `\`${name}\``).join(', ');
  const hasOptions = entry.parameters.some((row) => row.option !== null);
  return [
    '',
    `## ${entry.name}`,
    '',
    `\`${entry.kind}\`: ${entry.shortdesc}.`,
    '',
    entry.longdesc,
    '',
    `Actions: ${entry.actions.map((action) => action.replace(/^\S+/, '`$&`')).join(', ')}.`,
    '',
    `| parameter |${hasOptions ? ' option |' : ''} type | default | meaning |`,
    `| --- |${hasOptions ? ' --- |' : ''} --- | --- | --- |`,
    ...entry.parameters.map((row) =>
      [
        '',
        names(row),
        ...(hasOptions ? [`\`${row.option ?? ''}\``] : []),
        row.type,
        row.required ? 'required' : row.fallback === null ? '' : `\`${row.fallback}\``,
        cell(row.text),
        '',
      ]
        .join(' | ')
        .trim(),
    ),
    '',
    `Exit codes: ${entry.exits.map(([code, text]) => `${code}: ${text}`).join('; ')}.`,
  ];
}

/** The manual pages, by their file names. */
export function manualPages(
  fence: readonly FenceAgent[],
  ocf: readonly OcfAgent[],
): ReadonlyMap<string, string> {
  const version = fence[0]?.version ?? '';
  const entries = [...fence.map(fenceEntry), ...ocf.map(ocfEntry)];
  return new Map(
    entries.map((entry) => [
      `man${entry.section}/${entry.section === 7 ? `ocf_openstack_${entry.name}` : entry.name}.${entry.section}`,
      manualPage(entry, version),
    ]),
  );
}

function manualPage(entry: Entry, version: string): string {
  const title = entry.section === 7 ? `ocf_openstack_${entry.name}` : entry.name;
  return [
    `.TH ${roff(title.toUpperCase())} ${entry.section} "" "instance-ha ${version}" "OpenStack instance HA"`,
    '.SH NAME',
    `${roff(title)} \\- ${roff(entry.shortdesc)}`,
    '.SH SYNOPSIS',
    ...entry.synopsis.flatMap((line) => [roff(line), '.br']),
    '.SH DESCRIPTION',
    roff(entry.longdesc),
    '.SH PARAMETERS',
    ...entry.parameters.flatMap(parameterRoff),
    '.SH ACTIONS',
    roff(`${entry.actions.join(', ')}.`),
    '.SH EXIT STATUS',
    ...entry.exits.flatMap(([code, text]) => ['.TP', `.B ${code}`, roff(text)]),
    '.SH SEE ALSO',
    '.BR fence_compute (8),',
    '.BR fence_evacuate (8),',
    '.BR ocf_openstack_NovaEvacuate (7),',
    '.BR ocf_openstack_nova\\-compute\\-wait (7),',
    '.BR ocf_openstack_NovaCompute (7)',
    '',
  ].join('\n');
}

function parameterRoff(row: Row): string[] {
  const names = [row.name, ...row.aliases].join(', ');
  const option = row.option === null ? '' : `   (${row.option})`;
  const fallback = row.fallback === null ? '' : ` Default: ${row.fallback}.`;
  const required = row.required ? ' Required.' : '';
  return [
    '.TP',
    `\\fB${roff(names)}\\fR${roff(option)}`,
    roff(`${row.text}. ${row.type}.${fallback}${required}`),
  ];
}

/** Bash completion of a fence agent's options, and of its actions behind -o. */
export function bashCompletion(agent: FenceAgent): string {
  const options = fenceParameters(agent).flatMap((parameter) =>
    optionText(parameter)
      .replace(/=\[.*$/, '')
      .split(', '),
  );
  const actions = agent.actions.map(({ name }) => name);
  const name = `_${agent.name}`;
  return [
    `${name}() {`,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is shell
    '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}',
    '  case $before in',
    `    -o | --action) mapfile -t COMPREPLY < <(compgen -W '${actions.join(' ')}' -- "$word") ;;`,
    `    *) mapfile -t COMPREPLY < <(compgen -W '${options.join(' ')}' -- "$word") ;;`,
    '  esac',
    '}',
    `complete -o default -F ${name} ${agent.name}`,
    '',
  ].join('\n');
}

/** Text as roff takes it: no line begins a request, no dash is a hyphen, no backslash an escape. */
function roff(text: string): string {
  const safe = text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return /^[.']/.test(safe) ? `\\&${safe}` : safe;
}
