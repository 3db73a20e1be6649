// The RandomData service without a bus: the numbers of `quick`, the jobs of `slow`, and refused arguments.

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { MAX_SLOW_JOBS, MAX_SLOW_JOBS_PER_CALLER, RANDOM_DATA_PATH, RandomData } from '../../../src/random-data.js';
import { createRandomData } from '../../../src/service/random-data/implementation.js';
import { randomInteger } from '../../../src/service/random-data/random-integer.js';
import type { SlowJobOptions } from '../../../src/service/random-data/slow-jobs.js';
import { extent } from '../../support/extent.js';
import { CALLER, incomingCall, serviceOf } from '../support.js';

const ERROR = 'org.freedesktop.DBus.Error';

describe('a random integer', () => {
  test.each([
    [0, [], '0'],
    [1, [0x80], '1'],
    [1, [0x7f], '0'],
    [4, [0xf0], '15'],
    [8, [0xff], '255'],
    [9, [0xff, 0x80], '511'],
    [9, [0x00, 0x7f], '0'],
    [16, [0x12, 0x34], '4660'],
    [64, [0x80, 0, 0, 0, 0, 0, 0, 0], '9223372036854775808'],
    [100, Array.from({ length: 13 }, () => 0xff), String(2n ** 100n - 1n)],
  ])('of %i bits from %j is %s', (bits, bytes, text) => {
    const asked: number[] = [];
    const source = (size: number): Uint8Array => {
      asked.push(size);
      return Uint8Array.from(bytes);
    };
    expect(randomInteger(bits, source)).toBe(text);
    expect(asked).toEqual(bits === 0 ? [] : [bytes.length]);
  });

  test('of 3 bits has each of eight values about equally often', () => {
    const EXPECTED = extent(200, 2_000); // of each value
    const deviation = Math.sqrt(8 * EXPECTED * (1 / 8) * (7 / 8));
    const counts = new Map<string, number>();
    for (let index = 0; index < 8 * EXPECTED; index++) {
      const text = randomInteger(3);
      counts.set(text, (counts.get(text) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['0', '1', '2', '3', '4', '5', '6', '7']);
    // Eight standard deviations do not happen by chance.
    for (const count of counts.values()) expect(Math.abs(count - EXPECTED)).toBeLessThan(8 * deviation);
  });

  test.each([7, 8, 9, 31, 53, 64, 65, 1000])('of %i bits uses all of its bits and no more', (bits) => {
    let all = 0n;
    for (let index = 0; index < 200; index++) {
      const value = BigInt(randomInteger(bits));
      expect(value < 2n ** BigInt(bits)).toBe(true);
      all |= value;
    }
    expect(all).toBe(2n ** BigInt(bits) - 1n);
  });
});

function setup(options: SlowJobOptions = {}) {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const randomData = createRandomData(options);
  const { sink, dispatcher, call, leave } = serviceOf({ [RANDOM_DATA_PATH]: [randomData.implementation] });
  const signals: unknown[][] = [];
  randomData.implementation.attach({
    signal: (member, _, body) => signals.push([member, ...body]),
    propertiesChanged: () => {},
  });
  const ask = async (
    member: string, signature = '', body: readonly unknown[] = [], sender = CALLER,
  ): Promise<[string, string]> => {
    const parts = { path: RANDOM_DATA_PATH, interface: RandomData.name, member, signature, body, sender };
    const [reply] = await call(parts);
    return [reply?.errorName ?? 'ok', String(reply?.body[0])];
  };
  return { ask, signals, sink, dispatcher, randomData, leave };
}

describe('the method quick', () => {
  test('returns a number of that many bits', async () => {
    const { ask } = setup({ source: (size) => new Uint8Array(size).fill(0xff) });
    expect(await ask('quick', 'i', [0])).toEqual(['ok', '0']);
    expect(await ask('quick', 'i', [16])).toEqual(['ok', '65535']);
    expect(await ask('quick', 'i', [100])).toEqual(['ok', '1267650600228229401496703205375']);
    const [, longest] = await ask('quick', 'i', [65_536]);
    expect(longest).toHaveLength(19_729);
  });

  test('returns 8 bits by default', async () => {
    const { ask } = setup({ source: (size) => new Uint8Array(size).fill(0xff) });
    expect(await ask('quick')).toEqual(['ok', '255']);
  });

  test.each([
    [-1, 'InvalidArgs', 'the number of bits cannot be negative, got -1'],
    [-(2 ** 31), 'InvalidArgs', 'the number of bits cannot be negative, got -2147483648'],
    [65_537, 'LimitsExceeded', 'at most 65536 bits can be asked for, got 65537'],
    [2 ** 31 - 1, 'LimitsExceeded', 'at most 65536 bits can be asked for, got 2147483647'],
  ])('of %i bits is refused with %s', async (bits, error, text) => {
    expect(await setup().ask('quick', 'i', [bits])).toEqual([`${ERROR}.${error}`, text]);
  });

  test.each([['u', [8]], ['s', ['8']], ['x', [8n]], ['ii', [8, 8]], ['v', [{ signature: 'i', value: 8 }]]])(
    'with arguments of signature %s is refused',
    async (signature, body) => {
      const text = `com.larry_price.test.RandomData.quick must have arguments of signature "i" (the last may be left out), `
        + `got "${signature}"`;
      expect(await setup().ask('quick', signature, body)).toEqual([`${ERROR}.InvalidArgs`, text]);
    },
  );
});

describe('thousands of calls for long numbers by one caller', () => {
  const CALLS = extent(2_000, 20_000);
  test('are answered in short slices, and those of another caller in between', async () => {
    const { dispatcher, sink, leave } = setup();
    vi.useRealTimers();
    let asked = 0;
    const source = vi.spyOn(BigInt.prototype, 'toString'); // called once for each number
    onTestFinished(() => source.mockRestore());
    const quick = (sender: string, bits: number) => dispatcher.dispatch(incomingCall({
      path: RANDOM_DATA_PATH, interface: RandomData.name, member: 'quick', signature: 'i', body: [bits], sender,
      serial: ++asked,
    }));
    for (let index = 0; index < CALLS; index++) void quick(':2.1', 65_536);
    const refused = sink.sent.filter(({ errorName }) => errorName === `${ERROR}.LimitsExceeded`);
    expect(refused).toHaveLength(CALLS - 1_024 - 1); // 1,024 are in progress, and one was answered at once
    expect(source).toHaveBeenCalledTimes(1);
    await quick(':2.2', 65_536);
    expect(source.mock.calls.length).toBeLessThanOrEqual(3);
    quick(':2.2', 2_048); // needs no slice
    expect(sink.sent.at(-1)).toMatchObject({ type: 'method_return', replySerial: asked });
    leave(':2.1');
    const before = source.mock.calls.length;
    await new Promise((resolve) => setImmediate(resolve));
    await new Promise((resolve) => setImmediate(resolve));
    expect(source).toHaveBeenCalledTimes(before); // nothing is computed for a caller that has left
  });
});

describe('the method slow', () => {
  test('returns an ID at once, and emits each bit and then the result', async () => {
    const { ask, signals } = setup({ source: () => Uint8Array.of(1) });
    const [, id] = await ask('slow', 'i', [2]);
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await ask('slow_result', 's', [id])).toEqual(['ok', '']);
    vi.advanceTimersByTime(2000);
    expect(signals).toEqual([['slow_progress', id, 1, 2], ['slow_progress', id, 2, 2], ['slow_result', id, '3']]);
    expect(await ask('slow_result', 's', [id])).toEqual(['ok', '3']);
    const forgotten = 'no slow job has this id: it was never issued, or its result was collected or has expired';
    expect(await ask('slow_result', 's', [id])).toEqual([`${ERROR}.InvalidArgs`, forgotten]);
  });

  test('draws 8 bits by default', async () => {
    const { ask, signals } = setup({ source: () => Uint8Array.of(1), interval: 10 });
    const [, id] = await ask('slow');
    vi.advanceTimersByTime(80);
    expect(signals.at(-1)).toEqual(['slow_result', id, '255']);
    expect(signals).toHaveLength(9);
  });

  test.each([
    [-1, 'InvalidArgs', 'the number of bits cannot be negative, got -1'],
    [3601, 'LimitsExceeded', 'at most 3600 bits can be asked for, got 3601'],
  ])('of %i bits is refused with %s', async (bits, error, text) => {
    const { ask, randomData } = setup();
    expect(await ask('slow', 'i', [bits])).toEqual([`${ERROR}.${error}`, text]);
    expect(randomData.jobs.running).toBe(0);
  });

  test('is refused while 1,000 jobs are running, or 100 of the same caller', async () => {
    const { ask } = setup();
    for (let index = 0; index < MAX_SLOW_JOBS; index++) {
      const sender = `:2.${Math.floor(index / MAX_SLOW_JOBS_PER_CALLER)}`;
      expect((await ask('slow', 'i', [1], sender))[0]).toBe('ok');
      if (index !== MAX_SLOW_JOBS_PER_CALLER) continue;
      const text = '100 slow jobs of this caller are running already; try again when one is done';
      expect(await ask('slow', 'i', [1], ':2.0')).toEqual([`${ERROR}.LimitsExceeded`, text]);
    }
    const text = '1000 slow jobs are running already; try again when one is done';
    expect(await ask('slow', 'i', [1])).toEqual([`${ERROR}.LimitsExceeded`, text]);
    vi.advanceTimersByTime(1000);
    expect((await ask('slow', 'i', [1]))[0]).toBe('ok');
  });

  test('has a result for its caller only, or for all that know the ID if its caller has left the bus', async () => {
    const { ask, leave } = setup({ source: () => Uint8Array.of(1) });
    const [, id] = await ask('slow', 'i', [1], ':2.1');
    vi.advanceTimersByTime(1000);
    const text = 'another caller has started the slow job: while it is on the bus, only it gets the result';
    expect(await ask('slow_result', 's', [id])).toEqual([`${ERROR}.AccessDenied`, text]);
    leave(':2.1');
    expect(await ask('slow_result', 's', [id])).toEqual(['ok', '1']);
  });

  test('ends with the service', async () => {
    const { ask, signals, randomData } = setup();
    await ask('slow', 'i', [1]);
    randomData[Symbol.dispose]();
    vi.advanceTimersByTime(5000);
    expect(signals).toEqual([]);
  });
});
