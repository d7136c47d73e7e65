/**
 * node scripts/vitest-results.mjs RESULTS.json LIST
 *
 * Prints the sums of a run of vitest as "PASSED FAILED SKIPPED", for ./test to add up, and appends to LIST what failed: a line a
 * test, with how long it took and how its first failure begins. A file that could not be loaded counts as one failed test.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';

const [resultsFile, listFile] = process.argv.slice(2);
const results = JSON.parse(readFileSync(resultsFile, 'utf8'));
// biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of a terminal are what is taken out
const plain = (text) => (text ?? '').replace(/\u001b\[[0-9;]*m/g, '').trim();
const begins = (text) => plain(text).split('\n', 3).join(' / ');

const lines = [];
let unloaded = 0;
for (const file of results.testResults) {
  const name = relative(process.cwd(), file.name);
  if (file.status === 'failed' && file.assertionResults.length === 0) {
    unloaded += 1;
    lines.push(`FAILED: ${name}: ${begins(file.message)}`);
  }
  for (const test of file.assertionResults) {
    if (test.status !== 'failed') continue;
    const seconds = ((test.duration ?? 0) / 1000).toFixed(1);
    lines.push(`FAILED: ${name}: ${test.fullName} (${seconds} s): ${begins(test.failureMessages?.[0])}`);
  }
}
if (lines.length > 0) appendFileSync(listFile, `${lines.join('\n')}\n`);
console.log(
  results.numPassedTests,
  results.numFailedTests + unloaded,
  results.numPendingTests + results.numTodoTests,
);
