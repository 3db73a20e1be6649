// How tests measure memory: what is in use after a garbage collection. The resident memory of a process says nothing
// in a test: it depends on when the collector runs, and on what else the machine does.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Program } from './programs.js';

export const MIB = 2 ** 20;

setFlagsFromString('--expose-gc');
export const collectGarbage = runInNewContext('gc') as () => void;

/** Bytes of live objects and of the memory of typed arrays. */
export function memoryInUse(): number {
  // The memory of typed arrays that one collection finds dead is freed in the background; the next collection waits.
  for (let round = 0; round < 3; round++) collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** MiB of memory that are in use after `run`, in addition to those in use before it. */
export function growthOf(run: () => unknown): number {
  const before = memoryInUse();
  const kept = run();
  const growth = (memoryInUse() - before) / MIB;
  void kept; // keeps the result alive until here
  return growth;
}

/** The environment of a Node program whose memory `memoryInUseBy` is to measure. */
export const MEMORY_PROBE = { NODE_OPTIONS: `--import=${new URL('./memory-probe.mjs', import.meta.url).href}` };

/** Bytes that a program with {@link MEMORY_PROBE} uses after a garbage collection. */
export async function memoryInUseBy(program: Program): Promise<number> {
  program.kill('SIGUSR2');
  const [, bytes] = await program.line(/^memory (\d+)$/);
  return Number(bytes);
}
