import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fenceParameters } from '../pacemaker/fence-agent.ts';
import { FENCE_AGENTS, OCF_AGENTS } from './all-agents.ts';

/** The documents, held to what the agents and the tree really are. */
const FILES = [
  'README.md',
  'bench/README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...readdirSync('docs/decisions').map((name) => `docs/decisions/${name}`),
];
const read = (file: string): string => readFileSync(file, 'utf8');

/** GitHub's anchor of a heading. */
function anchorOf(heading: string): string {
  return heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

function anchorsIn(file: string): string[] {
  return [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) => anchorOf(heading));
}

/** Indented blocks, as commands: continuation lines joined. */
function commandsIn(file: string): string[] {
  const blocks = read(file).match(/(?:^ {4}\S.*\n(?: {4}.*\n|\n(?= {4}))*)+/gm) ?? [];
  return blocks.map((block) => block.replaceAll(/^ {4}/gm, ''));
}

describe('the documents', () => {
  it.each(FILES)('%s links to what is there', (file) => {
    const broken = [...read(file).matchAll(/\]\(([^)\s]+)\)/g)]
      .map(([, target = '']) => target)
      .filter((target) => !/^https?:/.test(target))
      .filter((target) => {
        const [path = '', anchor] = target.split('#');
        const where = path === '' ? file : normalize(join(dirname(file), path));
        if (!existsSync(where)) return true;
        return anchor !== undefined && where.endsWith('.md') && !anchorsIn(where).includes(anchor);
      });
    expect(broken).toEqual([]);
  });

  it.each([
    'docs/install.md',
    'docs/configure.md',
    'docs/operate.md',
    'README.md',
  ])('%s has commands that a shell can read', (file) => {
    const commands = commandsIn(file).filter((block) => !/^(Pacemaker ──|--|\/)/.test(block));
    expect(commands.length).toBeGreaterThan(1);
    for (const block of commands) {
      // `...` stands for more of the same.
      const checked = spawnSync('bash', ['-n'], { input: block.replaceAll(' ...', ''), encoding: 'utf8' });
      expect(checked.stderr, block).toBe('');
    }
  });

  it.each(FILES)('%s names parameters that the agents have', (file) => {
    const tables = new Map<string, ReadonlySet<string>>([
      ...FENCE_AGENTS.map(
        (agent) =>
          [
            agent.name,
            new Set(fenceParameters(agent).flatMap(({ name, obsolete = [] }) => [name, ...obsolete])),
          ] as const,
      ),
      ...OCF_AGENTS.map(
        (agent) =>
          [
            `ocf:openstack:${agent.name}`,
            new Set(agent.parameters.flatMap(({ name, aliases = [] }) => [name, ...aliases])),
          ] as const,
      ),
    ]);
    const joined = read(file).replaceAll('\\\n', ' ');
    const strays: string[] = [];
    for (const [, agent = '', rest = ''] of joined.matchAll(
      /create \S+ (fence_compute|ocf:openstack:\S+)(.*)/g,
    )) {
      const known = tables.get(agent);
      expect(known, agent).toBeDefined();
      // What follows op, meta or clone is Pacemaker's.
      const own = rest.split(/ (?:op|meta|clone) /)[0] ?? '';
      for (const [, name = ''] of own.matchAll(/(?:^|\s)([a-z_]+)=/g)) {
        if (known?.has(name) !== true && !name.startsWith('pcmk_')) strays.push(`${agent} ${name}`);
      }
    }
    for (const [, name = ''] of joined.matchAll(/OCF_RESKEY_([a-z_]+)/g)) {
      if (name !== 'parameter' && ![...tables.values()].some((known) => known.has(name))) strays.push(name);
    }
    for (const [, parameters = ''] of joined.matchAll(/resource update nova-evacuate (.*)/g)) {
      for (const [, name = ''] of parameters.matchAll(/(\w+)=/g)) {
        if (tables.get('ocf:openstack:NovaEvacuate')?.has(name) !== true) strays.push(name);
      }
    }
    expect(strays).toEqual([]);
  });

  const TOOLS = ['crm_mon', 'crm_resource', 'crm_attribute', 'attrd_updater', 'stonith_admin', 'cibadmin'];
  const canAsk = TOOLS.every((tool) => spawnSync(tool, ['--help']).status === 0);

  it.skipIf(!canAsk)("give Pacemaker's tools options that these have", () => {
    const helps = new Map(
      TOOLS.map((tool) => {
        const texts = ['--help', '--help-all'].map(
          (option) => spawnSync(tool, [option], { encoding: 'utf8' }).stdout,
        );
        return [tool, new Set(texts.join('\n').match(/(?<![\w-])--?[A-Za-z0-9][\w-]*/g))] as const;
      }),
    );
    const strays: string[] = [];
    let calls = 0;
    for (const file of FILES) {
      const text = read(file).replaceAll('\\\n', ' ');
      for (const [call, tool = ''] of text.matchAll(
        /\b([a-z]+_[a-z]+)((?: +(?:'[^']*'|"[^"]*"|[^\s`|;#]+))+)/g,
      )) {
        const known = helps.get(tool);
        if (known === undefined) continue;
        calls++;
        const options = call.replaceAll(/'[^']*'|"[^"]*"/g, '').match(/(?<= )--?[A-Za-z0-9][\w-]*/g) ?? [];
        for (const option of options) if (!known.has(option)) strays.push(`${file}: ${tool} ${option}`);
      }
    }
    expect(calls).toBeGreaterThan(15);
    expect(strays).toEqual([]);
  });

  it('docs/migrate.md names keys of the policy that there are', () => {
    const policy = read('docs/policy.md');
    for (const [, section = '', key = ''] of read('docs/migrate.md').matchAll(
      /`(selection|order|pace|destinations|gates|storage|retry|delays)\.([a-z_]+)/g,
    )) {
      const part = policy.slice(policy.indexOf(`## ${section}`)).split('\n## ')[0] ?? '';
      expect(part, `${section}.${key}`).toContain(`| \`${key}\` |`);
    }
  });
});
