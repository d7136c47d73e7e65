/** What takes longer than this is told, ms: shorter, and the line would only flicker by. */
export const BUSY_AFTER_MS = 1_000;

export interface Busy {
  /** What is being done from now on; empty: nothing more. */
  readonly doing: (what: string) => void;
  /** A line that says what is going on: nothing has to be told for a while. */
  readonly progress: (line: string) => void;
}

/** Progress of what may be quick and may be slow: each step is named once it has taken a second. */
export function busy(write: (line: string) => void): Busy {
  let timer: NodeJS.Timeout | undefined;
  const doing = (what: string): void => {
    clearTimeout(timer);
    if (what === '') return;
    timer = setTimeout(() => write(`${what} ...`), BUSY_AFTER_MS);
    // Nobody waits for a line that says that one has to wait.
    timer.unref();
  };
  return {
    doing,
    progress: (line) => {
      doing('');
      write(line);
    },
  };
}
