import { destination, pino, stdTimeFunctions } from 'pino';
import type { JournalPort, TickReport } from '../../evacuator/ports.ts';
import { type Life, uptimeS, writeStatus } from './life.ts';

export interface JournalOptions {
  readonly logFile: string;
  readonly statusFile: string;
  readonly life: Pick<Life, 'pid' | 'start'>;
  readonly owner: string;
}

/** The journal of a process: what {@link JournalPort} asks for, and the sign of life between two ticks. */
export interface Journal extends JournalPort {
  /** Something was answered: the process makes progress though a long tick is not over. */
  alive(): void;
}

/**
 * The real journal: events as JSON lines in the log file, the newest state in the status file. The status is
 * written by one writer at a time, and only the newest of those that wait.
 */
export function createJournal(options: JournalOptions): Journal {
  const file = destination({ dest: options.logFile, mkdir: true, sync: true, append: true });
  const log = pino(
    {
      base: { owner: options.owner },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    file,
  );
  let report: TickReport | null = null;
  let isDue = false;
  let isWriting = false;

  async function write(): Promise<void> {
    isWriting = true;
    while (isDue && report !== null) {
      isDue = false;
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
        const why = error instanceof Error ? error.message : 'unknown';
        log.error({ file: options.statusFile }, `the status can't be written: ${why}`);
      }
    }
    isWriting = false;
  }

  function writeSoon(): void {
    isDue = true;
    if (!isWriting) void write();
  }

  return {
    tick(next) {
      report = next;
      writeSoon();
    },
    report({ incident, node, state, text }) {
      log.info({ incident, node, state }, text);
    },
    alive: writeSoon,
    event({ level, msg, ...about }) {
      log[level](about, msg);
    },
  };
}
