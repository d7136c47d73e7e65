import { destination, pino, stdTimeFunctions } from 'pino';
import type { JournalPort, TickReport } from '../../evacuator/ports.ts';
import { type Life, uptimeS, writeStatus } from './life.ts';

export interface JournalOptions {
  readonly logFile: string;
  readonly statusFile: string;
  readonly life: Pick<Life, 'pid' | 'start'>;
  readonly owner: string;
}

/**
 * The real journal: events as JSON lines in the log file, the newest state in the status file. The status is
 * written by one writer at a time, and only the newest of those that wait.
 */
export function createJournal(options: JournalOptions): JournalPort {
  const file = destination({ dest: options.logFile, mkdir: true, sync: true, append: true });
  const log = pino(
    {
      base: { owner: options.owner },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    file,
  );
  let waiting: TickReport | null = null;
  let writing = false;

  async function write(): Promise<void> {
    writing = true;
    while (waiting !== null) {
      const report = waiting;
      waiting = null;
      try {
        await writeStatus(options.statusFile, {
          ...options.life,
          owner: options.owner,
          tickUptimeS: await uptimeS(),
          at: new Date(report.at).toISOString(),
          gates: report.gates,
          cloudTrouble: report.cloudTrouble,
          verdicts: report.verdicts,
        });
      } catch (error) {
        log.error(
          { file: options.statusFile },
          `the status can't be written: ${error instanceof Error ? error.message : 'unknown'}`,
        );
      }
    }
    writing = false;
  }

  return {
    tick(report) {
      waiting = report;
      if (!writing) void write();
    },
    event({ level, msg, ...about }) {
      log[level](about, msg);
    },
  };
}
