// One slow job from its start to its result. It subscribes before it asks, so that no result is missed, and
// notices at once if the service leaves the bus. It knows no terminal: a callback takes the progress.
// Tests: program.test.ts.
import type { Bus } from '../../connection/bus.js';
import { RandomData, RANDOM_DATA_PATH } from '../../random-data.js';
import { createProxy } from '../proxy.js';
import type { SignalStream } from '../signal-stream.js';

/** The service lost its name or ended before the job was done, so the result never comes. */
export class ServiceGoneError extends Error {
  override readonly name = 'ServiceGoneError';

  constructor(busName: string) {
    super(`the service ${busName} left the bus before the result came`);
  }
}

/** The number to ask for, and how to wait for it. */
export interface SlowNumberOptions {
  readonly busName: string;
  readonly bits: number;
  /** Aborts the wait, which then rejects with the reason of the signal. */
  readonly signal: AbortSignal;
  /** Called for each bit that is drawn. */
  readonly onProgress: (done: number, total: number) => void;
}

/** The most results of other clients' jobs that are queued until the ID of ours is known. */
const MAX_EARLY_RESULTS = 65_536;

/**
 * Asks for a slow number and waits for it without a time limit; the number is decimal text.
 * @throws {ServiceGoneError} if the service leaves the bus before the result comes; and the errors of a call
 */
export async function slowNumber(bus: Bus, { busName, bits, signal, onProgress }: SlowNumberOptions): Promise<string> {
  const service = createProxy(bus, RandomData, { destination: busName, path: RANDOM_DATA_PATH });
  const gone = new AbortController();
  let isAsked = false;
  const watch = bus.watchOwner(busName, (_, previous) => {
    // A change of the owner before the call does not matter; afterwards only one owner has our job.
    if (isAsked && previous !== undefined) gone.abort(new ServiceGoneError(busName));
  });
  const end = { signal: AbortSignal.any([signal, gone.signal]) };
  const results = service.$signal('slow_result', { ...end, queueLimit: MAX_EARLY_RESULTS });
  const progress = service.$signal('slow_progress', end);
  try {
    await Promise.all([results.ready, progress.ready, watch.ready]);
    isAsked = true;
    const id = await service.slow(bits, { signal });
    void reportProgress(progress, id, onProgress);
    for await (const [job, result] of results) {
      if (job === id) return result;
    }
    throw new ServiceGoneError(busName); // unreachable: the stream ends only with an error
  } finally {
    // Not awaited: the bus may have stopped replying, and releases everything with the connection anyway.
    void Promise.allSettled([results.close(), progress.close(), watch.close()]);
  }
}

async function reportProgress(
  progress: SignalStream<[id: string, done: number, total: number]>,
  id: string,
  onProgress: SlowNumberOptions['onProgress'],
): Promise<void> {
  try {
    for await (const [job, done, total] of progress) {
      if (job === id) onProgress(done, total);
    }
  } catch {
    // the same error ends the stream of results, which throws it
  }
}
