// Writes docs/policy.md and docs/policy.example.yaml from the table in src/policy/table.ts.

import { rm, writeFile } from 'node:fs/promises';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const bundle = 'dist/policy-docs.mjs';
await build({
  entryPoints: ['src/policy/document.ts'],
  outfile: bundle,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  banner: {
    js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
  },
  logLevel: 'warning',
});
const { policyDocument, policyExample } = await import(pathToFileURL(bundle).href);
await writeFile('docs/policy.md', policyDocument());
await writeFile('docs/policy.example.yaml', policyExample());
await rm(bundle);
