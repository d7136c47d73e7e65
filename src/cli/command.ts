import type { RunTool } from '../pacemaker/tool.ts';
import type { ExitName } from './exit-codes.ts';

/** One table a command: the parser, `--help`, the man page, the completion and the docs come from it. */
export interface CommandSpec {
  /** The words that call it, such as `configure plan`. */
  readonly path: readonly [string, ...string[]];
  /** One line. */
  readonly summary: string;
  /** Paragraphs. */
  readonly description: readonly string[];
  readonly arguments?: readonly ArgumentSpec[];
  readonly options?: readonly OptionSpec[];
  readonly examples: readonly Example[];
  /** Beside 0, 64 (usage) and 130 (interrupted), which all have. */
  readonly exits: readonly ExitName[];
  /** What Ctrl-C leaves, where that is not nothing. */
  readonly interrupted?: string;
  run(call: Call): Promise<Outcome>;
}

export interface ArgumentSpec {
  readonly name: string;
  readonly says: string;
  readonly isOptional?: boolean;
  readonly isList?: boolean;
  /** What completion offers. */
  readonly offers?: 'node' | 'file';
}

export interface OptionSpec {
  /** Without the dashes. */
  readonly name: string;
  readonly short?: string;
  /** What the value is called; without it the option is a flag. */
  readonly value?: string;
  readonly says: string;
  readonly choices?: readonly string[];
  readonly default?: string;
  readonly isRequired?: boolean;
  readonly offers?: 'node' | 'file';
}

export interface Example {
  readonly command: string;
  readonly says: string;
}

/** What a command is called with. */
export interface Call {
  readonly arguments: readonly string[];
  /** An option's value. */
  text(name: string): string | null;
  flag(name: string): boolean;
  readonly io: Io;
}

/** The world as commands see it; tests bring their own. */
export interface Io {
  readonly run: RunTool;
  /** Progress, and questions: standard error, so that standard output can be piped on. */
  readonly progress: (line: string) => void;
  /** What is being done now; told only where it takes longer than a second. */
  readonly doing: (what: string) => void;
  /** One finished look of a command that goes on: standard output. */
  readonly print: (text: string) => void;
  /** The answer to a question; null where nobody can be asked. */
  readonly ask: (question: string) => Promise<string | null>;
  readonly isTerminal: boolean;
  readonly output: 'text' | 'json';
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly sleep: (ms: number) => Promise<void>;
}

/** How a command ended: the same in words and as data. */
export interface Outcome {
  readonly exit: ExitName;
  /** May be many lines; for people. */
  readonly text: string;
  /** For `--output json`. */
  readonly data: unknown;
}

/** How a command ended that could do its work, whatever it has found; {@link failed} is for one that could not. */
export function outcome(exit: ExitName, text: string, data: unknown): Outcome {
  return { exit, text, data };
}

/** A command that could not do its work: why, in one line. */
export function failed(reason: string, exit: ExitName = 'failed'): Outcome {
  return { exit, text: reason, data: { error: reason } };
}
