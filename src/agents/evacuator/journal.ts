import { pino, stdTimeFunctions } from 'pino';
import type { IncidentReport } from '../../core/report.ts';
import type { JournalPort, TickReport } from '../../evacuator/ports.ts';
import { type Life, uptimeS, writeStatus } from './life.ts';
import { openLog } from './log-file.ts';

export interface JournalOptions {
  readonly logFile: string;
  readonly statusFile: string;
  readonly life: Pick<Life, 'pid' | 'start'>;
  readonly owner: string;
  /** Keeps the files of an incident; gives what went wrong, or null. */
  readonly keepReport: (report: IncidentReport) => Promise<string | null>;
}

/** Which policy is in force, for the status. */
export interface PolicyState {
  readonly file: string;
  /** When it was read, epoch ms. */
  readonly readAt: number;
  /** What is wrong with the file as it is now, so that an older policy is in force; null when nothing is. */
  readonly trouble: string | null;
}

/** The journal of a process: what {@link JournalPort} asks for, and the sign of life between two ticks. */
export interface Journal extends JournalPort {
  /** Something was answered: the process makes progress though a long tick is not over. */
  alive(): void;
  policy(state: PolicyState): void;
}

/**
 * The real journal: events as JSON lines in the log file, the newest state in the status file. The status is
 * written by one writer at a time, and only the newest of those that wait. That the log can't be written costs no
 * evacuation; the status says it.
 */
export function createJournal(options: JournalOptions): Journal {
  let report: TickReport | null = null;
  let policy: PolicyState | null = null;
  let isDue = false;
  let isWriting = false;
  const file = openLog(options.logFile, {
    onTrouble: () => writeSoon(),
    onRecovery: (text) => log.warn(text),
  });
  const log = pino(
    {
      base: { owner: options.owner },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    file,
  );
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
          logTrouble: file.trouble(),
          pace: report.pace,
          policy: policy && { ...policy, readAt: new Date(policy.readAt).toISOString() },
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
    report(next) {
      const { incident, node, state, text } = next;
      log.info({ incident, node, state }, text);
      void options.keepReport(next).then((trouble) => {
        if (trouble !== null) log.error({ incident, node }, trouble);
      });
    },
    policy(state) {
      policy = state;
      writeSoon();
    },
    alive: writeSoon,
    event({ level, msg, ...about }) {
      log[level](about, msg);
    },
  };
}
