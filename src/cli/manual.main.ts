import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { COMMANDS } from './commands.ts';
import { bashCompletion } from './completion.ts';
import { manualPages } from './manual.ts';

/** Writes the manual and the completion below the given root; called by the build. */
const root = process.argv[2];
if (root === undefined) {
  process.stderr.write('usage: manual ROOT\n');
  process.exit(64);
}
const write = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};
for (const page of manualPages(COMMANDS)) write(join(root, 'usr/share/man', page.path), page.text);
write(join(root, 'usr/share/bash-completion/completions/instance-ha'), bashCompletion(COMMANDS));
