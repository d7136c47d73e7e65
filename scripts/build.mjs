// build.mjs [DIRECTORY]: bundles the agents into a tree that mirrors the file system: dist/layer is laid over a node's /.
// Each is one CommonJS file with a #! line, because a file without an ending is CommonJS to every Node.

import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';
import { PAGE_FILES, pageBuild } from './page.mjs';

const AGENTS = {
  'src/agents/fence_compute.main.ts': 'dist/layer/usr/sbin/fence_compute',
  'src/agents/NovaEvacuate.main.ts': 'dist/layer/usr/lib/ocf/resource.d/openstack/NovaEvacuate',
  'src/agents/nova-compute-wait.main.ts': 'dist/layer/usr/lib/ocf/resource.d/openstack/nova-compute-wait',
  'src/agents/evacuator.main.ts': 'dist/layer/usr/lib/instance-ha/evacuator',
};
const LAB = { 'src/lab/demo.main.ts': 'dist/lab/demo.cjs' };
const DRILL = { 'testbed/drill/main.ts': 'dist/testbed/drill.cjs' };

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  legalComments: 'none',
  banner: { js: '#!/usr/bin/env node' },
  logLevel: 'warning',
};

/** Tests build into a directory of their own. */
const DIST = process.argv[2] ?? 'dist';
const inDist = (path) => path.replace(/^dist/, DIST);

await rm(DIST, { recursive: true, force: true });
// The package itself is ESM; what is below dist is not.
await mkdir(DIST, { recursive: true });
await writeFile(`${DIST}/package.json`, '{ "type": "commonjs" }\n');
const drill = existsSync('testbed/drill/main.ts') ? DRILL : {};
for (const [entry, outfile] of Object.entries({ ...AGENTS, ...LAB, ...drill })) {
  await build({ ...common, entryPoints: [entry], outfile: inDist(outfile) });
  await chmod(inDist(outfile), 0o755);
}

// The page lies beside the evacuator that serves it.
const PAGE = inDist('dist/layer/usr/lib/instance-ha/dashboard');
await build(pageBuild(PAGE));
for (const name of PAGE_FILES) await copyFile(`src/dashboard/${name}`, `${PAGE}/${name}`);
