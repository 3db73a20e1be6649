// Runs many cases, until a time or a number is reached: counts them, watches the memory and collects the failures.

import { type CaseKind, type FailedCase, runCase } from './cases.js';

export interface CampaignOptions {
  readonly seed: number;
  readonly corpus: readonly Uint8Array[];
  /** Seconds until it ends. */
  readonly seconds: number;
  /** Ends earlier after this many cases. */
  readonly cases?: number;
  readonly onFailure?: (failed: FailedCase) => void;
  readonly onProgress?: (campaign: CampaignResult) => void;
}

export interface CampaignResult {
  cases: number;
  readonly kinds: Map<CaseKind, number>;
  /** One for each distinct finding. */
  readonly failures: FailedCase[];
  /** MiB of live objects and array buffers: when the caches were warm, and the most since. */
  memory: { warm: number; most: number } | undefined;
}

/** Cases until every bounded cache is full of what random cases put into it. */
const WARM_UP = 20_000;
const MEMORY_INTERVAL = 5_000;
/** MiB above the warm memory that still count as flat: collectors are not exact. */
const MEMORY_SLACK = 32;

const titleOf = ({ error }: FailedCase): string => {
  const { message, cause } = error as Error;
  return `${message.slice(0, 60)} ${cause instanceof Error ? `${cause.name} ${cause.message.slice(0, 30)}` : ''}`;
};

/** Live memory in MiB; undefined unless the collector can be called (`node --expose-gc`). */
function memoryInUse(): number | undefined {
  if (globalThis.gc === undefined) return undefined;
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return (heapUsed + arrayBuffers) / 2 ** 20;
}

function watchMemory(result: CampaignResult): void {
  if (result.cases < WARM_UP || result.cases % MEMORY_INTERVAL !== 0) return;
  const used = memoryInUse();
  if (used === undefined) return;
  result.memory ??= { warm: used, most: used };
  result.memory.most = Math.max(result.memory.most, used);
}

/** Whether the memory grew since the caches were warm. */
export const isMemoryFlat = ({ memory }: CampaignResult): boolean =>
  memory === undefined || memory.most - memory.warm <= MEMORY_SLACK;

/** Runs cases, from number 0, until the time is over. */
export function runCampaign(options: CampaignOptions): CampaignResult {
  const { seed, corpus, seconds, cases = Infinity, onFailure, onProgress } = options;
  const result: CampaignResult = { cases: 0, kinds: new Map(), failures: [], memory: undefined };
  const titles = new Set<string>();
  const end = performance.now() + seconds * 1000;
  let nextProgress = performance.now() + 10_000;
  for (; result.cases < cases && performance.now() < end; result.cases++) {
    const outcome = runCase(seed, result.cases, corpus);
    if (typeof outcome === 'string') {
      result.kinds.set(outcome, (result.kinds.get(outcome) ?? 0) + 1);
    } else if (!titles.has(titleOf(outcome))) {
      titles.add(titleOf(outcome));
      result.failures.push(outcome);
      onFailure?.(outcome);
    }
    watchMemory(result);
    if (performance.now() > nextProgress) {
      nextProgress += 10_000;
      onProgress?.(result);
    }
  }
  return result;
}
