// One slow job from the start to its result: who asks for it listens first, so that no result can come too early, and
// notices at once when the service goes away. It knows no terminal: progress is told to a function.
import type { Bus } from '../../connection/bus.js';
import { RandomData, RANDOM_DATA_PATH } from '../../random-data.js';
import { createProxy } from '../proxy.js';
import type { SignalStream } from '../signal-stream.js';

/** The service lost its name, or died, before the job was done; its result will never come. */
export class ServiceGoneError extends Error {
  override readonly name = 'ServiceGoneError';

  constructor(busName: string) {
    super(`the service ${busName} went away before the result came`);
  }
}

/** What is asked for, and how it is waited for. */
export interface SlowNumberOptions {
  readonly busName: string;
  readonly bits: number;
  /** Ends the wait, which then rejects with the signal's reason. */
  readonly signal: AbortSignal;
  /** Is told how many of how many bits are there. */
  readonly onProgress: (done: number, total: number) => void;
}

/** Results of other clients' jobs that are kept while ours has not told its id yet. */
const MAX_EARLY_RESULTS = 65_536;

/**
 * Asks for a slow number and waits for it as long as it takes; the number is decimal text.
 * @throws {ServiceGoneError} and what the call throws
 */
export async function slowNumber(bus: Bus, { busName, bits, signal, onProgress }: SlowNumberOptions): Promise<string> {
  const service = createProxy(bus, RandomData, { destination: busName, path: RANDOM_DATA_PATH });
  const gone = new AbortController();
  let isAsked = false;
  const watch = bus.watchOwner(busName, (_, previous) => {
    // Before the call any owner will do; after it only the one that has our job.
    if (isAsked && previous !== undefined) gone.abort(new ServiceGoneError(busName));
  });
  const end = { signal: AbortSignal.any([signal, gone.signal]) };
  const results = service.$signal('slow_result', { ...end, queueLimit: MAX_EARLY_RESULTS });
  const progress = service.$signal('slow_progress', end);
  try {
    await Promise.all([results.ready, progress.ready, watch.ready]);
    isAsked = true;
    const id = await service.slow(bits, { signal });
    void tellProgress(progress, id, onProgress);
    for await (const [job, result] of results) {
      if (job === id) return result;
    }
    throw new ServiceGoneError(busName); // unreachable: the stream ends only with an error
  } finally {
    // Nobody waits for it: the bus may have stopped answering, and forgets all with the connection anyway.
    void Promise.allSettled([results.close(), progress.close(), watch.close()]);
  }
}

async function tellProgress(
  progress: SignalStream<[id: string, done: number, total: number]>,
  id: string,
  onProgress: SlowNumberOptions['onProgress'],
): Promise<void> {
  try {
    for await (const [job, done, total] of progress) {
      if (job === id) onProgress(done, total);
    }
  } catch {
    // what ends this stream ends that of the results, which says so
  }
}
