import { stringify } from 'yaml';
import { formatTimeMs } from '../core/duration.ts';
import { allKeys, type Key } from './keys.ts';
import { demandOf } from './schema.ts';
import { SECTION_TEXTS } from './table.ts';

/** Columns of a comment in the example, at most. */
const COMMENT_COLUMNS = 100;

function sections(): readonly [section: string, text: string, keys: readonly Key[]][] {
  const keys = allKeys();
  return Object.entries(SECTION_TEXTS).map(([section, text]) => [
    section,
    text,
    keys.filter((key) => key.path.startsWith(`${section}.`)),
  ]);
}

/** A default as it stands in the file. */
function written(key: Key): string {
  if (key.row.type === 'time') return formatTimeMs(key.default as number);
  return stringify(key.default, { collectionStyle: 'flow', flowCollectionPadding: false }).trim();
}

/** docs/policy.md. */
export function policyDocument(): string {
  const parts = sections().map(([section, text, keys]) =>
    [
      `## ${section}`,
      '',
      text,
      '',
      '| key | default | takes | meaning |',
      '| --- | --- | --- | --- |',
      ...keys.map(
        (key) =>
          `| \`${key.path.slice(section.length + 1)}\` | \`${written(key)}\` | ${demandOf(key.row)} | ${key.row.text} |`,
      ),
      '',
    ].join('\n'),
  );
  return `${[HEAD, ...parts].join('\n').trimEnd()}\n`;
}

const HEAD = `# The policy

<!-- Made by \`npm run policy-docs\` from src/policy/table.ts; a test holds that it is up to date. -->

What the evacuator does, and how, is decided by one file on the controllers, \`/etc/instance-ha/policy.yaml\`
(NovaEvacuate's parameter \`policy_file\` names another). Without it every key has its default.
[policy.example.yaml](policy.example.yaml) has all keys with their defaults: copy what you change.

- The file has to be the same on every controller: the one that runs the evacuator reads its own.
- An unknown key, or a value that a key does not take, is an error, told with its line. NovaEvacuate does not start with a
  broken file (exit 5, on the controller that has it; Pacemaker tries another), and \`validate-all\` says what is wrong with it.
- A time is written with its unit (\`500ms\`, \`30s\`, \`2min\`, \`1h\`); a bare number is seconds. A list is written
  \`[a, b]\`, or line by line.
- \`kill -HUP $(jq .pid /run/resource-agents/instance-ha-nova-evacuate/status.json)\` makes a running evacuator read it
  again. A broken new file leaves the old policy in force; the log and \`policy\` in the status say so.
- The parameters \`evacuate_delay\`, \`instance_filtering\` and \`no_shared_storage\` of NovaEvacuate, where they are set, hold
  whatever the file says.

What an instance may say for itself, in its metadata, is in [operate.md](operate.md#what-instances-say-for-themselves).
`;

/** docs/policy.example.yaml: every key with its default. */
export function policyExample(): string {
  const parts = sections().map(([section, text, keys]) => {
    const lines = [`# ${text}`, `${section}:`];
    let inside: string | null = null;
    for (const key of keys) {
      const names = key.path.split('.').slice(1);
      const outer = names.length > 1 ? (names[0] ?? null) : null;
      if (outer !== null && outer !== inside) lines.push(`  ${outer}:`);
      inside = outer;
      const indent = outer === null ? '  ' : '    ';
      lines.push(...comment(key.row.text).map((line) => `${indent}# ${line}`));
      lines.push(`${indent}${names.at(-1)}: ${written(key)} # ${demandOf(key.row)}`);
    }
    return lines.join('\n');
  });
  return `${['# The policy of the evacuator: every key with its default. docs/policy.md has the rest.', ...parts].join('\n\n')}\n`;
}

function comment(text: string): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > COMMENT_COLUMNS) {
      lines.push(line);
      line = '';
    }
    line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
