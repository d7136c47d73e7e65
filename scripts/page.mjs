// How the dashboard's page is built: scripts/build.mjs delivers it, its tests look at the same.

/** Copied as they are, from src/dashboard. */
export const PAGE_FILES = ['index.html', 'icon.svg'];

/** @param {string} outdir @returns {import('esbuild').BuildOptions} */
export const pageBuild = (outdir) => ({
  entryPoints: { app: 'src/dashboard/main.tsx', style: 'src/dashboard/app.css' },
  outdir,
  entryNames: '[name]',
  bundle: true,
  minify: true,
  platform: 'browser',
  target: ['chrome111', 'firefox115', 'safari16.4'],
  format: 'esm',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  legalComments: 'none',
  logLevel: 'warning',
});
