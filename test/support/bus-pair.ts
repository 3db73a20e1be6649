// Two connections to one private daemon, for suites with a service and a client of ours: the daemon serves the whole
// suite, the connections are new for each test.

import { afterAll, beforeAll, beforeEach, onTestFinished } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import { type PrivateBus, startPrivateBus } from './private-bus.js';

/** Available to a test; set before each. */
export interface BusPair {
  readonly daemon: PrivateBus;
  readonly service: Bus;
  readonly client: Bus;
}

/** Starts and ends all of it around the tests of the suite that calls this. */
export function useBusPair(use: (pair: BusPair) => void): void {
  let daemon: PrivateBus;
  beforeAll(async () => {
    daemon = await startPrivateBus();
  });
  afterAll(() => daemon.stop());
  beforeEach(async () => {
    const [service, client] = await Promise.all([connectToBus(daemon.address), connectToBus(daemon.address)]);
    onTestFinished(async () => {
      await Promise.all([service.close(), client.close()]);
    });
    use({ daemon, service, client });
  });
}
