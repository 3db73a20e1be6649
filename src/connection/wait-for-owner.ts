// Waits until a bus name has an owner: for a service that is about to start. It keeps no state.
// Specification: org.freedesktop.DBus.NameOwnerChanged. Tests: wait-for-owner.test.ts.
import { onAbort, startTimer } from '../transport/waiting.js';
import { assertBusName } from '../wire/names.js';
import { checkOptions, type OptionRules } from '../wire/options.js';
import { WAIT_RULES } from './call-options.js';
import { OwnerTimeoutError } from './errors.js';
import type { OwnerListener, OwnerWatch, WatchEndListener } from './name-owners.js';

/** How long to wait for an owner. */
export interface OwnerWaitOptions {
  /** Milliseconds until the wait rejects with {@link OwnerTimeoutError}. Default: Infinity, which means no limit. */
  readonly timeout?: number | undefined;
  /** Ends the wait when it aborts; it then rejects with the reason. */
  readonly signal?: AbortSignal | undefined;
}

const OWNER_WAIT_RULES: OptionRules<OwnerWaitOptions> = WAIT_RULES;

/** The parts of a bus that the wait uses. */
interface WatchingBus {
  readonly closedSignal: AbortSignal;
  /** Watches the owner of a name; `onEnd` is called if it is a unique name of a bus that has ended. */
  watch(name: string, listener: OwnerListener, onEnd: WatchEndListener): OwnerWatch;
}

/** See {@link Bus.waitForOwner}. */
export async function waitForOwner(bus: WatchingBus, name: string, options: OwnerWaitOptions = {}): Promise<string> {
  assertBusName(name);
  checkOptions('waitForOwner', options, OWNER_WAIT_RULES);
  const { timeout = Infinity, signal } = options;
  const { closedSignal } = bus;
  signal?.throwIfAborted();
  closedSignal.throwIfAborted();
  let end = (): void => {};
  try {
    return await new Promise<string>((resolve, reject) => {
      const found = (owner: string | undefined): void => {
        if (owner !== undefined) resolve(owner);
      };
      const watch = bus.watch(name, found, reject);
      watch.ready.catch(reject);
      const timer = startTimer(timeout, () => reject(new OwnerTimeoutError(name, timeout)));
      timer?.unref(); // the connection keeps the process alive, if the program wants that
      const endAbort = onAbort(signal, () => reject(signal?.reason as Error)); // any value that the caller has chosen
      const endClosed = onAbort(closedSignal, () => reject(closedSignal.reason as Error));
      end = () => {
        clearTimeout(timer);
        endAbort();
        endClosed();
        watch.close().catch(() => {}); // the caller has its answer, and the bus forgets the rule with the connection
      };
    });
  } finally {
    end();
  }
}
