// Runs before each file of tests in `npm test`, whose files share processes: a file that leaves something behind in its
// process fails. It would change the outcome of another file, in some orders of the files only.

import { hasSubscribers } from 'node:diagnostics_channel';
import { afterAll, beforeAll, expect, vi } from 'vitest';
import { until } from './waiting.js';

const CHANNELS = [
  'message-in', 'message-out', 'connect', 'reconnect', 'disconnect', 'drop', 'refusal', 'handler-error',
];

/** Servers, sockets and programs; without those that do not keep the process alive, as the reaper's. */
const openHandles = (): number =>
  process.getActiveResourcesInfo().filter((kind) => /^(TCP|Pipe|Process|TTY)/.test(kind)).length;

/** How many listeners each event has; but that of the reaper, which stays for the other files, is for `disconnect`. */
const listenersOfProcess = (): Record<string, number> => Object.fromEntries(
  process.eventNames().filter((name) => name !== 'disconnect').map((name) => [String(name), process.listenerCount(name)]),
);

/** All of a process that a test can change, and should change back. */
const stateOfProcess = () => ({
  environment: Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST'))),
  folder: process.cwd(),
  mask: process.umask(),
  listeners: listenersOfProcess(),
  subscribed: CHANNELS.filter((name) => hasSubscribers(`dbus-wire:${name}`)),
  hasFakeTimers: vi.isFakeTimers(),
});

let before: ReturnType<typeof stateOfProcess>;
let handlesBefore: number;
/** Node reads the home directory from the real environment, which another object does not change. */
const { env } = process;
beforeAll(() => {
  before = stateOfProcess();
  handlesBefore = openHandles();
});
afterAll(async () => {
  expect(stateOfProcess(), 'the process after the tests of this file').toEqual(before);
  expect(process.env, 'the environment of the process').toBe(env);
  await until(() => openHandles() <= handlesBefore, 'the tests of this file have left no socket, server or program open');
});
