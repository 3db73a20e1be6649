// The service program on a bus of its own, and one hostile caller. After each test the service that was
// there before must still be there and answer another caller; at the end it must not have printed even a warning.

import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import type { Bus } from '../../src/connection/bus.js';
import { connectToBus } from '../../src/connection/open-bus.js';
import type { DBusError } from '../../src/protocol/errors.js';
import { RANDOM_DATA_BUS_NAME, RANDOM_DATA_PATH, RandomData } from '../../src/random-data.js';
import { startService } from '../support/built.js';
import { MEMORY_PROBE } from '../support/memory.js';
import { type PrivateBus, startPrivateBus } from '../support/private-bus.js';
import type { Program } from '../support/programs.js';

/** The object under attack. */
export const target = { destination: RANDOM_DATA_BUS_NAME, path: RANDOM_DATA_PATH, interface: RandomData.name };

/** Available to a test; set before each. */
export interface Attack {
  readonly bus: PrivateBus;
  readonly service: Program;
  readonly caller: Bus;
  /** Calls the target unless `parts` say otherwise; resolves to the body of the reply. */
  readonly call: (parts: object) => Promise<readonly unknown[]>;
  /** The name of the error with which such a call fails. */
  readonly errorOf: (parts: object) => Promise<string>;
}

/** Starts and ends all of it around the tests of the suite that calls this. */
export function useAttackedService(use: (attack: Attack) => void): void {
  let bus: PrivateBus;
  let service: Program;
  let caller: Bus;
  let owner: string | undefined;
  beforeAll(async () => {
    bus = await startPrivateBus();
    service = await startService(bus, ['--interval', '100'], { env: MEMORY_PROBE });
  });
  afterAll(async () => {
    const ended = await service.stop();
    expect(ended).toMatchObject({ code: 0, stderr: '' });
    await bus.stop();
  });
  beforeEach(async () => {
    caller = await connectToBus(bus.address);
    owner ??= await caller.getNameOwner(RANDOM_DATA_BUS_NAME);
    const call: Attack['call'] = (parts) => caller.call({ ...target, ...parts } as never);
    const errorOf: Attack['errorOf'] = (parts) => call(parts).then(
      (body) => `no error but ${JSON.stringify(body)}`,
      (error: DBusError) => error.errorName ?? String(error),
    );
    use({ bus, service, caller, call, errorOf });
  });
  afterEach(async () => {
    const other = await connectToBus(bus.address);
    expect(await other.getNameOwner(RANDOM_DATA_BUS_NAME)).toBe(owner);
    const quick = { ...target, member: 'quick', signature: 'i', body: [8], replySignature: 's' } as const;
    const [number] = await other.call({ ...quick, timeout: 60_000 });
    expect(Number(number)).toBeLessThan(256);
    await Promise.all([other.close(), caller.close()]);
  });
}
