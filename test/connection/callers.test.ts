// The limits of the calls in progress on a link: their options count for exported objects and for a handler that is
// registered with handleMethodCalls; the calls of a caller that has left the bus no longer count.
import { expect, onTestFinished, test, vi } from 'vitest';
import { connectToBus } from '../../src/connection/open-bus.js';
import { type CallLimits, callLimits } from '../../src/connection/call-limits.js';
import { Callers } from '../../src/connection/callers.js';
import { openConnection } from '../../src/connection/connection.js';
import type { MessageLink } from '../../src/connection/link.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject } from '../../src/service/export-object.js';
import { methodCall, type MethodCall, methodReturn } from '../../src/wire/messages/message.js';
import { until } from '../support/waiting.js';
import { type FakePeer, startFakeServer, UNIQUE_NAME } from './fake-server.js';
import { ownerChanged } from './signals.js';
import { uncaughtException } from './uncaught.js';

const LIMITS_EXCEEDED = 'org.freedesktop.DBus.Error.LimitsExceeded';
const Stuck = defineInterface({ name: 'com.example.Stuck1', methods: { Wait: { in: 'ay' } } });

/** A link to a peer. `waiting` has a function for each call in progress, which answers it. */
interface Stalled {
  readonly peer: FakePeer;
  readonly waiting: (() => void)[];
  /** Sends a call of a caller; resolves with the error name in the reply, or undefined if the handler runs. */
  call(caller?: string, length?: number): Promise<string | undefined>;
}

type Register = (link: MessageLink, waiting: (() => void)[]) => void;

const REGISTER: Readonly<Record<string, Register>> = {
  'an exported object': (link, waiting) => {
    const wait = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
    exportObject(link, '/stuck', Stuck.implement({ methods: { Wait: wait } }));
  },
  'a handler of method calls': (link, waiting) => {
    link.handleMethodCalls((call) => new Promise((resolve) => waiting.push(() => {
      link.send(methodReturn(call));
      resolve();
    })));
  },
};

async function stalled(register: Register, limits: CallLimits, isBus = true): Promise<Stalled> {
  const server = await startFakeServer();
  const link = await (isBus ? connectToBus(server.address, limits) : openConnection(server.address, limits));
  onTestFinished(async () => {
    await link.close({ timeout: 0 });
    await server[Symbol.asyncDispose]();
  });
  const peer = await server.peer();
  const waiting: (() => void)[] = [];
  register(link, waiting);
  let serial = 100;
  return {
    peer, waiting,
    call: async (caller, length = 0) => {
      const body = [new Uint8Array(length)] as const;
      const to = { path: '/stuck', interface: Stuck.name, member: 'Wait', destination: isBus ? UNIQUE_NAME : undefined };
      const call: MethodCall = { ...methodCall({ ...to, signature: 'ay', body }), sender: caller };
      const [before, mine] = [waiting.length, ++serial];
      peer.send(peer.encode(call, { serial: mine }));
      const reply = () => peer.messages.find(({ replySerial }) => replySerial === mine);
      await until(() => waiting.length > before || reply() !== undefined);
      return reply()?.errorName;
    },
  };
}

/**
 * Returns a function that waits until departures are watched. They are watched after a tenth of a second, and fake
 * timers make this time pass at once: call this before the link is opened.
 */
function skipWatchDelay(): (peer: FakePeer) => Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  return async (peer) => {
    await until(() => {
      vi.advanceTimersByTime(100);
      return peer.calls('AddMatch').length > 0;
    }, 'departures are watched');
    vi.useRealTimers();
  };
}

test.for(Object.entries(REGISTER))('%s runs maxCalls calls, and another one after a reply', async ([, register]) => {
  const { call, waiting } = await stalled(register, { maxCalls: 2 });
  expect([await call(':1.1'), await call(':1.2'), await call(':1.3')]).toEqual([undefined, undefined, LIMITS_EXCEEDED]);
  waiting[0]?.();
  await new Promise(setImmediate);
  expect([await call(':1.3'), await call(':1.1')]).toEqual([undefined, LIMITS_EXCEEDED]);
});

test.for(Object.entries(REGISTER))('%s runs at most maxCallsPerCaller calls of one caller', async ([, register]) => {
  const { call } = await stalled(register, { maxCallsPerCaller: 1 });
  expect([await call(':1.1'), await call(':1.1'), await call(':1.2')]).toEqual([undefined, LIMITS_EXCEEDED, undefined]);
});

test.for(Object.entries(REGISTER))('%s keeps maxCallMemory of arguments, or one call', async ([, register]) => {
  const { call } = await stalled(register, { maxCallMemory: 1_000, maxCallMemoryPerCaller: Infinity });
  expect([await call(':1.1', 5_000), await call(':1.2', 600), await call(':1.2', 0)])
    .toEqual([undefined, LIMITS_EXCEEDED, undefined]); // a short call counts by number only
});

test.for(Object.entries(REGISTER))('%s keeps maxCallMemoryPerCaller for one caller', async ([, register]) => {
  const { call } = await stalled(register, { maxCallMemoryPerCaller: 1_000 });
  expect([await call(':1.1', 5_000), await call(':1.1'), await call(':1.2', 5_000)])
    .toEqual([undefined, LIMITS_EXCEEDED, undefined]);
});

test.for(Object.entries(REGISTER))('%s without a bus has only the limit for all callers', async ([, register]) => {
  const { call } = await stalled(register, { maxCalls: 2, maxCallsPerCaller: 1 }, false);
  expect([await call(), await call(), await call()]).toEqual([undefined, undefined, LIMITS_EXCEEDED]);
});

test.for(Object.entries(REGISTER))('%s runs calls again after a busy caller has left', async ([, register]) => {
  const untilWatched = skipWatchDelay();
  const { call, peer, waiting } = await stalled(register, { maxCalls: 2, maxCallsPerCaller: 1 });
  expect([await call(':1.1'), await call(':1.1')]).toEqual([undefined, LIMITS_EXCEEDED]);
  await untilWatched(peer);
  peer.send(ownerChanged(':1.1', ':1.1', ''));
  await new Promise(setImmediate);
  expect([await call(':1.2'), await call(':1.3')]).toEqual([undefined, undefined]);
  expect(waiting).toHaveLength(3);
});

test('a handler of method calls that fails after its caller has left is still an uncaught exception', async () => {
  const untilWatched = skipWatchDelay();
  const fails: ((error: Error) => void)[] = [];
  const { call, peer } = await stalled((link, waiting) => {
    link.handleMethodCalls(() => new Promise((_, reject) => {
      fails.push(reject);
      waiting.push(() => {});
    }));
  }, {});
  await call(':1.1');
  await untilWatched(peer);
  peer.send(ownerChanged(':1.1', ':1.1', ''));
  await call(':1.2'); // which arrives later
  const uncaught = uncaughtException();
  fails[0]?.(new Error('late'));
  expect(await uncaught).toMatchObject({ message: 'late' });
});

test('a caller without calls in progress is forgotten', () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const callers = new Callers(() => {}, new AbortController().signal, callLimits());
  for (let i = 0; i < 100; i++) {
    const running = { memory: 8, abandon: () => {} };
    callers.end(callers.begin(`:1.${i}`, running), running);
  }
  expect(callers.size).toBe(0);
});
