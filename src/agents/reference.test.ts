import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FENCE_AGENTS, OCF_AGENTS } from './all-agents.ts';
import { agentsMarkdown, bashCompletion, manualPages } from './reference.ts';

describe('the documents of the agents', () => {
  it('docs/agents.md is what `npm run docs` makes', () => {
    expect(readFileSync('docs/agents.md', 'utf8')).toBe(agentsMarkdown(FENCE_AGENTS, OCF_AGENTS));
  });

  it('name every parameter with its aliases', () => {
    const pages = [...manualPages(FENCE_AGENTS, OCF_AGENTS).values()].join('\n').replaceAll('\\-', '-');
    const text = readFileSync('docs/agents.md', 'utf8');
    for (const agent of OCF_AGENTS) {
      for (const { name, aliases = [] } of agent.parameters) {
        for (const each of [name, ...aliases]) {
          expect(text).toContain(`\`${each}\``);
          expect(pages).toContain(each);
        }
      }
    }
  });

  it('are manual pages that man takes without a word', () => {
    for (const [name, page] of manualPages(FENCE_AGENTS, OCF_AGENTS)) {
      const linted = spawnSync('man', ['--warnings', '-l', '-'], {
        input: page,
        encoding: 'utf8',
        env: { ...process.env, MANPAGER: 'cat', MANWIDTH: '100' },
      });
      if (linted.error !== undefined) return;
      expect(linted.stderr, name).toBe('');
      expect(linted.stdout).toContain('DESCRIPTION');
    }
  });

  it('are completions that bash completes by', () => {
    for (const agent of FENCE_AGENTS) {
      const script = `${bashCompletion(agent)}
        COMP_WORDS=(${agent.name} -o val) COMP_CWORD=2; _${agent.name}; echo "\${COMPREPLY[*]}"
        COMP_WORDS=(${agent.name} --plug) COMP_CWORD=1; _${agent.name}; echo "\${COMPREPLY[*]}"`;
      const { stdout } = spawnSync('bash', ['-c', script], { encoding: 'utf8' });
      expect(stdout).toBe('validate-all\n--plug --plug-separator\n');
    }
  });
});
