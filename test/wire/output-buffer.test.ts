// The buffer of messages that wait to be sent: taking messages out, messages inside messages, memory used again.
import { describe, expect, test } from 'vitest';
import { MarshalError } from '../../src/wire/errors.js';
import type { Variant } from '../../src/wire/infer.js';
import { encodeMessage } from '../../src/wire/messages/encode.js';
import { type Message, signal } from '../../src/wire/messages/message.js';
import { MemoryPool, newBlock } from '../../src/wire/values/memory.js';
import { variant } from '../../src/wire/variant.js';

type OutputBufferModule = typeof import('../../src/wire/messages/output-buffer.js');

// A second instance of the module: all buffers of one instance share a pool of memory, and vitest runs other files in
// this process.
const url = new URL('../../src/wire/messages/output-buffer.ts?own', import.meta.url);
const { OutputBuffer } = await import(/* @vite-ignore */ url.href) as OutputBufferModule;

const text = (value: string): Message =>
  signal({ path: '/', interface: 'a.B', member: 'C', signature: 's', body: [value] });

/** A message that runs `run` while it is being written. */
const running = (run: () => unknown): Message => signal({
  path: '/', interface: 'a.B', member: 'C', signature: 'a{sv}',
  body: [{ get key() { run(); return variant('s', 'value'); } }],
});

/** The bytes of each message alone, as if no message came before it. */
const encoded = (...messages: readonly Message[]): number[] =>
  messages.flatMap((message, index) => [...encodeMessage(message, { serial: index + 1 })]);

describe('an output buffer', () => {
  test('returns the messages in order, each aligned as if it were alone', () => {
    const output = new OutputBuffer();
    const messages = ['', 'a', 'ab', 'abc', 'abcdefgh'].map(text);
    messages.forEach((message, index) => output.append(message, { serial: index + 1 }));
    expect(output.length).toBe(encoded(...messages).length);
    expect([...output.take()]).toEqual(encoded(...messages));
    expect(output.length).toBe(0);
    expect(output.take()).toHaveLength(0);
  });

  test('accepts encoded messages, between others and while one is written', () => {
    const output = new OutputBuffer();
    const [first, second, third] = [1, 2, 3].map((serial) => encodeMessage(text('abc'), { serial }));
    output.append(text('abc'), { serial: 1 });
    output.appendBytes(second!);
    second!.fill(0); // a copy was made
    output.append(running(() => output.appendBytes(third!)), { serial: 7 });
    const bytes = [...output.take()];
    const outer = [...encodeMessage(running(() => {}), { serial: 7 })];
    const expected = [first!, encodeMessage(text('abc'), { serial: 2 }), outer, third!];
    expect(bytes).toEqual(expected.flatMap((message) => [...message]));
    for (let i = 0; i < 3; i++) output.appendBytes(new Uint8Array(2 ** 17).fill(i));
    const chunks = Array.from({ length: 3 }, () => output.take());
    expect(chunks.map(({ length }) => length)).toEqual([2 ** 17, 2 ** 17, 2 ** 17]);
    expect(chunks.map(([byte]) => byte)).toEqual([0, 1, 2]);
  });

  test('is unchanged after a message that cannot be written', () => {
    const output = new OutputBuffer();
    output.append(text('a'), { serial: 1 });
    const refused = expect.objectContaining({ code: 'VALUE_TYPE_MISMATCH' }) as unknown;
    expect(() => output.append(text(5 as never), { serial: 2 })).toThrow(refused);
    expect([...output.take()]).toEqual(encoded(text('a')));
  });

  test('refuses file descriptors, whatever the options are', () => {
    const output = new OutputBuffer();
    const message = { ...signal({ path: '/', interface: 'a.B', member: 'C', signature: 'h', body: [0] }), unixFds: 1 };
    const refused = expect.objectContaining({ code: 'UNIX_FD_NOT_SENDABLE' }) as unknown;
    expect(() => output.append(message, { serial: 1, allowUnixFds: true })).toThrow(refused);
    const nested = running(() => output.append(message, { serial: 1, allowUnixFds: true }));
    expect(() => output.append(nested, { serial: 1 })).toThrow();
    expect(output.length).toBe(0);
  });

  test('puts a message that is appended while another is written after it', () => {
    const output = new OutputBuffer();
    output.append(running(() => output.append(text('inner'), { serial: 2 })), { serial: 1 });
    expect([...output.take()]).toEqual(encoded(running(() => {}), text('inner')));
  });

  test('keeps a message that was appended while a failed one was written', () => {
    const output = new OutputBuffer();
    const failing = running(() => {
      output.append(text('inner'), { serial: 1 });
      throw new Error('no value');
    });
    expect(() => output.append(failing, { serial: 9 })).toThrow();
    expect([...output.take()]).toEqual(encoded(text('inner')));
  });

  test('returns no part of a message, and loses no message, if it is emptied while one is written', () => {
    const output = new OutputBuffer();
    output.append(text('before'), { serial: 1 });
    output.append(running(() => {
      expect(output.take()).toHaveLength(0);
      output.clear();
    }), { serial: 2 });
    expect([...output.take()]).toEqual(encoded(text('before'), running(() => {})));
  });

  test('drops its messages on request', () => {
    const output = new OutputBuffer();
    output.append(text('dropped'), { serial: 1 });
    output.clear();
    output.append(text('sent'), { serial: 1 });
    expect([...output.take()]).toEqual(encoded(text('sent')));
  });

  test('uses memory again only after it was released', () => {
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
    expect(next('fourth').buffer).toBe(first.buffer);
    expect([...second]).toEqual(encoded(text('second')));
    output.recycle();
    expect(next('fifth').buffer).toBe(second.buffer);
  });

  test('works even if no memory is released', () => {
    const output = new OutputBuffer();
    output.recycle();
    output.append(text('sent'), { serial: 1 });
    expect([...output.take()]).toEqual(encoded(text('sent')));
  });

  test('fills padding with zeros in memory that is used again', () => {
    const output = new OutputBuffer();
    const parts = { path: '/', interface: 'a.B', member: 'C' };
    output.append(signal({ ...parts, signature: 'ay', body: [new Uint8Array(900).fill(0xff)] }), { serial: 1 });
    const { buffer } = output.take();
    output.recycle();
    output.append(signal({ ...parts, signature: 'a(yu)', body: [Array.from({ length: 50 }, () => [1, 2] as const)] }), { serial: 2 });
    const again = output.take();
    expect(again.buffer).toBe(buffer);
    expect(Buffer.from(again.subarray(-24)).toString('hex')).toBe('0100000002000000'.repeat(3));
  });

  test('keeps the memory of long messages for long messages', () => {
    const output = new OutputBuffer();
    const long = text('x'.repeat(2 ** 18));
    const memoryOf = (message: Message): ArrayBufferLike => {
      output.append(message, { serial: 1 });
      const chunk = output.take();
      expect([...chunk.subarray(0, 200)]).toEqual([...encodeMessage(message, { serial: 1 }).subarray(0, 200)]);
      output.recycle();
      return chunk.buffer;
    };
    const memory = memoryOf(long);
    for (let i = 0; i < 3; i++) {
      expect(memoryOf(text('short'))).not.toBe(memory);
      expect(memoryOf(long)).toBe(memory);
    }
  });

  test('returns long messages as chunks, in order, without a copy of complete chunks', () => {
    const output = new OutputBuffer();
    const lengths = [10, 70_000, 5, 300_000, 1, 1_000_000, 0, 140_000, 140_000, 20];
    const messages = lengths.map((length, i) => text(String(i).repeat(length)));
    messages.forEach((message, i) => output.append(message, { serial: i + 1 }));
    const total = output.length;
    const chunks: Uint8Array[] = [];
    for (let chunk = output.take(); chunk.length > 0; chunk = output.take()) chunks.push(chunk);
    expect(chunks.length).toBeGreaterThan(3);
    expect(new Set(chunks.map((chunk) => chunk.buffer)).size).toBe(chunks.length);
    const expected = Buffer.concat(messages.map((message, i) => encodeMessage(message, { serial: i + 1 })));
    expect(total).toBe(expected.length);
    expect(Buffer.concat(chunks).equals(expected)).toBe(true);
    expect(output.length).toBe(0);
    chunks.forEach(() => output.recycle());
  });

  test('is unchanged after a long message that cannot be written', () => {
    const output = new OutputBuffer();
    const good = [text('a'), text('b'.repeat(100_000)), text('c')];
    const bad = signal({
      path: '/', interface: 'a.B', member: 'C', signature: 'ayas', body: [new Uint8Array(2 ** 20), ['x', 5 as never]],
    });
    good.forEach((message, i) => {
      output.append(message, { serial: i + 1 });
      const { length } = output;
      expect(() => output.append(bad, { serial: 9 })).toThrow(MarshalError);
      expect(output.length).toBe(length);
    });
    const chunks: Uint8Array[] = [];
    for (let chunk = output.take(); chunk.length > 0; chunk = output.take()) chunks.push(chunk);
    const expected = Buffer.concat(good.map((message, i) => encodeMessage(message, { serial: i + 1 })));
    expect(Buffer.concat(chunks).equals(expected)).toBe(true);
  });

  test('allocates no more memory for long messages after it has some', () => {
    const output = new OutputBuffer();
    const message = signal({
      path: '/', interface: 'a.B', member: 'C', signature: 'ay', body: [new Uint8Array(2 ** 20)],
    });
    const memories = new Set<ArrayBufferLike>();
    for (let i = 1; i <= 50; i++) {
      output.append(text('before'), { serial: i });
      output.append(message, { serial: i });
      for (let chunk = output.take(); chunk.length > 0; chunk = output.take()) {
        memories.add(chunk.buffer);
        output.recycle();
      }
    }
    expect(memories.size).toBeLessThanOrEqual(3);
  });
});

describe('an output buffer refuses', () => {
  /** A VARIANT inside which values are inside `count` containers, the body not counted. */
  const nested = (count: number, innermost: Variant): Variant => {
    let value = innermost;
    for (let i = 1; i < count; i++) value = { signature: 'v', value };
    return value;
  };
  const message = (value: Variant): Message =>
    signal({ path: '/', interface: 'a.B', member: 'C', signature: 'v', body: [value] });
  const tooDeep = expect.objectContaining({ code: 'VALUE_TOO_DEEP' }) as unknown;

  test.each<[what: string, variants: number, innermost: Variant]>([
    ['variants', 63, variant('y', 1)],
    ['an empty array', 62, variant('au', [])],
    ['an array of bytes', 62, variant('ay', Uint8Array.of(1))],
    ['an array', 62, variant('as', ['x'])],
    ['a struct', 62, variant('(s)', ['x'])],
    ['an array of structs', 61, variant('a(u)', [[1]])],
    ['a dict', 61, variant('a{sy}', { k: 1 })],
    ['an empty dict', 62, variant('a{sy}', {})],
  ])('values inside 64 containers, which dbus-broker does not accept: %s', (_, variants, innermost) => {
    const output = new OutputBuffer();
    output.append(message(nested(variants, innermost)), { serial: 1 });
    const { length } = output;
    expect(length).toBeGreaterThan(0);
    expect(() => output.append(message(nested(variants + 1, innermost)), { serial: 1 })).toThrow(tooDeep);
    expect(output.length).toBe(length);
    expect(encodeMessage(message(nested(variants + 1, innermost)), { serial: 1 })).toBeInstanceOf(Uint8Array);
  });

  test('messages longer than its limit, even one that is appended while another is written', () => {
    const exact = encodeMessage(text('x'.repeat(100)), { serial: 1 }).length;
    const output = new OutputBuffer({ maxMessageLength: exact });
    output.append(text('x'.repeat(100)), { serial: 1 });
    const tooLong = expect.objectContaining({ code: 'MESSAGE_TOO_LONG', path: 'body' }) as unknown;
    expect(() => output.append(text('x'.repeat(101)), { serial: 2 })).toThrow(tooLong);
    expect(() => output.append(text('x'.repeat(2 ** 20)), { serial: 2 })).toThrow(
      expect.objectContaining({ code: 'MESSAGE_TOO_LONG' }) as unknown,
    );
    const inner = (): void => expect(() => output.append(text('x'.repeat(101)), { serial: 3 })).toThrow(tooLong);
    output.append(running(inner), { serial: 2 });
    expect(output.take()).toHaveLength(exact + encodeMessage(running(() => {}), { serial: 2 }).length);
  });
});

describe('a pool of memory', () => {
  test('keeps released memory, returns the smallest that fits, and drops the oldest above its limit', () => {
    const pool = new MemoryPool(2 ** 20);
    const [first, second, third] = [pool.take(300_000), pool.take(500_000), pool.take(400_000)] as const;
    for (const memory of [first, second, third]) pool.give(memory);
    expect(pool.freeBytes).toBe(second.bytes.length + third.bytes.length);
    expect(pool.take(350_000)).toBe(third);
    expect(pool.take(350_000)).toBe(second);
    expect(pool.freeBytes).toBe(0);
    expect(pool.take(350_000).bytes.length).toBeGreaterThanOrEqual(350_000);
  });

  test('keeps neither short memory nor memory above its limit', () => {
    const pool = new MemoryPool(2 ** 20);
    pool.give(newBlock(1000));
    pool.give(newBlock(2 ** 21));
    expect(pool.freeBytes).toBe(0);
    expect(pool.take(1000).bytes).toHaveLength(1000);
  });

  test('drops all other memory for a block as large as its limit', () => {
    const pool = new MemoryPool(2 ** 20);
    for (let round = 0; round < 3; round++) pool.give(newBlock(2 ** 16));
    pool.give(newBlock(2 ** 20));
    expect(pool.freeBytes).toBe(2 ** 20);
  });
});
