// The last line of a CI run, `N passed, N failed`, from the reports that vitest's JSON reporter wrote.
// Usage: ci-summary.mjs FULL STATUS HEAVY STATUS BARE STATUS: the reports of `npm test`, of `npm run test:heavy` and of
// `npm test` without D-Bus programs, each followed by the exit code of that run. In the first two no test may be
// skipped, except that without root `npm test` skips the checks of other users; in the last, skips are expected and
// failures are not.
// Exits with 0 only if all is well.

import { readFileSync } from 'node:fs';

const [fullReport = '', fullStatus = '1', heavyReport = '', heavyStatus = '1', bareReport = '', bareStatus = '1'] =
  process.argv.slice(2);

const full = summarize('npm test', fullReport, fullStatus);
const heavy = summarize('npm run test:heavy', heavyReport, heavyStatus);
const bare = summarize('npm test without D-Bus programs', bareReport, bareStatus);
const isRoot = process.getuid?.() === 0;
for (const run of [full, heavy]) {
  const isChecked = ({ name }) => isRoot || run === heavy || /[\\/]interop[\\/]/.test(name);
  for (const file of run.report.testResults.filter(isChecked)) {
    for (const test of file.assertionResults.filter(({ status }) => !['passed', 'failed'].includes(status))) {
      run.reasons.push(`${file.name}: skipped: ${test.fullName}`);
    }
  }
}
if (bare.passed > 0 && bare.skipped === 0) bare.reasons.push('nothing was skipped');

const runs = [full, heavy, bare];
for (const { label, reasons } of runs) {
  for (const reason of reasons) console.log(`FAILED ${label}: ${reason}`);
}
for (const run of runs) {
  console.log(`${run.label}: ${run.passed} passed, ${failures(run)} failed, ${run.skipped} skipped`);
}
const failed = sum(failures);
const skipped = full.skipped + heavy.skipped;
console.log(`${sum(({ passed }) => passed)} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 ? 0 : 1;

/** Counts one run, and collects the failures that are not failures of tests. */
function summarize(label, reportFile, status) {
  const report = readReport(reportFile);
  const reasons = [];
  // A file that cannot be loaded has no tests that could fail.
  for (const file of report.testResults) {
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) {
      reasons.push(`${file.name}: ${file.message || 'failed outside of its tests'}`);
    }
  }
  if (report.numPassedTests === 0) reasons.push('no test passed');
  if (status !== '0' && report.numFailedTests + reasons.length === 0) {
    reasons.push(`ended with ${status} although no test failed`);
  }
  const skipped = report.numPendingTests + report.numTodoTests;
  return { label, report, reasons, passed: report.numPassedTests, skipped };
}

/** The number of failed tests and of other failures. */
function failures({ report, reasons }) {
  return report.numFailedTests + reasons.length;
}

function sum(count) {
  return runs.reduce((total, run) => total + count(run), 0);
}

/** The report of a run; an empty one if the run wrote none. */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
  }
}
