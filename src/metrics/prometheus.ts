/** One metric as it is exposed: what it is called, and what it means. */
export interface MetricDescription {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
}

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Counts of observations up to each bound, and their sum. The last count is of all (`+Inf`). */
export interface Histogram {
  readonly bounds: readonly number[];
  readonly counts: readonly number[];
  readonly sum: number;
}

/** A histogram that has seen nothing. The bounds rise, in the unit of what is observed; `+Inf` is not among them. */
export function newHistogram(bounds: readonly number[]): Histogram {
  return { bounds, counts: new Array<number>(bounds.length + 1).fill(0), sum: 0 };
}

/** The histogram with one more observation. */
export function observed(histogram: Histogram, value: number): Histogram {
  const counts = histogram.counts.map((count, index) =>
    value <= (histogram.bounds[index] ?? Number.POSITIVE_INFINITY) ? count + 1 : count,
  );
  return { ...histogram, counts, sum: histogram.sum + value };
}

/**
 * Lines of Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/). Own code
 * because it is a page, and pure: prom-client keeps its metrics in a registry of the process.
 */
export function exposeSamples(metric: MetricDescription, samples: readonly Sample[]): string {
  return [
    ...header(metric),
    ...samples.map(({ labels, value }) => line(metric.name, labels ?? {}, value)),
    '',
  ].join('\n');
}

/**
 * {@link exposeSamples} for histograms: of each set of labels the buckets (cumulative, as {@link Histogram} counts them), sum and count.
 */
export function exposeHistogram(
  metric: MetricDescription,
  series: readonly { readonly labels?: Readonly<Record<string, string>>; readonly histogram: Histogram }[],
): string {
  const { name } = metric;
  const lines = series.flatMap(({ labels = {}, histogram }) => {
    const { bounds, counts, sum } = histogram;
    const bucket = (bound: string, count: number): string =>
      line(`${name}_bucket`, { ...labels, le: bound }, count);
    return [
      ...bounds.map((bound, index) => bucket(String(bound), counts[index] ?? 0)),
      bucket('+Inf', counts.at(-1) ?? 0),
      line(`${name}_sum`, labels, sum),
      line(`${name}_count`, labels, counts.at(-1) ?? 0),
    ];
  });
  return [...header(metric), ...lines, ''].join('\n');
}

function header({ name, type, help }: MetricDescription): string[] {
  return [
    `# HELP ${name} ${help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')}`,
    `# TYPE ${name} ${type}`,
  ];
}

function line(name: string, labels: Readonly<Record<string, string>>, value: number): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(text)}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${shown(value)}`;
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

function shown(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  if (Number.isFinite(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}
