import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FENCE_AGENTS, OCF_AGENTS } from './all-agents.ts';
import { agentsMarkdown, manualPages } from './reference.ts';

/** `docs FILE` writes docs/agents.md, `man DIRECTORY` the manual pages. */
const [what, where = ''] = process.argv.slice(2);
if (what === 'docs' && where !== '') {
  writeFileSync(where, agentsMarkdown(FENCE_AGENTS, OCF_AGENTS));
} else if (what === 'man' && where !== '') {
  for (const [name, text] of manualPages(FENCE_AGENTS, OCF_AGENTS)) {
    mkdirSync(dirname(join(where, name)), { recursive: true });
    writeFileSync(join(where, name), text);
  }
} else {
  process.stderr.write('usage: reference docs FILE | man DIRECTORY\n');
  process.exitCode = 2;
}
