import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = dirname(fileURLToPath(import.meta.url));

/** Which rooms a room may know. Those that are not named know all; a room that is missing here fails the test. */
const MAY_IMPORT: Readonly<Record<string, readonly string[] | 'all'>> = {
  core: ['core'],
  world: ['world'],
  evacuator: ['core', 'evacuator'],
  openstack: ['core', 'openstack'],
  pacemaker: ['core', 'pacemaker'],
  view: ['core', 'view'],
  http: ['core', 'view', 'http'],
  dashboard: ['core', 'view', 'dashboard'],
  agents: [
    'core',
    'evacuator',
    'metrics',
    'notify',
    'openstack',
    'pacemaker',
    'policy',
    'view',
    'http',
    'agents',
  ],
  policy: ['core', 'policy'],
  configure: ['core', 'openstack', 'pacemaker', 'configure'],
  doctor: ['core', 'openstack', 'pacemaker', 'configure', 'doctor'],
  cli: 'all',
  simulator: ['core', 'evacuator', 'openstack', 'pacemaker', 'agents', 'world', 'simulator'],
  metrics: ['core', 'evacuator', 'metrics'],
  notify: ['core', 'evacuator', 'openstack', 'pacemaker', 'notify'],
  lab: 'all',
};
/** Rooms that are pure: no Node, no package, nothing but themselves. */
const PURE = ['core', 'view', 'world'];

interface Import {
  readonly file: string;
  readonly room: string;
  readonly target: string;
}

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.tsx?$/.test(entry.name) && !/\.test\.ts$|(^|\/)testing\.ts$/.test(path) ? [path] : [];
  });
}

function importsOf(file: string, text: string): Import[] {
  const room = relative(SRC, file).split('/')[0] ?? '';
  const found = text.matchAll(
    /(?:^|\n)\s*(?:import|export)\b[^;'"]*?from\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]|(?:^|\n)import\s+['"]([^'"]+)['"]|\brequire\(\s*['"]([^'"]+)['"]/g,
  );
  return [...found].map((match) => ({
    file: relative(SRC, file),
    room,
    target: match.slice(1).find(Boolean) ?? '',
  }));
}

/** What is wrong with an import, or null. */
function offence({ file, room, target }: Import): string | null {
  const allowed = MAY_IMPORT[room];
  if (allowed === undefined) return `${file}: the room ${room} has no rule in this test`;
  if (!target.startsWith('.')) {
    return PURE.includes(room) ? `${file}: ${room} is pure and may not import ${target}` : null;
  }
  const to = relative(SRC, resolve(SRC, dirname(file), target)).split('/')[0] ?? '';
  if (allowed === 'all' || allowed.includes(to)) return null;
  return `${file}: ${room} may not know ${to}`;
}

describe('the walls between the rooms', () => {
  const files = sources(SRC);
  const imports = files.flatMap((file) => importsOf(file, readFileSync(file, 'utf8')));

  it('hold', () => {
    expect(files.length).toBeGreaterThan(20);
    expect(imports.map(offence).filter((each) => each !== null)).toEqual([]);
  });

  it('stand in docs/ARCHITECTURE.md as they stand here', () => {
    const text = readFileSync(resolve(SRC, '../docs/ARCHITECTURE.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `src\/(\w+)\/` \|.*\| ([^|]+) \|$/gm)].map(
      ([, room = '', words = '']) => {
        if (words === 'all') return [room, 'all'];
        const known =
          words === 'nothing but itself' ? [] : words.split(', ').filter((word) => word !== 'npm');
        return [room, [...known, room].sort()];
      },
    );
    const rules = Object.entries(MAY_IMPORT).map(([room, may]) => [
      room,
      may === 'all' ? may : [...may].sort(),
    ]);
    expect(Object.fromEntries(rows)).toEqual(Object.fromEntries(rules));
  });

  it('keep clocks, randomness and timers out of the pure rooms', () => {
    const impure =
      /\b(Date\.now|new Date\(\)|Math\.random|performance\.|setTimeout|setInterval|process\.[a-z]|globalThis)/;
    const found = files.filter(
      (file) =>
        PURE.includes(relative(SRC, file).split('/')[0] ?? '') && impure.test(readFileSync(file, 'utf8')),
    );
    expect(found).toEqual([]);
  });

  it('are noticed when they are broken', () => {
    const seen = (file: string, text: string): string[] =>
      importsOf(join(SRC, file), text)
        .map(offence)
        .filter((each) => each !== null);
    expect(seen('core/x.ts', "import { readFile } from 'node:fs';")).toHaveLength(1);
    expect(seen('core/x.ts', "export type { A } from '../evacuator/ports.ts';")).toHaveLength(1);
    expect(seen('evacuator/x.ts', "import {\n  a,\n} from '../openstack/nova.ts';")).toHaveLength(1);
    expect(seen('evacuator/x.ts', "const a = await import('../pacemaker/cib.ts');")).toHaveLength(1);
    expect(seen('nowhere/x.ts', "import { a } from './y.ts';")).toHaveLength(1);
    expect(seen('agents/x.ts', "import { a } from '../core/names.ts';")).toEqual([]);
  });
});
