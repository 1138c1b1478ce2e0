// What test runs came to. `scripts/test.mjs` writes one summary for each jest run; this reads them back.
//
//   node scripts/test-results.mjs FILE...     lists what was skipped and failed, then as last line
//                                             `N passed, N failed, N skipped`; exit code 1 for a failure or no test at all
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Summary
 * @property {string} run which run this was
 * @property {string | undefined} reason why the whole run was skipped, where it was
 * @property {number} passed
 * @property {string[]} failed names of tests, and of files that failed as a whole
 * @property {string[]} skipped names of tests
 */

/**
 * Reduces jest's `--json` report. A file that fails outside a test (it does not load, it leaves something open) counts as
 * one failure, named by its path.
 * @returns {Summary}
 */
export function summarise(run, reason, report, root) {
  const summary = { run, reason, passed: 0, failed: [], skipped: [] };
  for (const file of report.testResults) {
    const where = file.name.replace(`${root}/`, '').replace(/\/test-dist\/(.*)\.js$/, '/test/$1.ts');
    let failedInside = false;
    for (const test of file.assertionResults) {
      const name = `${where}: ${test.fullName}`;
      if (test.status === 'passed') summary.passed += 1;
      else if (test.status === 'failed') {
        failedInside = true;
        summary.failed.push(name);
      } else summary.skipped.push(name);
    }
    if (file.status === 'failed' && !failedInside) summary.failed.push(`${where} (the file as a whole)`);
  }
  return summary;
}

/** Prints skipped and failed tests by name and the closing line. @param {Summary[]} summaries @returns {boolean} all well */
export function report(summaries, write) {
  for (const { run, reason, skipped } of summaries) {
    for (const name of skipped) write(`skipped (${run}${reason === undefined ? '' : `: ${reason}`}): ${name}\n`);
  }
  for (const { run, failed } of summaries) {
    for (const name of failed) write(`failed (${run}): ${name}\n`);
  }
  const count = (of) => summaries.reduce((sum, summary) => sum + of(summary), 0);
  const passed = count((summary) => summary.passed);
  const failed = count((summary) => summary.failed.length);
  if (passed + failed === 0) write('No test was run.\n');
  write(`${passed} passed, ${failed} failed, ${count((summary) => summary.skipped.length)} skipped\n`);
  return failed === 0 && passed > 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const summaries = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')));
  if (!report(summaries, (line) => process.stdout.write(line))) process.exitCode = 1;
}
