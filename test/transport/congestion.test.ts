// A transport whose peer does not take what is sent: when it stops reading, when it goes on, and when it is cut.
import { Duplex } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { StreamTransport, type StreamTransportOptions } from '../../src/transport/stream-transport.js';
import { type Message, signal } from '../../src/wire/messages/message.js';
import { MIB } from '../support/memory.js';
import { heavyTest } from '../support/extent.js';

const GUID = '00112233445566778899aabbccddeeff';

/** A message of about `length` bytes. */
const large = (length: number): Message =>
  signal({ path: '/', interface: 'a.B', member: 'C', signature: 'ay', body: [new Uint8Array(length)] });

/** A transport whose peer takes a piece only on request. */
function startTransport(options: StreamTransportOptions = {}) {
  const events: unknown[] = [];
  let pieces = 0;
  let waiting: (() => void) | undefined;
  const stream = new Duplex({
    read: () => {},
    write: (_chunk, _encoding, done) => {
      pieces++;
      waiting = done;
    },
  });
  const transport = new StreamTransport(stream, { guid: GUID, rest: new Uint8Array(0) }, options);
  transport.start({
    receive: (chunk) => events.push([...chunk]),
    relieved: () => events.push('relieved'),
    end: (cause) => events.push(cause),
  });
  /** The peer takes `count` pieces. */
  const take = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const done = waiting;
      waiting = undefined;
      done?.();
    }
  };
  return { transport, stream, events, take, pieces: () => pieces };
}

describe('a transport to a peer that reads nothing', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('is congested if 8 MiB or more are queued, and then does not read', async () => {
    const { transport, stream, events } = startTransport();
    await turn();
    for (let i = 0; i < 8; i++) {
      expect(transport.isCongested).toBe(false);
      transport.write(large(MIB), { serial: 1 });
    }
    expect(transport.isCongested).toBe(true);
    stream.push(Uint8Array.of(1));
    await turn();
    expect(events).toEqual([]);
  });

  test('passes one piece of at most 256 KiB to the stream at a time', async () => {
    const sizes: number[] = [];
    const stream = new Duplex({
      read: () => {},
      write: (chunk: Uint8Array, _encoding, done) => {
        sizes.push(chunk.length);
        setImmediate(done);
      },
    });
    const transport = new StreamTransport(stream, { guid: GUID, rest: new Uint8Array(0) });
    transport.write(large(MIB), { serial: 1 });
    const { queuedBytes } = transport;
    while (transport.queuedBytes > 0) {
      expect(transport.queuedBytes).toBe(queuedBytes - sizes.slice(0, -1).reduce((sum, size) => sum + size, 0));
      await turn();
    }
    expect(sizes.slice(0, 4)).toEqual([MIB / 4, MIB / 4, MIB / 4, MIB / 4]);
    expect(sizes).toHaveLength(5); // the last has as many bytes as the header
  });

  test('reads again when at most 1 MiB is queued, after it has reported the relief', async () => {
    const { transport, stream, events, take } = startTransport();
    for (let i = 0; i < 9; i++) transport.write(large(MIB), { serial: 1 });
    transport.flush();
    stream.push(Uint8Array.of(1));
    while (transport.queuedBytes > 2 * MIB) take(1);
    expect({ isCongested: transport.isCongested, events }).toEqual({ isCongested: true, events: [] });
    while (transport.queuedBytes > MIB) take(1);
    expect({ isCongested: transport.isCongested, events }).toEqual({ isCongested: false, events: ['relieved'] });
    await turn();
    expect(events).toEqual(['relieved', [1]]);
  });

  test('reads again after a second, because the peer may wait too, and then allows 1 MiB more', async () => {
    const { transport, stream, events } = startTransport();
    for (let i = 0; i < 8; i++) transport.write(large(MIB), { serial: 1 });
    stream.push(Uint8Array.of(1));
    vi.advanceTimersByTime(1_000);
    await turn();
    expect(events).toEqual(['relieved', [1]]);
    transport.write(large(MIB / 2), { serial: 1 });
    expect(transport.isCongested).toBe(false);
    transport.write(large(MIB / 2), { serial: 1 });
    expect(transport.isCongested).toBe(true);
  });

  test('does not read again after a second if the peer reads a little', () => {
    const { transport, events, take } = startTransport();
    for (let i = 0; i < 20; i++) transport.write(large(MIB), { serial: 1 });
    transport.flush();
    for (let second = 0; second < 60; second++) {
      take(1);
      vi.advanceTimersByTime(1_000);
    }
    expect({ isCongested: transport.isCongested, events }).toEqual({ isCongested: true, events: [] });
  });

  test('ends after ten seconds, with a bounded queue, and releases what was queued', async () => {
    const { transport, stream, events } = startTransport();
    let calls = 0;
    let most = 0;
    // A peer that calls as often as it is read, for replies of 1 MiB each.
    for (let second = 0; second < 10 && !stream.destroyed; second++) {
      while (!transport.isCongested) {
        transport.write(large(MIB), { serial: ++calls });
        most = Math.max(most, transport.queuedBytes);
      }
      transport.flush();
      vi.advanceTimersByTime(1_000);
    }
    expect(calls).toBeLessThan(20);
    expect(most).toBeLessThan(20 * MIB);
    await new Promise((resolve) => stream.once('close', resolve));
    expect(events.at(-1)).toMatchObject({
      name: 'OutputOverflowError', code: 'OUTPUT_STALLED', fault: 'link',
      message: expect.stringMatching(/^the peer has read nothing for 10 seconds while \d+ bytes wait to be sent: /),
    });
    expect([transport.queuedBytes, vi.getTimerCount()]).toEqual([0, 0]);
  });

  test('does not end while less than 8 MiB are queued, however long that takes', () => {
    const { transport, stream } = startTransport();
    transport.write(large(7 * MIB), { serial: 1 });
    transport.flush();
    vi.advanceTimersByTime(3_600_000);
    expect(stream.destroyed).toBe(false);
  });

  test('does not end if the peer reads enough, and then reads nothing for a long time', () => {
    const { transport, stream, take } = startTransport();
    for (let i = 0; i < 12; i++) transport.write(large(MIB), { serial: 1 });
    transport.flush();
    while (transport.queuedBytes > 6 * MIB) take(1);
    vi.advanceTimersByTime(3_600_000);
    expect(stream.destroyed).toBe(false);
    transport.write(large(3 * MIB), { serial: 1 });
    vi.advanceTimersByTime(3_600_000);
    expect(stream.destroyed).toBe(true);
  });

  heavyTest('sends 300 MiB that were queued in one turn if the peer reads them', async () => {
    const { transport, stream, take } = startTransport();
    const message = large(MIB);
    for (let i = 0; i < 300; i++) transport.write(message, { serial: 1 });
    transport.flush();
    while (transport.queuedBytes > 0) take(1);
    expect(stream.destroyed).toBe(false);
    expect(transport.isCongested).toBe(false);
  });

  test('ends in the turn in which too many bytes are queued', async () => {
    const { transport, stream, events } = startTransport({ maxQueuedBytes: 10 * MIB });
    let most = 0;
    for (let i = 0; i < 100; i++) {
      transport.write(large(MIB), { serial: 1 });
      most = Math.max(most, transport.queuedBytes);
    }
    expect(most).toBeLessThan(12 * MIB);
    await new Promise((resolve) => stream.once('close', resolve));
    expect(events.at(-1)).toMatchObject({ name: 'OutputOverflowError', code: 'OUTPUT_OVERFLOW' });
  });

  test('is drained at once if at most 1 MiB is queued, otherwise when the peer has read enough', async () => {
    const { transport, take } = startTransport();
    await transport.drained();
    for (let i = 0; i < 3; i++) transport.write(large(MIB), { serial: 1 });
    transport.flush();
    let isDrained = false;
    const drained = transport.drained().then(() => {
      isDrained = true;
    });
    while (transport.queuedBytes > MIB) {
      await turn();
      expect(isDrained).toBe(false);
      take(1);
    }
    await drained;
  });

  test('is drained when it ends', async () => {
    const { transport } = startTransport();
    for (let i = 0; i < 3; i++) transport.write(large(MIB), { serial: 1 });
    const drained = transport.drained();
    transport.destroy();
    await drained;
    await transport.drained();
  });
});
