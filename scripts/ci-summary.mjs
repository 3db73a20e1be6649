// The last line of a CI run, `N passed, N failed`, from the reports that vitest's JSON reporter wrote.
// Usage: ci-summary.mjs FULL_REPORT STATUS BARE_REPORT STATUS; each STATUS is the exit code of that `npm test`. In the
// full run no interop test may be skipped. In the bare run, without D-Bus programs, skips are expected, failures are not.
// Exits with 0 only if all is well.

import { readFileSync } from 'node:fs';

const [fullReport = '', fullStatus = '1', bareReport = '', bareStatus = '1'] = process.argv.slice(2);

const full = summarize('', fullReport, fullStatus);
for (const file of full.report.testResults.filter((result) => /[\\/]interop[\\/]/.test(result.name))) {
  for (const test of file.assertionResults.filter((result) => !['passed', 'failed'].includes(result.status))) {
    full.reasons.push(`${file.name}: skipped: ${test.fullName}`);
  }
}
const bare = summarize('without D-Bus programs: ', bareReport, bareStatus);
if (bare.passed > 0 && bare.skipped === 0) bare.reasons.push('without D-Bus programs: nothing was skipped');

for (const reason of [...full.reasons, ...bare.reasons]) console.log(`FAILED ${reason}`);
console.log(`With D-Bus programs ${counts(full)}; without them ${counts(bare)}.`);
const failed = failures(full) + failures(bare);
console.log(`${full.passed + bare.passed} passed, ${failed} failed${full.skipped > 0 ? `, ${full.skipped} skipped` : ''}`);
process.exitCode = failed === 0 ? 0 : 1;

/** Counts one run, and says what failed beside tests. */
function summarize(label, reportFile, status) {
  const report = readReport(reportFile);
  const reasons = [];
  // A file that cannot be loaded has no tests that could fail.
  for (const file of report.testResults) {
    if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) {
      reasons.push(`${label}${file.name}: ${file.message || 'failed outside of its tests'}`);
    }
  }
  if (report.numPassedTests === 0) reasons.push(`${label}no test passed`);
  if (status !== '0' && report.numFailedTests + reasons.length === 0) {
    reasons.push(`${label}npm test ended with ${status} although no test failed`);
  }
  return { report, reasons, passed: report.numPassedTests, skipped: report.numPendingTests + report.numTodoTests };
}

function failures({ report, reasons }) {
  return report.numFailedTests + reasons.length;
}

function counts(run) {
  return `${run.passed} passed, ${failures(run)} failed, ${run.skipped} skipped`;
}

function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
  }
}
