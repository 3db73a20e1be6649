// The buffer of messages that wait to be sent: what is taken from it, messages inside messages, memory used again.
import { describe, expect, test } from 'vitest';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { type Message, signal } from '../../src/wire/messages/message.js';
import { OutputBuffer } from '../../src/wire/messages/output-buffer.js';
import { variant } from '../../src/wire/variant.js';

const text = (value: string): Message =>
  signal({ path: '/', interface: 'a.B', member: 'C', signature: 's', body: [value] });

/** A message that runs `run` while it is being written. */
const running = (run: () => unknown): Message => signal({
  path: '/', interface: 'a.B', member: 'C', signature: 'a{sv}',
  body: [{ get key() { run(); return variant('s', 'value'); } }],
});

/** The bytes of each message alone; every message starts at an offset of its own, whatever came before it. */
const encoded = (...messages: readonly Message[]): number[] =>
  messages.flatMap((message, index) => [...encodeMessage(message, { serial: index + 1 })]);

describe('an output buffer', () => {
  test('gives the messages in order, each aligned as if it were alone', () => {
    const output = new OutputBuffer();
    const messages = ['', 'a', 'ab', 'abc', 'abcdefgh'].map(text);
    messages.forEach((message, index) => output.append(message, { serial: index + 1 }));
    expect(output.length).toBe(encoded(...messages).length);
    expect([...output.take()]).toEqual(encoded(...messages));
    expect(output.length).toBe(0);
    expect(output.take()).toHaveLength(0);
  });

  test('is as before after a message that cannot be written', () => {
    const output = new OutputBuffer();
    output.append(text('a'), { serial: 1 });
    const refused = expect.objectContaining({ code: 'VALUE_TYPE_MISMATCH' }) as unknown;
    expect(() => output.append(text(5 as never), { serial: 2 })).toThrow(refused);
    expect([...output.take()]).toEqual(encoded(text('a')));
  });

  test('refuses file descriptors, whatever the options say', () => {
    const output = new OutputBuffer();
    const message = { ...signal({ path: '/', interface: 'a.B', member: 'C', signature: 'h', body: [0] }), unixFds: 1 };
    const refused = expect.objectContaining({ code: 'UNIX_FD_NOT_SENDABLE' }) as unknown;
    expect(() => output.append(message, { serial: 1, allowUnixFds: true })).toThrow(refused);
    const nested = running(() => output.append(message, { serial: 1, allowUnixFds: true }));
    expect(() => output.append(nested, { serial: 1 })).toThrow();
    expect(output.length).toBe(0);
  });

  test('puts a message that is appended during another one after it', () => {
    const output = new OutputBuffer();
    output.append(running(() => output.append(text('inner'), { serial: 2 })), { serial: 1 });
    expect([...output.take()]).toEqual(encoded(running(() => {}), text('inner')));
  });

  test('keeps a message that was appended during one that failed', () => {
    const output = new OutputBuffer();
    const failing = running(() => {
      output.append(text('inner'), { serial: 1 });
      throw new Error('no value');
    });
    expect(() => output.append(failing, { serial: 9 })).toThrow();
    expect([...output.take()]).toEqual(encoded(text('inner')));
  });

  test('gives no part of a message, and loses none, if it is emptied during one', () => {
    const output = new OutputBuffer();
    output.append(text('before'), { serial: 1 });
    output.append(running(() => {
      expect(output.take()).toHaveLength(0);
      output.clear();
    }), { serial: 2 });
    expect([...output.take()]).toEqual(encoded(text('before'), running(() => {})));
  });

  test('drops what it is told to drop', () => {
    const output = new OutputBuffer();
    output.append(text('dropped'), { serial: 1 });
    output.clear();
    output.append(text('sent'), { serial: 1 });
    expect([...output.take()]).toEqual(encoded(text('sent')));
  });

  test('uses memory again only after it was given back', () => {
    const output = new OutputBuffer();
    const next = (value: string): Uint8Array => {
      output.append(text(value), { serial: 1 });
      return output.take();
    };
    const [first, second, third] = ['first', 'second', 'third'].map(next) as [Uint8Array, Uint8Array, Uint8Array];
    expect(new Set([first.buffer, second.buffer, third.buffer]).size).toBe(3);
    expect([first, second, third].map((bytes) => [...bytes])).toEqual(
      ['first', 'second', 'third'].map((value) => encoded(text(value))),
    );
    output.recycle();
    next('fourth'); // into the memory that was chosen when the third was taken
    expect(next('fifth').buffer).toBe(first.buffer);
    expect([...second]).toEqual(encoded(text('second')));
    output.recycle();
    next('sixth');
    expect(next('seventh').buffer).toBe(second.buffer);
  });

  test('needs nothing to be given back', () => {
    const output = new OutputBuffer();
    output.recycle();
    output.append(text('sent'), { serial: 1 });
    expect([...output.take()]).toEqual(encoded(text('sent')));
  });

  test('does not keep the memory of long messages', () => {
    const output = new OutputBuffer();
    output.append(text('x'.repeat(2 ** 18)), { serial: 1 });
    const long = output.take();
    output.recycle();
    for (let i = 0; i < 3; i++) {
      output.append(text('short'), { serial: 1 });
      expect(output.take().buffer).not.toBe(long.buffer);
    }
  });
});
