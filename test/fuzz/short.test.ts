// A short run of the fuzzer, with another seed each time. `npm run fuzz` runs longer, and repeats one case.

import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { runCampaign } from './campaign.js';
import { loadCorpus } from './corpus.js';
import { seenCodes } from './oracle.js';
import { formatCounts, formatFailure } from './report.js';

const CASES = 300;
/** Error codes that this many cases reach at least, with any seed. */
const LEAST_CODES = 25;

test(`the fuzzer finds nothing in ${CASES} random cases`, () => {
  const seed = randomInt(2 ** 32);
  console.log(`fuzz: seed ${seed}`);
  const result = runCampaign({
    seed, corpus: loadCorpus(new URL('../../', import.meta.url)), seconds: Infinity, cases: CASES,
  });
  console.log(`fuzz: ${formatCounts(result)}`);
  expect(result.failures.map((failed) => formatFailure(failed, seed)).join('\n\n')).toBe('');
  // Not `values taken`: random bytes are seldom valid values.
  expect([...result.kinds.keys()]).toEqual(expect.arrayContaining([
    'encoding refused', 'encoding taken', 'grammar', 'message broken', 'message still valid', 'stream', 'valid message',
    'values refused',
  ]));
  expect(seenCodes.size).toBeGreaterThanOrEqual(LEAST_CODES);
});
