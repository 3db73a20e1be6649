// A longer run of the fuzzer than that of short.test.ts, with another seed each time.

import { randomInt } from 'node:crypto';
import { expect, test } from 'vitest';
import { runCampaign } from './campaign.js';
import { loadCorpus } from './corpus.js';
import { formatCounts, formatFailure } from './report.js';

const CASES = 10_000;

test(`the fuzzer finds nothing in ${CASES} random cases`, () => {
  const seed = randomInt(2 ** 32);
  console.log(`fuzz: seed ${seed}`);
  const result = runCampaign({
    seed, corpus: loadCorpus(new URL('../../', import.meta.url)), seconds: Infinity, cases: CASES,
  });
  console.log(`fuzz: ${formatCounts(result)}`);
  expect(result.failures.map((failed) => formatFailure(failed, seed)).join('\n\n')).toBe('');
}, 180_000);
