/**
 * node scripts/vitest-results.mjs RESULTS.json LIST FILES
 *
 * Prints the sums of a run of vitest as "PASSED FAILED SKIPPED FINDINGS", for ./test to add up, and appends to LIST what failed:
 * a line a test, with how long it took and how its first failure begins. A file that could not be loaded counts as one failed
 * test. FINDINGS of the failed ones are counterexamples to a property: found by chance, true all the same. The files of all
 * others go to FILES, to be tried once more.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [resultsFile, listFile, filesFile] = process.argv.slice(2);
const results = JSON.parse(readFileSync(resultsFile, 'utf8'));
// biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of a terminal are what is taken out
const plain = (text) => (text ?? '').replace(/\u001b\[[0-9;]*m/g, '').trim();
const begins = (text) => plain(text).split('\n', 3).join(' / ');

const lines = [];
const files = new Set();
let unloaded = 0;
let findings = 0;
for (const file of results.testResults) {
  const name = relative(process.cwd(), file.name);
  if (file.status === 'failed' && file.assertionResults.length === 0) {
    unloaded += 1;
    files.add(name);
    lines.push(`FAILED: ${name}: ${begins(file.message)}`);
  }
  for (const test of file.assertionResults) {
    if (test.status !== 'failed') continue;
    // fast-check's word for it.
    if (test.failureMessages.some((text) => text.includes('Property failed after'))) findings += 1;
    else files.add(name);
    const seconds = ((test.duration ?? 0) / 1000).toFixed(1);
    lines.push(`FAILED: ${name}: ${test.fullName} (${seconds} s): ${begins(test.failureMessages?.[0])}`);
  }
}
if (lines.length > 0) appendFileSync(listFile, `${lines.join('\n')}\n`);
if (files.size > 0) appendFileSync(filesFile, `${[...files].join('\n')}\n`);
console.log(
  results.numPassedTests,
  results.numFailedTests + unloaded,
  results.numPendingTests + results.numTodoTests,
  findings,
);
