import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FENCE_AGENTS, OCF_AGENTS } from './all-agents.ts';
import { agentsMarkdown, bashCompletion, manualPages } from './reference.ts';

/** `docs FILE` writes docs/agents.md; `share DIRECTORY` the manual pages and completions, below a /usr/share. */
const [what, where = ''] = process.argv.slice(2);
if (what === 'docs' && where !== '') {
  writeFileSync(where, agentsMarkdown(FENCE_AGENTS, OCF_AGENTS));
} else if (what === 'share' && where !== '') {
  for (const [name, text] of manualPages(FENCE_AGENTS, OCF_AGENTS)) put(`man/${name}`, text);
  for (const agent of FENCE_AGENTS) {
    put(`bash-completion/completions/${agent.name}`, bashCompletion(agent));
  }
} else {
  process.stderr.write('usage: reference docs FILE | share DIRECTORY\n');
  process.exitCode = 2;
}

function put(name: string, text: string): void {
  mkdirSync(dirname(join(where, name)), { recursive: true });
  writeFileSync(join(where, name), text);
}
