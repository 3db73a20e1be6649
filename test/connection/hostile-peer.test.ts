// What a peer may send, and where it may stop: every call settles with an error that says why, nothing is thrown past
// the library, and memory stays bounded. Vitest reports whatever reaches the process, so that each test watches for it.
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { connectToBus } from '../../src/connection/open-bus.js';
import { openConnection } from '../../src/connection/connection.js';
import { marshal } from '../../src/wire/values/marshal.js';
import {
  errorReply, type Message, methodCall, type MethodReturn, methodReturn, type Signal, signal,
} from '../../src/wire/messages/message.js';
import { extent, heavyTest, some } from '../support/extent.js';
import { collectGarbage, MIB } from '../support/memory.js';
import { nextSignal, until } from '../support/waiting.js';
import { GUID, type Link, startBusLink, startFakeServer, UNIQUE_NAME, startLink, startPair } from './fake-server.js';
import { queued, queuedSignals } from './queued.js';
import { type RawField, rawMessage, type RawMessage } from './raw-message.js';

const TYPE = { method_call: 1, method_return: 2, error: 3, signal: 4 } as const;
const INVALID_ARGS = 'org.freedesktop.DBus.Error.InvalidArgs';
const SENDER: RawField = [7, 's', ':1.9'];
const CALL_FIELDS: readonly RawField[] = [[1, 'o', '/a'], [2, 's', 'a.B'], [3, 's', 'Method'], SENDER];
const SIGNAL_FIELDS: readonly RawField[] = [[1, 'o', '/a'], [2, 's', 'a.B'], [3, 's', 'Happened'], SENDER];

/** A signal of some size. */
const large = (length: number): Signal =>
  signal({ path: '/', interface: 'a.B', member: 'C', signature: 'ay', body: [new Uint8Array(length)] });

/** A reply as a bus would send it. */
const replyTo = (serial: number): MethodReturn => methodReturn({ ...methodCall({ path: '/', member: 'M' }), serial });

/** Calls the peer; resolves to the reply's body, once the peer has answered the call it has got. */
async function callAndAnswer({ connection, peer }: Link, answer: (serial: number) => void): Promise<unknown> {
  const seen = peer.messages.length;
  const result = connection.call({ path: '/', member: 'Method' });
  result.catch(() => {}); // it may be settled before it is awaited
  const isNew = (message: Message): boolean => peer.messages.indexOf(message) >= seen;
  const call = await peer.received((message) => message.type === 'method_call' && isNew(message));
  answer(call.serial);
  return await result;
}

/** Shows that a link works still. */
async function expectAlive(link: Link): Promise<void> {
  const answer = (serial: number): void => link.peer.send({ ...replyTo(serial), signature: 's', body: ['alive'] });
  expect(await callAndAnswer(link, answer)).toEqual(['alive']);
}

describe('a stream that breaks', () => {
  const good = signal({ path: '/', interface: 'a.B', member: 'C' });
  const rawSignal = (rest: Partial<RawMessage>): Buffer => rawMessage({ type: 4, fields: SIGNAL_FIELDS, ...rest });

  test.each<[what: string, bytes: Buffer, code: string]>([
    ['body of 0xfffffff0 bytes', rawSignal({ bodyLength: 0xffff_fff0 }), 'MESSAGE_TOO_LONG'],
    ['fields of 0xfffffff0 bytes', rawSignal({ fieldsLength: 0xffff_fff0 }), 'FIELDS_TOO_LONG'],
    ['body of 900 MB', rawSignal({ bodyLength: 900_000_000 }), 'MESSAGE_TOO_LONG'],
    ['one byte over the limit', rawSignal({ bodyLength: 2 ** 27 }), 'MESSAGE_TOO_LONG'],
    ['byte order x', rawSignal({ mark: 'x' }), 'BYTE_ORDER_INVALID'],
    ['version 9', rawSignal({ version: 9 }), 'VERSION_UNSUPPORTED'],
    ['type 0', rawSignal({ type: 0 }), 'MESSAGE_TYPE_INVALID'],
    ['serial 0', rawSignal({ serial: 0 }), 'SERIAL_ZERO'],
    ['handshake text', Buffer.from('REJECTED EXTERNAL\r\n'), 'BYTE_ORDER_INVALID'],
    ['zeroes', Buffer.alloc(1000), 'BYTE_ORDER_INVALID'],
  ])('with %s delivers the messages before it and ends the connection', async (_, bytes, code) => {
    await using link = await startLink();
    const { connection, peer } = link;
    const signals = connection.subscribe({});
    const call = { path: '/', member: 'Method', timeout: Infinity };
    const pending = Promise.allSettled([connection.call(call), connection.call(call)]);
    await peer.call('Method');
    peer.send(good, bytes, good);
    const cause = expect.objectContaining({ name: 'UnmarshalError', code });
    const error = expect.objectContaining({ code: 'CONNECTION_CLOSED', cause });
    expect(await connection.closed).toEqual(error);
    expect(await pending).toEqual([{ status: 'rejected', reason: error }, { status: 'rejected', reason: error }]);
    expect((await signals.next()).value.member).toBe('C');
    await expect(signals.next()).rejects.toEqual(error);
    expect(connection.closedSignal.reason).toBe(await connection.closed);
    await expect(connection.call({ path: '/', member: 'Method' })).rejects.toEqual(error);
    expect(() => connection.send(good)).toThrow(error);
  });

  test.each<[what: string, sent: number]>([
    ['after 9 bytes of a message', 9],
    ['after the header of a message', 16],
    ['one byte before the end of a message', -1],
    ['between two messages', 0],
  ])('because it ends %s rejects pending calls with the end of the stream', async (_, sent) => {
    await using link = await startLink();
    const pending = link.connection.call({ path: '/', member: 'Method' });
    await link.peer.call('Method');
    link.peer.socket.end(rawSignal({}).subarray(0, sent));
    const cause = { code: 'END_OF_STREAM' };
    await expect(pending).rejects.toMatchObject({ code: 'CONNECTION_CLOSED', cause });
    expect(await link.connection.closed).toMatchObject({ cause });
  });

  test('by a reset rejects pending calls with the error of the socket', async () => {
    await using link = await startLink();
    const { connection, peer } = link;
    const pending = connection.call({ path: '/', member: 'Method' });
    await peer.call('Method');
    peer.socket.pause();
    for (let i = 0; i < 4; i++) connection.send(large(100_000));
    await sleep(20); // bytes that nobody has read are what makes the end of a Unix socket a reset
    peer.socket.destroy();
    await expect(pending).rejects.toMatchObject({ code: 'CONNECTION_CLOSED', cause: { syscall: expect.any(String) } });
  });

  test('uses no more memory than the bytes that have arrived', async () => {
    await using link = await startLink();
    collectGarbage(); // of the tests before this one
    const before = process.memoryUsage().arrayBuffers;
    const first = nextSignal(link.connection);
    link.peer.send(good, rawSignal({ bodyLength: 2 ** 27 - 200 })); // one chunk: the first shows that it was read
    await first;
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * MIB);
    link.peer.socket.end();
    expect(await link.connection.closed).toMatchObject({ cause: { code: 'END_OF_STREAM' } });
  });
});

/** A body that breaks a rule; `replace` as in {@link RawMessage}. */
interface BrokenBody extends Pick<RawMessage, 'replace'> {
  readonly what: string;
  readonly signature: string;
  readonly body: Uint8Array;
  readonly code: string;
}

const u32 = (...numbers: readonly number[]): Buffer => Buffer.from(Uint32Array.from(numbers).buffer);
const text = (value: string): Uint8Array => marshal('s', [value]);
const bytes = (latin1: string): Buffer => Buffer.from(latin1, 'latin1');

const BROKEN_BODIES: readonly BrokenBody[] = [
  { what: 'too few bytes', signature: 'uuuu', body: u32(1), code: 'VALUE_TRUNCATED' },
  { what: 'no body', signature: 's', body: u32(), code: 'VALUE_TRUNCATED' },
  { what: 'bytes left over', signature: 'u', body: u32(1, 2), code: 'BODY_EXCESS' },
  { what: 'an array of 2^31-1', signature: 'ai', body: u32(0x7fff_ffff, 1), code: 'ARRAY_TOO_LONG' },
  { what: 'bytes of 2^31-1', signature: 'ay', body: u32(0x7fff_ffff, 1), code: 'ARRAY_TOO_LONG' },
  { what: 'an array that exceeds the body', signature: 'ai', body: u32(64, 1), code: 'ARRAY_LENGTH_OUT_OF_BOUNDS' },
  { what: 'half an element', signature: 'an', body: bytes('\x03\0\0\0abc'), code: 'ARRAY_LENGTH_MISMATCH' },
  { what: 'text that exceeds the body', signature: 's', body: u32(100, 0), code: 'STRING_LENGTH_OUT_OF_BOUNDS' },
  { what: 'text without NUL', signature: 's', body: bytes('\x01\0\0\0ab'), code: 'STRING_NOT_TERMINATED' },
  { what: 'NUL in text', signature: 's', body: text('Text'), replace: ['Text', 'Te\0t'], code: 'STRING_CONTAINS_NUL' },
  { what: 'bad UTF-8', signature: 's', body: text('Text'), replace: ['Text', 'Te\xff\xfe'], code: 'STRING_NOT_UTF8' },
  { what: 'a surrogate', signature: 's', body: text('Tex'), replace: ['Tex', '\xed\xa0\x80'], code: 'STRING_NOT_UTF8' },
  { what: 'boolean 2', signature: 'b', body: u32(2), code: 'BOOLEAN_INVALID' },
  { what: 'a bad path', signature: 'o', body: text('path'), code: 'OBJECT_PATH_INVALID' },
  { what: 'padding that is not zero', signature: 'yu', body: u32(0x0101, 1), code: 'PADDING_NOT_ZERO' },
  { what: 'a variant without a type', signature: 'v', body: bytes('\0\0'), code: 'VARIANT_SIGNATURE_EMPTY' },
  { what: 'a variant of two types', signature: 'v', body: bytes('\x02yy\0ab'), code: 'SIGNATURE_NOT_SINGLE' },
  {
    what: 'a{vs} in a variant', signature: 'v', body: bytes('\x05a{vs}\0'),
    code: 'SIGNATURE_DICT_ENTRY_KEY_NOT_BASIC',
  },
  {
    what: 'a() in a variant', signature: 'v', body: bytes(`\x03a()${'\0'.repeat(4)}\x08${'\0'.repeat(15)}`),
    code: 'SIGNATURE_STRUCT_EMPTY',
  },
  {
    what: 'variants 70 deep', signature: 'v', body: bytes(`${'\x01v\0'.repeat(69)}\x01y\0\x01`),
    code: 'VALUE_TOO_DEEP',
  },
  {
    what: 'variants 60,000 deep', signature: 'v', body: bytes(`${'\x01v\0'.repeat(59_999)}\x01y\0\x01`),
    code: 'VALUE_TOO_DEEP',
  },
  {
    what: 'a key of 100,000 characters above', signature: 'a{sb}',
    body: Buffer.concat([
      u32(100_012, 0), text(`\u{1f600}${'\u0001'.repeat(99_997)}`), Buffer.alloc(2), u32(2),
    ]),
    code: 'BOOLEAN_INVALID',
  },
];

describe('a body with', () => {
  test.each(some(BROKEN_BODIES, 3))('$what is refused alone: the connection stays open', async ({ signature, body, replace, code }) => {
    await using link = await startLink();
    const { connection, peer } = link;
    let handed = 0;
    connection.handleMethodCalls(() => void handed++);
    const signals = connection.subscribe({});
    const rest = { body, ...(replace === undefined ? {} : { replace }) };
    const type: RawField = [8, 'g', signature];
    const reply = (fields: readonly RawField[], typeCode: number) => (serial: number) =>
      peer.send(rawMessage({ type: typeCode, fields: [...fields, [5, 'u', serial], SENDER, type], ...rest }));

    const error = { name: 'UnmarshalError', code };
    await expect(callAndAnswer(link, reply([], TYPE.method_return))).rejects.toMatchObject(error);
    await expect(callAndAnswer(link, reply([[4, 's', 'a.Error']], TYPE.error))).rejects.toMatchObject(error);

    const call = { type: TYPE.method_call, fields: [...CALL_FIELDS, type], ...rest };
    peer.send(rawMessage({ ...call, serial: 70, flags: 1 }), rawMessage({ ...call, serial: 71 }));
    const refusal = await peer.reply(71);
    expect(refusal).toMatchObject({ type: 'error', errorName: INVALID_ARGS, destination: ':1.9', signature: 's' });
    expect(peer.messages.filter(({ replySerial }) => replySerial === 70)).toEqual([]);

    peer.send(rawMessage({ type: TYPE.signal, fields: [...SIGNAL_FIELDS, type], ...rest }));
    peer.send(rawMessage({ type: 77, fields: [type], ...rest }));
    await expectAlive(link);
    expect([handed, await queued(signals)]).toEqual([0, []]);
    expect([...connection.dropped]).toEqual([['invalid message', 5], ['unknown message type', 1]]);
  });
});

describe('a header with', () => {
  const TYPE_FIELD: RawField = [8, 'g', 'y'];
  const replySerial: RawField = [5, 'u', 70]; // set to the call's by the test

  test.each<{ what: string; message: RawMessage; code: string; isAnswered?: boolean }>([
    {
      what: 'an invalid error name', code: 'ERROR_NAME_INVALID',
      message: { type: 3, fields: [[4, 's', 'no dots'], replySerial, SENDER] },
    },
    {
      what: 'an error name of bad UTF-8', code: 'STRING_NOT_UTF8',
      message: { type: 3, fields: [[4, 's', 'a.Error'], replySerial, SENDER], replace: ['a.Error', 'a.Erro\xff'] },
    },
    { what: 'no error name', code: 'FIELD_MISSING', message: { type: 3, fields: [replySerial, SENDER] } },
    {
      what: 'an invalid sender', code: 'SENDER_INVALID',
      message: { type: 2, fields: [replySerial, [7, 's', 'x']] },
    },
    {
      what: 'an invalid destination', code: 'DESTINATION_INVALID',
      message: { type: 2, fields: [[6, 's', ''], replySerial, SENDER] },
    },
    {
      what: 'an invalid signature', code: 'SIGNATURE_STRUCT_NOT_CLOSED',
      message: { type: 2, fields: [TYPE_FIELD, replySerial, SENDER], replace: ['y\0', '(\0'] },
    },
    {
      what: 'a dict entry outside an array', code: 'SIGNATURE_DICT_ENTRY_OUTSIDE_ARRAY',
      message: { type: 2, fields: [[8, 'g', '(ss)'], replySerial, SENDER], replace: ['(ss)', '{ss}'] },
    },
    {
      what: 'an empty struct', code: 'SIGNATURE_STRUCT_EMPTY',
      message: { type: 2, fields: [[8, 'g', 'aay'], replySerial, SENDER], replace: ['aay', 'a()'], body: u32(8, 0, 0) },
    },
    {
      what: 'a field twice', code: 'FIELD_DUPLICATE',
      message: { type: 2, fields: [replySerial, SENDER, SENDER] },
    },
    {
      what: 'a field of another type', code: 'FIELD_TYPE_MISMATCH',
      message: { type: 2, fields: [[6, 'u', 1], replySerial, SENDER] },
    },
    { what: 'field 0', code: 'FIELD_CODE_INVALID', message: { type: 2, fields: [[0, 's', ''], replySerial, SENDER] } },
    {
      what: 'a body, but no signature', code: 'BODY_WITHOUT_SIGNATURE',
      message: { type: 2, fields: [replySerial, SENDER], body: u32(1) },
    },
  ])('$what rejects the call to which it replies', async ({ message, code }) => {
    await using link = await startLink();
    const fields = (serial: number): RawField[] =>
      message.fields.map((field) => (field === replySerial ? [5, 'u', serial] : field));
    const result = callAndAnswer(link, (serial) => link.peer.send(rawMessage({ ...message, fields: fields(serial) })));
    await expect(result).rejects.toMatchObject({ name: 'UnmarshalError', code });
    await expectAlive(link);
    expect([...link.connection.dropped]).toEqual([['invalid message', 1]]);
  });

  const call = (...fields: readonly RawField[]): RawMessage => ({ type: 1, serial: 70, fields });

  test.each<{ what: string; message: RawMessage; code: string; destination?: string }>([
    {
      what: 'an invalid member', code: 'MEMBER_INVALID', destination: ':1.9',
      message: call([1, 'o', '/'], [3, 's', 'a.b'], SENDER),
    },
    {
      what: 'an invalid interface', code: 'INTERFACE_INVALID', destination: ':1.9',
      message: call([1, 'o', '/'], [2, 's', 'ab'], [3, 's', 'M'], SENDER),
    },
    {
      what: 'an invalid path', code: 'OBJECT_PATH_INVALID', destination: ':1.9',
      message: { ...call([1, 'o', '/path'], [3, 's', 'M'], SENDER), replace: ['/path', '/p-th'] },
    },
    {
      what: 'a reserved path', code: 'PATH_RESERVED', destination: ':1.9',
      message: call([1, 'o', '/org/freedesktop/DBus/Local'], [3, 's', 'M'], SENDER),
    },
    { what: 'no member', code: 'FIELD_MISSING', destination: ':1.9', message: call([1, 'o', '/'], SENDER) },
    { what: 'no path', code: 'FIELD_MISSING', destination: ':1.9', message: call([3, 's', 'M'], SENDER) },
    { what: 'nothing', code: 'FIELD_MISSING', message: call() },
    {
      what: 'an invalid sender', code: 'SENDER_INVALID',
      message: call([1, 'o', '/'], [3, 's', 'M'], [7, 's', '..']),
    },
  ])('$what gets an error reply if it is a call', async ({ message, destination }) => {
    await using link = await startLink();
    link.peer.send(rawMessage({ ...message, flags: 1, serial: 69 }), rawMessage(message));
    const reply = await link.peer.reply(70);
    expect(reply).toMatchObject({ type: 'error', errorName: INVALID_ARGS, destination });
    await expectAlive(link);
    expect(link.peer.messages.filter(({ replySerial }) => replySerial !== undefined)).toHaveLength(1);
    expect([...link.connection.dropped]).toEqual([['invalid message', 2]]);
  });

  // The reference implementation accepts ":1" as the name of a sender, but no message may be sent to it.
  test.each<[what: string, signature: readonly RawField[], errorName: string]>([
    ['valid', [], 'org.freedesktop.DBus.Error.UnknownObject'],
    ['broken', [[8, 'g', 'u']], INVALID_ARGS], // the body of a UINT32 is missing
  ])('a sender that must not be sent gets a reply without a destination, if the body is %s', async (
    _, signature, errorName,
  ) => {
    await using link = await startLink();
    if (signature.length > 0) link.connection.handleMethodCalls(() => {}); // without one, no body is read
    link.peer.send(rawMessage(call([1, 'o', '/'], [3, 's', 'M'], [7, 's', ':1'], ...signature)));
    const reply = await link.peer.reply(70);
    expect(reply).toMatchObject({ type: 'error', errorName, destination: undefined });
    await expectAlive(link);
    expect(link.connection.dropped.get('undeliverable')).toBeUndefined();
  });

  test.each<{ what: string; message: RawMessage }>([
    { what: 'a signal without interface', message: { type: 4, fields: [[1, 'o', '/'], [3, 's', 'M'], SENDER] } },
    { what: 'a signal without anything', message: { type: 4, fields: [] } },
    { what: 'a reply to 0', message: { type: 2, fields: [[5, 'u', 0], SENDER] } },
    { what: 'a reply to nothing', message: { type: 2, fields: [SENDER] } },
    { what: 'an error about nothing', message: { type: 3, fields: [[4, 's', 'a.Error'], SENDER] } },
    { what: 'an unknown type with a bad field', message: { type: 99, fields: [[1, 's', '/']] } },
    {
      what: 'an invalid variant',
      message: { type: 4, fields: [...SIGNAL_FIELDS, [99, 'y', 7]], replace: ['c\x01y', 'c\x02y'] },
    },
    { what: 'padding that is not zero', message: { type: 4, fields: SIGNAL_FIELDS, replace: [':1.9\0\0\0\0', ':1.9\0\x01\x01\x01'] } },
  ])('a mistake, in a message that is not a call ($what), is dropped and counted', async ({ message }) => {
    await using link = await startLink();
    link.peer.send(rawMessage(message));
    await expectAlive(link);
    expect([...link.connection.dropped]).toEqual([['invalid message', 1]]);
  });
});

describe('a peer that', () => {
  test('replies to calls that were not made, or twice, has its replies dropped', async () => {
    await using link = await startLink();
    const answer = replyTo(4_000_000_000);
    const failure = errorReply({ ...methodCall({ path: '/', member: 'M' }), serial: 7_000 }, { errorName: 'a.B' });
    link.peer.send(answer, failure);
    const twice = (serial: number): void => {
      const reply = { ...answer, replySerial: serial };
      link.peer.send({ ...reply, signature: 's', body: ['first'] }, { ...reply, signature: 's', body: ['second'] });
    };
    expect(await callAndAnswer(link, twice)).toEqual(['first']);
    await expectAlive(link);
    expect([...link.connection.dropped]).toEqual([['unexpected reply', 3]]);
  });

  test('sends message types and flags that do not exist yet is tolerated', async () => {
    await using link = await startLink();
    link.peer.send(
      rawMessage({ type: 5, fields: [] }),
      rawMessage({ type: 255, flags: 0xff, fields: CALL_FIELDS, serial: 2 }),
      rawMessage({ type: 4, flags: 0xf8, fields: [...SIGNAL_FIELDS, [200, 's', 'new']], serial: 3 }),
    );
    await expectAlive(link);
    expect([...link.connection.dropped]).toEqual([['unknown message type', 2]]);
  });

  test('calls a connection without a handler gets an error', async () => {
    await using link = await startLink();
    link.peer.send(rawMessage({ type: 1, fields: CALL_FIELDS, serial: 70, flags: 1 }));
    link.peer.send(rawMessage({ type: 1, fields: CALL_FIELDS, serial: 71 }));
    expect(await link.peer.reply(71)).toMatchObject({
      type: 'error', errorName: 'org.freedesktop.DBus.Error.UnknownObject', destination: ':1.9',
    });
    expect(link.peer.messages).toHaveLength(1);
  });

  test.each(['little', 'big'] as const)('sends one byte at a time, %s-endian, is understood', async (byteOrder) => {
    await using link = await startLink();
    const { connection, peer } = link;
    const signals = connection.subscribe({});
    const message = signal({ path: '/', interface: 'a.B', member: 'C', signature: 'ss', body: ['x', 'y'] });
    const bytes = Buffer.concat([peer.encode(message, { byteOrder }), peer.encode(message, { byteOrder })]);
    peer.socket.setNoDelay();
    for (const byte of bytes) {
      peer.socket.write(Uint8Array.of(byte));
      await new Promise(setImmediate);
    }
    await expectAlive(link);
    expect((await queuedSignals(signals)).map((received) => received.body)).toEqual([['x', 'y'], ['x', 'y']]);
  });

  test('sends valid and invalid messages in one chunk loses the invalid ones only', async () => {
    await using link = await startLink();
    const { connection, peer } = link;
    const signals = connection.subscribe({});
    const numbered = (n: number) => signal({ path: '/', interface: 'a.B', member: 'C', signature: 'u', body: [n] });
    const bad = rawMessage({ type: 4, fields: [...SIGNAL_FIELDS, [8, 'g', 'b']], body: u32(2) });
    peer.send(...Array.from({ length: 100 }, (_, i) => [numbered(i), bad]).flat());
    await expectAlive(link);
    expect(await queued(signals)).toEqual(Array.from({ length: 100 }, (_, i) => i));
    expect([...connection.dropped]).toEqual([['invalid message', 100]]);
  });

  heavyTest('calls faster than it reads is not read from until it reads', async () => {
    await using link = await startLink();
    const { connection, peer } = link;
    let handled = 0;
    const answer = new Uint8Array(2 * MIB);
    connection.handleMethodCalls((call) => {
      handled++;
      connection.send(methodReturn(call, { signature: 'ay', body: [answer] }));
    });
    peer.socket.pause();
    const CALLS = extent(40, 100);
    const body = marshal('ay', [new Uint8Array(30_000)]); // two of them are all that is read at once
    const fields: readonly RawField[] = [...CALL_FIELDS, [8, 'g', 'ay']];
    for (let i = 0; i < CALLS; i++) peer.send(rawMessage({ type: 1, fields, serial: i + 1, body }));
    await until(() => handled > 0);
    await sleep(300);
    expect(handled).toBeLessThan(20);
    expect(connection.queuedBytes).toBeLessThan(40 * MIB);
    peer.socket.resume();
    await until(() => peer.messages.length >= CALLS);
    expect(peer.messages).toHaveLength(CALLS);
  });
});

describe('a handshake that', () => {
  const opened = (address: string, connectTimeout = 30_000): Promise<unknown> =>
    openConnection(address, { connectTimeout });
  const failure = (reason: object): unknown => {
    const error = expect.objectContaining({ cause: expect.objectContaining(reason) });
    return expect.objectContaining({ code: 'CONNECT_FAILED', errors: [error] });
  };
  /** Answers every chunk of the client's with the same text. */
  const always = (answer: string) => (socket: Socket) => void socket.on('data', () => socket.write(answer));

  test.each<[what: string, onSocket: (socket: Socket) => void, code: string]>([
    ['ends at once', (socket) => socket.end(), 'SERVER_CLOSED'],
    ['ends after AUTH', (socket) => socket.once('data', () => socket.end()), 'SERVER_CLOSED'],
    ['ends inside a line', (socket) => socket.end('OK 0123'), 'SERVER_CLOSED'],
    ['says only REJECTED EXTERNAL', always('REJECTED EXTERNAL\r\n'), 'REJECTED'],
    ['offers what we do not have', always('REJECTED KERBEROS_V4\r\n'), 'REJECTED'],
    ['has no GUID', always('OK\r\n'), 'GUID_INVALID'],
    ['is another protocol', (socket) => socket.write('HTTP/1.1 400 Bad Request\n\n'), 'LINE_END_INVALID'],
    ['is a message', (socket) => socket.write(rawMessage({ type: 4, fields: SIGNAL_FIELDS })), 'LINE_CONTAINS_NUL'],
    ['never ends', always('ERROR go on\r\n'), 'UNEXPECTED_COMMAND'],
    ['says OK forever', always(`OK ${GUID}\r\n`), 'UNEXPECTED_COMMAND'],
    ['agrees to descriptors, then says OK', always(`AGREE_UNIX_FD\r\nOK ${GUID}\r\nDATA\r\n`), 'UNEXPECTED_COMMAND'],
    ['takes us back after OK', always(`OK ${GUID}\r\nREJECTED EXTERNAL\r\n`), 'UNEXPECTED_COMMAND'],
    ['ends after OK', (socket) => socket.once('data', () => socket.end(`OK ${GUID}\r\n`)), 'SERVER_CLOSED'],
    ['is DATA forever', always('DATA\r\nDATA\r\n'), 'UNEXPECTED_COMMAND'],
  ])('%s fails with an error that says so', async (_, onSocket, code) => {
    await using server = await startFakeServer({ onSocket });
    await expect(opened(server.address)).rejects.toEqual(failure({ name: 'AuthError', code }));
    expect(server.sockets).toHaveLength(1);
    await until(() => server.sockets.every((socket) => socket.resume().closed));
  });

  test('is never answered ends after connectTimeout', async () => {
    await using server = await startFakeServer({ onSocket: () => {} });
    await expect(opened(server.address, 100)).rejects.toEqual(failure({ code: 'AUTH_TIMED_OUT' }));
  });

  test('has a line of 300 MB ends before the line is read', async () => {
    let written = 0;
    await using server = await startFakeServer({
      onSocket: (socket) => {
        const chunk = Buffer.alloc(MIB, 'x');
        const more = (): void => {
          while (written < 300 && !socket.destroyed) {
            written++;
            if (!socket.write(chunk)) return void socket.once('drain', more);
          }
        };
        more();
      },
    });
    await expect(opened(server.address)).rejects.toEqual(failure({ code: 'LINE_TOO_LONG' }));
    expect(written).toBeLessThan(10);
  });

  test.each<[what: string, end: (socket: Socket) => void]>([
    ['is followed by the end of the stream', (socket) => socket.end()],
    ['is followed by a cut', (socket) => socket.destroy()],
  ])('%s leaves a connection whose end says so', async (_, end) => {
    await using server = await startFakeServer({
      onSocket: (socket) => socket.once('data', () => {
        socket.write(`OK ${GUID}\r\nAGREE_UNIX_FD\r\n`, () => end(socket));
      }),
    });
    for (let i = 0; i < 20; i++) {
      const connection = await openConnection(server.address);
      const error = await connection.closed;
      expect(error).toMatchObject({ code: 'CONNECTION_CLOSED', cause: { code: expect.any(String) } });
    }
  });

  test('arrives in one chunk with messages delivers them to a subscription that is created next', async () => {
    const message = { ...signal({ path: '/', interface: 'a.B', member: 'C' }), sender: ':1.1', serial: 1 };
    const raw = rawMessage({ type: 4, fields: [[1, 'o', '/'], [2, 's', 'a.B'], [3, 's', 'C'], [7, 's', ':1.1']] });
    await using server = await startFakeServer({
      onSocket: (socket) => socket.once('data', () => {
        socket.write(Buffer.concat([bytes(`OK ${GUID}\r\nAGREE_UNIX_FD\r\n`), raw]));
      }),
    });
    const connection = await openConnection(server.address);
    expect(await nextSignal(connection)).toEqual(message);
    await connection.close({ timeout: 0 });
  });
});

describe('a bus that accepts the client and then answers Hello with', () => {
  test.concurrent.each<[what: string, answer: Parameters<typeof startBusLink>[0], problem: string, cause: object]>([
    [
      'an error',
      { answer: (call) => errorReply(call, { errorName: 'com.example.Full', message: 'too many' }) },
      'the server answered Hello with com.example.Full: too many',
      { name: 'DBusError', errorName: 'com.example.Full', message: 'too many' },
    ],
    [
      'an error without text',
      { answer: (call) => errorReply(call, { errorName: 'com.example.Full', signature: '', body: [] }) },
      'the server answered Hello with com.example.Full',
      { name: 'DBusError' },
    ],
    [
      'a number',
      { answer: (call) => methodReturn(call, { signature: 'u', body: [1] }) },
      'the reply to org.freedesktop.DBus.Hello of /org/freedesktop/DBus at org.freedesktop.DBus has signature "u": it must',
      { code: 'UNEXPECTED_SIGNATURE', expected: 's', actual: 'u' },
    ],
    ['nothing', { answer: (call) => methodReturn(call) }, 'the reply to', { code: 'UNEXPECTED_SIGNATURE' }],
    ['silence', { answer: () => undefined }, 'the server did not answer Hello in time', { code: 'CALL_TIMED_OUT' }],
    [
      'its end', { answer: (_, peer) => void peer.socket.end() },
      'the server closed the connection before the reply to Hello', { code: 'CONNECTION_CLOSED' },
    ],
    [
      'bytes that are not messages', { answer: (_, peer) => void peer.socket.write('x'.repeat(16)) },
      'the connection ended (', { code: 'CONNECTION_CLOSED', cause: { name: 'UnmarshalError' } },
    ],
  ])('%s is disconnected, and the next address is tried', async (_, options, problem, cause) => {
    await using server = await startFakeServer(options);
    const accepted = `${server.address}: accepted as user ${process.getuid?.()}, then ${problem}`;
    const error: unknown = await connectToBus(server.address, { connectTimeout: 300 }).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: 'ConnectError', errors: [{ cause }] });
    expect((error as Error).message.slice(0, `cannot connect to ${accepted}`.length)).toBe(`cannot connect to ${accepted}`);
    const [socket] = server.sockets;
    await until(() => socket?.closed === true);

    await using good = await startFakeServer();
    await using bus = await connectToBus(`${server.address};${good.address}`, { connectTimeout: 300 });
    expect(bus.uniqueName).toBe(UNIQUE_NAME);
    await until(() => server.sockets.length === 2 && server.sockets.every(({ closed }) => closed));
  });
});

heavyTest('two connections that send each other more than either reads at once do not deadlock', async () => {
  await using pair = await startPair();
  const options = { queueBytes: Infinity };
  const [signals, others] = [pair.one.subscribe({}, options), pair.other.subscribe({}, options)];
  const message = large(4 * MIB);
  const count = extent(2, 5);
  for (let i = 0; i < count; i++) {
    pair.one.send(message);
    pair.other.send(message);
  }
  for (let i = 0; i < count; i++) await Promise.all([nextSignal(signals), nextSignal(others)]);
});
