// A minute of the fuzzer of services. It prints the seed, the number of calls, and the longest wait of another caller.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { recordHandlerErrors } from '../service/support.js';
import { useBusPair } from '../support/bus-pair.js';
import type { PrivateBus } from '../support/private-bus.js';
import { describeWith } from '../support/programs.js';
import { exportVictims, fuzzService } from './service-fuzz.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('globalThis.gc') as (() => void) | undefined; // V8 defines it by that flag

let daemon: PrivateBus;
let service: Bus;
useBusPair((pair) => {
  ({ daemon, service } = pair);
});

describeWith('dbus-daemon')('a service', () => {
  test('answers every call of a fuzzer for a minute, and those of another caller meanwhile', async () => {
    const reports = recordHandlerErrors();
    exportVictims(service);
    const seed = Math.floor(Math.random() * 2 ** 31);
    let total = 0;
    for (let round = 0; round < 6; round++) {
      const result = await fuzzService(daemon, service, { milliseconds: 10_000, seed: seed + round });
      reports.length = 0; // they are as many as the calls that failed
      total += result.calls;
      collectGarbage?.();
      const heap = Math.round(process.memoryUsage().heapUsed / 2 ** 20);
      const wait = Math.round(result.longestWait);
      console.log(`seed ${seed + round}: ${result.calls} calls, longest wait ${wait} ms, heap of both sides ${heap} MiB`);
      expect(result.unanswered).toBe(0);
      expect(result.innocent).toBeGreaterThan(0);
    }
    expect(total).toBeGreaterThan(0);
  }, 120_000);
});
