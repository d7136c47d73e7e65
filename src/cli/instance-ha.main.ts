import { createInterface } from 'node:readline/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { runTool } from '../pacemaker/tool.ts';
import { busy } from './busy.ts';
import type { Io } from './command.ts';
import { COMMANDS } from './commands.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { runProgram } from './program.ts';

/** The command line on a real machine. */
const interrupt = new AbortController();
process.once('SIGINT', () => {
  interrupt.abort();
  // A second Ctrl-C does not wait for what is under way; nothing of ours is half done at any moment.
  process.once('SIGINT', () => process.exit(EXIT_CODES.interrupted.code));
});
// A reader that has seen enough (`| head`) is no error.
process.stdout.on('error', () => process.exit(0));

const io = (output: Io['output']): Io => ({
  run: runTool,
  ...busy((line) => void process.stderr.write(`${line}\n`)),
  print: (text) => void process.stdout.write(`${text}\n`),
  ask: async (question) => {
    if (!process.stdin.isTTY) return null;
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    // On a terminal Ctrl-C comes to the question, not to the process.
    lines.once('SIGINT', () => interrupt.abort());
    try {
      return await lines.question(`${question} `, { signal: interrupt.signal });
    } catch {
      return null;
    } finally {
      lines.close();
    }
  },
  isTerminal: process.stdout.isTTY ?? false,
  output,
  signal: interrupt.signal,
  now: () => Date.now(),
  sleep: async (ms) => {
    try {
      await pause(ms, undefined, { signal: interrupt.signal });
    } catch {
      // Ctrl-C ends the wait; the caller looks at the signal.
    }
  },
});

runProgram(COMMANDS, process.argv.slice(2), {
  out: (text) => void process.stdout.write(text),
  err: (text) => void process.stderr.write(text),
  io,
}).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(
      `instance-ha: an unexpected error, a bug: ${error instanceof Error ? error.stack : String(error)}\n`,
    );
    process.exitCode = EXIT_CODES.failed.code;
  },
);
