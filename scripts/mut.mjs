import { build } from 'esbuild';
await build({ entryPoints: ['/tmp/w/sim/src/simulator/mutants/try.ts'], bundle: true, packages:'external', platform: 'node', format: 'esm', outfile: '/tmp/w/sim/node_modules/.cache/trymut.mjs' });
