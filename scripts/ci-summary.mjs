// The last line of a CI run, `N passed, N failed`, from the report that vitest's JSON reporter wrote.
// Usage: ci-summary.mjs REPORT STATUS; STATUS is the exit code of `npm test`. Exits with 0 only if all is well.

import { readFileSync } from 'node:fs';

const [reportFile = '', status = '1'] = process.argv.slice(2);
const report = readReport();
const skipped = report.numPendingTests + report.numTodoTests;
const reasons = [];

// A file that cannot be loaded has no tests that could fail.
for (const file of report.testResults) {
  if (file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed')) {
    reasons.push(`${file.name}: ${file.message || 'failed outside of its tests'}`);
  }
}
for (const file of report.testResults.filter((result) => /[\\/]interop[\\/]/.test(result.name))) {
  for (const test of file.assertionResults.filter((result) => !['passed', 'failed'].includes(result.status))) {
    reasons.push(`${file.name}: skipped: ${test.fullName}`);
  }
}
if (report.numPassedTests === 0) reasons.push('no test passed');
if (status !== '0' && report.numFailedTests + reasons.length === 0) {
  reasons.push(`npm test ended with ${status} although no test failed`);
}

for (const reason of reasons) console.log(`FAILED ${reason}`);
const failed = report.numFailedTests + reasons.length;
console.log(`${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed === 0 ? 0 : 1;

function readReport() {
  try {
    return JSON.parse(readFileSync(reportFile, 'utf8'));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
  }
}
