import { rename, writeFile } from 'node:fs/promises';
import {
  afterApiError,
  afterReport,
  afterTick,
  type MetricsState,
  newMetricsState,
} from '../../metrics/state.ts';
import { metricsText } from '../../metrics/text.ts';
import type { CloudError } from '../../openstack/errors.ts';
import type { Journal } from './journal.ts';

/** A tick is written at most so often, ms; Prometheus looks every 15 s or less often. */
const WRITE_PAUSE_MS = 5_000;

export interface Metrics {
  /** The same journal, and what goes through it is counted. */
  watch(journal: Journal): Journal;
  apiError(error: CloudError): void;
  /** Prometheus' text format. */
  text(): string;
}

export interface MetricsOptions {
  readonly version: string;
  readonly owner: string;
  /** For node_exporter's textfile collector, which reads every *.prom of a directory. */
  readonly file: string;
  /** Requests sent so far by service. */
  readonly requests: () => ReadonlyMap<string, number>;
  /** Epoch ms. */
  readonly now: () => number;
}

/** The metrics of a process, kept in memory and written beside the status. */
export function createMetrics(options: MetricsOptions): Metrics {
  let state: MetricsState = newMetricsState(options.version, options.owner, options.now());
  let writtenAt = Number.NEGATIVE_INFINITY;
  let isWriting = false;
  const text = (): string => metricsText(state, options.requests());

  async function write(): Promise<void> {
    isWriting = true;
    try {
      // In one step, so that no half of it is read; not named *.prom before it is whole.
      const next = `${options.file}.next`;
      await writeFile(next, text(), { mode: 0o644 });
      await rename(next, options.file);
    } catch {
      // The status beside it has the same trouble, and that is said.
    }
    isWriting = false;
  }

  function writeSoon(now: number): void {
    if (isWriting || now - writtenAt < WRITE_PAUSE_MS) return;
    writtenAt = now;
    void write();
  }

  return {
    text,
    apiError(error) {
      state = afterApiError(state, 'service' in error ? error.service : 'identity', error.code);
    },
    watch: (journal) => ({
      ...journal,
      tick(report) {
        journal.tick(report);
        state = afterTick(state, report);
        writeSoon(options.now());
      },
      report(report) {
        journal.report(report);
        state = afterReport(state, report);
      },
    }),
  };
}
