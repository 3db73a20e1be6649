// The messages that arrive on a transport: in which order and how many at once they are handed on, and when they wait.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { Inlet } from '../../src/transport/inlet.js';
import type { Transport } from '../../src/transport/transport.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { FrameReader } from '../../src/wire/messages/framing.js';
import { type Message, methodCall, signal } from '../../src/wire/messages/message.js';

const call = (serial: number): Uint8Array => encodeMessage(methodCall({ path: '/', member: 'M' }), { serial });
const happened: Message = signal({ path: '/', interface: 'a.B', member: 'C' });
const event = (serial: number): Uint8Array => encodeMessage(happened, { serial });

/** The numbers from 1 to `count`. */
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

function startInlet(onMessage: (serial: number) => void = () => {}) {
  const state = { isCongested: false, cause: undefined as Error | undefined };
  const transport = {
    get isCongested() { return state.isCongested; },
    destroy: (cause?: Error) => {
      state.cause = cause;
    },
  } as unknown as Transport; // the rest is not used
  const serials: number[] = [];
  const inlet = new Inlet({
    transport,
    frames: new FrameReader(),
    handOn: (frame) => {
      const serial = new DataView(frame.buffer, frame.byteOffset).getUint32(8, true);
      serials.push(serial);
      onMessage(serial);
    },
  });
  const memory = new Uint8Array(2 ** 17);
  /** Bytes arrive in memory that is used again at once. */
  const receive = (...parts: readonly Uint8Array[]): void => {
    const bytes = Buffer.concat(parts);
    memory.set(bytes);
    inlet.receive(memory.subarray(0, bytes.length));
    memory.fill(0xee);
  };
  return { inlet, state, serials, receive };
}

describe('an inlet', () => {
  test('delivers 64 calls and any number of signals of a chunk at once', () => {
    const { serials, receive } = startInlet();
    receive(...numbers(64).map(call), ...numbers(500).map(event));
    expect(serials).toEqual([...numbers(64), ...numbers(500)]);
  });

  test('delivers 64 calls, and the next ones after they had a chance to be answered', async () => {
    const seen: number[] = [];
    let answered = 0;
    const { serials, receive } = startInlet(async () => {
      seen.push(answered);
      for (let i = 0; i < 5; i++) await undefined;
      answered++;
    });
    receive(...numbers(200).map(call));
    expect(serials).toHaveLength(64);
    await turn();
    expect(serials).toEqual(numbers(200));
    expect([0, 64, 128, 192].map((index) => seen[index])).toEqual([0, 64, 128, 192]);
  });

  test('delivers nothing while the transport is congested, and keeps the order', () => {
    const { inlet, state, serials, receive } = startInlet((serial) => {
      if (serial === 3) state.isCongested = true;
    });
    receive(...numbers(6).map(event));
    receive(event(7), event(8).subarray(0, 20));
    receive(event(8).subarray(20), event(9));
    expect(serials).toEqual([1, 2, 3]);
    state.isCongested = false;
    inlet.relieved();
    expect(serials).toEqual(numbers(9));
    receive(event(10));
    expect(serials).toEqual(numbers(10));
  });

  test('pauses again if the messages that were held cause the next congestion', () => {
    const { inlet, state, serials, receive } = startInlet((serial) => {
      state.isCongested = serial % 2 === 0;
    });
    receive(...numbers(5).map(event));
    for (const length of [2, 4, 5]) {
      expect(serials).toEqual(numbers(length));
      state.isCongested = false;
      inlet.relieved();
    }
  });

  test('keeps the order if more arrives while calls are being answered', async () => {
    const { inlet, serials, receive } = startInlet();
    receive(...numbers(100).map(call));
    receive(call(101), call(102));
    inlet.relieved();
    expect(serials).toHaveLength(64);
    await turn();
    expect(serials).toEqual(numbers(102));
  });

  test('delivers the messages before a mistake in the stream, and then ends the transport', async () => {
    const { state, serials, receive } = startInlet();
    receive(...numbers(100).map(call), new Uint8Array(16));
    expect(state.cause).toBe(undefined);
    await turn();
    expect(serials).toEqual(numbers(100));
    expect(state.cause).toMatchObject({ name: 'UnmarshalError' });
  });
});
