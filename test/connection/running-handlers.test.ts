// Handlers that still run when the connection is closed: close() waits for their answers, but not for handlers that wait
// for close() themselves.

import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { RunningHandlers } from '../../src/connection/running-handlers.js';
import { defineInterface } from '../../src/interface/define.js';
import { exportObject } from '../../src/service/export-object.js';
import { methodCall, methodReturn } from '../../src/wire/messages/message.js';
import { deferred } from '../support/waiting.js';
import { startBusLink, startLink } from './fake-server.js';

const call = (member: string) => methodCall({ path: '/', interface: 'com.example.Quit1', member });

/** Longer than any test takes; a close() that waits for it fails the test. */
const FOREVER = { timeout: Infinity };

describe('a handler that waits for close()', () => {
  test.each([0, 1, 5])('ends, and so does close(), %i ms after it started', async (delay) => {
    await using link = await startLink();
    const { connection, peer } = link;
    const quit = new Promise<void>((resolve) => {
      connection.handleMethodCalls(async () => {
        if (delay > 0) await sleep(delay);
        await connection.close(FOREVER);
        resolve();
      });
    });
    peer.send(call('Quit'));
    await quit;
    await connection.closed;
  });

  test('of an exported object ends after another handler has replied', async () => {
    await using link = await startBusLink();
    const { bus, peer } = link;
    const order: string[] = [];
    let release!: () => void; // set by the promise
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const Quit = defineInterface({ name: 'com.example.Quit1', methods: { Quit: {}, Slow: {} } });
    exportObject(bus, '/', Quit.implement({
      methods: {
        Quit: async () => {
          await sleep(1);
          const closing = bus.close(FOREVER);
          release();
          await closing;
          order.push('closed');
        },
        Slow: async () => {
          await released;
          await sleep(5);
          order.push('answered');
        },
      },
    }));
    peer.send(peer.encode(call('Slow'), { serial: 80, sender: ':1.9' }), peer.encode(call('Quit'), { sender: ':1.9' }));
    await peer.reply(80);
    await bus.closed;
    await sleep(1);
    expect(order).toEqual(['answered', 'closed']);
  });

  test('can do so while another close() waits for it', async () => {
    await using link = await startLink();
    const { connection, peer } = link;
    let quit!: () => void; // set by the promise
    const wanted = new Promise<void>((resolve) => {
      quit = resolve;
    });
    connection.handleMethodCalls(async () => {
      await wanted;
      await connection.close(FOREVER);
    });
    peer.send(call('Quit'));
    await sleep(5); // until the handler runs, most likely; the test passes in any case
    const outside = connection.close(FOREVER);
    quit();
    await outside;
  });
});

describe('on an engine whose stacks do not show the handler, an AsyncLocalStorage', () => {
  const received = methodCall({ path: '/', member: 'Quit' });

  test('shows that a handler waits for the end of all handlers itself', async () => {
    const handlers = new RunningHandlers(new AsyncLocalStorage());
    const order: string[] = [];
    const quit = async (): Promise<void> => {
      await sleep(1);
      handlers.noteClose();
      await ended;
      order.push('ended');
    };
    const slow = async (): Promise<void> => {
      await sleep(5);
      order.push('answered');
    };
    handlers.run({ run: slow }, received);
    handlers.run({ run: quit }, received);
    const ended = handlers.ended();
    await ended;
    await sleep(1);
    expect(order).toEqual(['answered', 'ended']);
  });

  test('does not confuse unfinished work of an ended handler with a later handler', async () => {
    const handlers = new RunningHandlers(new AsyncLocalStorage());
    const [isLate, isClosing] = [deferred(), deferred()];
    let isAnswered = false;
    const closed = new Promise<void>((resolve, reject) => {
      const close = async (): Promise<void> => {
        handlers.noteClose();
        const ended = handlers.ended();
        isClosing.resolve();
        await ended;
        expect(isAnswered).toBe(true);
      };
      const quick = async (): Promise<void> => void isLate.promise.then(close).then(resolve, reject);
      handlers.run({ run: quick }, received);
    });
    await sleep(1); // the first handler has ended, and its place is free
    handlers.run({
      run: async () => {
        await isClosing.promise;
        await sleep(5);
        isAnswered = true;
      },
    }, received);
    isLate.resolve();
    await closed;
  });
});

test('a handler that calls close() and does not wait for it can reply', async () => {
  await using link = await startLink();
  const { connection, peer } = link;
  connection.handleMethodCalls(async (received) => {
    void connection.close(FOREVER);
    await Promise.resolve();
    connection.send(methodReturn(received));
  });
  peer.send(peer.encode(call('Quit'), { serial: 81 }));
  expect(await peer.reply(81)).toMatchObject({ type: 'method_return' });
  await connection.closed;
});

test('close() of a connection waits for its handler that closes another connection', async () => {
  const [one, other] = [await startLink(), await startLink()];
  onTestFinished(async () => {
    await one[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });
  one.connection.handleMethodCalls(async (received) => {
    await sleep(1);
    await other.connection.close(FOREVER);
    await sleep(5);
    one.connection.send(methodReturn(received));
  });
  one.peer.send(one.peer.encode(call('Quit'), { serial: 82 }));
  await other.connection.closed;
  await one.connection.close(FOREVER);
  expect(await one.peer.reply(82)).toMatchObject({ type: 'method_return' });
});
