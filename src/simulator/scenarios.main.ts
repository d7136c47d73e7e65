import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { logOfScenario } from './scenario.ts';

const DIRECTORY = 'scenarios';
const USAGE = `scenarios: runs the stories of scenarios/ and compares their logs

  npm run scenarios -- [--update] [NAME]...

  --update   writes the logs anew instead; what changed is then a diff to be read
`;

async function main(args: readonly string[]): Promise<number> {
  const unknown = args.filter((arg) => arg.startsWith('-') && arg !== '--update');
  if (unknown.length > 0) {
    process.stderr.write(
      `${args.includes('--help') ? '' : `scenarios: unknown option ${unknown[0]}\n\n`}${USAGE}`,
    );
    return args.includes('--help') ? 0 : 64;
  }
  const wanted = args.filter((arg) => !arg.startsWith('-'));
  const names = wanted.length > 0 ? wanted : readdirSync(DIRECTORY).sort();
  let changed = 0;
  for (const name of names) {
    const log = await logOfScenario(readFileSync(join(DIRECTORY, name, 'scenario.json'), 'utf8'));
    const path = join(DIRECTORY, name, 'log');
    const isSame = existsSync(path) && readFileSync(path, 'utf8') === log;
    if (!isSame) changed++;
    if (!isSame && args.includes('--update')) writeFileSync(path, log);
    process.stdout.write(`${isSame ? 'same   ' : 'CHANGED'} ${name}: ${log.trimEnd().split('\n').at(-1)}\n`);
  }
  return changed > 0 && !args.includes('--update') ? 1 : 0;
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`scenarios: ${error instanceof Error ? error.stack : String(error)}\n`);
    process.exit(1);
  },
);
