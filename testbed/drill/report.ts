/** The report of a scenario: for the terminal, as Markdown, as JSON. Pure. */
import type { Facts, Snapshot, Subject } from './facts.ts';
import { type Figure, requestCounts } from './figures.ts';
import { reasonFor } from './reason.ts';
import { arrivals, MILESTONES, type Milestone, type Timeline, timelineOf } from './timeline.ts';
import type { Check } from './verdict.ts';

export interface InstanceRow {
  readonly name: string;
  readonly id: string;
  readonly before: string;
  readonly after: string;
  readonly from: string;
  readonly to: string;
  readonly addresses: string;
  readonly attempts: number;
  /** Seconds since the power loss until it ran elsewhere; null: it did not move. */
  readonly seconds: number | null;
  /** Why it was not moved; empty when it was. */
  readonly reason: string;
}

export interface Report {
  readonly scenario: string;
  readonly title: string;
  readonly timeline: readonly {
    readonly milestone: Milestone;
    readonly title: string;
    readonly seconds: number | null;
  }[];
  readonly instances: readonly InstanceRow[];
  readonly figures: readonly Figure[];
  readonly requests: Readonly<Record<string, number>>;
  readonly checks: readonly Check[];
  readonly remarks: readonly string[];
  readonly passed: number;
  readonly failed: number;
}

/** A look-out for gaps: what began and ended between two looks into the database was not seen. */
const GAP_WORTH_A_REMARK_S = 2;

const stateOf = (snapshot: Snapshot | null): string => {
  if (snapshot === null) return 'gone';
  return `${snapshot.vmState}${snapshot.locked ? ', locked' : ''}${snapshot.taskState === null ? '' : ` (${snapshot.taskState})`}`;
};
const addressesOf = (snapshot: Snapshot): string[] => [...snapshot.fixed, ...snapshot.floating];

function addressText(subject: Subject): string {
  const before = addressesOf(subject.before);
  const after = subject.after === null ? [] : addressesOf(subject.after);
  const kept = before.length === after.length && before.every((address) => after.includes(address));
  return kept ? `${before.join(' ')} kept` : `${before.join(' ')} → ${after.join(' ')}`;
}

function instanceRow(facts: Facts, subject: Subject, arrived: ReadonlyMap<string, number>): InstanceRow {
  const seconds = arrived.get(subject.id) ?? null;
  const moved = subject.after !== null && subject.after.host !== subject.before.host;
  return {
    name: subject.name,
    id: subject.id,
    before: stateOf(subject.before),
    after: stateOf(subject.after),
    from: subject.before.host ?? '-',
    to: subject.after?.host ?? '-',
    addresses: addressText(subject),
    attempts: facts.migrations.filter((m) => m.server === subject.id).length,
    seconds,
    reason: moved || subject.role === null ? '' : (reasonFor(facts, subject.id) ?? 'nobody said why'),
  };
}

export function reportOf(
  facts: Facts,
  title: string,
  timeline: Timeline,
  figures: readonly Figure[],
  checks: readonly Check[],
): Report {
  const arrived = arrivals(facts.events, facts.plan);
  const rows = facts.plan.victims.flatMap((victim) => {
    const isFirst = victim === facts.plan.victim;
    const its = isFirst ? timeline : timelineOf(facts.events, { ...facts.plan, victim });
    const name = facts.plan.victims.length > 1 ? `${victim}: ` : '';
    return (Object.keys(MILESTONES) as Milestone[]).map((milestone) => ({
      milestone,
      title: `${name}${MILESTONES[milestone]}`,
      seconds: its.get(milestone) ?? null,
    }));
  });
  // In the order in which it happened; what was not seen stands at the end.
  rows.sort((a, b) => (a.seconds ?? Number.POSITIVE_INFINITY) - (b.seconds ?? Number.POSITIVE_INFINITY));
  const remarks: string[] = [];
  if (facts.longestGapS > GAP_WORTH_A_REMARK_S) {
    remarks.push(
      `the databases were not looked at for ${facts.longestGapS.toFixed(1)} s: shorter events may be missing`,
    );
  }
  if (facts.notes.trouble !== null) remarks.push(facts.notes.trouble);
  for (const because of facts.notes.heldBecause) remarks.push(`held because: ${because}`);
  return {
    scenario: facts.scenario,
    title,
    timeline: rows,
    instances: [...facts.subjects, ...facts.controls].map((subject) => instanceRow(facts, subject, arrived)),
    figures,
    requests: Object.fromEntries(requestCounts(facts)),
    checks,
    remarks,
    passed: checks.filter((check) => check.ok).length,
    failed: checks.filter((check) => !check.ok).length,
  };
}

const seconds = (value: number | null): string => (value === null ? '-' : value.toFixed(1));
const figureText = (figure: Figure): string => {
  const value = figure.value === null ? '-' : figure.value.toFixed(2);
  const unit = figure.unit === '' || figure.value === null ? '' : ` ${figure.unit}`;
  const target = figure.target === null ? '' : ` (target ${figure.target}${unit})`;
  return `${value}${unit}${target}`;
};

/** Columns as wide as what is in them. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

const INSTANCE_HEAD = [
  'instance',
  'before',
  'after',
  'from',
  'to',
  'addresses',
  'attempts',
  'seconds',
  'reason',
];
const instanceCells = (row: InstanceRow): string[] => [
  row.name,
  row.before,
  row.after,
  row.from,
  row.to === row.from ? 'stayed' : row.to,
  row.addresses,
  String(row.attempts),
  seconds(row.seconds),
  row.reason,
];

/** For the terminal. The last line of a drill, the sum, is not part of it. */
export function terminalReport(report: Report): string {
  const lines = ['', `== ${report.scenario}: ${report.title}`, '', 'Time line, seconds since the power loss'];
  for (const row of report.timeline) lines.push(`  ${seconds(row.seconds).padStart(7)}  ${row.title}`);
  lines.push('', 'Instances');
  lines.push(...columns([INSTANCE_HEAD, ...report.instances.map(instanceCells)]).map((line) => `  ${line}`));
  lines.push('', 'Figures');
  for (const figure of report.figures) {
    lines.push(`  ${figure.title}: ${figureText(figure)}`, `      ${figure.detail}`);
  }
  if (report.remarks.length > 0) lines.push('', 'Remarks', ...report.remarks.map((remark) => `  ${remark}`));
  lines.push('', 'Checks');
  for (const check of report.checks) {
    lines.push(`  ${check.ok ? 'ok  ' : 'FAIL'} ${check.title}`);
    if (check.detail !== '') lines.push(`         ${check.detail}`);
  }
  return lines.join('\n');
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => [
  `| ${head.join(' | ')} |`,
  `|${head.map(() => '---').join('|')}|`,
  ...rows.map((row) => `| ${row.map(cell).join(' | ')} |`),
];

export function markdownReport(reports: readonly Report[]): string {
  const lines = ['# Drill report', ''];
  for (const report of reports) {
    lines.push(
      `## ${report.scenario}: ${report.title}`,
      '',
      `${report.passed} passed, ${report.failed} failed`,
      '',
    );
    lines.push(
      '### Time line',
      '',
      ...table(
        ['seconds', 'what'],
        report.timeline.map((row) => [seconds(row.seconds), row.title]),
      ),
      '',
      '### Instances',
      '',
      ...table(INSTANCE_HEAD, report.instances.map(instanceCells)),
      '',
      '### Figures',
      '',
      ...table(
        ['figure', 'value', 'how'],
        report.figures.map((figure) => [figure.title, figureText(figure), figure.detail]),
      ),
      '',
      '### Requests to nova-api by the controllers',
      '',
      ...table(
        ['request', 'count'],
        Object.entries(report.requests).map(([key, count]) => [key, String(count)]),
      ),
      '',
      '### Checks',
      '',
      ...table(
        ['', 'check', 'found'],
        report.checks.map((check) => [check.ok ? 'ok' : '**FAIL**', check.title, check.detail]),
      ),
      '',
    );
    if (report.remarks.length > 0) {
      lines.push(
        '### Remarks',
        '',
        ...report.remarks.map((remark) => `- ${remark.replaceAll('\n', ' ')}`),
        '',
      );
    }
  }
  return `${lines.join('\n')}\n`;
}

/** The last line. */
export function sumLine(reports: readonly Report[]): string {
  const passed = reports.reduce((sum, report) => sum + report.passed, 0);
  const failed = reports.reduce((sum, report) => sum + report.failed, 0);
  return `${passed} passed, ${failed} failed`;
}
