// npm run audit    asks the npm registry for known vulnerabilities of what is packed
//
// Exit code 0: asked, none known; 1: asked, some known; 77 (skipped): the registry could not be asked, which says
// nothing about the packages. `npm audit` itself ends with 1 for the last two.

import { spawnSync } from 'node:child_process';

const LIMIT_MS = 60_000;
const SKIPPED = 77;

const asked = spawnSync('npm', ['audit', '--omit=dev', '--json'], {
  encoding: 'utf8',
  timeout: LIMIT_MS,
  stdio: ['ignore', 'pipe', 'pipe'],
});

/** npm's report, or null when it has none. */
function reportOf(text) {
  try {
    const report = JSON.parse(text);
    return report.metadata?.vulnerabilities === undefined ? { error: report } : { report };
  } catch {
    return { error: {} };
  }
}

const { report, error } = reportOf(asked.stdout ?? '');
if (report === undefined) {
  const said = [error.message, error.error?.summary, asked.stderr]
    .map((each) => (typeof each === 'string' ? each.trim() : ''))
    .find((each) => each !== '');
  const why = asked.error?.message ?? said?.split('\n')[0] ?? `npm ended with ${asked.status}`;
  console.error(`audit: SKIPPED, the registry could not be asked: ${why}`);
  console.error(
    'audit: ask elsewhere with the SBOM, which names every packed package: npm run package, then osv-scanner or grype on dist/packages/*.cdx.json',
  );
  process.exit(SKIPPED);
}
const { vulnerabilities, dependencies } = report.metadata;
if (vulnerabilities.total === 0) {
  console.log(`audit: no known vulnerability in ${dependencies.prod} packed packages`);
  process.exit(0);
}
for (const { name, severity, range, fixAvailable } of Object.values(report.vulnerabilities ?? {})) {
  const fix = fixAvailable ? 'a fix is there: npm audit fix --omit=dev' : 'no fix yet';
  console.error(`audit: ${name} ${range}: ${severity}; ${fix}`);
}
process.exit(1);
