// A few seconds of the fuzzer, with another seed each time; `npm run fuzz` goes on for longer and runs one case again.
import { randomInt } from 'node:crypto';
import { expect, it } from 'vitest';
import { type CampaignResult, isMemoryFlat, runCampaign } from './campaign.js';
import { loadCorpus } from './corpus.js';
import { seenCodes } from './oracle.js';
import { formatCounts, formatFailure } from './report.js';

const SECONDS = 4;
const MOST_CASES = 8_000;
/** What even a slow machine gets through, and what it then must have met. */
const LEAST_CASES = 500;
const LEAST_CODES = 25;

const corpus = loadCorpus(new URL('../../', import.meta.url));

function expectNoFinding(result: CampaignResult, seed: number): void {
  expect(result.failures.map((failed) => formatFailure(failed, seed)).join('\n\n')).toBe('');
  expect(isMemoryFlat(result)).toBe(true);
}

it('finds nothing in thousands of random cases', () => {
  const seed = randomInt(2 ** 32);
  console.log(`fuzz: seed ${seed}`);
  const result = runCampaign({ seed, corpus, seconds: SECONDS, cases: MOST_CASES });
  console.log(`fuzz: ${formatCounts(result)}`);
  expectNoFinding(result, seed);
  expect(result.cases).toBeGreaterThanOrEqual(LEAST_CASES);
  expect([...result.kinds.keys()].sort()).toEqual([
    'encoding refused', 'encoding taken', 'grammar', 'message broken', 'message still valid', 'stream', 'valid message',
    'values refused', 'values taken',
  ]);
  expect(seenCodes.size).toBeGreaterThanOrEqual(LEAST_CODES);
});
