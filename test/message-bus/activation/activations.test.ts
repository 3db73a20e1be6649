// Services that are being started: one program for all that wait, the order in which it is passed on, and each failure.
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Activations } from '../../../src/message-bus/activation/activations.js';
import type { StartFailure } from '../../../src/message-bus/activation/launch.js';
import type { Waiting } from '../../../src/message-bus/activator.js';
import { deferred } from '../../support/waiting.js';

const A = { name: 'com.example.A', command: ['/bin/a'], user: undefined, systemdService: undefined };
const B = { ...A, name: 'com.example.B' };

function setUp({ timeout = 60_000, maxWaiting = 100, maxWaitingBytes = 2 ** 27 } = {}) {
  const log: string[] = [];
  const ends = new Map<string, (failure: StartFailure | undefined) => void>();
  const activations = new Activations({
    launch: ({ name }) => {
      log.push(`launch ${name}`);
      const { promise, resolve } = deferred<StartFailure | undefined>();
      ends.set(name, resolve);
      return { ended: promise, kill: (signal) => void log.push(`kill ${name} ${signal}`) };
    },
    timeout: () => timeout,
    maxWaiting: () => maxWaiting,
    maxWaitingBytes: () => maxWaitingBytes,
  });
  const leave = new Map<string, () => void>();
  const waiter = (name: string, bytes = 100): Waiting => ({
    bytes,
    onGone: (forget) => void leave.set(name, forget),
    deliver: () => void log.push(`${name} started`),
    fail: (_, text) => void log.push(`${name} failed: ${text}`),
  });
  return { activations, log, ends, leave, waiter };
}

test('several requests start one program, and are answered in order of arrival', () => {
  const { activations, log, waiter } = setUp();
  for (const name of ['one', 'two', 'three']) activations.start(A, waiter(name));
  activations.start(B, waiter('other'));
  activations.nameOwned(A.name);
  activations.nameOwned(A.name);
  activations.nameOwned('com.example.C');
  expect(log).toEqual(['launch com.example.A', 'launch com.example.B', 'one started', 'two started', 'three started']);
  activations.close();
});

test('a failure ends all requests that wait, and the next request starts the program again', async () => {
  const { activations, log, ends, waiter } = setUp();
  activations.start(A, waiter('one'));
  activations.start(A, waiter('two'));
  ends.get(A.name)?.({ name: 'x.Y', text: 'broken' });
  await sleep(0);
  activations.start(A, waiter('three'));
  expect(log).toEqual(['launch com.example.A', 'one failed: broken', 'two failed: broken', 'launch com.example.A']);
  activations.close();
});

test('a program that ends after it owns its name, or with status 0, has not failed', async () => {
  const { activations, log, ends, waiter } = setUp();
  activations.start(A, waiter('one'));
  activations.nameOwned(A.name);
  ends.get(A.name)?.({ name: 'x.Y', text: 'too late' });
  activations.start(B, waiter('two'));
  ends.get(B.name)?.(undefined);
  await sleep(0);
  expect(log).toEqual(['launch com.example.A', 'one started', 'launch com.example.B']);
  activations.close();
});

test('a service that does not own its name in time is ended', async () => {
  const { activations, log, waiter } = setUp({ timeout: 5 });
  const failed = deferred<StartFailure>();
  activations.start(A, { ...waiter('one'), fail: (name, text) => failed.resolve({ name, text }) });
  expect(await failed.promise).toEqual({
    name: 'org.freedesktop.DBus.Error.TimedOut',
    text: `Failed to activate service 'com.example.A': timed out (service_start_timeout=5ms)`,
  });
  expect(log).toEqual(['launch com.example.A', 'kill com.example.A SIGKILL']);
});

test('a client that leaves while it waits gets nothing, and makes room for another', () => {
  const { activations, log, leave, waiter } = setUp({ maxWaiting: 1 });
  activations.start(A, waiter('one'));
  activations.start(B, waiter('two'));
  leave.get('one')?.();
  leave.get('one')?.();
  activations.start(A, waiter('three'));
  activations.start(A, waiter('four'));
  activations.nameOwned(A.name);
  const full = (name: string) =>
    `failed: The maximum number of pending activations has been reached, activation of ${name} failed`;
  expect(log).toEqual([
    'launch com.example.A', `two ${full(B.name)}`, `four ${full(A.name)}`, 'three started',
  ]);
  activations.close();
});

test('all messages that wait have a limit for their bytes, and a call of StartServiceByName has none', () => {
  const { activations, log, leave, waiter } = setUp();
  activations.start(A, waiter('one', 2 ** 26));
  activations.start(B, waiter('two', 2 ** 26));
  activations.start(B, waiter('three', 1));
  activations.start(A, waiter('four', 0));
  leave.get('one')?.();
  activations.start(B, waiter('five', 2 ** 26));
  activations.nameOwned(B.name);
  activations.start(A, waiter('six', 2 ** 27));
  activations.start(A, waiter('seven', 1));
  activations.nameOwned(A.name);
  const full = (name: string) =>
    `failed: More than 134217728 bytes of messages would wait for services, activation of ${name} failed`;
  expect(log).toEqual([
    'launch com.example.A', 'launch com.example.B', `three ${full(B.name)}`, 'two started', 'five started',
    `seven ${full(A.name)}`, 'four started', 'six started',
  ]);
  activations.close();
});

test('the programs that still run end with the bus', async () => {
  const { activations, log, ends, waiter } = setUp();
  activations.start(A, waiter('one'));
  activations.start(B, waiter('two'));
  activations.nameOwned(B.name);
  ends.get(A.name)?.(undefined);
  await sleep(0);
  activations.close();
  expect(log).toEqual([
    'launch com.example.A', 'launch com.example.B', 'two started', 'kill com.example.B SIGTERM',
  ]);
});
