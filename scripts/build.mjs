// node scripts/build.mjs [--out DIRECTORY] [--node PROGRAM]
//
// Bundles the agents into a tree that mirrors the file system: DIRECTORY/layer (dist/layer) is laid over a node's /.
// Each program is one CommonJS file with a #! line, because a file without an ending is CommonJS to every Node.
// PROGRAM is the Node that they run with, an absolute path; without it the one on PATH.

import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { PAGE_FILES, pageBuild } from './page.mjs';

const { values: options } = parseArgs({ options: { out: { type: 'string' }, node: { type: 'string' } } });
const out = options.out ?? 'dist';
const OCF = 'layer/usr/lib/ocf/resource.d/openstack';
const PROGRAMS = {
  'src/agents/fence_compute.main.ts': 'layer/usr/sbin/fence_compute',
  'src/agents/fence_evacuate.main.ts': 'layer/usr/sbin/fence_evacuate',
  'src/agents/NovaCompute.main.ts': `${OCF}/NovaCompute`,
  'src/agents/NovaEvacuate.main.ts': 'layer/usr/lib/instance-ha/agents/NovaEvacuate',
  'src/agents/nova-compute-wait.main.ts': 'layer/usr/lib/instance-ha/agents/nova-compute-wait',
  'src/agents/evacuator.main.ts': 'layer/usr/lib/instance-ha/evacuator',
  'src/cli/instance-ha.main.ts': 'layer/usr/bin/instance-ha',
};
/** A few lines of sh in front of those that Pacemaker calls every ten seconds. */
const FRONTS = {
  'src/agents/NovaEvacuate.sh': `${OCF}/NovaEvacuate`,
  'src/agents/nova-compute-wait.sh': `${OCF}/nova-compute-wait`,
};
const DRILL = { 'testbed/drill/main.ts': 'testbed/drill.cjs' };
const LAB = {
  'src/lab/demo.main.ts': 'lab/demo.cjs',
  'src/lab/fence_redfish.main.ts': 'lab/fence_redfish.cjs',
};

const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  legalComments: 'none',
  banner: { js: options.node === undefined ? '#!/usr/bin/env node' : `#!${options.node}` },
  logLevel: 'warning',
};

await rm(out, { recursive: true, force: true });
// The package itself is ESM; what is below is not.
await mkdir(out, { recursive: true });
await writeFile(join(out, 'package.json'), '{ "type": "commonjs" }\n');
const drill = existsSync('testbed/drill/main.ts') ? DRILL : {};
for (const [entry, file] of Object.entries({ ...PROGRAMS, ...LAB, ...drill })) {
  const outfile = join(out, file);
  await build({ ...common, entryPoints: [entry], outfile });
  await chmod(outfile, 0o755);
}
const reference = join(out, 'reference.cjs');
await build({ ...common, entryPoints: ['src/agents/reference.main.ts'], outfile: reference });
execFileSync(process.execPath, [reference, 'share', join(out, 'layer/usr/share')]);
for (const [source, file] of Object.entries(FRONTS)) {
  const outfile = join(out, file);
  await mkdir(dirname(outfile), { recursive: true });
  await copyFile(source, outfile);
  await chmod(outfile, 0o755);
}
// The command's manual and the shell's completion, from the tables of the commands.
const manual = join(out, 'manual.cjs');
await build({ ...common, entryPoints: ['src/cli/manual.main.ts'], outfile: manual });
execFileSync(process.execPath, [manual, join(out, 'layer')]);
// The page lies beside the evacuator that serves it.
const page = join(out, 'layer/usr/lib/instance-ha/dashboard');
await build(pageBuild(page));
for (const name of PAGE_FILES) await copyFile(`src/dashboard/${name}`, join(page, name));
