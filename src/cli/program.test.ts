import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BUSY_AFTER_MS, busy } from './busy.ts';
import { type CommandSpec, type Io, outcome } from './command.ts';
import { COMMANDS } from './commands.ts';
import { bashCompletion } from './completion.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { manualPages, pageName } from './manual.ts';
import { exitsOf, optionsOf, runProgram } from './program.ts';
import { runCli } from './testing.ts';

describe('every command', () => {
  for (const spec of COMMANDS) {
    const name = spec.path.join(' ');
    it(`${name}: help and manual are complete`, async () => {
      const help = await runCli(COMMANDS, [...spec.path, '--help']);
      expect(help.code).toBe(0);
      const page = manualPages(COMMANDS).find(({ path }) => path === `man8/${pageName(spec)}.8`)?.text ?? '';
      const plain = page.replaceAll('\\-', '-');
      for (const option of optionsOf(spec)) {
        expect(help.out).toContain(`--${option.name}`);
        expect(plain).toContain(`--${option.name}`);
      }
      for (const argument of spec.arguments ?? []) expect(plain).toContain(argument.says);
      expect(plain).toContain(spec.summary);
      expect(spec.examples.length).toBeGreaterThan(0);
      const codes = exitsOf(spec).map((exit) => EXIT_CODES[exit].code);
      expect(codes).toEqual(codes.toSorted((a, b) => a - b));
      expect(exitsOf(spec).length).toBe(new Set(exitsOf(spec)).size);
    });
    it(`${name}: an unknown option is a mistake of the caller`, async () => {
      expect((await runCli(COMMANDS, [...spec.path, '--no-such-thing'])).code).toBe(64);
    });
  }

  it('names the whole of itself where its command line is wrong', async () => {
    const { code, err } = await runCli(COMMANDS, ['configure', 'show', '--as', 'foo']);
    expect(code).toBe(64);
    expect(err).toContain('(see instance-ha configure show --help)');
    expect((await runCli(COMMANDS, ['configure', 'nothing'])).err).toContain(
      '(see instance-ha configure --help)',
    );
  });

  it('has a name of its own, is in the list of all, and no other page is there', async () => {
    const names = COMMANDS.map(({ path }) => path.join(' '));
    expect(new Set(names).size).toBe(names.length);
    expect(manualPages(COMMANDS)).toHaveLength(names.length + 1);
    const overview = manualPages(COMMANDS)[0]?.text ?? '';
    for (const name of names) expect(overview).toContain(`.B ${name.replaceAll('-', '\\-')}`);
  });
});

describe('what a command is at', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('is told while it works, and not while it waits, asks, or has shown what it found', async () => {
    const lines: string[] = [];
    const pass = (ms: number): void => {
      vi.advanceTimersByTime(ms);
    };
    const io = {
      ...busy((line) => void lines.push(line)),
      print: () => {},
      ask: async () => {
        pass(BUSY_AFTER_MS);
        return null;
      },
      sleep: async (ms: number) => pass(ms),
      signal: new AbortController().signal,
      output: 'text',
    } as unknown as Io;
    const spec: CommandSpec = {
      path: ['try'],
      summary: '',
      description: [],
      examples: [],
      exits: [],
      run: async ({ io: own }) => {
        own.doing('reading before a wait');
        await own.sleep(BUSY_AFTER_MS);
        own.doing('reading before a question');
        await own.ask('?');
        own.doing('reading before a look');
        own.print('');
        pass(BUSY_AFTER_MS);
        own.doing('trying');
        await own.sleep(0);
        pass(BUSY_AFTER_MS);
        return outcome('ok', '', {});
      },
    };
    await runProgram([spec], ['try'], { out: () => {}, err: () => {}, io: () => io });
    expect(lines).toEqual(['trying ...']);
  });
});

describe('the completion for bash', () => {
  const complete = (...words: string[]): string[] => {
    const directory = mkdtempSync(join(tmpdir(), 'instance-ha-completion-'));
    try {
      const file = join(directory, 'completion');
      writeFileSync(file, bashCompletion(COMMANDS));
      const script = `. ${file}; COMP_WORDS=(instance-ha ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _instance_ha; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return execFileSync('bash', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
    } finally {
      rmSync(directory, { recursive: true });
    }
  };
  it('offers commands, their commands, options and choices', () => {
    expect(complete('confi')).toEqual(['confirm-fenced', 'configure']);
    expect(complete('configure', 'a')).toEqual(['apply', 'adopt']);
    expect(complete('configure', 'show', '--as', 'p')).toEqual(['pcs']);
    expect(complete('configure', 'plan', '--ad')).toEqual(['--adopt']);
  });
});
