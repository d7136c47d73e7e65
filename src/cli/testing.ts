import { failure } from '../core/result.ts';
import type { RunTool } from '../pacemaker/tool.ts';
import type { CommandSpec, Io } from './command.ts';
import { runProgram } from './program.ts';

export interface TestRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface TestWorld {
  readonly run?: RunTool;
  /** To every question; null: nobody can be asked. */
  readonly answer?: string | null;
  /** What happens while a question stands. */
  readonly asked?: () => void;
  /** What happens while a command waits. */
  readonly sleep?: (ms: number) => Promise<void>;
  /** Aborts at Ctrl-C. */
  readonly signal?: AbortSignal;
}

/** Runs a command line with an own world; tools that are not given are not there, questions are answered as told. */
export async function runCli(
  specs: readonly CommandSpec[],
  argv: readonly string[],
  {
    run = noTools,
    answer = null,
    asked = () => {},
    sleep = async () => {},
    signal = new AbortController().signal,
  }: TestWorld = {},
): Promise<TestRun> {
  let [out, err] = ['', ''];
  let now = Date.parse('2026-11-25T04:00:00Z');
  const io = (output: Io['output']): Io => ({
    run,
    progress: (line) => {
      err += `${line}\n`;
    },
    doing: () => {},
    print: (text) => {
      out += `${text}\n`;
    },
    ask: async () => {
      asked();
      return answer;
    },
    isTerminal: false,
    output,
    signal,
    now: () => now,
    sleep: async (ms) => {
      now += ms;
      await sleep(ms);
    },
  });
  const streams = {
    io,
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
  };
  const code = await runProgram(specs, argv, streams);
  return { code, out, err };
}

const noTools: RunTool = async (tool) => failure({ code: 'tool-missing', tool });
