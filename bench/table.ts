/** The figures of a run as a table. Pure. */
import type { Measured } from './measure.ts';
import { nameOf } from './options.ts';

/** At most this much longer than the best bare loop. */
const RATIO_TARGET = 1.1;
/** Requests an instance, at most, polling included, from so many instances on; with spawns that take 10 s or less. */
const REQUEST_TARGETS: readonly { readonly instances: number; readonly each: number }[] = [
  { instances: 200, each: 1.15 },
  { instances: 50, each: 1.3 },
];
const TARGET_MAX_DELAY_S = 10;

const HEAD = [
  'servers',
  'spawn',
  'method',
  'runs',
  'seconds',
  'of best loop',
  'POSTs',
  'failed',
  'requests each',
  'CPU s',
  'peak MiB',
];

interface Row {
  readonly instances: number;
  readonly delayS: number;
  readonly method: string;
  readonly runs: number;
  /** Medians over the runs; null where a run has no value. */
  readonly seconds: number | null;
  readonly posts: number;
  readonly failed: number;
  readonly requestsEach: number | null;
  readonly cpuS: number | null;
  readonly peakMiB: number | null;
}

/** The median; null when there is none, or a value is missing: what did not end is not fast. */
export function median(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null).sort((a, b) => a - b);
  if (known.length === 0 || known.length < values.length) return null;
  const middle = known.length / 2;
  return Number.isInteger(middle)
    ? ((known[middle - 1] ?? 0) + (known[middle] ?? 0)) / 2
    : (known[Math.floor(middle)] ?? null);
}

export function rowsOf(all: readonly Measured[]): readonly Row[] {
  const groups = new Map<string, Measured[]>();
  for (const each of all) {
    const key = `${each.trial.instances} ${each.trial.delayS} ${nameOf(each.trial.method)}`;
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    const { instances, delayS, method } = first.trial;
    return [
      {
        instances,
        delayS,
        method: nameOf(method),
        runs: group.length,
        seconds: median(group.map((each) => each.seconds)),
        posts: Math.max(...group.map((each) => each.posts)),
        failed: Math.max(...group.map((each) => each.failed)),
        requestsEach: median(group.map((each) => each.requestsEach)),
        cpuS: median(group.map((each) => each.cpuS)),
        peakMiB: median(group.map((each) => each.peakMiB)),
      },
    ];
  });
}

/** The fastest bare loop under the same conditions that brought every instance away; null: none did. */
function bestLoop(rows: readonly Row[], like: Row): Row | null {
  const loops = rows.filter(
    (row) =>
      row.method !== 'engine' &&
      row.instances === like.instances &&
      row.delayS === like.delayS &&
      row.seconds !== null &&
      row.failed === 0,
  );
  return loops.sort((a, b) => (a.seconds ?? 0) - (b.seconds ?? 0))[0] ?? null;
}

const figure = (value: number | null, digits: number): string =>
  value === null ? '-' : value.toFixed(digits);

function ratioOf(rows: readonly Row[], row: Row): number | null {
  const best = bestLoop(rows, row);
  return best?.seconds && row.seconds !== null ? row.seconds / best.seconds : null;
}

/** A Markdown table whose columns stand under each other, so that it reads well in a terminal too. */
export function benchTable(all: readonly Measured[]): string {
  const rows = rowsOf(all);
  const cells = rows.map((row) => [
    String(row.instances),
    `${row.delayS} s`,
    row.method,
    String(row.runs),
    figure(row.seconds, 1),
    figure(ratioOf(rows, row), 2),
    String(row.posts),
    String(row.failed),
    figure(row.requestsEach, 2),
    figure(row.cpuS, 2),
    figure(row.peakMiB, 0),
  ]);
  const widths = HEAD.map((head, column) =>
    Math.max(head.length, ...cells.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => (column === 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  return [line(HEAD), line(widths.map((width) => '-'.repeat(width))), ...cells.map(line)].join('\n');
}

/** The engine's figures against their targets, a line each. They inform; machines differ. */
export function benchTargets(all: readonly Measured[]): readonly string[] {
  const rows = rowsOf(all);
  return rows
    .filter((row) => row.method === 'engine')
    .flatMap((row) => {
      const where = `${row.instances} servers, spawns of ${row.delayS} s`;
      const best = bestLoop(rows, row);
      const ratio = ratioOf(rows, row);
      const against = best === null ? '' : ` (best: ${best.method}, ${figure(best.seconds, 1)} s)`;
      const lines = [
        `${verdict(ratio, RATIO_TARGET)}  ${where}: ${figure(ratio, 2)} of the best bare loop, at most ${RATIO_TARGET.toFixed(2)}${against}`,
      ];
      const target = REQUEST_TARGETS.find((each) => row.instances >= each.instances);
      if (target !== undefined && row.delayS <= TARGET_MAX_DELAY_S) {
        lines.push(
          `${verdict(row.requestsEach, target.each)}  ${where}: ${figure(row.requestsEach, 2)} requests an instance, at most ${target.each}`,
        );
      }
      return lines;
    });
}

function verdict(value: number | null, target: number): string {
  if (value === null) return 'not measured';
  return value <= target ? 'met         ' : 'MISSED      ';
}
