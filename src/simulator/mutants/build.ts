import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { Violation } from '../run.ts';
import type { FeatureName } from '../sites.ts';
import type { Edit, Mutant } from './mutants.ts';

/** What is caught, and by which seed; null: nothing within so many. */
export interface Caught {
  readonly seed: number;
  readonly violation: Violation;
}
export type Hunt = (from: number, count: number, feature?: FeatureName | null) => Promise<Caught | null>;

/** Where this process builds them, below the root of the project. */
export const MUTANTS_DIR = `node_modules/.cache/mutants-${process.pid}`;

/** Builds the simulator with a mutant's edits in it, aside, and gives its hunt. An edit that does not fit exactly once is an error. */
export async function buildMutant(mutant: Mutant | null, root: string): Promise<Hunt> {
  const name = (mutant?.name ?? 'none').replaceAll(/[^a-z]+/g, '-');
  const outfile = resolve(root, MUTANTS_DIR, `${name}.mjs`);
  const used = new Set<string>();
  await build({
    entryPoints: [resolve(root, 'src/simulator/mutants/hunt.ts')],
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    outfile,
    logLevel: 'silent',
    plugins: [editing(mutant, root, used)],
  });
  for (const { file } of mutant?.edits ?? []) {
    if (!used.has(file)) throw new Error(`mutant "${name}": ${file} is no part of the simulator`);
  }
  const { hunt } = (await import(pathToFileURL(outfile).href)) as { readonly hunt: Hunt };
  return hunt;
}

/** A file with a bug in it. Throws where its place is not found, or not once. */
export function edited(contents: string, { file, find, put }: Edit): string {
  const count = contents.split(find).length - 1;
  if (count !== 1) throw new Error(`"${find}" stands ${count} times in ${file}`);
  return contents.replace(find, () => put);
}

function editing(mutant: Mutant | null, root: string, used: Set<string>): Plugin {
  return {
    name: 'mutant',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const edits = (mutant?.edits ?? []).filter(({ file }) => resolve(root, file) === path);
        if (edits.length === 0) return null;
        let contents = await readFile(path, 'utf8');
        for (const edit of edits) {
          contents = edited(contents, edit);
          used.add(edit.file);
        }
        return { contents, loader: 'ts' };
      });
    },
  };
}
