import { formatTimeMs } from '../../core/duration.ts';
import type { IncidentReport, ReportedGate, ReportedInstance } from '../../core/report.ts';

/** An incident for people: what happened, what held it up, and what became of each instance. */
export function incidentMarkdown(report: IncidentReport): string {
  const { node, host, incident, timeline } = report;
  const begun = timeline[0]?.at ?? null;
  const parts = [
    `# ${node}: ${outcomes(report.instances)}`,
    [
      `- Incident: \`${incident}\``,
      `- Host in Nova: ${host === null ? 'unknown' : `\`${host}\``}`,
      ...(begun === null ? [] : [`- Began: ${dateTime(begun)}`]),
      `- State: ${report.state === 'closed' ? 'closed, the host is back' : 'released, the host is on its way back'}`,
      `- ${sentence(report.text)}`,
    ].join('\n'),
    ...attention(report.instances),
    ...gatesPart(report.gates, begun),
    ...(timeline.length === 0
      ? []
      : [
          '## Timeline',
          table(
            ['time (UTC)', 'after', 'what'],
            timeline.map(({ at, text }) => [clock(at), after(at, begun), withNames(text, report.instances)]),
          ),
        ]),
    '## Instances',
    report.instances.length === 0 ? sayNone(report) : instancesTable(report.instances),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** At the release the host was looked at; what another evacuator released is known by Nova's records, if at all. */
function sayNone({ state, host }: IncidentReport): string {
  return state === 'released' && host !== null
    ? 'There was none on this host.'
    : 'None was evacuated, as far as this controller knows; the one that released the host has its report of that.';
}

export const OUTCOME_WORDS: Readonly<Record<ReportedInstance['outcome'], string>> = {
  moved: 'moved',
  cannot: 'can’t be evacuated',
  excluded: 'left alone',
  failed: 'failed',
  gone: 'gone',
  ready: 'not begun',
  waiting: 'waiting',
  unanswered: 'unanswered',
  moving: 'under way',
  verifying: 'being verified',
  restoring: 'being stopped again',
};

/** `50 instances: 48 moved, 2 failed`. */
function outcomes(instances: readonly ReportedInstance[]): string {
  const counts = new Map<string, number>();
  for (const { outcome } of instances) {
    const word = OUTCOME_WORDS[outcome];
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const all = instances.length === 1 ? '1 instance' : `${instances.length} instances`;
  const each = [...counts].map(([word, count]) => `${count} ${word}`).join(', ');
  return each === '' ? 'no instances' : `${all}: ${each}`;
}

const IS_WELL: ReadonlySet<ReportedInstance['outcome']> = new Set(['moved', 'gone', 'excluded']);

/** What a person has to look at; it stands first. */
function attention(instances: readonly ReportedInstance[]): readonly string[] {
  const lines = instances.flatMap((instance) => {
    const said = [
      ...(IS_WELL.has(instance.outcome)
        ? []
        : [`${OUTCOME_WORDS[instance.outcome]}. ${sentence(instance.reason)}`]),
      ...(instance.differences.length === 0
        ? []
        : [`not as before: ${instance.differences.map(cell).join('; ')}`]),
    ];
    return said.length === 0
      ? []
      : [`- **${cell(instance.name)}** (\`${instance.id}\`): ${said.join(' And ')}`];
  });
  return lines.length === 0 ? [] : ['## To look at', lines.join('\n')];
}

/** People know an instance by its name. */
function withNames(text: string, instances: readonly ReportedInstance[]): string {
  return instances.reduce((said, { id, name }) => said.replaceAll(id, () => name), text);
}

function gatesPart(gates: readonly ReportedGate[], begun: number | null): readonly string[] {
  if (gates.length === 0) return [];
  const rows = gates.map(({ gate, from, until }) => [
    gate.id,
    after(from, begun),
    until === null ? 'still closed' : formatTimeMs(Math.round((until - from) / 1000) * 1000),
    gate.text,
    gate.opens,
  ]);
  return ['## Gates', table(['gate', 'after', 'closed for', 'why', 'what opens it'], rows)];
}

function instancesTable(instances: readonly ReportedInstance[]): string {
  const rows = instances.map((each) => [
    each.name,
    `\`${each.id}\``,
    OUTCOME_WORDS[each.outcome],
    each.to ?? '-',
    each.durationMs === null ? '-' : `${(each.durationMs / 1000).toFixed(1)} s`,
    each.disk,
    String(each.attempts),
    each.reason,
  ]);
  return table(['instance', 'id', 'outcome', 'to', 'took', 'disk', 'attempts', 'why'], rows);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** A text from outside (a user gives an instance its name) on one line, without what would break the table or be HTML. */
function cell(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replaceAll('|', '\\|')
    .replaceAll('<', '&lt;');
}

function sentence(text: string): string {
  const flat = cell(text).trim();
  const first = flat.charAt(0).toUpperCase() + flat.slice(1);
  return /[.!?]$/.test(first) ? first : `${first}.`;
}

function dateTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

function clock(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(11, 23);
}

function after(epochMs: number, begun: number | null): string {
  if (begun === null) return '-';
  const seconds = (epochMs - begun) / 1000;
  return `${seconds < 0 ? '-' : '+'}${Math.abs(seconds).toFixed(1)} s`;
}
