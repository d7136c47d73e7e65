// Bundles the simulator or the scenarios' runner (the agents' own code with it) and runs it with the arguments given.

import { spawn } from 'node:child_process';
import { build } from 'esbuild';

const ENTRIES = { simulator: 'src/simulator/main.ts', scenarios: 'src/simulator/scenarios.main.ts' };
const [what = 'simulator', ...args] = process.argv.slice(2);

const outfile = `dist/simulator/${what}.cjs`;
await build({
  entryPoints: [ENTRIES[what]],
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  outfile,
  logLevel: 'warning',
});
// Much is made in a tick and little outlives it: with more room for the young the collector comes seldom. Workers inherit it.
const child = spawn(process.execPath, ['--max-semi-space-size=32', outfile, ...args], { stdio: 'inherit' });
// Ctrl-C reaches the child by itself; what is sent to us alone is passed on.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
