/** What the drill writes while it runs: lines, and in a terminal one more that is written over. */

export interface Screen {
  /** A line of the preparation. */
  say(text: string): void;
  /** A line of the drill, with its seconds since the power loss. */
  event(seconds: number, text: string): void;
  /** The line at the bottom; nothing when the output is no terminal. */
  progress(text: string): void;
  /** Text as it is. */
  print(text: string): void;
}

const ERASE = '\r\u001b[K';
const NARROW = 80;

export function openScreen(out: NodeJS.WriteStream): Screen {
  let shown = false;
  const line = (text: string): void => {
    out.write(`${shown ? ERASE : ''}${text}\n`);
    shown = false;
  };
  return {
    say: (text) => line(`${new Date().toTimeString().slice(0, 8)}  ${text}`),
    event: (seconds, text) => line(`${`+${seconds.toFixed(1)} s`.padStart(9)}  ${text}`),
    progress: (text) => {
      if (!out.isTTY) return;
      const width = (out.columns ?? NARROW) - 1;
      out.write(`${ERASE}${text.slice(0, width)}`);
      shown = true;
    },
    print: line,
  };
}
