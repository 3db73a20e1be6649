// The texts that the fuzzer prints: findings, with the command that repeats them, and counts.

import { inspect } from 'node:util';
import { type CampaignResult } from './campaign.js';
import type { FailedCase } from './cases.js';
import { seenCodes } from './oracle.js';

const LONGEST = 4000;

function formatSubject(subject: unknown): string {
  if (subject instanceof Uint8Array) return Buffer.from(subject).toString('hex');
  try {
    return inspect(subject, { depth: 12, breakLength: 120, maxArrayLength: 40, showProxy: true });
  } catch {
    return '(cannot be shown)';
  }
}

/** A failed case, and how to run it again. */
export function formatFailure({ caseNumber, error, subjects }: FailedCase, seed: number): string {
  const { stack, cause } = error as Error;
  const lines = [...subjects].map(([key, subject]) => `  ${key}: ${formatSubject(subject).slice(0, LONGEST)}`);
  const because = cause === undefined ? [] : [`  because of: ${inspect(cause).slice(0, LONGEST)}`];
  const again = `  again: npm run fuzz -- --seed ${seed} --case ${caseNumber}`;
  return [`FINDING in case ${caseNumber}: ${stack}`, ...because, ...lines, again].join('\n');
}

/** Counts of cases by kind. */
export function formatCounts({ cases, kinds, memory, failures }: CampaignResult): string {
  const byKind = [...kinds].sort(([, a], [, b]) => b - a).map(([kind, count]) => `${count} ${kind}`).join(', ');
  const [warm, most] = [memory?.warm.toFixed(0), memory?.most.toFixed(0)];
  const flat = memory === undefined ? '' : `; memory ${warm} MiB warm, ${most} MiB at most`;
  return `${cases} cases (${byKind})${flat}; ${failures.length} findings`;
}

/** How often each error code occurred. */
export function formatCodes(): string {
  return [...seenCodes].sort(([, a], [, b]) => b - a).map(([code, count]) => `${code} ${count}`).join(', ');
}
