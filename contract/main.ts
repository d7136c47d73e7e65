/** The contract at the testbed: a line a statement, and how many hold. Exit code 1: one does not. */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CHAPTERS } from './chapters/all.ts';
import { openTestbed } from './places/testbed.ts';
import { STATEMENT_LIMIT_MS } from './statement.ts';

const ENV_FILE = '/var/lib/instance-ha-testbed/run/env';

async function within(limitMs: number, work: Promise<void>): Promise<void> {
  const late = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`no end within ${limitMs / 1000} s`)), limitMs).unref();
  });
  await Promise.race([work, late]);
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: 'string', default: '' } } });
  const place = await openTestbed(ENV_FILE);
  let passed = 0;
  const failures: string[] = [];
  const say = (text: string): void => writeFileSync(1, `${text}\n`);
  try {
    for (const chapter of CHAPTERS.filter(({ title }) => title.includes(values.only))) {
      say(`\n${chapter.title}`);
      for (const { says, holds } of chapter.tell(place)) {
        const begun = performance.now();
        try {
          await within(STATEMENT_LIMIT_MS, holds());
          passed += 1;
          say(`  holds  ${((performance.now() - begun) / 1000).toFixed(1).padStart(5)} s  ${says}`);
        } catch (error) {
          failures.push(`${chapter.title}: ${says}`);
          say(`  BROKEN ${((performance.now() - begun) / 1000).toFixed(1).padStart(5)} s  ${says}`);
          say(`           ${error instanceof Error ? error.message : String(error)}`);
        }
      }
    }
  } finally {
    await place.tidy();
    await place.close();
  }
  say(`\n${passed} passed, ${failures.length} failed`);
  return failures.length === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`contract: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
