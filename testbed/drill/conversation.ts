/** A child process that is kept open and answers one question after another: a poll then costs no start of a program. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';

export interface ConversationOptions {
  /** For its errors. */
  readonly name: string;
  readonly command: readonly string[];
  /** What it is told first, without an answer. */
  readonly greeting: string;
  /** A question as the child takes it; its answer has to end with a line that is the marker. */
  readonly question: (text: string, marker: string) => string;
  readonly timeoutMs: number;
}

export interface Conversation {
  /** The lines of the answer. After an error the next question starts the child anew. */
  ask(text: string): Promise<string[]>;
  close(): void;
}

interface Waiting {
  readonly marker: string;
  readonly lines: string[];
  readonly done: (lines: string[]) => void;
  readonly failed: (error: Error) => void;
}

export function openConversation(options: ConversationOptions): Conversation {
  const { name, command, greeting, question, timeoutMs } = options;
  let child: ChildProcessWithoutNullStreams | null = null;
  let number = 0;
  let queue: Promise<unknown> = Promise.resolve();
  let waiting: Waiting | null = null;

  const fail = (message: string): void => {
    child?.kill('SIGKILL');
    child = null;
    const failed = waiting;
    waiting = null;
    failed?.failed(new Error(`${name}: ${message}`));
  };

  const take = (line: string): void => {
    if (waiting === null) return;
    if (line !== waiting.marker) {
      waiting.lines.push(line);
      return;
    }
    const { done, lines } = waiting;
    waiting = null;
    done(lines);
  };

  const start = (): ChildProcessWithoutNullStreams => {
    const [file = '', ...args] = command;
    // A session of its own: Ctrl-C in the terminal is for the drill, which then closes this one.
    const started = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
    let rest = '';
    let complaint = '';
    started.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      if (child !== started) return;
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      for (const line of parts) take(line);
    });
    started.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      complaint = chunk.trim();
    });
    const ended = (message: string): void => {
      if (child === started) fail(message);
    };
    started.on('error', (error) => ended(error.message));
    started.on('close', () => ended(complaint === '' ? 'it ended' : complaint));
    started.stdin.on('error', () => {});
    started.stdin.write(greeting);
    return started;
  };

  const put = (text: string): Promise<string[]> =>
    new Promise((done, failed) => {
      child ??= start();
      number += 1;
      const marker = `-- end of answer ${number}`;
      const timer = setTimeout(() => fail(`no answer within ${timeoutMs / 1000} s`), timeoutMs);
      const settle =
        <T>(then: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer);
          then(value);
        };
      waiting = { marker, lines: [], done: settle(done), failed: settle(failed) };
      child.stdin.write(question(text, marker));
    });

  return {
    ask: (text) => {
      const answer = queue.then(() => put(text));
      queue = answer.catch(() => {});
      return answer;
    },
    close: () => {
      const open = child;
      child = null;
      open?.stdin.end();
      open?.kill();
    },
  };
}
