// The fuzzer as a program; test/fuzz/fuzz.mjs compiles and starts it.
//   npm run fuzz -- [--seconds N] [--seed N] [--case N]

import { randomInt } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { isMemoryFlat, runCampaign } from './campaign.js';
import { runCase } from './cases.js';
import { loadCorpus } from './corpus.js';
import { formatCodes, formatCounts, formatFailure } from './report.js';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' }, case: { type: 'string' } },
});

function numberOf(text: string, name: string): number {
  const value = Number(text);
  if (text !== '' && Number.isFinite(value) && value >= 0) return value;
  throw new TypeError(`--${name} takes a number, not "${text}"`);
}

const seconds = numberOf(values.seconds, 'seconds');
const seed = values.seed === undefined ? randomInt(2 ** 32) : numberOf(values.seed, 'seed');
const corpus = loadCorpus(pathToFileURL(`${process.cwd()}/`));

/** Runs one case alone; then all cases up to it, because the library's caches depend on earlier cases. */
function replay(caseNumber: number): void {
  const outcome = runCase(seed, caseNumber, corpus);
  if (typeof outcome !== 'string') {
    console.log(formatFailure(outcome, seed));
    process.exitCode = 1;
    return;
  }
  console.log(`case ${caseNumber} alone is in order (${outcome}); now with all before it …`);
  campaign({ cases: caseNumber + 1, seconds: Infinity });
}

function campaign(limits: { seconds: number; cases?: number }): void {
  const result = runCampaign({
    seed,
    corpus,
    ...limits,
    onFailure: (failed) => console.log(formatFailure(failed, seed)),
    onProgress: (soFar) => console.log(formatCounts(soFar)),
  });
  console.log(formatCodes());
  console.log(`seed ${seed}: ${formatCounts(result)}`);
  if (!isMemoryFlat(result)) console.log('FINDING: the memory grew');
  if (result.failures.length > 0 || !isMemoryFlat(result)) process.exitCode = 1;
}

console.log(`seed ${seed}, ${corpus.length} messages to start from`);
if (values.case === undefined) campaign({ seconds });
else replay(numberOf(values.case, 'case'));
