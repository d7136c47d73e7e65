import { type DestinationStream, destination } from 'pino';

/** Text that waits for room on the disk, bytes; what comes beyond it is left out. */
const MAX_WAITING_BYTES = 1024 * 1024;
/** Pause between two tries to open a log that can't be opened, ms. */
const REOPEN_PAUSE_MS = 10_000;

export interface LogFile extends DestinationStream {
  /** Why it can't be written, since when, and what is lost by that; null: it can. */
  trouble(): string | null;
}

export interface LogListener {
  /** Told once when it can't be written any more, and not again before it could. */
  readonly onTrouble: () => void;
  /** It can be written again; the text says what is missing in it. */
  readonly onRecovery: (text: string) => void;
}

interface Trouble {
  readonly why: string;
  readonly since: Date;
  leftOut: number;
}

/**
 * The log file as a stream that never throws: a disk that is full, or fails, keeps nobody from evacuating. Lines wait
 * for room up to a bound. Without a listener for `error` the stream of pino (sonic-boom, `release`) would end the
 * process at the first line that can't be written.
 */
export function openLog(path: string, listener: LogListener): LogFile {
  type File = ReturnType<typeof destination>;
  let file: File | null = null;
  let triedAt = Number.NEGATIVE_INFINITY;
  let trouble: Trouble | null = null;

  function begin(error: unknown): Trouble {
    if (trouble !== null) return trouble;
    const why = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    trouble = { why, since: new Date(), leftOut: 0 };
    listener.onTrouble();
    return trouble;
  }

  /** Everything that waited is written. */
  function end(): void {
    if (trouble === null) return;
    const { why, since, leftOut } = trouble;
    trouble = null;
    listener.onRecovery(
      `the log could not be written since ${since.toISOString()} (${why}); ${leftOut} lines are missing before this one`,
    );
  }

  function open(): File | null {
    if (file !== null || performance.now() - triedAt < REOPEN_PAUSE_MS) return file;
    triedAt = performance.now();
    try {
      file = listenTo(
        destination({ dest: path, mkdir: true, sync: true, append: true, maxLength: MAX_WAITING_BYTES }),
      );
    } catch (error) {
      begin(error);
    }
    return file;
  }

  function listenTo(opened: File): File {
    opened.on('error', begin);
    opened.on('drain', end);
    opened.on('drop', () => {
      leaveOut();
      // What waits is only tried again by a line for which there is room, and an empty one always has it.
      opened.write('');
    });
    return opened;
  }

  function leaveOut(): void {
    begin(null).leftOut += 1;
  }

  open();
  return {
    write(line) {
      const opened = open();
      if (opened === null) leaveOut();
      else opened.write(line);
    },
    trouble() {
      if (trouble === null) return null;
      const { why, since, leftOut } = trouble;
      return `the log ${path} can't be written since ${since.toISOString()} (${why}), ${leftOut} lines are lost: make room on its disk; the work goes on`;
    },
  };
}
